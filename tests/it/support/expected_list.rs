//! The images of a version and the list expected of them, written out by hand rather than by the code under test.

use local_ecr::image::{Artifact, Image, ToArtifact};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX};
use local_ecr::{RegistryHandle, digest_of};

/// The platforms of a version, in the order of their tags.
pub const PLATFORMS: [&str; 2] = ["amd64", "arm64"];

/// The kind of a version's images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// Docker images.
    Docker,
    /// OCI indexes, each of an image and its attestation.
    Attested,
}

impl ImageKind {
    /// An image of a platform. Different texts make different images.
    pub fn image(self, platform: &str, build: &str) -> Artifact {
        let platform = format!("linux/{platform}");
        match self {
            Self::Docker => Image::docker(&platform).content(build).label("build", build).to_artifact(),
            Self::Attested => Image::oci(&platform).content(build).label("build", build).attested().to_artifact(),
        }
    }

    /// The list of one image per platform, with its media type.
    pub fn list(self, images: &[Artifact; 2]) -> (String, &'static str) {
        match self {
            Self::Docker => (docker_list(images), DOCKER_LIST),
            Self::Attested => (oci_index(images), OCI_INDEX),
        }
    }
}

/// The list as `docker manifest push` writes it.
fn docker_list(images: &[Artifact; 2]) -> String {
    let entries = PLATFORMS.iter().zip(images).map(|(platform, image)| {
        format!(
            r#"      {{
         "mediaType": "{}",
         "size": {},
         "digest": "{}",
         "platform": {{
            "architecture": "{platform}",
            "os": "linux"
         }}
      }}"#,
            image.media_type,
            image.manifest.len(),
            image.digest(),
        )
    });
    let entries = entries.collect::<Vec<_>>().join(",\n");
    format!(
        r#"{{
   "schemaVersion": 2,
   "mediaType": "{DOCKER_LIST}",
   "manifests": [
{entries}
   ]
}}"#
    )
}

/// The list as `docker buildx imagetools create` writes it from indexes of an image and its attestation.
fn oci_index(indexes: &[Artifact; 2]) -> String {
    let entry = |artifact: &Artifact, annotations: &str, platform: &str| {
        format!(
            r#"    {{
      "mediaType": "{}",
      "digest": "{}",
      "size": {},{annotations}
      "platform": {{
        {platform}
      }}
    }}"#,
            artifact.media_type,
            artifact.digest(),
            artifact.manifest.len(),
        )
    };
    let entries = PLATFORMS.iter().zip(indexes).flat_map(|(platform, index)| {
        let [image, attestation] = index.children.as_slice() else { panic!("an image and its attestation") };
        let annotations = format!(
            r#"
      "annotations": {{
        "vnd.docker.reference.digest": "{}",
        "vnd.docker.reference.type": "attestation-manifest"
      }},"#,
            image.digest()
        );
        [
            entry(image, "", &format!("\"architecture\": \"{platform}\",\n        \"os\": \"linux\"")),
            entry(attestation, &annotations, "\"architecture\": \"unknown\",\n        \"os\": \"unknown\""),
        ]
    });
    let entries = entries.collect::<Vec<_>>().join(",\n");
    format!(
        r#"{{
  "schemaVersion": 2,
  "mediaType": "{OCI_INDEX}",
  "manifests": [
{entries}
  ]
}}"#
    )
}

/// Stores the list of these images under the version's tag and returns its digest.
pub fn publish(
    registry: &RegistryHandle,
    repository: &str,
    version: &str,
    kind: ImageKind,
    images: &[Artifact; 2],
) -> String {
    let (text, media_type) = kind.list(images);
    registry.store_raw(repository, Some(version), media_type, text, None)
}

/// The digest of the list of these images.
pub fn digest_of_list(kind: ImageKind, images: &[Artifact; 2]) -> String {
    digest_of(kind.list(images).0.as_bytes())
}
