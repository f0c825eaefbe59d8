//! BuildKit's attestations of an image, in both of their forms.

use super::artifact::{Artifact, Document, descriptor, pretty};
use super::index::Entry;
use crate::digest::digest_of;
use crate::manifest::{Descriptor, Platform};
use crate::media_type::{EMPTY, OCI_CONFIG, OCI_MANIFEST};
use bytes::Bytes;
use serde_json::json;
use std::collections::BTreeMap;

const ARTIFACT_TYPE: &str = "application/vnd.docker.attestation.manifest.v1+json";
const PREDICATE: &str = "https://slsa.dev/provenance/v1";

/// In the form of an image, whose config names the platform unknown/unknown.
pub(super) fn as_image(image: &Artifact) -> Entry {
    let statement = statement(image);
    let config = pretty(&json!({
        "architecture": "unknown",
        "config": {},
        "os": "unknown",
        "rootfs": {"diff_ids": [digest_of(&statement)], "type": "layers"},
    }));
    let document = Document {
        config: Some(descriptor(OCI_CONFIG, &config)),
        layers: Some(vec![layer(&statement)]),
        ..Document::new(OCI_MANIFEST)
    };
    entry(image, document, vec![config, statement])
}

/// As an OCI artifact: an empty config, and the image as its subject.
pub(super) fn as_artifact(image: &Artifact) -> Entry {
    let statement = statement(image);
    let config = Bytes::from_static(b"{}");
    let document = Document {
        artifact_type: Some(ARTIFACT_TYPE.to_owned()),
        config: Some(descriptor(EMPTY, &config)),
        layers: Some(vec![layer(&statement)]),
        subject: Some(descriptor(&image.media_type, &image.manifest)),
        ..Document::new(OCI_MANIFEST)
    };
    entry(image, document, vec![config, statement])
}

fn statement(image: &Artifact) -> Bytes {
    let digest = image.digest();
    let hex = digest.trim_start_matches("sha256:");
    pretty(&json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicate": {},
        "predicateType": PREDICATE,
        "subject": [{"digest": {"sha256": hex}, "name": "_"}],
    }))
}

fn layer(statement: &Bytes) -> Descriptor {
    let predicate = (String::from("in-toto.io/predicate-type"), PREDICATE.to_owned());
    Descriptor {
        annotations: Some(BTreeMap::from([predicate])),
        ..descriptor("application/vnd.in-toto+json", statement)
    }
}

fn entry(image: &Artifact, document: Document, blobs: Vec<Bytes>) -> Entry {
    let artifact = Artifact { blobs, platform: Some(Platform::parse("unknown/unknown")), ..document.into() };
    Entry::new(&artifact)
        .annotation("vnd.docker.reference.digest", &image.digest())
        .annotation("vnd.docker.reference.type", "attestation-manifest")
}
