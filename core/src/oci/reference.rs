//! References: how images are named within a repository, and in full.

use std::fmt;

use super::digest::Digest;
use super::tag::Tag;
use crate::name::RepositoryName;

/// The name of a manifest within its repository.
///
/// OCI distribution specification, "Definitions", *reference*.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A tag, which may move.
    Tag(Tag),
    /// A digest, which cannot.
    Digest(Digest),
}

/// The full name of an image, such as `app:1.2.3-arm64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageReference {
    /// The repository.
    pub repository: RepositoryName,
    /// The name within the repository.
    pub reference: Reference,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repository, reference } = self;
        match reference {
            Reference::Tag(tag) => write!(f, "{repository}:{tag}"),
            Reference::Digest(digest) => write!(f, "{repository}@{digest}"),
        }
    }
}
