//! The tags that follow releases.

use crate::oci::tag::Tag;
use crate::settings::UnusableAlias;
use crate::settings::yank_marker::YankMarker;

/// A tag that follows releases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// It follows the highest release of its line.
    Alias(Tag),
    /// It follows the one release that it marks.
    Marker(YankMarker),
    /// A template gives it, and it is not an alias: it is left alone.
    Unusable(UnusableAlias),
}

impl Target {
    pub(super) fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Alias(tag) => Some(tag),
            Self::Marker(marker) => Some(marker.tag()),
            Self::Unusable(_) => None,
        }
    }

    /// What reports call it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Alias(tag) => tag.as_str(),
            Self::Marker(marker) => marker.tag().as_str(),
            Self::Unusable(alias) => alias.text.as_str(),
        }
    }
}

impl From<Result<Tag, UnusableAlias>> for Target {
    fn from(alias: Result<Tag, UnusableAlias>) -> Self {
        alias.map_or_else(Self::Unusable, Self::Alias)
    }
}
