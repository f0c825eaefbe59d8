//! The AWS Lambda function `ecr-multiarch`: publishes the manifest list of a version once all its platforms are pushed.
//!
//! The decisions are made in [`ecr_multiarch_core`], which does no I/O. This crate is the shell around it:
//!
//! * [`lambda`]: the runtime, the handler of an invocation, its log line and its metrics;
//! * [`execute`] and [`alias`]: execute the steps of a reconciliation, of a version and of aliases;
//! * [`sweep`]: scans whole registries, and reconciles what needs it;
//! * [`ecr`] and [`blob`]: the calls to AWS, over [`connections`].
//!
//! It is a library for its tests, benches and examples; `main.rs` is the program.

pub mod alias;
pub mod blob;
pub mod connections;
pub mod ecr;
pub mod execute;
mod group;
pub mod lambda;
mod pause;
mod sdk_environment;
pub mod sweep;
pub mod work_time;
