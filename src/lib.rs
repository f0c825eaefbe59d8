//! The AWS Lambda function `ecr-multiarch`: publishes the manifest list of a version once all its platforms are pushed.
//!
//! The decisions are made in [`ecr_multiarch_core`], and carried out by [`ecr_multiarch_engine`]. This crate is what runs on
//! Lambda: the runtime, the handler of an invocation, its log line and its metrics.
//!
//! It is a library for its tests and benches, and for the terminal program, which shows the function at work; `main.rs` is
//! the program that is deployed.

mod batch;
pub mod handler;
pub mod invocation;
pub mod logging;
pub mod metrics;
pub mod payload;
pub mod record;
pub mod runtime;
