//! Finished content: a manifest and all content that it names.

use crate::digest::digest_of;
use crate::manifest::{Descriptor, Platform};
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

/// Content that can be pushed.
pub trait ToArtifact {
    /// The finished bytes.
    fn to_artifact(&self) -> Artifact;

    /// The digest of its manifest.
    fn digest(&self) -> String {
        self.to_artifact().digest()
    }
}

/// The bytes of a manifest and of all content that it names.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The manifest's media type.
    pub media_type: String,
    /// The manifest.
    pub manifest: Bytes,
    /// An image's config and layers.
    pub blobs: Vec<Bytes>,
    /// A list's images.
    pub children: Vec<Artifact>,
    pub(crate) platform: Option<Platform>,
}

impl Artifact {
    /// The digest of its manifest.
    pub fn digest(&self) -> String {
        digest_of(&self.manifest)
    }

    /// A reference to it, as in the entry of a list.
    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor { platform: self.platform.clone(), ..descriptor(&self.media_type, &self.manifest) }
    }
}

impl ToArtifact for Artifact {
    fn to_artifact(&self) -> Artifact {
        self.clone()
    }
}

/// A manifest before it is written, its fields in the order of the tools that write them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    pub(super) schema_version: u8,
    pub(super) media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) config: Option<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layers: Option<Vec<Descriptor>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) manifests: Option<Vec<Descriptor>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Document {
    pub(super) fn new(media_type: &str) -> Self {
        Self {
            schema_version: 2,
            media_type: media_type.to_owned(),
            artifact_type: None,
            config: None,
            layers: None,
            manifests: None,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }
}

impl From<Document> for Artifact {
    fn from(document: Document) -> Self {
        Self {
            manifest: pretty(&document),
            media_type: document.media_type,
            blobs: Vec::new(),
            children: Vec::new(),
            platform: None,
        }
    }
}

/// A reference to `bytes`.
pub(super) fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest_of(bytes),
        size: bytes.len() as u64,
        urls: None,
        annotations: None,
        data: None,
        platform: None,
        artifact_type: None,
    }
}

/// JSON as BuildKit writes it: two spaces, fields in their order, no newline at the end.
pub(super) fn pretty(value: &impl Serialize) -> Bytes {
    // Strings and numbers can always be serialized.
    serde_json::to_vec_pretty(value).unwrap_or_default().into()
}
