//! The tags of the images inside a manifest list, whoever made it: a state machine of its own.

pub mod conflict;
mod decision;
mod image_tag;
pub mod machine;
pub mod outcome;
pub mod request;
pub mod scan;
