//! Conversion of manifests for clients that do not accept the stored type.

use crate::media_type::{DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use crate::repository::Repository;
use bytes::Bytes;
use serde_json::{Value, json};

/// The bytes of a manifest, and their media type.
#[derive(Debug)]
pub(crate) struct TypedManifest {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: String,
}

/// An image's manifest in one of the `accepted` types, or as it is stored if there are none: ECR converts
/// image manifests between Docker's and OCI's types and answers a list with its image for `linux/amd64`.
/// A manifest that cannot be converted is returned as it is stored.
pub(crate) fn convert(repository: &Repository, digest: &str, accepted: Option<&[&str]>) -> Option<TypedManifest> {
    let image = repository.images.get(digest)?;
    let stored = TypedManifest { bytes: image.bytes.clone(), media_type: image.manifest.media_type.clone() };
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
    let converted = accepted.contains(&target).then(|| to_format(&stored.bytes, target)).flatten();
    Some(converted.unwrap_or(stored))
}

/// The same image in the other format.
fn to_format(bytes: &[u8], target: &str) -> Option<TypedManifest> {
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
    Some(TypedManifest { bytes: Bytes::from(manifest.to_string()), media_type: target.to_owned() })
}
