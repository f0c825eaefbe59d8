//! Manifests, and the schema by which ECR accepts them.

use crate::digest::is_digest;
use crate::error::ApiError;
use crate::media_type::{DOCKER_LIST, DOCKER_MANIFEST, is_image, is_index};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The references of a manifest: the config and layers of an image, or the images of a list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) media_type: String,
    pub(crate) artifact_type: Option<String>,
    pub(crate) config: Option<Descriptor>,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) children: Vec<Descriptor>,
    pub(crate) subject: Option<Descriptor>,
}

/// A reference to content, with the fields that the OCI specification gives it and no others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) urls: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
}

/// The platform of a list's entry. ECR rejects `os.features` and `features`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Platform {
    pub(crate) architecture: String,
    pub(crate) os: String,
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    pub(crate) os_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) variant: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    schema_version: u8,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    #[serde(rename = "annotations")]
    _annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    /// Whether ECR requires this layer's bytes; those that must not be distributed are kept elsewhere.
    pub(crate) fn is_distributable(&self) -> bool {
        !self.media_type.contains("foreign") && !self.media_type.contains("nondistributable")
    }
}

impl Manifest {
    /// Parses `bytes`, whose media type is `declared` or stated in the document.
    pub(crate) fn parse(bytes: &[u8], declared: Option<&str>) -> Result<Self, ApiError> {
        let document: Document = serde_json::from_slice(bytes).map_err(|_| ApiError::invalid_manifest())?;
        let media_type = match (declared, document.media_type.as_deref()) {
            (Some(declared), Some(stated)) if declared != stated => {
                return Err(ApiError::invalid_parameter(format!(
                    "Invalid parameter at 'ImageManifestMediaType' failed to satisfy constraint: '{declared} contradicts the manifest's mediaType {stated}'"
                )));
            }
            // Docker's own types have always stated themselves; only OCI documents may leave it out.
            (Some(DOCKER_LIST | DOCKER_MANIFEST) | None, None) => {
                return Err(ApiError::invalid_manifest());
            }
            (Some(media_type), _) | (None, Some(media_type)) => media_type.to_owned(),
        };
        document.into_manifest(media_type).filter(Manifest::is_well_formed).ok_or_else(ApiError::invalid_manifest)
    }

    pub(crate) fn is_index(&self) -> bool {
        is_index(&self.media_type)
    }

    /// The blobs that an image consists of.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(self.layers.iter().filter(|layer| layer.is_distributable()))
    }

    /// The `artifactMediaType` that ECR reports: the config's type, or the artifact's own. A list has none.
    pub(crate) fn artifact_media_type(&self) -> Option<&str> {
        match &self.artifact_type {
            Some(artifact_type) if !self.is_index() => Some(artifact_type),
            _ => self.config.as_ref().map(|config| config.media_type.as_str()),
        }
    }

    fn is_well_formed(&self) -> bool {
        self.config
            .iter()
            .chain(&self.layers)
            .chain(&self.children)
            .chain(&self.subject)
            .all(|descriptor| is_digest(&descriptor.digest) && !descriptor.media_type.is_empty())
    }
}

impl Platform {
    /// The platform that `os/architecture[/variant]` names.
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        let os = parts.next().unwrap_or_default();
        let architecture = parts.next().unwrap_or_default();
        Self { architecture, os, os_version: None, variant: parts.next() }
    }
}

impl Document {
    /// The manifest, unless the fields are not those of its type.
    fn into_manifest(self, media_type: String) -> Option<Manifest> {
        let is_image = is_image(&media_type) && self.config.is_some() && self.layers.is_some();
        let is_index = is_index(&media_type) && self.manifests.is_some();
        let is_both = self.manifests.is_some() && (self.config.is_some() || self.layers.is_some());
        (self.schema_version == 2 && (is_image || is_index) && !is_both).then_some(Manifest {
            media_type,
            artifact_type: self.artifact_type,
            config: self.config,
            layers: self.layers.unwrap_or_default(),
            children: self.manifests.unwrap_or_default(),
            subject: self.subject,
        })
    }
}
