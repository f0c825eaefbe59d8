//! The settings of one repository, and which of its versions are served.

use std::str::FromStr;

use regex_lite::Regex;

use super::tag_scheme::{InvalidVersion, PlatformTag, TagScheme};
use crate::alias::policy::AliasPolicy;
use crate::alias::template::AliasTemplate;
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

impl FromStr for VersionPattern {
    type Err = regex_lite::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // First without the enclosing parentheses, which would make some unbalanced patterns valid.
        Regex::new(text)?;
        Regex::new(&format!("^(?:{text})$")).map(Self)
    }
}

/// The settings of one repository.
#[derive(Debug, Clone)]
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

/// Why a version is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionNotServed {
    /// It is an alias, which names the list of a release.
    #[error(
        "version {version} is an alias: the template \"{template}\" of ALIASES gives it; push a release, which the alias then follows"
    )]
    Alias {
        /// The version.
        version: Tag,
        /// The template that gives it.
        template: AliasTemplate,
    },
    /// `VERSION_PATTERN` excludes it.
    #[error("version {0} does not match VERSION_PATTERN")]
    Pattern(Tag),
    /// It cannot have a manifest list under the tag template.
    #[error("version {0} cannot have a manifest list: {1}")]
    Invalid(Tag, InvalidVersion),
}

impl RepositorySettings {
    /// The platform tags of a version, in ascending order, if the version is served.
    ///
    /// # Errors
    /// [`VersionNotServed`], with the reason.
    pub fn platform_tags(&self, version: &Tag) -> Result<Vec<PlatformTag>, VersionNotServed> {
        if let Some(template) = self.aliases.template_of(version) {
            return Err(VersionNotServed::Alias { version: version.clone(), template: template.clone() });
        }
        if self.version_pattern.as_ref().is_some_and(|pattern| !pattern.matches(version)) {
            return Err(VersionNotServed::Pattern(version.clone()));
        }
        self.tag_scheme.platform_tags(version).map_err(|error| VersionNotServed::Invalid(version.clone(), error))
    }
}
