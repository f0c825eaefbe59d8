//! Scans of a registry and of a repository, page by page. They do not count as pulls.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::describe_repositories::DescribeRepositoriesOutput;
use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageDetail, ImageIdentifier, ImageStatus, ImageStatusFilter, TagStatus,
};
use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::reconcile::right_list::PushTimes;
use ecr_multiarch_core::settings::tag_scheme::MAX_BATCH_IDS;
use ecr_multiarch_core::{Digest, Error, IamAction, RepositoryName, ScannedImage};

use super::{Registry, error};

/// How many rows a page has: the maximum. ECR's default is a tenth of it.
const PAGE_SIZE: i32 = 1_000;

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

    /// Scans a page of the tagged images of a repository.
    ///
    /// # Errors
    /// Every error of ECR.
    pub async fn scan_images(
        &self,
        repository: &RepositoryName,
        from: Option<String>,
    ) -> Result<Page<ScannedImage>, Error> {
        let filter = DescribeImagesFilter::builder().tag_status(TagStatus::Tagged).build();
        self.describe_images(repository, filter, from).await
    }

    pub(super) async fn describe_images(
        &self,
        repository: &RepositoryName,
        filter: DescribeImagesFilter,
        from: Option<String>,
    ) -> Result<Page<ScannedImage>, Error> {
        let send = async |client: &Client| {
            client
                .describe_images()
                .set_registry_id(self.account())
                .repository_name(repository.as_str())
                .filter(filter.clone())
                .max_results(PAGE_SIZE)
                .set_next_token(from.clone())
                .send()
                .await
        };
        let resource = || Resource::Repository(repository.clone());
        let output = self.call_on(IamAction::DescribeImages, resource, send).await?;
        let rows = output.image_details.unwrap_or_default().into_iter().filter_map(scanned_image).collect();
        Ok(Page { rows, next: output.next_token })
    }
}

impl Registry {
    /// When images were first pushed, archived ones included. `None`, if one of them does not exist.
    ///
    /// # Errors
    /// Every error of ECR except the absence of an image.
    pub async fn describe_pushes(
        &self,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> Result<Option<PushTimes>, Error> {
        let mut times = PushTimes::new();
        for digests in digests.chunks(MAX_BATCH_IDS) {
            let Some(images) = self.describe_by_digest(repository, digests).await? else { return Ok(None) };
            times.extend(images.into_iter().map(|image| (image.digest, image.pushed_at)));
        }
        Ok(digests.iter().all(|digest| times.contains_key(digest)).then_some(times))
    }

    /// Describes images by digest. `None`, if one of them does not exist.
    async fn describe_by_digest(
        &self,
        repository: &RepositoryName,
        digests: &[Digest],
    ) -> Result<Option<Vec<ScannedImage>>, Error> {
        let ids = digests.iter().map(|digest| ImageIdentifier::builder().image_digest(digest.to_string()).build());
        let ids: Vec<_> = ids.collect();
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
        let mut described = describe(Some(any_status())).await;
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

/// Images of any storage class; without a filter, ECR omits archived ones.
pub(super) fn any_status() -> DescribeImagesFilter {
    DescribeImagesFilter::builder().image_status(ImageStatusFilter::Any).build()
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
