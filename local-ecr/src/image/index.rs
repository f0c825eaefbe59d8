//! Lists of images.

use super::artifact::{Artifact, Document, ToArtifact};
use crate::manifest::{Descriptor, Platform};
use crate::media_type::{DOCKER_LIST, OCI_INDEX};
use std::collections::BTreeMap;

/// An OCI image index or a Docker manifest list.
#[derive(Debug, Clone)]
pub struct Index {
    media_type: &'static str,
    entries: Vec<Entry>,
    annotations: BTreeMap<String, String>,
}

/// One entry of a list.
#[derive(Debug, Clone)]
pub struct Entry {
    artifact: Artifact,
    platform: Option<Platform>,
    artifact_type: Option<String>,
    annotations: BTreeMap<String, String>,
}

impl Index {
    /// An OCI image index of these entries, in this order.
    pub fn oci(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { media_type: OCI_INDEX, entries: entries.into_iter().collect(), annotations: BTreeMap::new() }
    }

    /// A Docker manifest list of these entries, in this order.
    pub fn docker(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { media_type: DOCKER_LIST, ..Self::oci(entries) }
    }

    /// Adds an annotation to the list itself.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }
}

impl Entry {
    /// An entry for an image, with the image's platform, or for a list, with none.
    pub fn new(content: &impl ToArtifact) -> Self {
        let artifact = content.to_artifact();
        Self { platform: artifact.platform.clone(), artifact, artifact_type: None, annotations: BTreeMap::new() }
    }

    /// Sets the platform, `os/architecture[/variant]`, instead of the image's own.
    #[must_use]
    pub fn platform(mut self, platform: &str) -> Self {
        self.platform = Some(Platform::parse(platform));
        self
    }

    /// Leaves the platform out.
    #[must_use]
    pub fn without_platform(mut self) -> Self {
        self.platform = None;
        self
    }

    /// States an artifact type in the entry, whatever its content is.
    #[must_use]
    pub fn artifact_type(mut self, artifact_type: &str) -> Self {
        self.artifact_type = Some(artifact_type.to_owned());
        self
    }

    /// Adds an annotation to the entry.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Leaves all annotations of the entry out, such as those by which an attestation is known.
    #[must_use]
    pub fn without_annotations(mut self) -> Self {
        self.annotations.clear();
        self
    }

    /// The digest of the image.
    pub fn digest(&self) -> String {
        self.artifact.digest()
    }

    fn descriptor(&self) -> Descriptor {
        Descriptor {
            platform: self.platform.clone(),
            artifact_type: self.artifact_type.clone(),
            annotations: (!self.annotations.is_empty()).then(|| self.annotations.clone()),
            ..self.artifact.descriptor()
        }
    }
}

impl ToArtifact for Index {
    fn to_artifact(&self) -> Artifact {
        let document = Document {
            manifests: Some(self.entries.iter().map(Entry::descriptor).collect()),
            annotations: self.annotations.clone(),
            ..Document::new(self.media_type)
        };
        Artifact { children: self.entries.iter().map(|entry| entry.artifact.clone()).collect(), ..document.into() }
    }
}
