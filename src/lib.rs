//! Joins the per-architecture images of an Amazon ECR registry into multi-architecture manifest lists, on push.
//!
//! CI pushes `app:1.2.3-amd64` and `app:1.2.3-arm64`; this function, told by EventBridge, reads the version's tags
//! back, verifies what they name, and pushes the list `app:1.2.3`.
//!
//! # The invariant
//!
//! When nothing is in flight and no error was answered, the tag of a version that is complete, and of one revision, names
//! exactly the list of its platforms' images as their tags stand. No list ever lacks a configured platform, or names an
//! image for a platform that it is not.
//!
//! # Layout
//!
//! The core knows no network, no clock and no SDK. In the order in which data flows:
//!
//! * [`settings`] and [`input`]: what the function is told, checked at the edge;
//! * [`repository`], [`tag`], [`digest`], [`platform`]: the nouns, each a strict type;
//! * [`naming`]: from tags to versions and platforms, and back;
//! * [`manifest`] and [`config`]: what ECR holds, read;
//! * [`reconcile`] with [`observation`]: the state machine of one version;
//! * [`list`]: the product and its exact bytes;
//! * [`inventory`]: the versions of a repository, from listings;
//! * [`answer`] and [`error`]: what comes out; [`action`]: what it takes the permission for.
//!
//! The shell around it: [`ecr`] and [`blob`] talk to AWS, [`drive`] carries out what the machine asks, [`sweep`] does
//! so for whole registries, [`function`] handles an invocation, [`lambda`] is the runtime, [`telemetry`] and
//! [`metrics`] are what it says meanwhile.

pub mod action;
pub mod answer;
pub mod blob;
pub mod config;
pub mod digest;
pub mod drive;
pub mod ecr;
pub mod error;
pub mod function;
pub mod input;
pub mod inventory;
pub mod lambda;
pub mod list;
pub mod manifest;
pub mod metrics;
pub mod naming;
pub mod observation;
pub mod platform;
pub mod reconcile;
pub mod repository;
pub mod settings;
pub mod sweep;
pub mod tag;
pub mod telemetry;
mod text;
