//! The settings of one repository.

use std::hash::{Hash, Hasher};
use std::str::FromStr;

use regex_lite::Regex;

use super::alias_policy::AliasPolicy;
use super::tag_scheme::TagScheme;
use crate::oci::tag::Tag;

/// What to do with a version whose platforms carry different revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revisions {
    /// Hold it back until they agree.
    Same,
    /// Publish it anyway.
    Any,
}

/// What to do with the BuildKit attestations of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attestations {
    /// Keep them: each follows its image in the manifest list.
    Keep,
    /// Drop them: the manifest list names images only.
    Drop,
}

/// A regular expression that a whole version must match.
#[derive(Debug, Clone)]
pub struct VersionPattern(Regex);

impl VersionPattern {
    /// Whether the whole version matches.
    pub fn matches(&self, version: &Tag) -> bool {
        self.0.is_match(version.as_str())
    }
}

impl PartialEq for VersionPattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for VersionPattern {}

impl Hash for VersionPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

impl FromStr for VersionPattern {
    type Err = regex_lite::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // First without the enclosing parentheses, which would make some unbalanced patterns valid.
        Regex::new(text)?;
        Regex::new(&format!("^(?:{text})$")).map(Self)
    }
}

/// The settings of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositorySettings {
    /// The scheme by which its tags name versions and platforms.
    pub tag_scheme: TagScheme,
    /// The pattern that its versions must match, if there is one.
    pub version_pattern: Option<VersionPattern>,
    /// What to do with differing revisions.
    pub revisions: Revisions,
    /// What to do with attestations.
    pub attestations: Attestations,
    /// The aliases that follow its releases.
    pub aliases: AliasPolicy,
}
