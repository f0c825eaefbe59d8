//! The terms of the OCI specifications and of Docker's formats, as far as the function needs them.

pub mod annotations;
mod bounded;
pub mod descriptor;
pub mod digest;
pub mod image_config;
pub mod invalid_image;
pub mod manifest;
pub mod media_type;
pub mod platform;
pub mod tag;
pub(crate) mod tag_pattern;
pub mod urls;
