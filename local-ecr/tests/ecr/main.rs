//! The model held against the rules of ECR, over HTTP.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blobs;
mod client;
mod distribution;
mod events;
mod faults;
mod images;
mod listing;
mod pushes;
mod strictness;
