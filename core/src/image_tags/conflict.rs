//! Why an image tag is left alone.

use crate::excerpt::ImageText;
use crate::oci::digest::Digest;
use crate::settings::image_tag::NotAnImageTag;

/// Why an image tag is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ImageTagConflict {
    /// It names a manifest list.
    #[error(
        "it names the manifest list {0}; remove the tag, or assemble the version with \"force\": true to replace it"
    )]
    ManifestList(Digest),
    /// It names an artifact such as a chart.
    #[error(
        "it names {digest}, an artifact of type {artifact_type}; remove the tag, or assemble the version with \"force\": \
         true to replace it"
    )]
    Artifact {
        /// What it names.
        digest: Digest,
        /// The type of the artifact.
        artifact_type: ImageText,
    },
    /// It names another image, and is immutable.
    #[error("it is immutable; exclude the image tags from the tag immutability of the repository, or delete the tag")]
    Immutable,
    /// It would name several images of the list.
    #[error("the list has several images of its platform, of which it would name one")]
    SeveralImages,
    /// The list has more images than can be read together with it.
    #[error("the list has {images} images, more than the {max} that one read can confirm")]
    TooManyImages {
        /// How many.
        images: usize,
        /// How many it may have.
        max: usize,
    },
    /// The entry of the list names something else.
    #[error("the entry of the list does not name an image, but {0}")]
    NotAnImage(ImageText),
    /// The image, or what the tag names, is archived.
    #[error("it, or its image, is in ECR's archive storage class, where nothing can read it; restore it")]
    Archived,
    /// It has another meaning.
    #[error(transparent)]
    NotAnImageTag(NotAnImageTag),
}
