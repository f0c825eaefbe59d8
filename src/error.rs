//! The errors with which an invocation fails: the contract's types, and messages that say what to do.

use std::fmt;

use crate::digest::Digest;
use crate::manifest::{Corruption, ImageFault, Unsupported};
use crate::repository::RepositoryName;
use crate::tag::Tag;

/// The type of an error, as Lambda, the logs and the metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorType {
    /// The input is none that the function knows.
    InvalidRequest,
    /// An image is not what its tag says.
    PlatformMismatch,
    /// What a tag names is no container image that can be listed.
    UnsupportedImage,
    /// The version's tag is taken by something that is not this function's to replace.
    TagConflict,
    /// Bytes do not match their digest, or are no JSON.
    CorruptImage,
    /// ECR refused for want of permission.
    AccessDenied,
    /// There is no such repository.
    RepositoryNotFound,
    /// Any other refusal of ECR.
    RegistryRefused,
    /// What was pushed could not be read back.
    NotYetVisible,
    /// Other writers kept changing the tags.
    Contended,
    /// Throttling, faults and timeouts.
    RegistryUnavailable,
}

impl ErrorType {
    /// All types.
    pub const ALL: [Self; 11] = [
        Self::InvalidRequest,
        Self::PlatformMismatch,
        Self::UnsupportedImage,
        Self::TagConflict,
        Self::CorruptImage,
        Self::AccessDenied,
        Self::RepositoryNotFound,
        Self::RegistryRefused,
        Self::NotYetVisible,
        Self::Contended,
        Self::RegistryUnavailable,
    ];

    /// The name of the type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "InvalidRequest",
            Self::PlatformMismatch => "PlatformMismatch",
            Self::UnsupportedImage => "UnsupportedImage",
            Self::TagConflict => "TagConflict",
            Self::CorruptImage => "CorruptImage",
            Self::AccessDenied => "AccessDenied",
            Self::RepositoryNotFound => "RepositoryNotFound",
            Self::RegistryRefused => "RegistryRefused",
            Self::NotYetVisible => "NotYetVisible",
            Self::Contended => "Contended",
            Self::RegistryUnavailable => "RegistryUnavailable",
        }
    }

    /// Whether the same invocation may succeed later, with nothing changed but the time.
    pub const fn is_worth_a_retry(self) -> bool {
        matches!(self, Self::NotYetVisible | Self::Contended | Self::RegistryUnavailable)
    }
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An image or a list by its full name, such as `app:1.2.3-arm64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageName {
    /// The repository that holds it.
    pub repository: RepositoryName,
    /// Its name there.
    pub reference: Reference,
}

/// The name of an image within its repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// By a tag, which may move.
    Tag(Tag),
    /// By a digest, which may not.
    Digest(Digest),
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reference {
            Reference::Tag(tag) => write!(f, "{}:{tag}", self.repository),
            Reference::Digest(digest) => write!(f, "{}@{digest}", self.repository),
        }
    }
}

/// What stands in the way of a list under its version's tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Conflict {
    /// An image, or something else that is no list.
    #[error(
        "it names {digest}, which is no list but {media_type}; push single images under platform tags only, \
         or assemble the version with \"force\": true to replace it"
    )]
    NoList {
        /// What the tag names.
        digest: Digest,
        /// Its media type.
        media_type: String,
    },
    /// A list with more than this function would put there.
    #[error(
        "it names the list {digest} with {platform}, which is not among the configured platforms; \
         add it to PLATFORMS, or assemble the version with \"force\": true to replace the list"
    )]
    OtherPlatform {
        /// What the tag names.
        digest: Digest,
        /// The platform, or what else the entry is.
        platform: String,
    },
    /// A tag that ECR does not let anybody move.
    #[error(
        "it is immutable and names {digest}, while the platform tags now make {made}; \
         publish the images as a new version, or delete the tag"
    )]
    Immutable {
        /// What the tag names.
        digest: Digest,
        /// What the platform tags make.
        made: Digest,
    },
}

/// Why an invocation, or one version of a sweep, failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// See [`ErrorType::InvalidRequest`].
    #[error("{0}")]
    InvalidRequest(String),
    /// See [`ErrorType::PlatformMismatch`].
    #[error("{image} holds an image of {stated}, but its tag is that of {required}; push an image of {required} there")]
    PlatformMismatch {
        /// The image.
        image: ImageName,
        /// What its config states.
        stated: String,
        /// What its tag says.
        required: String,
    },
    /// See [`ErrorType::UnsupportedImage`].
    #[error("{image} cannot be listed: {fault}")]
    UnsupportedImage {
        /// The image.
        image: ImageName,
        /// What is the matter with it.
        fault: Unsupported,
    },
    /// See [`ErrorType::TagConflict`].
    #[error("{tag} is taken: {conflict}")]
    TagConflict {
        /// The version's tag.
        tag: ImageName,
        /// By what.
        conflict: Conflict,
    },
    /// See [`ErrorType::CorruptImage`].
    #[error("{image} is corrupt: {fault}; build and push it again")]
    CorruptImage {
        /// The image.
        image: ImageName,
        /// What is the matter with it.
        fault: Corruption,
    },
    /// See [`ErrorType::AccessDenied`].
    #[error(
        "{action} on {resource} was denied; allow it to the function's role, and in the repository's policy where \
         another account owns it. {message}"
    )]
    AccessDenied {
        /// The IAM action.
        action: &'static str,
        /// The repository, or the registry as a whole.
        resource: String,
        /// What ECR says.
        message: String,
    },
    /// See [`ErrorType::RepositoryNotFound`].
    #[error("there is no repository {repository} in the registry; name it as ECR does, or create it. {message}")]
    RepositoryNotFound {
        /// The repository.
        repository: String,
        /// What ECR says.
        message: String,
    },
    /// See [`ErrorType::RegistryRefused`].
    #[error("ECR refused {action} on {resource} with {code}: {message}")]
    RegistryRefused {
        /// The IAM action.
        action: &'static str,
        /// The repository or the image.
        resource: String,
        /// ECR's code.
        code: String,
        /// ECR's words.
        message: String,
    },
    /// See [`ErrorType::NotYetVisible`].
    #[error(
        "{what} could not be read back within {waited_ms} ms; it was deleted, or ECR does not show it yet: try again"
    )]
    NotYetVisible {
        /// The image.
        what: String,
        /// How long it was waited for, in milliseconds.
        waited_ms: u64,
    },
    /// See [`ErrorType::Contended`].
    #[error(
        "{tag}: other writers changed the tags under each of {rounds} attempts; try again when the pushes are over"
    )]
    Contended {
        /// The version's tag.
        tag: ImageName,
        /// How often it was tried.
        rounds: u8,
    },
    /// See [`ErrorType::RegistryUnavailable`].
    #[error("{action} on {resource} got no answer that counts: {message}; try again")]
    RegistryUnavailable {
        /// The IAM action.
        action: &'static str,
        /// The repository or the registry.
        resource: String,
        /// What happened.
        message: String,
    },
}

impl Error {
    /// The type of this error.
    pub const fn error_type(&self) -> ErrorType {
        match self {
            Self::InvalidRequest(_) => ErrorType::InvalidRequest,
            Self::PlatformMismatch { .. } => ErrorType::PlatformMismatch,
            Self::UnsupportedImage { .. } => ErrorType::UnsupportedImage,
            Self::TagConflict { .. } => ErrorType::TagConflict,
            Self::CorruptImage { .. } => ErrorType::CorruptImage,
            Self::AccessDenied { .. } => ErrorType::AccessDenied,
            Self::RepositoryNotFound { .. } => ErrorType::RepositoryNotFound,
            Self::RegistryRefused { .. } => ErrorType::RegistryRefused,
            Self::NotYetVisible { .. } => ErrorType::NotYetVisible,
            Self::Contended { .. } => ErrorType::Contended,
            Self::RegistryUnavailable { .. } => ErrorType::RegistryUnavailable,
        }
    }

    /// The error of an image with this fault.
    pub fn of_image(image: ImageName, fault: ImageFault) -> Self {
        match fault {
            ImageFault::Unsupported(fault) => Self::UnsupportedImage { image, fault },
            ImageFault::Corrupt(fault) => Self::CorruptImage { image, fault },
        }
    }
}
