//! Tag immutability.

use serde::{Deserialize, Serialize};

/// A repository's tag mutability, with the wildcard filters of the two settings that take some.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mutability {
    /// Every tag may be moved.
    #[default]
    Mutable,
    /// No tag may be moved.
    Immutable,
    /// No tag may be moved but those that a filter matches.
    ImmutableWithExclusion(Vec<String>),
    /// Every tag may be moved but those that a filter matches.
    MutableWithExclusion(Vec<String>),
}

impl Mutability {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Mutable => "MUTABLE",
            Self::Immutable => "IMMUTABLE",
            Self::ImmutableWithExclusion(_) => "IMMUTABLE_WITH_EXCLUSION",
            Self::MutableWithExclusion(_) => "MUTABLE_WITH_EXCLUSION",
        }
    }

    pub(crate) fn filters(&self) -> &[String] {
        match self {
            Self::Mutable | Self::Immutable => &[],
            Self::ImmutableWithExclusion(filters) | Self::MutableWithExclusion(filters) => filters,
        }
    }

    /// Whether `tag` may come to name another image.
    pub(crate) fn may_move(&self, tag: &str) -> bool {
        let excluded = self.filters().iter().any(|filter| matches(filter.as_bytes(), tag.as_bytes()));
        match self {
            Self::Mutable => true,
            Self::Immutable => false,
            Self::ImmutableWithExclusion(_) => excluded,
            Self::MutableWithExclusion(_) => !excluded,
        }
    }
}

/// Whether `filter`, in which `*` stands for any characters, matches all of `tag`.
fn matches(filter: &[u8], tag: &[u8]) -> bool {
    match (filter.split_first(), tag.split_first()) {
        (None, None) => true,
        (Some((b'*', filter_rest)), tag_first) => {
            matches(filter_rest, tag) || tag_first.is_some_and(|(_, tag_rest)| matches(filter, tag_rest))
        }
        (Some((f, filter_rest)), Some((t, tag_rest))) => f == t && matches(filter_rest, tag_rest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_wildcards_over_the_whole_tag() {
        let some = Mutability::ImmutableWithExclusion(vec!["latest".into(), "*-dev".into()]);
        let tags = ["latest", "1.2-dev", "latest2", "1.2", "-dev-"];
        assert_eq!(tags.map(|tag| some.may_move(tag)), [true, true, false, false, false]);
        let others = Mutability::MutableWithExclusion(vec!["v*.*".into()]);
        assert_eq!(["v1", "v1.2"].map(|tag| others.may_move(tag)), [true, false]);
    }
}
