//! Tag immutability.

use serde::{Deserialize, Serialize};

/// A repository's tag mutability; two of the settings take wildcard filters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mutability {
    /// Every tag may be moved.
    #[default]
    Mutable,
    /// No tag may be moved.
    Immutable,
    /// Only tags that a filter matches may be moved.
    ImmutableWithExclusion(Vec<String>),
    /// Every tag may be moved, except those that a filter matches.
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

    /// Whether `tag` may be moved to another image.
    pub(crate) fn may_move(&self, tag: &str) -> bool {
        let excluded = self.filters().iter().any(|filter| matches(filter, tag));
        match self {
            Self::Mutable => true,
            Self::Immutable => false,
            Self::ImmutableWithExclusion(_) => excluded,
            Self::MutableWithExclusion(_) => !excluded,
        }
    }
}

/// Whether `filter`, in which `*` matches any characters, matches all of `tag`.
///
/// Linear in the tag: each piece between two stars is searched for once, from the end of the piece before it. The first
/// match leaves the longest rest for the pieces after it, so no backtracking is needed.
fn matches(filter: &str, tag: &str) -> bool {
    let Some((start, rest)) = filter.split_once('*') else {
        return filter == tag;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let between = tag.strip_prefix(start).and_then(|tag| tag.strip_suffix(end));
    let Some(mut unmatched) = between else {
        return false;
    };
    for piece in middle.split('*') {
        let Some((_, after)) = unmatched.split_once(piece) else {
            return false;
        };
        unmatched = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immutable_tags_move_where_a_filter_excludes_them() {
        let some = Mutability::ImmutableWithExclusion(vec!["latest".into(), "*-dev".into()]);
        let tags = ["latest", "1.2-dev", "latest2", "1.2", "-dev-"];
        assert_eq!(tags.map(|tag| some.may_move(tag)), [true, true, false, false, false]);
    }

    #[test]
    fn mutable_tags_stay_where_a_filter_excludes_them() {
        let others = Mutability::MutableWithExclusion(vec!["v*.*".into()]);
        assert_eq!(["v1", "v1.2"].map(|tag| others.may_move(tag)), [true, false]);
    }

    #[test]
    fn filter_matches_the_whole_tag() {
        for (filter, tag, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**", "a", true),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("a*a", "a", false),
            ("ab*ba", "aba", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*aa*aa*", "aaa", false),
            ("*ab*ab*", "abab", true),
        ] {
            assert_eq!(matches(filter, tag), expected, "{filter} {tag}");
        }
    }

    #[test]
    fn filter_with_many_stars_is_matched_in_linear_time() {
        // The longest filter and tag that ECR accepts. A search that backtracks would take practically forever.
        let filter = "*a".repeat(63) + "*b";
        assert!(!matches(&filter, &"a".repeat(300)));
        assert!(matches(&filter, &("a".repeat(299) + "b")));
    }
}
