//! Indexes of SOCI, by which a client loads an image lazily.

use super::artifact::{Artifact, Document, descriptor};
use super::index::Entry;
use crate::media_type::OCI_MANIFEST;
use bytes::Bytes;

const ARTIFACT_TYPE: &str = "application/vnd.amazon.soci.index.v2+json";

/// A SOCI index of version 2: an OCI artifact for the image's platform, which its entry in a list ties to the image.
pub(super) fn index(image: &Artifact) -> Entry {
    let config = Bytes::from_static(b"{}");
    let contents = Bytes::from(format!("table of contents of {}\n", image.digest()));
    let document = Document {
        config: Some(descriptor(ARTIFACT_TYPE, &config)),
        layers: Some(vec![descriptor("application/octet-stream", &contents)]),
        ..Document::new(OCI_MANIFEST)
    };
    let artifact = Artifact { blobs: vec![config, contents], platform: image.platform.clone(), ..document.into() };
    Entry::new(&artifact)
        .artifact_type(ARTIFACT_TYPE)
        .annotation("com.amazon.soci.image-manifest-digest", &image.digest())
}
