//! The media types of manifests, and of the configs of images.

use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// The media types of the manifests that the function reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, VariantArray)]
pub enum MediaType {
    /// A Docker image manifest, version 2, schema 2.
    DockerManifest,
    /// A Docker manifest list.
    DockerManifestList,
    /// An OCI image manifest.
    OciManifest,
    /// An OCI image index.
    OciIndex,
}

impl MediaType {
    /// All of them: what every read accepts, so that ECR converts nothing.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The media type as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
            Self::DockerManifestList => "application/vnd.docker.distribution.manifest.list.v2+json",
            Self::OciManifest => "application/vnd.oci.image.manifest.v1+json",
            Self::OciIndex => "application/vnd.oci.image.index.v1+json",
        }
    }

    /// The media type of this name, if it is one of the four.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|media_type| media_type.as_str() == name)
    }

    /// The media type that a manifest states, or else the one of its shape, for a registry that reports none.
    pub fn detect(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Document {
            media_type: Option<String>,
            manifests: Option<IgnoredAny>,
            config: Option<IgnoredAny>,
        }
        let document: Document = serde_json::from_str(text).ok()?;
        match document {
            Document { media_type: Some(name), .. } => Self::from_name(&name),
            Document { manifests: Some(_), .. } => Some(Self::OciIndex),
            Document { config: Some(_), .. } => Some(Self::OciManifest),
            _ => None,
        }
    }

    /// Whether it is the type of a manifest list.
    pub const fn is_manifest_list(self) -> bool {
        matches!(self, Self::DockerManifestList | Self::OciIndex)
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

/// Whether a config of this media type is that of a container image.
pub fn is_image_config(media_type: &str) -> bool {
    matches!(media_type, "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json")
}

/// Whether an artifact type is that of something other than a container image. An empty one says nothing.
pub fn is_artifact_type(artifact_type: &str) -> bool {
    !artifact_type.is_empty() && !is_image_config(artifact_type)
}

/// Whether ECR says that something is an artifact other than a container image: it has the manifest of a single image, and
/// an artifact type that is stated and is not that of an image config.
pub fn is_artifact(manifest_media_type: &str, artifact_type: &str) -> bool {
    let manifest = MediaType::from_name(manifest_media_type);
    manifest.is_some_and(|media_type| !media_type.is_manifest_list()) && is_artifact_type(artifact_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_type_is_detected_from_the_manifest() {
        for (text, expected) in [
            (format!(r#"{{"mediaType":"{}"}}"#, MediaType::DockerManifestList), Some(MediaType::DockerManifestList)),
            (r#"{"manifests":[]}"#.into(), Some(MediaType::OciIndex)),
            (r#"{"config":{}}"#.into(), Some(MediaType::OciManifest)),
            (r#"{"mediaType":"text/plain"}"#.into(), None),
            ("nothing".into(), None),
        ] {
            assert_eq!(MediaType::detect(&text), expected, "{text}");
        }
    }
}
