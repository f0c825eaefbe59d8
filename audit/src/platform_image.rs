//! The image of a platform tag.

use crate::image::Image;

/// The image of a platform tag.
#[derive(Debug, Clone)]
pub struct PlatformImage<'a> {
    /// The position of its platform among those of the repository.
    pub platform: usize,
    /// The platform tag.
    pub tag: &'a str,
    /// Its image.
    pub image: &'a Image,
}
