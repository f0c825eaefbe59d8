//! Manifest conversion for clients that do not accept what is stored.

use crate::media_type::{DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use crate::repository::Repository;
use bytes::Bytes;
use serde_json::{Value, json};

/// A manifest as a client gets it.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: String,
}

/// An image's manifest in a type among `accepted` (any, where there is none): ECR converts image
/// manifests between Docker's and OCI's types and answers a list with the image for `linux/amd64`.
/// What cannot be converted is answered as it is stored.
pub(crate) fn convert(repository: &Repository, digest: &str, accepted: Option<&[&str]>) -> Option<Converted> {
    let image = repository.images.get(digest)?;
    let stored = Converted { bytes: image.bytes.clone(), media_type: image.manifest.media_type.clone() };
    let Some(accepted) = accepted.filter(|types| !types.contains(&stored.media_type.as_str())) else {
        return Some(stored);
    };
    if image.manifest.is_index() {
        let child = image.manifest.children.iter().find(|child| {
            child.platform.as_ref().is_some_and(|platform| platform.os == "linux" && platform.architecture == "amd64")
        });
        return child
            .filter(|child| crate::media_type::is_image(&child.media_type))
            .and_then(|child| convert(repository, &child.digest, Some(accepted)))
            .or(Some(stored));
    }
    let target = match stored.media_type.as_str() {
        OCI_MANIFEST => DOCKER_MANIFEST,
        DOCKER_MANIFEST => OCI_MANIFEST,
        _ => return Some(stored),
    };
    let converted = accepted.contains(&target).then(|| translate(&stored.bytes, target)).flatten();
    Some(converted.unwrap_or(stored))
}

/// The same image in the other dialect.
fn translate(bytes: &[u8], target: &str) -> Option<Converted> {
    let source: Value = serde_json::from_slice(bytes).ok()?;
    let (config_type, layer_type) = match target {
        OCI_MANIFEST => (OCI_CONFIG, OCI_LAYER),
        _ => (DOCKER_CONFIG, DOCKER_LAYER),
    };
    let retyped = |descriptor: &Value, media_type: &str| {
        json!({
            "mediaType": media_type,
            "digest": descriptor.get("digest"),
            "size": descriptor.get("size"),
        })
    };
    let layers: Vec<Value> = source.get("layers")?.as_array()?.iter().map(|layer| retyped(layer, layer_type)).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": target,
        "config": retyped(source.get("config")?, config_type),
        "layers": layers,
    });
    Some(Converted { bytes: Bytes::from(manifest.to_string()), media_type: target.to_owned() })
}
