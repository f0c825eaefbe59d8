//! How tags join version and platform.

use serde::{Serialize, Serializer};

use crate::divided_tag::DividedTag;
use crate::spelling::{SpelledPlatform, names_windows};

/// How tags join version and platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layout {
    is_platform_first: bool,
    separator: char,
}

impl Layout {
    /// All layouts that are tried, those that are used most first: of two with as many tags, the first one wins.
    pub const ALL: [Self; 6] = {
        const fn layout(is_platform_first: bool, separator: char) -> Layout {
            Layout { is_platform_first, separator }
        }
        [
            layout(false, '-'),
            layout(true, '-'),
            layout(false, '_'),
            layout(false, '.'),
            layout(true, '_'),
            layout(true, '.'),
        ]
    };

    /// The tag template of the settings.
    pub fn template(self) -> String {
        let separator = self.separator;
        if self.is_platform_first {
            format!("{{platform}}{separator}{{version}}")
        } else {
            format!("{{version}}{separator}{{platform}}")
        }
    }

    /// Divides a tag, with the longest part that spells a platform. `None`, if the tag has no such part.
    pub fn divide(self, tag: &str) -> Option<DividedTag<'_>> {
        let divided = |at: usize| {
            let (before, after) = (&tag[..at], &tag[at + self.separator.len_utf8()..]);
            let (version, part) = if self.is_platform_first { (after, before) } else { (before, after) };
            // A version is a tag of its own, and a tag does not begin so.
            let is_version = !version.is_empty() && !version.starts_with(['.', '-']) && !names_windows(version);
            is_version.then(|| Some(DividedTag { version, part, spelled: SpelledPlatform::read(part)? }))?
        };
        let mut positions = tag.match_indices(self.separator).map(|(at, _)| at);
        if self.is_platform_first { positions.rev().find_map(divided) } else { positions.find_map(divided) }
    }

    /// Whether a tag names a platform by this layout without doubt.
    pub fn is_strong(self, tag: &str) -> bool {
        self.divide(tag).is_some_and(|divided| !divided.spelled.is_weak)
    }
}

impl Serialize for Layout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.template())
    }
}
