//! `BatchGetImage`.

use super::parameter::{Account, List, RepositoryName, Text, is_tag};
use super::{Answer, Context, ImageId, image_id};
use crate::convert::{Converted, convert};
use crate::digest::{digest_of, is_digest};
use crate::media_type::{DOCKER_MANIFEST, OCI_MANIFEST};
use crate::repository::Repository;
use crate::visibility::take;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchGetImage {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    image_ids: List<ImageId, 1, 100>,
    accepted_media_types: Option<List<Text<1, 256>, 1, 100>>,
}

/// Why an image is not in the answer: a code and its reason.
type Failure = (String, String);

pub(super) fn batch_get_image(context: &mut Context<'_>, request: &BatchGetImage) -> Answer {
    let registry = context.registry(request.registry_id.as_ref());
    let now = context.now;
    let repository = context.world.repository(&registry, &request.repository_name)?;
    let accepted: Vec<&str> = match &request.accepted_media_types {
        Some(types) => types.iter().map(|media_type| &**media_type).collect(),
        // A client that does not say is one from before there were lists.
        None => vec![DOCKER_MANIFEST, OCI_MANIFEST],
    };
    let mut images = Vec::new();
    let mut failures = Vec::new();
    for id in shuffled(&request.image_ids) {
        let (tag, asked_digest) = (id.image_tag.as_deref(), id.image_digest.as_deref());
        let found = find(repository, tag, asked_digest)
            .and_then(|digest| check_state(repository, id, &digest).map(|()| digest));
        match found {
            Ok(digest) => {
                if let Some(image) = repository.images.get_mut(&digest) {
                    image.pulled_at = Some(now);
                }
                // "If you pull an image by digest, there is no translation available."
                let accepted = asked_digest.is_none().then_some(accepted.as_slice());
                if let Some(Converted { bytes, media_type }) = convert(repository, &digest, accepted) {
                    images.push(json!({
                        "registryId": registry.account,
                        "repositoryName": &*request.repository_name,
                        "imageId": image_id(Some(&digest), tag),
                        "imageManifest": String::from_utf8_lossy(&bytes),
                        "imageManifestMediaType": media_type,
                    }));
                }
            }
            Err((code, reason)) => failures.push(json!({
                "imageId": image_id(asked_digest, tag),
                "failureCode": code,
                "failureReason": reason,
            })),
        }
    }
    Ok(json!({"images": images, "failures": failures}))
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
    if take(&mut repository.visibility.hidden, reference)
        || digest.is_some_and(|digest| digest != reference && take(&mut repository.visibility.hidden, digest))
    {
        return not_found();
    }
    let seen = if take(&mut repository.visibility.stale, reference) {
        match repository.previous(reference) {
            Some(previous) if repository.images.contains_key(previous) => previous.to_owned(),
            _ => return not_found(),
        }
    } else {
        found
    };
    match digest {
        Some(digest) if digest != seen => {
            failure("ImageTagDoesNotMatchDigest", "Requested image tag does not match the requested image digest")
        }
        _ => Ok(seen),
    }
}

/// Refuses an image that a test has put out of reach.
fn check_state(repository: &Repository, id: &ImageId, digest: &str) -> Result<(), Failure> {
    let failing = &repository.visibility.failing;
    let code = id.image_tag.as_deref().and_then(|tag| failing.get(tag)).or_else(|| failing.get(digest));
    match code {
        Some(code) => Err((code.clone(), format!("The image is not available: {code}"))),
        None => Ok(()),
    }
}

/// The ids in an order of their own, which is never the request's where there are two or more:
/// ECR promises none.
fn shuffled(ids: &[ImageId]) -> Vec<&ImageId> {
    let mut keyed: Vec<(String, usize)> = ids
        .iter()
        .enumerate()
        .map(|(position, id)| {
            let name = format!("{:?}{:?}", id.image_tag, id.image_digest);
            (digest_of(name.as_bytes()), position)
        })
        .collect();
    keyed.sort_unstable();
    if keyed.is_sorted_by_key(|(_, position)| *position) {
        keyed.reverse();
    }
    keyed.into_iter().filter_map(|(_, position)| ids.get(position)).collect()
}
