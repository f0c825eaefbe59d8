//! A version of a repository.

use std::time::SystemTime;

use crate::image::{Image, SETTLING_TIME};
use crate::platform_image::PlatformImage;

/// A version.
#[derive(Debug)]
pub struct Version<'a> {
    /// Its tag.
    pub tag: &'a str,
    /// The images of its platform tags.
    pub images: Vec<PlatformImage<'a>>,
    /// What its own tag names.
    pub own: Option<&'a Image>,
    /// The platforms that it has by its platform tags, or by its list where that was read, in ascending order of their
    /// positions. `None`, where nothing tells them.
    pub platforms: Option<Vec<usize>>,
    /// The platforms that most of its siblings have, and that were built before it, in ascending order of their
    /// positions.
    pub expected: Vec<usize>,
    /// When the newest of its images was first pushed; of its own tag, where it has no platform tags.
    pub pushed_at: SystemTime,
    /// Whether it is a release; only those are siblings of a release, and others only of their shape.
    pub is_release: bool,
}

impl Version<'_> {
    /// The platforms that most of its siblings have and it has not.
    pub fn missing(&self) -> Vec<usize> {
        let Some(platforms) = &self.platforms else { return Vec::new() };
        self.expected.iter().copied().filter(|expected| !platforms.contains(expected)).collect()
    }

    /// Whether everything of it is archived, as lifecycle policies do with old versions.
    pub fn is_archived(&self) -> bool {
        self.own.into_iter().chain(self.images.iter().map(|image| image.image)).all(|image| image.is_archived)
    }

    /// Whether it is too young to be judged. A push after `now`, by clocks that differ, is young.
    pub fn is_settling(&self, now: SystemTime) -> bool {
        now.duration_since(self.pushed_at).unwrap_or_default() < SETTLING_TIME
    }
}
