//! `BatchDeleteImage`.

use super::parameter::{Account, List, RepositoryName};
use super::{Answer, Context, ImageId, image_id};
use crate::error::ApiError;
use crate::event::ImageAction;
use crate::manifest::Manifest;
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use crate::world::World;
use serde::Deserialize;
use serde_json::json;
use std::time::SystemTime;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchDeleteImage {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    image_ids: List<ImageId, 1, 100>,
}

/// An image, or one tag of it, that is gone.
pub(crate) struct Deleted {
    pub(crate) digest: String,
    pub(crate) tag: Option<String>,
    manifest: Manifest,
}

/// Why an image stays: a failure code and its reason.
type Failure = (&'static str, &'static str);

pub(super) fn batch_delete_image(context: &mut Context<'_>, request: &BatchDeleteImage) -> Answer {
    let registry = context.registry(request.registry_id.as_ref());
    let name = &*request.repository_name;
    let mut gone = Vec::new();
    let mut failures = Vec::new();
    for id in request.image_ids.iter() {
        let (tag, digest) = (id.image_tag.as_deref(), id.image_digest.as_deref());
        match delete_image(context.world, &registry, name, tag, digest, context.now)? {
            Ok(deleted) => gone.extend(deleted.iter().map(|one| image_id(Some(&one.digest), one.tag.as_deref()))),
            Err((code, reason)) => failures.push(json!({
                "imageId": image_id(digest, tag),
                "failureCode": code,
                "failureReason": reason,
            })),
        }
    }
    Ok(json!({"imageIds": gone, "failures": failures}))
}

/// Deletes as [`delete`] does and announces it.
pub(crate) fn delete_image(
    world: &mut World,
    registry: &RegistryId,
    repository: &str,
    tag: Option<&str>,
    digest: Option<&str>,
    time: SystemTime,
) -> Result<Result<Vec<Deleted>, Failure>, ApiError> {
    let deleted = delete(world.repository(registry, repository)?, tag, digest);
    for one in deleted.iter().flatten() {
        world.announce_delete(&ImageAction {
            registry,
            repository,
            digest: &one.digest,
            tag: one.tag.as_deref(),
            manifest: &one.manifest,
            time,
        });
    }
    Ok(deleted)
}

/// Deletes a tag, and the image with its last; or by digest the image with all its tags. An image
/// that a list names stays.
fn delete(repository: &mut Repository, tag: Option<&str>, digest: Option<&str>) -> Result<Vec<Deleted>, Failure> {
    let reference = tag
        .or(digest)
        .ok_or(("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"))?;
    let found =
        repository.resolve(reference).map(str::to_owned).ok_or(("ImageNotFound", "Requested image not found"))?;
    if digest.is_some_and(|digest| digest != found) {
        return Err(("ImageTagDoesNotMatchDigest", "Requested image tag does not match the requested image digest"));
    }
    let image = repository.images.get(&found);
    let manifest = image.map_or_else(Manifest::default, |image| image.manifest.clone());
    let tags: Vec<String> = image.map(|image| image.tags.iter().cloned().collect()).unwrap_or_default();
    if let Some(tag) = tag.filter(|_| tags.len() > 1) {
        repository.untag(tag);
        return Ok(vec![Deleted { digest: found, tag: Some(tag.to_owned()), manifest }]);
    }
    if repository.is_referenced(&found) {
        return Err(("ImageReferencedByManifestList", "Requested image referenced by manifest list"));
    }
    repository.remove(&found);
    let names = if tags.is_empty() { vec![None] } else { tags.into_iter().map(Some).collect() };
    Ok(names.into_iter().map(|tag| Deleted { digest: found.clone(), tag, manifest: manifest.clone() }).collect())
}
