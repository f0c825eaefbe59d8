//! Sets of configured platforms, as small as a scan of a hundred thousand versions needs them.

use super::tag_scheme::MAX_PLATFORMS;

/// A set of platforms, by their position in [`TagScheme::platforms`](super::tag_scheme::TagScheme::platforms).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PlatformSet(u128);

const _: () = assert!(MAX_PLATFORMS <= u128::BITS as usize, "each platform needs a bit");

impl PlatformSet {
    /// Adds the platform at this position.
    pub(crate) fn insert(&mut self, position: usize) {
        self.0 |= 1 << position;
    }

    /// Whether the platform at this position is in the set.
    pub fn contains(self, position: usize) -> bool {
        self.0 >> position & 1 == 1
    }

    /// Whether the set has no platform.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the set has all of so many platforms.
    pub fn is_full(self, platforms: usize) -> bool {
        (0..platforms).all(|position| self.contains(position))
    }
}
