//! Scans of a registry and of a repository, page by page. They do not count as pulls.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::describe_repositories::DescribeRepositoriesOutput;
use aws_sdk_ecr::types::builders::DescribeImagesFilterBuilder;
use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, ImageStatus, ImageStatusFilter, TagStatus};
use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::reconcile::observation::{Description, Descriptions};
use ecr_multiarch_core::settings::tag_scheme::MAX_BATCH_IDS;
use ecr_multiarch_core::{Error, IamAction, Reference, RepositoryName, ScannedImage};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::client::{ResponseLimit, is_too_large};
use super::{MAX_PARALLEL_CALLS, Registry, error};

/// How many rows a page has: the maximum. ECR's default is a tenth of it.
const PAGE_SIZE: i32 = 1_000;

/// How many bytes a page of images may have. A thousand images with ten tags each have less; a thousand with as many tags
/// as ECR allows would have 130 MB.
const MAX_PAGE_BYTES: usize = 2 << 20;

/// How few images a page has where more have too many tags for [`MAX_PAGE_BYTES`]. So many always fit.
const MIN_PAGE_SIZE: i32 = 10;

/// How many tags of a repository are scanned: two and a half times the images that one has at most by ECR's default quota,
/// each of which takes some 300 bytes of the assembler where it is a release.
const MAX_TAGS: usize = 250_000;

/// A page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` for the last page.
    pub next: Option<String>,
}

impl Registry {
    /// Scans a page of the names of the repositories, in ECR's order.
    ///
    /// # Errors
    /// Every error of ECR.
    pub async fn scan_repositories(&self, from: Option<String>) -> Result<Page<RepositoryName>, Error> {
        let output = self.describe_repositories(from).await?;
        let rows = output.repositories.unwrap_or_default().into_iter();
        let rows = rows.filter_map(|repository| repository.repository_name?.parse().ok()).collect();
        Ok(Page { rows, next: output.next_token })
    }

    pub(super) async fn describe_repositories(
        &self,
        from: Option<String>,
    ) -> Result<DescribeRepositoriesOutput, Error> {
        let send = async |client: &Client| {
            client
                .describe_repositories()
                .set_registry_id(self.account())
                .max_results(PAGE_SIZE)
                .set_next_token(from.clone())
                .send()
                .await
        };
        self.call_on(IamAction::DescribeRepositories, || Resource::Registry(self.id.clone()), send).await
    }

    /// A scan of the tagged images of a repository, archived ones included.
    pub(crate) fn scan_images<'a>(&'a self, repository: &'a RepositoryName) -> ImageScan<'a> {
        ImageScan { registry: self, repository, next: None, is_finished: false, tags: 0 }
    }

    pub(super) async fn describe_images(
        &self,
        repository: &RepositoryName,
        tags: TagStatus,
        from: Option<String>,
    ) -> Result<Page<ScannedImage>, Error> {
        let filter = any_status().tag_status(tags).build();
        let mut size = PAGE_SIZE;
        loop {
            let send = async |client: &Client| {
                let call = client
                    .describe_images()
                    .set_registry_id(self.account())
                    .repository_name(repository.as_str())
                    .filter(filter.clone())
                    .max_results(size)
                    .set_next_token(from.clone());
                call.customize().interceptor(ResponseLimit { max_bytes: MAX_PAGE_BYTES }).send().await
            };
            match self.call(IamAction::DescribeImages, send).await {
                Ok(output) => {
                    let rows = output.image_details.unwrap_or_default().into_iter().filter_map(scanned_image).collect();
                    return Ok(Page { rows, next: output.next_token });
                }
                Err(error) if is_too_large(&error) && size > MIN_PAGE_SIZE => size /= 10,
                Err(error) => {
                    let resource = Resource::Repository(repository.clone());
                    return Err(error::classify(IamAction::DescribeImages, resource, &error));
                }
            }
        }
    }
}

/// A scan of the tagged images of a repository.
pub(crate) struct ImageScan<'a> {
    registry: &'a Registry,
    repository: &'a RepositoryName,
    /// Where the next page begins; `None` for the first one.
    next: Option<String>,
    is_finished: bool,
    /// How many tags the pages had.
    tags: usize,
}

impl ImageScan<'_> {
    /// The images of the next page. `None` after the last one.
    ///
    /// # Errors
    /// Every error of ECR, after which the same page is next; [`Error::RepositoryTooLarge`], for more tags than are held.
    pub(crate) async fn next_page(&mut self) -> Result<Option<Vec<ScannedImage>>, Error> {
        if self.is_finished {
            return Ok(None);
        }
        let page = self.registry.describe_images(self.repository, TagStatus::Tagged, self.next.clone()).await?;
        self.tags += page.rows.iter().map(|image| image.tags.len()).sum::<usize>();
        if self.tags > MAX_TAGS {
            return Err(Error::RepositoryTooLarge { repository: self.repository.clone(), max_tags: MAX_TAGS });
        }
        self.is_finished = page.next.is_none();
        self.next = page.next;
        Ok(Some(page.rows))
    }
}

impl Registry {
    /// Describes images, archived ones included, as far as they exist; of digests, all or none.
    ///
    /// # Errors
    /// Every error of ECR except the absence of an image.
    pub async fn describe(&self, repository: &RepositoryName, references: &[Reference]) -> Result<Descriptions, Error> {
        // One that is absent fails the call. Of tags it is to be told which one that is.
        let per_call = if let [Reference::Tag(_), ..] = references { 1 } else { MAX_BATCH_IDS };
        let calls = references.chunks(per_call).map(async |references| {
            let images = self.describe_by_id(repository, references).await?.unwrap_or_default();
            let described = images.into_iter().flat_map(|image| {
                let ScannedImage { digest, tags, pushed_at, is_archived, .. } = image;
                let is_named = move |reference: &&Reference| match reference {
                    Reference::Tag(tag) => tags.iter().any(|name| name == tag.as_str()),
                    Reference::Digest(named) => *named == digest,
                };
                let description = Description { digest, pushed_at, is_archived };
                references.iter().filter(is_named).map(move |reference| (reference.clone(), description))
            });
            Ok::<_, Error>(described.collect::<Descriptions>())
        });
        let found: Vec<_> = stream::iter(calls).buffer_unordered(MAX_PARALLEL_CALLS).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Describes images, no more than one call takes. `None`, if one of them does not exist.
    async fn describe_by_id(
        &self,
        repository: &RepositoryName,
        references: &[Reference],
    ) -> Result<Option<Vec<ScannedImage>>, Error> {
        let ids: Vec<_> = references.iter().map(super::identifier).collect();
        let describe = async |filter: Option<DescribeImagesFilter>| {
            let send = async |client: &Client| {
                client
                    .describe_images()
                    .set_registry_id(self.account())
                    .repository_name(repository.as_str())
                    .set_image_ids(Some(ids.clone()))
                    .set_filter(filter.clone())
                    .send()
                    .await
            };
            self.call(IamAction::DescribeImages, send).await
        };
        let mut described = describe(Some(any_status().build())).await;
        // No document says whether ECR takes a filter beside ids. Without one it may describe no archived image.
        if described.as_ref().is_err_and(|error| error::error_code(error) == Some("InvalidParameterException")) {
            described = describe(None).await;
        }
        match described {
            Ok(output) => {
                let images = output.image_details.unwrap_or_default();
                Ok(Some(images.into_iter().filter_map(scanned_image).collect()))
            }
            Err(error) if error::error_code(&error) == Some("ImageNotFoundException") => Ok(None),
            Err(error) => {
                let resource = Resource::Repository(repository.clone());
                Err(error::classify(IamAction::DescribeImages, resource, &error))
            }
        }
    }
}

/// A filter that admits images of any storage class: without one, ECR omits archived ones.
fn any_status() -> DescribeImagesFilterBuilder {
    DescribeImagesFilter::builder().image_status(ImageStatusFilter::Any)
}

fn scanned_image(image: ImageDetail) -> Option<ScannedImage> {
    let pushed_at = image.image_pushed_at?;
    let since_epoch = Duration::from_millis(pushed_at.to_millis().ok()?.try_into().ok()?);
    Some(ScannedImage {
        tags: image.image_tags.unwrap_or_default(),
        digest: image.image_digest?.parse().ok()?,
        pushed_at: SystemTime::UNIX_EPOCH + since_epoch,
        media_type: image.image_manifest_media_type.unwrap_or_default(),
        artifact_media_type: image.artifact_media_type.unwrap_or_default(),
        is_archived: image.image_status.is_some_and(|status| status != ImageStatus::Active),
    })
}
