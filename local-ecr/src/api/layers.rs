//! Stored layers: `GetDownloadUrlForLayer` and `BatchCheckLayerAvailability`. A config is a layer to ECR.

use super::context::{Context, OperationResult};
use super::parameter::{Account, List, RepositoryName};
use crate::digest::is_digest;
use crate::error::ApiError;
use crate::media_type::DOCKER_LAYER;
use crate::presigned::presign;
use crate::registry_id::RegistryId;
use crate::rule::Rule;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetDownloadUrlForLayer {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    layer_digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchCheckLayerAvailability {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    layer_digests: List<String, 1, 100>,
}

/// "You can only get URLs for image layers that are referenced in an image."
pub(super) fn get_download_url(context: &mut Context<'_>, request: &GetDownloadUrlForLayer) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let (name, digest) = (&*request.repository_name, request.layer_digest.as_str());
    let has_no_config = Rule::ConfigsHaveUrls.is_broken(context.state.options.broken);
    let repository = context.store.repository(&registry, name)?;
    if !is_digest(digest) {
        return Err(ApiError::invalid_parameter(
            "Invalid parameter at 'layerDigest' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+''",
        ));
    }
    let bytes = repository
        .blobs
        .get(digest)
        .filter(|bytes| repository.is_referenced(digest) && !(has_no_config && bytes.starts_with(b"{")))
        .cloned()
        .ok_or_else(|| layer_not_found(&registry, name, digest))?;
    let url = presign(context.state, context.store, &registry, name, digest, bytes);
    Ok(json!({"downloadUrl": url, "layerDigest": digest}))
}

pub(super) fn batch_check(context: &mut Context<'_>, request: &BatchCheckLayerAvailability) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let repository = context.store.repository(&registry, &request.repository_name)?;
    let (valid, invalid): (Vec<&String>, Vec<&String>) =
        request.layer_digests.iter().partition(|digest| is_digest(digest));
    let layers: Vec<_> = valid
        .iter()
        .map(|digest| match repository.blobs.get(digest) {
            Some(bytes) => json!({
                "layerDigest": digest,
                "layerAvailability": "AVAILABLE",
                "layerSize": bytes.len(),
                "mediaType": DOCKER_LAYER,
            }),
            None => json!({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}),
        })
        .collect();
    let failures: Vec<_> = invalid
        .iter()
        .map(|digest| {
            json!({
                "layerDigest": digest,
                "failureCode": "InvalidLayerDigest",
                "failureReason": "Invalid layer digest",
            })
        })
        .collect();
    Ok(json!({"layers": layers, "failures": failures}))
}

fn layer_not_found(registry: &RegistryId, repository: &str, digest: &str) -> ApiError {
    ApiError::new(
        "LayersNotFoundException",
        format!(
            "The layer with digest '{digest}' does not exist in the repository with name '{repository}' in the registry with id '{}'",
            registry.account
        ),
    )
}
