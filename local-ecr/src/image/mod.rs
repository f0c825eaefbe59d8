//! Images and lists to push; equal descriptions give equal bytes.

mod artifact;
mod attestation;
mod chart;
mod index;
mod soci;

pub use artifact::{Artifact, ToArtifact};
pub use chart::chart;
pub use index::{Entry, Index};

use crate::digest::digest_of;
use crate::manifest::Platform;
use crate::media_type::{DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use artifact::{Document, descriptor, pretty};
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

/// An image of one platform.
#[derive(Debug, Clone)]
pub struct Image {
    is_docker: bool,
    platform: Option<Platform>,
    os_features: Vec<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    content: String,
}

#[derive(Serialize)]
struct Config {
    #[serde(flatten)]
    platform: Option<Platform>,
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    os_features: Vec<String>,
    #[serde(rename = "config")]
    runtime: RuntimeConfig,
    rootfs: RootFs,
}

#[derive(Serialize)]
struct RuntimeConfig {
    #[serde(rename = "Labels", skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct RootFs {
    r#type: &'static str,
    diff_ids: Vec<String>,
}

impl Image {
    /// A Docker image (version 2, schema 2) for `os/architecture[/variant]`.
    pub fn docker(platform: &str) -> Self {
        Self::new(true, platform)
    }

    /// An OCI image for `os/architecture[/variant]`.
    pub fn oci(platform: &str) -> Self {
        Self::new(false, platform)
    }

    fn new(is_docker: bool, platform: &str) -> Self {
        Self {
            is_docker,
            platform: Some(Platform::parse(platform)),
            os_features: Vec::new(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            content: String::from("hello"),
        }
    }

    /// Leaves the platform out of the config.
    #[must_use]
    pub fn without_platform(mut self) -> Self {
        self.platform = None;
        self
    }

    /// Sets the operating system's version.
    #[must_use]
    pub fn os_version(mut self, version: &str) -> Self {
        if let Some(platform) = &mut self.platform {
            platform.os_version = Some(version.to_owned());
        }
        self
    }

    /// Sets the operating system's features, in the config.
    #[must_use]
    pub fn os_features<'a>(mut self, features: impl IntoIterator<Item = &'a str>) -> Self {
        self.os_features = features.into_iter().map(str::to_owned).collect();
        self
    }

    /// Adds a label, in the config.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds an annotation, in the manifest.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds the label `org.opencontainers.image.revision`.
    #[must_use]
    pub fn revision(self, revision: &str) -> Self {
        self.label("org.opencontainers.image.revision", revision)
    }

    /// Sets the content of its layer.
    #[must_use]
    pub fn content(mut self, text: &str) -> Self {
        text.clone_into(&mut self.content);
        self
    }

    /// The image as `docker buildx build --push` pushes it by default: an OCI index of the image and an
    /// attestation in the form of an image.
    pub fn attested(&self) -> Index {
        Index::oci([Entry::new(self), self.attestation()])
    }

    /// The image as BuildKit pushes it since 0.32: the attestation is an OCI artifact.
    pub fn attested_as_artifact(&self) -> Index {
        Index::oci([Entry::new(self), self.attestation_as_artifact()])
    }

    /// The entry of its attestation in the form of an image.
    pub fn attestation(&self) -> Entry {
        attestation::as_image(&self.to_artifact())
    }

    /// The entry of its attestation in the form of an OCI artifact.
    pub fn attestation_as_artifact(&self) -> Entry {
        attestation::as_artifact(&self.to_artifact())
    }

    /// The entry of its SOCI index of version 2, an artifact whose entry states the image's platform.
    pub fn soci_index(&self) -> Entry {
        soci::index(&self.to_artifact())
    }

    /// The bytes of its config.
    pub fn config(&self) -> Bytes {
        let layer = self.layer();
        pretty(&Config {
            platform: self.platform.clone(),
            os_features: self.os_features.clone(),
            runtime: RuntimeConfig { labels: self.labels.clone() },
            rootfs: RootFs { r#type: "layers", diff_ids: vec![digest_of(&layer)] },
        })
    }

    fn layer(&self) -> Bytes {
        Bytes::from(format!("layer: {}\n", self.content))
    }
}

impl ToArtifact for Image {
    fn to_artifact(&self) -> Artifact {
        let (manifest_type, config_type, layer_type) = if self.is_docker {
            (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
        } else {
            (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER)
        };
        let (config, layer) = (self.config(), self.layer());
        let document = Document {
            config: Some(descriptor(config_type, &config)),
            layers: Some(vec![descriptor(layer_type, &layer)]),
            annotations: self.annotations.clone(),
            ..Document::new(manifest_type)
        };
        Artifact { blobs: vec![config, layer], platform: self.platform.clone(), ..document.into() }
    }
}
