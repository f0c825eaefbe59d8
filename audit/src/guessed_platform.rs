//! A guess of a platform.

use serde::Serialize;

use crate::spelling::SpelledPlatform;

/// A platform as the tags of a repository spell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuessedPlatform {
    /// The platform.
    pub platform: String,
    /// The part of the tags that names it.
    pub tag_part: String,
    /// How many tags have this part.
    pub tags: usize,
}

impl GuessedPlatform {
    /// Whether its part can be something else.
    pub fn is_weak(&self) -> bool {
        SpelledPlatform::read(&self.tag_part).is_some_and(|spelled| spelled.is_weak)
    }
}
