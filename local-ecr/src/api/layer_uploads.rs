//! Uploads of layers, in parts: `InitiateLayerUpload`, `UploadLayerPart` and `CompleteLayerUpload`.

use super::context::{Context, OperationResult};
use super::parameter::{Account, List, RepositoryName, Text};
use crate::digest::digest_of;
use crate::error::ApiError;
use crate::store::LayerUpload;
use crate::uuid::uuid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

/// "The size, in bytes, that Amazon ECR expects future layer part uploads to be."
const PART_SIZE: u64 = 20 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InitiateLayerUpload {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UploadLayerPart {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    upload_id: String,
    part_first_byte: u64,
    part_last_byte: u64,
    layer_part_blob: Text<0, 27_962_028>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CompleteLayerUpload {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    upload_id: String,
    layer_digests: List<String, 1, 100>,
}

pub(super) fn initiate(context: &mut Context<'_>, request: &InitiateLayerUpload) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    context.store.repository(&registry, &request.repository_name)?;
    let id = uuid(&mut context.store.random);
    let upload = LayerUpload { repository: request.repository_name.to_owned(), bytes: Vec::new() };
    context.store.uploads.insert(id.clone(), upload);
    Ok(json!({"uploadId": id, "partSize": PART_SIZE}))
}

pub(super) fn upload_part(context: &mut Context<'_>, request: &UploadLayerPart) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let name = &*request.repository_name;
    context.store.repository(&registry, name)?;
    let blob = STANDARD
        .decode(request.layer_part_blob.as_bytes())
        .map_err(|error| ApiError::new("SerializationException", error.to_string()))?;
    let upload = context
        .store
        .uploads
        .get_mut(&request.upload_id)
        .filter(|upload| upload.repository == name)
        .ok_or_else(|| upload_not_found(&request.upload_id))?;
    let (first, length) = (upload.bytes.len() as u64, blob.len() as u64);
    if request.part_first_byte != first || request.part_last_byte + 1 != first + length {
        return Err(ApiError::new(
            "InvalidLayerPartException",
            format!("The layer part does not start at byte {first} or is not of the size it states"),
        ));
    }
    upload.bytes.extend_from_slice(&blob);
    Ok(json!({
        "registryId": registry.account,
        "repositoryName": name,
        "uploadId": request.upload_id,
        "lastByteReceived": request.part_last_byte,
    }))
}

pub(super) fn complete(context: &mut Context<'_>, request: &CompleteLayerUpload) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let name = &*request.repository_name;
    context.store.repository(&registry, name)?;
    let upload = context
        .store
        .uploads
        .get(&request.upload_id)
        .filter(|upload| upload.repository == name)
        .ok_or_else(|| upload_not_found(&request.upload_id))?;
    if upload.bytes.is_empty() {
        return Err(ApiError::new("EmptyUploadException", "The upload is empty"));
    }
    let digest = digest_of(&upload.bytes);
    if !request.layer_digests.contains(&digest) {
        return Err(ApiError::new("InvalidLayerException", format!("The layer's digest is '{digest}'")));
    }
    let bytes = context.store.uploads.remove(&request.upload_id).map_or_else(Bytes::new, |upload| upload.bytes.into());
    let blobs = &mut context.store.repository(&registry, name)?.blobs;
    let exists = blobs.contains(&digest);
    blobs.insert(bytes);
    if exists {
        return Err(ApiError::new(
            "LayerAlreadyExistsException",
            format!("The layer with digest '{digest}' already exists in the repository with name '{name}'"),
        ));
    }
    Ok(json!({
        "registryId": registry.account,
        "repositoryName": name,
        "uploadId": request.upload_id,
        "layerDigest": digest,
    }))
}

fn upload_not_found(id: &str) -> ApiError {
    ApiError::new("UploadNotFoundException", format!("The upload with id '{id}' does not exist"))
}
