//! Manifests as registries hold them: images, and lists of images.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::config::REVISION;
use crate::digest::Digest;
use crate::platform::{Platform, value_or_nothing};

/// The media types of the manifests that this product reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// A Docker image manifest, version 2, schema 2.
    DockerManifest,
    /// A Docker manifest list.
    DockerList,
    /// An OCI image manifest.
    OciManifest,
    /// An OCI image index.
    OciIndex,
}

impl MediaType {
    /// All of them: what every read accepts, so that ECR converts nothing.
    pub const ALL: [Self; 4] = [Self::DockerManifest, Self::DockerList, Self::OciManifest, Self::OciIndex];

    /// The media type as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
            Self::DockerList => "application/vnd.docker.distribution.manifest.list.v2+json",
            Self::OciManifest => "application/vnd.oci.image.manifest.v1+json",
            Self::OciIndex => "application/vnd.oci.image.index.v1+json",
        }
    }

    /// The media type that the text names, where it is one of the four.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|media_type| media_type.as_str() == text)
    }

    /// Whether it is a list of images.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::DockerList | Self::OciIndex)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for MediaType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Annotations, in the order in which Go's tools write a map.
pub type Annotations = BTreeMap<String, String>;

/// An entry of a list.
///
/// OCI image specification, content descriptor; the fields stand in the order in which Go's tools write them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type of the manifest that it names.
    pub media_type: String,
    /// The digest of that manifest's bytes.
    pub digest: Digest,
    /// The number of those bytes.
    pub size: u64,
    /// Other places from which the content may be had.
    #[serde(default, deserialize_with = "value_or_nothing", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// What else there is to say of it.
    #[serde(default, deserialize_with = "value_or_nothing", skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// The content itself, in base64.
    #[serde(default, deserialize_with = "value_or_nothing", skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// What the image runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The type of an artifact that is no image.
    #[serde(default, deserialize_with = "value_or_nothing", skip_serializing_if = "String::is_empty")]
    pub artifact_type: String,
}

/// Keeps the revision of all that a map says. Maps of as many bytes as a manifest may have would take ten times as
/// many in memory.
pub(crate) fn revision_alone<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Annotations, D::Error> {
    struct Kept(Annotations);

    impl<'de> Deserialize<'de> for Kept {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Keeping)
        }
    }

    struct Keeping;

    impl<'de> Visitor<'de> for Keeping {
        type Value = Kept;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of texts")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kept, A::Error> {
            let mut kept = Annotations::new();
            while let Some(key) = map.next_key::<String>()? {
                if key == REVISION {
                    kept.insert(key, map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(Kept(kept))
        }
    }

    Ok(Option::<Kept>::deserialize(deserializer)?.map(|Kept(kept)| kept).unwrap_or_default())
}

impl Descriptor {
    /// The digest of the image that this entry attests, where it is a BuildKit attestation.
    ///
    /// The annotation alone tells: in the form of an OCI artifact, an attestation has neither an unknown platform nor
    /// a config that would give it away. (BuildKit, attestation storage.)
    pub fn attests(&self) -> Option<&str> {
        let kind = self.annotations.get("vnd.docker.reference.type")?;
        (kind == "attestation-manifest")
            .then(|| self.annotations.get("vnd.docker.reference.digest").map_or("", String::as_str))
    }

    /// The platform of the image, where it is stated.
    pub fn known_platform(&self) -> Option<&Platform> {
        self.platform.as_ref().filter(|platform| !platform.is_unknown())
    }
}

/// The manifest of one image, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct ImageManifest {
    /// The config, which states the platform.
    pub config: ConfigDescriptor,
    /// The revision that it was built from, and nothing else that is said of the image.
    #[serde(default, deserialize_with = "revision_alone")]
    pub annotations: Annotations,
}

/// Where an image's config is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigDescriptor {
    /// The media type, which tells images from other artifacts.
    pub media_type: String,
    /// The digest of the config's bytes.
    pub digest: Digest,
    /// The number of those bytes.
    pub size: u64,
}

/// A list of images.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Index {
    /// Its entries.
    pub manifests: Vec<Descriptor>,
    /// The revision that its images were built from, and nothing else that is said of it.
    #[serde(default, deserialize_with = "revision_alone")]
    pub annotations: Annotations,
}

/// A manifest, read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Manifest {
    /// One image.
    Image(ImageManifest),
    /// A list of images.
    Index(Index),
}

/// How many entries a list may have that is read here. The largest lists of official images have some thirty.
pub const MAX_ENTRIES: usize = 1_000;

/// Why bytes under an image's name are no image that can be listed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unsupported {
    /// Neither an image nor a list of images.
    #[error("its media type is {0:?}, which is neither an image nor a list of images")]
    MediaType(String),
    /// JSON, but not of the shape that its media type prescribes.
    #[error("it does not have the shape of {0}: {1}")]
    Shape(MediaType, String),
    /// An artifact in the form of an image.
    #[error("its config is of type {0:?}, so it is an artifact and no container image")]
    Artifact(String),
    /// A config without which its platform cannot be known.
    #[error("its config states no os and architecture")]
    NoPlatform,
    /// A config that no image has any need of.
    #[error("its config has {0} bytes; up to {max} are read", max = crate::config::MAX_BYTES)]
    ConfigSize(u64),
    /// A list whose entries are lists.
    #[error("it is an index within which there is another index; push the image, or an index of images")]
    NestedIndex,
    /// A list without the platform that its tag says.
    #[error("it is an index without an image of {0}")]
    NoEntry(String),
    /// A list with several images of the platform that its tag says.
    #[error("it is an index with {1} images of {0}; which of them is meant cannot be told")]
    SeveralEntries(String, usize),
    /// A list that no build makes.
    #[error("it is an index of {0} entries; up to {MAX_ENTRIES} are read")]
    TooManyEntries(usize),
}

/// Why bytes are not those that they should be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Corruption {
    /// Other bytes than the digest names.
    #[error("the bytes of its {part} have the digest {found}, not {expected}")]
    Digest {
        /// Which of its parts.
        part: &'static str,
        /// The digest of the bytes.
        found: Digest,
        /// The digest by which they were asked for.
        expected: Digest,
    },
    /// No JSON.
    #[error("its {part} is no JSON: {message}")]
    NotJson {
        /// Which of its parts.
        part: &'static str,
        /// What the parser says.
        message: String,
    },
    /// More bytes than any config has.
    #[error("its config runs on past {max} bytes", max = crate::config::MAX_BYTES)]
    Endless,
}

/// Why an image cannot be listed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ImageFault {
    /// It is not the kind of thing that a list names.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// It is not what was pushed.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
}

impl Manifest {
    /// Reads a manifest of this media type.
    ///
    /// # Errors
    /// [`ImageFault`], where the text is no JSON, or JSON of another shape.
    pub fn read(media_type: MediaType, text: &str) -> Result<Self, ImageFault> {
        if !media_type.is_list() {
            return Ok(Self::Image(read(media_type, text)?));
        }
        let index: Index = read(media_type, text)?;
        match index.manifests.len() {
            0..=MAX_ENTRIES => Ok(Self::Index(index)),
            entries => Err(Unsupported::TooManyEntries(entries).into()),
        }
    }
}

fn read<T: DeserializeOwned>(media_type: MediaType, text: &str) -> Result<T, ImageFault> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Unsupported::Shape(media_type, error.to_string()).into(),
        _ => Corruption::NotJson { part: "manifest", message: error.to_string() }.into(),
    })
}

/// Checks that a text is JSON at all.
///
/// # Errors
/// [`Corruption::NotJson`], where it is not.
pub fn check_json(text: &str) -> Result<(), Corruption> {
    let read = serde_json::from_str::<IgnoredAny>(text);
    read.map(|_| ()).map_err(|error| Corruption::NotJson { part: "manifest", message: error.to_string() })
}

/// The media type that a manifest states itself or has by its shape, for a registry that does not tell.
pub fn sniff_media_type(text: &str) -> Option<MediaType> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sniffed {
        media_type: Option<String>,
        manifests: Option<IgnoredAny>,
        config: Option<IgnoredAny>,
    }
    let sniffed: Sniffed = serde_json::from_str(text).ok()?;
    match sniffed {
        Sniffed { media_type: Some(media_type), .. } => MediaType::named(&media_type),
        Sniffed { manifests: Some(_), .. } => Some(MediaType::OciIndex),
        Sniffed { config: Some(_), .. } => Some(MediaType::OciManifest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn fault(media_type: MediaType, text: &str) -> ImageFault {
        Manifest::read(media_type, text).unwrap_err()
    }

    #[test]
    fn bytes_that_are_no_json_are_corrupt_and_json_of_another_shape_is_unsupported() {
        for text in ["", "{", "not json", "{\"manifests\":["] {
            assert!(matches!(fault(MediaType::OciIndex, text), ImageFault::Corrupt(_)), "{text}");
        }
        for text in ["{}", "[]", "null", r#"{"manifests":{}}"#, r#"{"manifests":[{"mediaType":"x","size":1}]}"#] {
            assert!(matches!(fault(MediaType::OciIndex, text), ImageFault::Unsupported(_)), "{text}");
        }
        assert!(matches!(fault(MediaType::OciManifest, "{}"), ImageFault::Unsupported(_)));
    }

    #[test]
    fn a_nesting_bomb_is_refused_before_it_fills_the_stack() {
        let text = "[".repeat(100_000);
        assert!(matches!(fault(MediaType::OciIndex, &text), ImageFault::Corrupt(_) | ImageFault::Unsupported(_)));
    }

    #[test]
    fn a_list_of_more_entries_than_any_build_makes_is_refused() {
        let entry = format!(r#"{{"mediaType":"m","size":1,"digest":"{DIGEST}"}}"#);
        let list = |entries: usize| format!(r#"{{"manifests":[{}]}}"#, vec![entry.as_str(); entries].join(","));
        assert!(Manifest::read(MediaType::OciIndex, &list(MAX_ENTRIES)).is_ok());
        assert_eq!(
            fault(MediaType::OciIndex, &list(MAX_ENTRIES + 1)),
            Unsupported::TooManyEntries(MAX_ENTRIES + 1).into()
        );
    }

    #[test]
    fn an_attestation_is_known_by_its_annotation_alone() {
        let entry = |more: &str| -> Descriptor {
            serde_json::from_str(&format!(r#"{{"mediaType":"m","size":1,"digest":"{DIGEST}"{more}}}"#)).unwrap()
        };
        let unknown = r#","platform":{"architecture":"unknown","os":"unknown"}"#;
        let annotated =
            r#","annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"d"}"#;
        assert_eq!(entry(annotated).attests(), Some("d"));
        assert_eq!(entry(unknown).attests(), None);
        assert_eq!(entry(r#","annotations":null,"platform":null,"urls":null"#).attests(), None);
    }

    #[test]
    fn a_media_type_is_sniffed_where_none_is_told() {
        for (text, expected) in [
            (format!(r#"{{"mediaType":"{}"}}"#, MediaType::DockerList), Some(MediaType::DockerList)),
            (r#"{"manifests":[]}"#.into(), Some(MediaType::OciIndex)),
            (r#"{"config":{}}"#.into(), Some(MediaType::OciManifest)),
            (r#"{"mediaType":"text/plain"}"#.into(), None),
            ("nothing".into(), None),
        ] {
            assert_eq!(sniff_media_type(&text), expected, "{text}");
        }
    }
}
