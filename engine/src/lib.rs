//! What [`ecr_multiarch_core`] decides, carried out on Amazon ECR: the part of `ecr-multiarch` that the function and the
//! terminal program share.
//!
//! * [`executor`]: carries out the tasks of events, records and requests, each to its [`end`]. `group` reconciles versions
//!   that share their first read, `image_tags` and `alias` execute the steps of the tags that follow them;
//! * [`sweep`]: scans whole registries, and reconciles what needs it;
//! * [`ecr`] and [`blob`]: the calls to AWS, over [`connections`], by the variables of the [`sdk_environment`].

mod alias;
mod alias_task;
pub mod blob;
pub mod connections;
pub mod ecr;
pub mod end;
pub mod executor;
mod group;
mod image_tags;
pub mod log;
mod puts;
pub mod sdk_environment;
pub mod sweep;
