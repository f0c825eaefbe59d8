//! Pages of images: `DescribeImages` and `ListImages`.

use super::context::{Context, OperationResult};
use super::image_id::{ImageId, image_id, image_not_found};
use super::parameter::{Account, List, PageSize, RepositoryName};
use crate::clock::epoch_seconds;
use crate::error::ApiError;
use crate::registry_id::RegistryId;
use crate::repository::{Repository, StoredImage};
use crate::rule::Rule;
use crate::token;
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::Bound::{Excluded, Included, Unbounded};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeImages {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    image_ids: Option<List<ImageId, 1, 100>>,
    next_token: Option<String>,
    max_results: Option<PageSize>,
    filter: Option<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListImages {
    registry_id: Option<Account>,
    repository_name: RepositoryName,
    next_token: Option<String>,
    max_results: Option<PageSize>,
    filter: Option<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    tag_status: Option<TagStatus>,
    image_status: Option<ImageStatus>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum TagStatus {
    Tagged,
    Untagged,
    Any,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ImageStatus {
    Active,
    Archived,
    Activating,
    Any,
}

impl Filter {
    const ANY: Self = Self { tag_status: None, image_status: None };

    /// Whether an image passes. Without a status, only active images do. None is ever on its way back here.
    fn admits(&self, image: &StoredImage) -> bool {
        let has_tags = match self.tag_status {
            Some(TagStatus::Tagged) => !image.tags.is_empty(),
            Some(TagStatus::Untagged) => image.tags.is_empty(),
            Some(TagStatus::Any) | None => true,
        };
        has_tags && self.admits_status(image)
    }

    /// Whether an image passes by its status alone.
    fn admits_status(&self, image: &StoredImage) -> bool {
        match self.image_status {
            Some(ImageStatus::Any) => true,
            Some(ImageStatus::Archived) => image.is_archived,
            Some(ImageStatus::Activating) => false,
            Some(ImageStatus::Active) | None => !image.is_archived,
        }
    }
}

pub(super) fn describe_images(context: &mut Context<'_>, request: &DescribeImages) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let name = &*request.repository_name;
    let repository = context.store.repository(&registry, name)?;
    let filter = request.filter.as_ref().unwrap_or(&Filter::ANY);
    if let Some(ids) = &request.image_ids {
        if request.next_token.is_some() || request.max_results.is_some() {
            return Err(ApiError::invalid_parameter(
                "Invalid parameter: nextToken and maxResults cannot be used with imageIds",
            ));
        }
        if request.filter.is_some() && context.state.options.refuses_filter_with_image_ids {
            return Err(ApiError::invalid_parameter("Invalid parameter: filter cannot be used with imageIds"));
        }
        let details: Result<Vec<Value>, ApiError> =
            ids.iter().map(|id| describe_one(&registry, name, repository, id, filter)).collect();
        return Ok(json!({"imageDetails": details?}));
    }
    let size = PageSize::or_default(request.max_results.as_ref());
    let start = match &request.next_token {
        Some(text) => Excluded(token::decode(text)?),
        None => Unbounded,
    };
    let mut rows = repository.images.range((start, Unbounded)).filter(|(_, image)| filter.admits(image)).peekable();
    let mut details = Vec::new();
    let mut last = None;
    for (digest, image) in rows.by_ref().take(size) {
        details.push(detail(&registry, name, digest, image));
        last = Some(digest);
    }
    if Rule::AllTagsAreListed.is_broken(context.state.options.broken) {
        for row in &mut details {
            row["imageTags"] = row["imageTags"].get(0).into_iter().cloned().collect();
        }
    }
    let mut answer = json!({"imageDetails": details});
    if let (Some(last), Some(_)) = (last, rows.peek()) {
        answer["nextToken"] = token::encode(last).into();
    }
    Ok(answer)
}

pub(super) fn list_images(context: &mut Context<'_>, request: &ListImages) -> OperationResult {
    let registry = context.registry(request.registry_id.as_ref());
    let repository = context.store.repository(&registry, &request.repository_name)?;
    let filter = request.filter.as_ref().unwrap_or(&Filter::ANY);
    let size = PageSize::or_default(request.max_results.as_ref());
    let after = request.next_token.as_deref().map(token::decode).transpose()?;
    // A row is identified by its digest and its tag; the token identifies the last row of the page before.
    let start = match after.as_deref().and_then(|key| key.split_once(' ')) {
        Some((digest, _)) => Included(digest.to_owned()),
        None => Unbounded,
    };
    let mut rows = repository
        .images
        .range((start, Unbounded))
        .filter(|(_, image)| filter.admits(image))
        .flat_map(|(digest, image)| listing_rows(digest, image))
        .filter(|(digest, tag)| after.as_ref().is_none_or(|after| row_key(digest, *tag) > *after))
        .peekable();
    let page: Vec<_> = rows.by_ref().take(size).collect();
    let ids: Vec<Value> = page.iter().map(|(digest, tag)| image_id(Some(digest), *tag)).collect();
    let mut answer = json!({"imageIds": ids});
    if let (Some((digest, tag)), Some(_)) = (page.last(), rows.peek()) {
        answer["nextToken"] = token::encode(&row_key(digest, *tag)).into();
    }
    Ok(answer)
}

/// One row per tag, and one for an image without any.
fn listing_rows<'a>(digest: &'a str, image: &'a StoredImage) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    let untagged = image.tags.is_empty().then_some((digest, None));
    let tagged = image.tags.iter().map(move |tag| (digest, Some(tag.as_str())));
    tagged.chain(untagged)
}

fn row_key(digest: &str, tag: Option<&str>) -> String {
    format!("{digest} {}", tag.unwrap_or_default())
}

/// The row of one image of the request, whose status the filter must admit. A missing image fails the whole call.
fn describe_one(
    registry: &RegistryId,
    name: &str,
    repository: &Repository,
    id: &ImageId,
    filter: &Filter,
) -> OperationResult {
    let (tag, digest) = (id.tag(), id.digest());
    let found = tag
        .or(digest)
        .filter(|reference| {
            digest.is_none() || tag.is_none() || { repository.tags.get(*reference).map(String::as_str) == digest }
        })
        .and_then(|reference| repository.resolve(reference))
        .and_then(|digest| repository.images.get_key_value(digest))
        .filter(|(_, image)| filter.admits_status(image));
    match found {
        Some((digest, image)) => Ok(detail(registry, name, digest, image)),
        None => Err(image_not_found(registry, name, id)),
    }
}

fn detail(registry: &RegistryId, name: &str, digest: &str, image: &StoredImage) -> Value {
    let mut row = json!({
        "registryId": registry.account,
        "repositoryName": name,
        "imageDigest": digest,
        "imageSizeInBytes": image.size,
        "imagePushedAt": epoch_seconds(image.pushed_at),
        "imageManifestMediaType": image.manifest.media_type,
        "imageStatus": if image.is_archived { "ARCHIVED" } else { "ACTIVE" },
    });
    if !image.tags.is_empty() {
        row["imageTags"] = json!(image.tags);
    }
    if let Some(artifact) = image.manifest.artifact_media_type() {
        row["artifactMediaType"] = Value::from(artifact);
    }
    if let Some(subject) = &image.manifest.subject {
        row["subjectManifestDigest"] = Value::from(subject.digest.as_str());
    }
    if let Some(pulled_at) = image.pulled_at {
        row["lastRecordedPullTime"] = Value::from(epoch_seconds(pulled_at));
    }
    row
}
