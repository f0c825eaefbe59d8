//! The errors with which an invocation fails. Each message says what to do.
//!
//! Causes are held as strings: errors are part of the states that the model checker compares and hashes, and the
//! errors of the SDK have neither equality nor hashes.

use std::fmt;

use strum::VariantArray;

use crate::excerpt::{ImageText, RegistryText};
use crate::iam_action::IamAction;
use crate::name::{ImageReference, RegistryId, RepositoryName};
use crate::oci::digest::Digest;
use crate::oci::invalid_image::{Corruption, InvalidImage, Unsupported};

/// Why an invocation, or one version of a sweep, failed.
///
/// [`ErrorType`] is the same without the details: the name under which Lambda, the logs and the metrics report it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(ErrorType),
    doc = "The type of an error: its name in answers, logs and metrics.",
    derive(PartialOrd, Ord, Hash, VariantArray, strum::Display, strum::IntoStaticStr)
)]
pub enum Error {
    /// The input is neither a supported event nor a valid request.
    #[error("{0}")]
    InvalidRequest(String),
    /// An image is not of the platform of its tag.
    #[error("{image} is an image of {actual}, but {source_of_expected} {expected}; push an image of {expected} there")]
    PlatformMismatch {
        /// The image.
        image: ImageReference,
        /// The platform of its config.
        actual: ImageText,
        /// What states another platform.
        source_of_expected: PlatformSource,
        /// The platform that it states.
        expected: ImageText,
    },
    /// A tag does not name a container image that can go into a manifest list.
    #[error("{image} cannot go into a manifest list: {reason}")]
    UnsupportedImage {
        /// The image.
        image: ImageReference,
        /// Why not.
        reason: Unsupported,
    },
    /// An image that is needed is archived.
    #[error(
        "{image} is in ECR's archive storage class, where nothing can read it; push it again, or restore it with: aws ecr \
         update-image-storage-class --repository-name {repository} --image-id {id} --target-storage-class STANDARD",
        repository = .image.repository, id = .image.reference.image_id()
    )]
    ImageArchived {
        /// The image.
        image: ImageReference,
    },
    /// The version's tag names something that the function does not replace.
    #[error("{tag} is taken: {conflict}")]
    TagConflict {
        /// The version's tag.
        tag: ImageReference,
        /// Why it is not replaced.
        conflict: Conflict,
    },
    /// Bytes do not match their digest, or are not JSON.
    #[error("{image} is corrupt: {reason}; build and push it again")]
    CorruptImage {
        /// The image.
        image: ImageReference,
        /// What is wrong with its bytes.
        reason: Corruption,
    },
    /// ECR denied access.
    #[error(
        "{action} on {resource} was denied; allow it in the policy of the function's role and, if another account owns \
         the registry, in {policy}. {message}", policy = .resource.policy()
    )]
    AccessDenied {
        /// The IAM action.
        action: IamAction,
        /// The resource that was accessed.
        resource: Resource,
        /// ECR's message.
        message: RegistryText,
    },
    /// The repository does not exist.
    #[error("repository {repository} does not exist in the registry; check its name, or create it. {message}")]
    RepositoryNotFound {
        /// The repository.
        repository: Resource,
        /// ECR's message.
        message: RegistryText,
    },
    /// A repository has more tags than the function holds.
    #[error(
        "{repository} has more than {max_tags} tags, more than are compared with each other; delete those that nobody \
         needs, for instance by a lifecycle policy"
    )]
    RepositoryTooLarge {
        /// The repository.
        repository: RepositoryName,
        /// How many tags one may have.
        max_tags: usize,
    },
    /// ECR rejected a call in any other way.
    #[error("ECR rejected {action} on {resource} with {code}: {message}")]
    RegistryRefused {
        /// The IAM action.
        action: IamAction,
        /// The resource that was accessed.
        resource: Resource,
        /// ECR's error code.
        code: RegistryText,
        /// ECR's message.
        message: RegistryText,
    },
    /// A pushed image could not be read back.
    #[error(
        "{image} could not be read back within {waited_ms} ms; it was deleted, or is not yet visible in ECR: retry"
    )]
    NotYetVisible {
        /// The image.
        image: UnseenImage,
        /// For how long the function waited, in milliseconds.
        waited_ms: u64,
    },
    /// Other writers kept changing the tags.
    #[error("{tag}: other writers changed the tags during each of {rounds} attempts; retry after the pushes")]
    Contended {
        /// The tag: of a version, an alias or a yank marker.
        tag: ImageReference,
        /// How many attempts were made.
        rounds: u8,
    },
    /// ECR throttled, failed or did not respond.
    #[error("{action} on {resource} failed temporarily: {message}; retry")]
    RegistryUnavailable {
        /// The IAM action.
        action: IamAction,
        /// The resource that was accessed.
        resource: Resource,
        /// The failure.
        message: RegistryText,
        /// What is unavailable.
        unavailable: Unavailable,
    },
}

/// Why an invocation failed: an error, and what the invocation had written before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvocationError {
    /// The error.
    pub error: Error,
    /// The tag that names its manifest list by now, where only tags that follow it failed.
    pub confirmed: Option<ImageReference>,
}

impl From<Error> for InvocationError {
    fn from(error: Error) -> Self {
        Self { error, confirmed: None }
    }
}

impl fmt::Display for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.confirmed {
            None => self.error.fmt(f),
            Some(tag) => write!(
                f,
                "{tag} names its manifest list, but its aliases or image tags are not reconciled: {}",
                self.error
            ),
        }
    }
}

impl InvocationError {
    /// The type of the error.
    pub fn error_type(&self) -> ErrorType {
        self.error.error_type()
    }
}

impl ErrorType {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name of the type.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether ECR refused a call, which ends once someone has changed a policy or the registry. Other permanent errors stay
    /// until the images are changed, which is a push, and so another event.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::AccessDenied | Self::RegistryRefused)
    }

    /// Whether the same invocation can succeed later although nothing else has changed.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::NotYetVisible | Self::Contended | Self::RegistryUnavailable)
    }
}

impl Error {
    /// The type of this error.
    pub fn error_type(&self) -> ErrorType {
        self.into()
    }

    /// Whether the registry is unavailable, and not just an image of it.
    pub fn is_registry_down(&self) -> bool {
        matches!(self, Self::RegistryUnavailable { unavailable: Unavailable::Registry, .. })
    }

    /// Whether it is one of the repository as a whole, and not just of an image of it.
    pub fn concerns_repository(&self) -> bool {
        matches!(self.error_type(), ErrorType::AccessDenied | ErrorType::RepositoryNotFound)
    }

    /// Whether it says that the version's tag names a list of newer images than those of the platform tags.
    pub fn is_of_newer_images(&self) -> bool {
        matches!(self, Self::TagConflict { conflict: Conflict::NewerImages { .. }, .. })
    }

    /// Whether it says that ECR refused a write because the version's tag is immutable.
    pub fn is_of_immutable_tag(&self) -> bool {
        matches!(self, Self::TagConflict { conflict: Conflict::Immutable { .. }, .. })
    }

    /// The error of an image that cannot go into a manifest list.
    pub fn from_image(image: ImageReference, reason: InvalidImage) -> Self {
        match reason {
            InvalidImage::Unsupported(reason) => Self::UnsupportedImage { image, reason },
            InvalidImage::Corrupt(reason) => Self::CorruptImage { image, reason },
        }
    }
}

/// What is unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unavailable {
    /// The registry: a call failed.
    Registry,
    /// One image, while the registry responds: in a call for several images, or in the blob store.
    Image,
}

/// What states the platform of an image, other than its config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display)]
pub enum PlatformSource {
    /// Its tag, by the settings.
    #[strum(to_string = "its tag is that of")]
    Tag,
    /// The entry of an index.
    #[strum(to_string = "its index states")]
    Index,
}

/// The resource that a call accesses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A registry as a whole: that of an account, or of the function's own.
    Registry(RegistryId),
    /// Several images of a repository.
    Repository(RepositoryName),
    /// One image.
    Image(ImageReference),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(RegistryId { account: Some(account), region }) => {
                write!(f, "the registry of {account} in {region}")
            }
            Self::Registry(RegistryId { account: None, region }) => {
                write!(f, "the registry of the own account in {region}")
            }
            Self::Repository(repository) => repository.fmt(f),
            Self::Image(image) => image.fmt(f),
        }
    }
}

impl Resource {
    /// The policy by which the owner of the resource grants access to other accounts.
    fn policy(&self) -> &'static str {
        match self {
            // Only the registry policy covers actions that name no repository. (Amazon ECR user guide, "Private
            // registry permissions".)
            Self::Registry(_) => "its registry policy",
            Self::Repository(_) | Self::Image(_) => "the policy of the repository, or in the registry policy",
        }
    }

    /// The repository of an image; anything else as it is.
    #[must_use]
    pub fn without_image(self) -> Self {
        match self {
            Self::Image(image) => Self::Repository(image.repository),
            other => other,
        }
    }
}

/// An image that ECR did not return.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UnseenImage {
    /// The image of this name.
    Named(ImageReference),
    /// An image that the manifest list of this name refers to.
    ReferencedBy(ImageReference),
}

impl fmt::Display for UnseenImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(image) => image.fmt(f),
            Self::ReferencedBy(list) => write!(f, "an image that {list} refers to"),
        }
    }
}

/// Why the version's tag cannot be moved to the manifest list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Conflict {
    /// It names an image, or anything else that is not a manifest list.
    #[error(
        "it names {digest}, a {media_type}, not a manifest list: a platform's suffix was forgotten, or another job pushes \
         to the version's own tag. Push single images under platform tags only, or assemble the version with \
         \"force\": true to replace it"
    )]
    NotAManifestList {
        /// The digest that the tag names.
        digest: Digest,
        /// Its media type.
        media_type: ImageText,
    },
    /// It names an artifact, which is never replaced.
    #[error(
        "it names {digest}, an artifact of type {artifact_type}, which is never replaced: keep artifacts such as charts in \
         a repository of their own, or give the images another version"
    )]
    Artifact {
        /// The digest that the tag names.
        digest: Digest,
        /// The media type of its config.
        artifact_type: ImageText,
    },
    /// It names a manifest list with other platforms than the configured ones.
    #[error(
        "it names the manifest list {digest} with {platform}, which is not a configured platform; \
         add it to PLATFORMS, or assemble the version with \"force\": true to replace the manifest list"
    )]
    ForeignPlatform {
        /// The digest that the tag names.
        digest: Digest,
        /// The platform, or the digest of an entry without one.
        platform: ImageText,
    },
    /// It names a manifest list of newer images than those of the platform tags.
    #[error(
        "it names the manifest list {digest}, whose images were all pushed after those of the platform tags: these are \
         stale. Delete the platform tags, or push newer images under them; or assemble the version with \"force\": true \
         to replace the manifest list"
    )]
    NewerImages {
        /// The digest that the tag names.
        digest: Digest,
    },
    /// It is immutable.
    #[error(
        "it is immutable and names {digest}, while the platform tags now make {assembled}; \
         publish the images as a new version, or delete the tag"
    )]
    Immutable {
        /// The digest that the tag names.
        digest: Digest,
        /// The manifest list of the platform tags.
        assembled: Digest,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Reference;

    fn image() -> ImageReference {
        ImageReference { repository: "app".parse().unwrap(), reference: Reference::Tag("1".parse().unwrap()) }
    }

    fn unavailable(resource: Resource, unavailable: Unavailable) -> Error {
        Error::RegistryUnavailable { action: IamAction::PutImage, resource, message: "busy".into(), unavailable }
    }

    fn conflict(conflict: Conflict) -> Error {
        Error::TagConflict { tag: image(), conflict }
    }

    #[test]
    fn type_tells_what_becomes_of_a_message() {
        let types = |holds: fn(ErrorType) -> bool| -> Vec<_> {
            ErrorType::ALL.iter().filter(|error| holds(**error)).map(|error| error.name()).collect()
        };
        assert_eq!(types(ErrorType::is_refusal), ["AccessDenied", "RegistryRefused"]);
        assert_eq!(types(ErrorType::is_retryable), ["NotYetVisible", "Contended", "RegistryUnavailable"]);
    }

    #[test]
    fn error_tells_what_it_is_of() {
        let digest = Digest::sha256("");
        let denied = |resource| Error::AccessDenied { action: IamAction::PutImage, resource, message: "no".into() };
        let holds = |error: &Error| {
            let holds = [
                ("registry", error.is_registry_down()),
                ("repository", error.concerns_repository()),
                ("newer images", error.is_of_newer_images()),
                ("immutable tag", error.is_of_immutable_tag()),
            ];
            holds.iter().filter(|(_, holds)| *holds).map(|(what, _)| *what).collect::<Vec<_>>().join(", ")
        };
        for (error, expected) in [
            (unavailable(Resource::Image(image()), Unavailable::Registry), "registry"),
            (unavailable(Resource::Image(image()), Unavailable::Image), ""),
            (denied(Resource::Image(image())), "repository"),
            (
                Error::RepositoryNotFound { repository: Resource::Repository(image().repository), message: "".into() },
                "repository",
            ),
            (conflict(Conflict::NewerImages { digest }), "newer images"),
            (conflict(Conflict::Immutable { digest, assembled: digest }), "immutable tag"),
            (conflict(Conflict::ForeignPlatform { digest, platform: "linux/s390x".into() }), ""),
        ] {
            assert_eq!(holds(&error), expected, "{error}");
        }
    }

    #[test]
    fn message_names_the_resource_and_its_policy() {
        let region = || "eu-central-1".parse().unwrap();
        let account = Some("111122223333".parse().unwrap());
        for (resource, named, policy) in [
            (
                Resource::Registry(RegistryId { account, region: region() }),
                "on the registry of 111122223333 in eu-central-1 was",
                "in its registry policy. ",
            ),
            (
                Resource::Registry(RegistryId { account: None, region: region() }),
                "on the registry of the own account in eu-central-1 was",
                "in its registry policy. ",
            ),
            (
                Resource::Repository(image().repository),
                "on app was",
                "in the policy of the repository, or in the registry",
            ),
            (Resource::Image(image()), "on app:1 was", "in the policy of the repository, or in the registry"),
        ] {
            let denied = Error::AccessDenied { action: IamAction::PutImage, resource, message: "No.".into() };
            let message = denied.to_string();
            assert!(message.contains(named) && message.contains(policy), "{message}");
        }
    }

    #[test]
    fn message_names_the_image_that_was_not_seen() {
        for (image, expected) in [
            (UnseenImage::Named(image()), "app:1 could"),
            (UnseenImage::ReferencedBy(image()), "an image that app:1 refers"),
        ] {
            let message = Error::NotYetVisible { image, waited_ms: 1 }.to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn message_says_what_was_written_before() {
        let error = unavailable(Resource::Image(image()), Unavailable::Registry);
        let before = InvocationError { error: error.clone(), confirmed: Some(image()) };
        assert_eq!(InvocationError::from(error.clone()).to_string(), error.to_string());
        let expected =
            format!("app:1 names its manifest list, but its aliases or image tags are not reconciled: {error}");
        assert_eq!(before.to_string(), expected);
    }
}
