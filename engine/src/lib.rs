//! What [`ecr_multiarch_core`] decides, carried out on Amazon ECR: the part of `ecr-multiarch` that the function and the
//! terminal program share.
//!
//! * [`execute`] and [`alias`]: execute the steps of a reconciliation, of a version and of aliases;
//! * [`group`]: versions of a repository that share their first read, until [`work_time`] is up;
//! * [`sweep`]: scans whole registries, and reconciles what needs it;
//! * [`ecr`] and [`blob`]: the calls to AWS, over [`connections`].

pub mod alias;
pub mod blob;
pub mod connections;
pub mod ecr;
pub mod execute;
pub mod group;
pub mod log;
mod pause;
mod sdk_environment;
pub mod sweep;
pub mod work_time;
