//! Why an image cannot go into a manifest list.

use super::digest::Digest;
use super::media_type::MediaType;
use crate::excerpt::ImageText;

/// Why an image cannot go into a manifest list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum InvalidImage {
    /// It is not the kind of content that a manifest list names.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// It is not the content that was pushed.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
}

/// Why content is not an image that can go into a manifest list.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unsupported {
    /// Neither an image nor a manifest list.
    #[error("its media type {0:?} is neither that of an image nor that of a manifest list")]
    MediaType(ImageText),
    /// A manifest of the first schema, which states no platform.
    #[error(
        "it is a Docker schema 1 manifest ({0:?}), which no manifest list can name; pull the image and push it again with \
         a current client"
    )]
    Schema1(ImageText),
    /// JSON that does not follow the schema of its media type.
    #[error("it does not follow the schema of {0}: {1}")]
    Schema(MediaType, ImageText),
    /// An artifact in the form of an image.
    #[error("its config has the media type {0:?}, so it is an artifact, not a container image")]
    Artifact(ImageText),
    /// A config that does not state the platform.
    #[error("its config does not state os and architecture")]
    PlatformUnspecified,
    /// A config larger than any image needs.
    #[error("its config has {size} bytes; at most {max} are read")]
    ConfigSize {
        /// The size that the manifest states.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// An index that contains an index.
    #[error("it is an index that contains another index; push the image, or an index of images")]
    NestedIndex,
    /// An entry of an index with another media type than the manifest that it names.
    #[error("its index states the media type {stated:?} for it, but it is {actual}")]
    EntryMediaType {
        /// The media type of the entry.
        stated: ImageText,
        /// The media type of the manifest.
        actual: ImageText,
    },
    /// An attestation that clients would take for an image.
    #[error(
        "its entry {0} is annotated as an attestation but states a platform, so clients would take it for an image; \
         an attestation has none, or unknown/unknown"
    )]
    AttestationPlatform(Digest),
    /// An index without the platform of its tag.
    #[error("it is an index without an image of {0}")]
    PlatformMissing(String),
    /// An index with several images of the platform of its tag.
    #[error(
        "it is an index with {count} images of {platform}, so which one is meant is ambiguous; push that one under the platform tag"
    )]
    PlatformAmbiguous {
        /// The platform of the tag.
        platform: String,
        /// How many images match it.
        count: usize,
    },
    /// An index larger than any build makes.
    #[error("it is an index of {count} entries; at most {max} are read")]
    TooManyEntries {
        /// The number of entries.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// An index that takes too much memory.
    #[error("it is an index of {size} bytes; at most {max} are read")]
    IndexSize {
        /// The number of bytes.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// Images of one version that take too much memory together.
    #[error("the manifests of its images and its list have more than {max} bytes together")]
    TotalSize {
        /// The limit.
        max: usize,
    },
    /// An entry of an index that takes too much memory.
    #[error("its entry {digest} has {size} bytes of annotations, URLs and data; at most {max} are kept")]
    EntrySize {
        /// The digest of the entry.
        digest: Digest,
        /// The number of bytes.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// A manifest list that ECR would refuse.
    #[error("the manifest list of its platforms would have {size} bytes; ECR takes at most {max}")]
    ListSize {
        /// The number of bytes.
        size: usize,
        /// The limit.
        max: usize,
    },
}

/// Why bytes are not the expected ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Corruption {
    /// The bytes have another digest.
    #[error("the bytes of its {part} have the digest {actual}, not {expected}")]
    Digest {
        /// The part of the image.
        part: Part,
        /// The digest of the bytes.
        actual: Digest,
        /// The digest by which they were read.
        expected: Digest,
    },
    /// The bytes are not JSON.
    #[error("its {part} is not valid JSON: {message}")]
    InvalidJson {
        /// The part of the image.
        part: Part,
        /// The message of the parser.
        message: ImageText,
    },
    /// The config is larger than its manifest states.
    #[error("its config exceeds {max} bytes")]
    TooLarge {
        /// The limit.
        max: u64,
    },
}

/// A part of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Part {
    /// Its manifest.
    Manifest,
    /// Its config.
    Config,
}
