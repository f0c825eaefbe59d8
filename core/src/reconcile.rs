//! The reconciliation of one version: observe, assemble, publish, confirm.

pub mod candidate;
mod cause;
pub mod machine;
pub mod manifest_list;
pub mod observation;
pub mod outcome;
pub mod request;
pub mod revision;
pub mod right_list;
pub mod step;
