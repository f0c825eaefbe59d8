//! Images: `BatchGetImage`, `PutImage` and `BatchDeleteImage`.

use super::context::{Context, OperationResult};
use super::image_id::{ImageId, image_id, image_not_found, valid_tag};
use super::parameter::{Account, List, RepositoryName, Text};
use crate::archived_answer::ArchivedAnswer;
use crate::convert::{TypedManifest, convert};
use crate::delete::delete_image;
use crate::digest::{digest_of, is_digest};
use crate::error::ApiError;
use crate::media_type::{DOCKER_MANIFEST, OCI_MANIFEST};
use crate::name::is_tag;
use crate::push::Push;
use crate::repository::Repository;
use crate::rule::Rule;
use crate::visibility::consume;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use std::collections::HashSet;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchGetImage {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    image_ids: List<ImageId, 1, 100>,
    accepted_media_types: Option<List<Text<1, 256>, 1, 100>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutImage {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    image_manifest: Text<1, 4_194_304>,
    image_manifest_media_type: Option<String>,
    image_tag: Option<Text<1, 300>>,
    image_digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchDeleteImage {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    image_ids: List<ImageId, 1, 100>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateImageStorageClass {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    image_id: ImageId,
    target_storage_class: StorageClass,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum StorageClass {
    Standard,
    Archive,
}

/// Why an image is not in the response: a failure code and its reason.
type Failure = (String, String);

pub(super) fn batch_get(context: &mut Context<'_>, request: &BatchGetImage) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let (now, archived) = (context.now, context.state.options.archived);
    let breaks = |rule: Rule| rule.is_broken(context.state.options.broken);
    let repository = context.store.repository(&registry, &request.repository_name)?;
    let accepted: Vec<&str> = match &request.accepted_media_types {
        Some(types) => types.iter().map(|media_type| &**media_type).collect(),
        // A client that states no types may be too old to support lists.
        None => vec![DOCKER_MANIFEST, OCI_MANIFEST],
    };
    let mut images = Vec::new();
    let mut answered = HashSet::new();
    let mut failures = Vec::new();
    for id in reordered(&request.image_ids) {
        let (tag, requested_digest) = (id.tag(), id.digest());
        let found = find(repository, tag, requested_digest)
            .and_then(|digest| check_available(repository, id, &digest, archived).map(|()| digest));
        match found {
            Ok(digest) if context.state.options.merge_tags_of_an_image && !answered.insert(digest.clone()) => {}
            Ok(digest) => {
                if let Some(image) = repository.images.get_mut(&digest) {
                    image.pulled_at = Some(now);
                }
                // ECR converts manifests for reads by tag only, not by digest.
                let accepted = requested_digest.is_none().then_some(accepted.as_slice());
                if let Some(TypedManifest { mut bytes, media_type }) = convert(repository, &digest, accepted) {
                    if breaks(Rule::BytesStay) {
                        bytes = with_a_space(&bytes);
                    }
                    images.push(json!({
                        "registryId": registry.account,
                        "repositoryName": &*request.repository_name,
                        "imageId": image_id(Some(&digest), tag),
                        "imageManifest": String::from_utf8_lossy(&bytes),
                        "imageManifestMediaType": media_type,
                    }));
                }
            }
            Err((code, _)) if code == "ImageNotFound" && breaks(Rule::AbsenceIsNoException) => {
                return Err(image_not_found(&registry, &request.repository_name, id));
            }
            Err((code, reason)) => failures.push(json!({
                "imageId": image_id(requested_digest, tag),
                "failureCode": code,
                "failureReason": reason,
            })),
        }
    }
    Ok(json!({"images": images, "failures": failures}))
}

pub(super) fn put(context: &mut Context<'_>, request: &PutImage) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let tag = valid_tag(request.image_tag.as_ref())?;
    let target = context.state.push_target(&registry, &request.repository_name);
    let push = Push {
        bytes: Bytes::copy_from_slice(request.image_manifest.as_bytes()),
        media_type: request.image_manifest_media_type.as_deref(),
        tag,
        digest: request.image_digest.as_deref(),
    };
    let digest = target.put(context.store, &push)?;
    let repository = context.store.repository(&registry, target.repository)?;
    let stored = repository.images.get(&digest);
    Ok(json!({"image": {
        "registryId": registry.account,
        "repositoryName": target.repository,
        "imageId": image_id(Some(&digest), tag),
        "imageManifest": &*request.image_manifest,
        "imageManifestMediaType": stored.map(|image| image.manifest.media_type.as_str()),
    }}))
}

pub(super) fn batch_delete(context: &mut Context<'_>, request: &BatchDeleteImage) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let broken = context.state.options.broken;
    let mut deleted = Vec::new();
    let mut failures = Vec::new();
    for id in request.image_ids.iter() {
        let (tag, digest) = (id.tag(), id.digest());
        match delete_image(context.store, &registry, &request.repository_name, tag, digest, context.now, broken)? {
            Ok(deletions) => {
                deleted.extend(deletions.iter().map(|one| image_id(Some(&one.digest), one.tag.as_deref())));
            }
            Err((code, reason)) => failures.push(json!({
                "imageId": image_id(digest, tag),
                "failureCode": code,
                "failureReason": reason,
            })),
        }
    }
    Ok(json!({"imageIds": deleted, "failures": failures}))
}

/// Archives an image or restores it, at once.
pub(super) fn update_storage_class(context: &mut Context<'_>, request: &UpdateImageStorageClass) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let name = &*request.repository_name;
    let repository = context.store.repository(&registry, name)?;
    let (tag, requested_digest) = (request.image_id.tag(), request.image_id.digest());
    let digest = find(repository, tag, requested_digest).map_err(|(code, reason)| match code.as_str() {
        "ImageNotFound" => image_not_found(&registry, name, &request.image_id),
        _ => ApiError::invalid_parameter(reason),
    })?;
    let is_archived = request.target_storage_class == StorageClass::Archive;
    if let Some(image) = repository.images.get_mut(&digest) {
        image.is_archived = is_archived;
    }
    Ok(json!({
        "registryId": registry.account,
        "repositoryName": name,
        "imageId": image_id(Some(&digest), tag),
        "imageStatus": if is_archived { "ARCHIVED" } else { "ACTIVE" },
    }))
}

/// The same JSON in other bytes.
fn with_a_space(bytes: &[u8]) -> Bytes {
    [bytes, b" "].concat().into()
}

/// The digest that an image id names for this read.
fn find(repository: &mut Repository, tag: Option<&str>, digest: Option<&str>) -> Result<String, Failure> {
    let failure = |code: &str, reason: &str| Err((code.to_owned(), reason.to_owned()));
    let not_found = || failure("ImageNotFound", "Requested image not found");
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return failure(
            "InvalidImageDigest",
            "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        );
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return failure("InvalidImageTag", "Invalid request parameters: image tag is not valid");
    }
    let Some(reference) = tag.or(digest) else {
        return failure("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null");
    };
    let Some(found) = repository.resolve(reference).map(str::to_owned) else {
        return not_found();
    };
    if consume(&mut repository.visibility.hidden, reference)
        || digest.is_some_and(|digest| digest != reference && consume(&mut repository.visibility.hidden, digest))
    {
        return not_found();
    }
    match digest {
        Some(digest) if digest != found => {
            failure("ImageTagDoesNotMatchDigest", "Requested image tag does not match the requested image digest")
        }
        _ => Ok(found),
    }
}

/// Fails the image if it is archived, or if a test has made it unavailable.
fn check_available(
    repository: &Repository,
    id: &ImageId,
    digest: &str,
    archived: ArchivedAnswer,
) -> Result<(), Failure> {
    let failing = &repository.visibility.failing;
    let code = id.tag().and_then(|tag| failing.get(tag)).or_else(|| failing.get(digest));
    if let Some(code) = code {
        return Err((code.clone(), format!("The image is not available: {code}")));
    }
    // The user guide says that an archived image cannot be pulled, and no document says with which code.
    if repository.images.get(digest).is_some_and(|image| image.is_archived) {
        let (code, reason) = archived.failure();
        return Err((code.to_owned(), reason.to_owned()));
    }
    Ok(())
}

/// The ids in another order than that of the request, if there are two or more: ECR promises no order,
/// and a client must not rely on one.
fn reordered(ids: &[ImageId]) -> Vec<&ImageId> {
    let mut keyed: Vec<(String, usize)> =
        ids.iter().enumerate().map(|(position, id)| (digest_of(id.text().as_bytes()), position)).collect();
    keyed.sort_unstable();
    if keyed.is_sorted_by_key(|(_, position)| *position) {
        keyed.reverse();
    }
    keyed.into_iter().filter_map(|(_, position)| ids.get(position)).collect()
}
