//! The tags that follow releases.

use crate::oci::tag::Tag;
use crate::settings::yank_marker::YankMarker;

/// A tag that follows releases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// It follows the highest release of its line.
    Alias(Tag),
    /// It follows the one release that it marks.
    Marker(YankMarker),
}

impl Target {
    pub(super) fn tag(&self) -> &Tag {
        match self {
            Self::Alias(tag) => tag,
            Self::Marker(marker) => marker.tag(),
        }
    }
}
