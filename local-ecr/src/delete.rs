//! The rules of a deletion, the same for every endpoint.

use crate::error::ApiError;
use crate::event::ImageAction;
use crate::manifest::Manifest;
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use crate::rule::Rule;
use crate::store::Store;
use std::time::SystemTime;

/// An image, or one tag of it, that has been deleted.
pub(crate) struct Deletion {
    pub(crate) digest: String,
    pub(crate) tag: Option<String>,
    manifest: Manifest,
}

/// Why an image is not deleted: a failure code and its reason.
pub(crate) type Failure = (&'static str, &'static str);

/// Deletes a tag, and its image with the last one; or by digest an image with all its tags. Announces it.
pub(crate) fn delete_image(
    store: &mut Store,
    registry: &RegistryId,
    repository: &str,
    tag: Option<&str>,
    digest: Option<&str>,
    time: SystemTime,
    broken: Option<Rule>,
) -> Result<Result<Vec<Deletion>, Failure>, ApiError> {
    let deletions = delete(store.repository(registry, repository)?, tag, digest, broken);
    for deletion in deletions.iter().flatten() {
        store.events.announce_delete(&ImageAction {
            registry,
            repository,
            digest: &deletion.digest,
            tag: deletion.tag.as_deref(),
            manifest: &deletion.manifest,
            time,
        });
    }
    Ok(deletions)
}

/// An image that a list names is not deleted.
fn delete(
    repository: &mut Repository,
    tag: Option<&str>,
    digest: Option<&str>,
    broken: Option<Rule>,
) -> Result<Vec<Deletion>, Failure> {
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
        repository.remove_tag(tag);
        return Ok(vec![Deletion { digest: found, tag: Some(tag.to_owned()), manifest }]);
    }
    if repository.is_referenced(&found) && !Rule::ImagesOfAListStay.is_broken(broken) {
        return Err(("ImageReferencedByManifestList", "Requested image referenced by manifest list"));
    }
    repository.remove_image(&found);
    let names = if tags.is_empty() { vec![None] } else { tags.into_iter().map(Some).collect() };
    Ok(names.into_iter().map(|tag| Deletion { digest: found.clone(), tag, manifest: manifest.clone() }).collect())
}
