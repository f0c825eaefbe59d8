//! The settings of one repository.

use super::list_annotations::ListAnnotations;
use super::streams::Streams;
use super::tag_expression::TagExpression;
use super::tag_scheme::TagScheme;

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

/// The settings of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositorySettings {
    /// The scheme by which its tags name versions and platforms.
    pub tag_scheme: TagScheme,
    /// The pattern that its versions must match, if there is one.
    pub version_pattern: Option<TagExpression>,
    /// What to do with differing revisions.
    pub revisions: Revisions,
    /// What to do with attestations.
    pub attestations: Attestations,
    /// The streams of its releases, which aliases follow.
    pub streams: Streams,
    /// The scheme of the tags of the images inside its manifest lists, if these get tags.
    pub image_tags: Option<TagScheme>,
    /// The annotations of its manifest lists.
    pub annotations: ListAnnotations,
}
