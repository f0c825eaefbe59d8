//! A platform tag in its two parts.

use crate::spelling::SpelledPlatform;

/// A platform tag, divided by a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DividedTag<'a> {
    /// The version.
    pub version: &'a str,
    /// The part that spells the platform.
    pub part: &'a str,
    /// What it spells.
    pub spelled: SpelledPlatform,
}
