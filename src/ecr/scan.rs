//! Scans of a registry and of a repository, page by page. They do not count as pulls.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::describe_images::DescribeImagesOutput;
use aws_sdk_ecr::operation::describe_repositories::DescribeRepositoriesOutput;
use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageDetail, ImageStatus, ImageStatusFilter, ImageTagMutability, Repository, TagStatus,
};
use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::{AccountId, Digest, Error, IamAction, RepositoryName};

use super::{Registry, error};

/// How many rows a page has: the maximum. ECR's default is a tenth of it.
const PAGE_SIZE: i32 = 1_000;

/// A tagged image of a repository, according to a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedImage {
    /// Its tags.
    pub tags: Vec<String>,
    /// Its digest, which ECR always states.
    pub digest: Option<Digest>,
    /// When it was first pushed; a tag that is moved to it later does not change this.
    pub pushed_at: SystemTime,
    /// The media type of its manifest; empty where ECR does not say.
    pub media_type: String,
}

/// An image of a repository according to a scan of all images, archived ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// What every scan says of it. It may have no tags.
    pub image: ScannedImage,
    /// The media type of its config, or of the artifact that it is; empty where ECR does not say, as of lists.
    pub artifact_media_type: String,
    /// Whether it is archived, so that it cannot be pulled.
    pub is_archived: bool,
}

/// A repository with what the audit needs of its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRepository {
    /// Its name.
    pub name: RepositoryName,
    /// The account of its registry.
    pub account: Option<AccountId>,
    /// Whether its tags are immutable, except those that a filter excludes.
    pub is_immutable: bool,
    /// The filters of the tags for which the opposite holds. In each, `*` stands for any characters.
    pub exclusions: Vec<String>,
}

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

    /// Scans a page of the repositories, with what the audit needs of them; the function needs their names only.
    ///
    /// # Errors
    /// Every error of ECR.
    pub async fn scan_stored_repositories(&self, from: Option<String>) -> Result<Page<StoredRepository>, Error> {
        let output = self.describe_repositories(from).await?;
        let rows = output.repositories.unwrap_or_default().into_iter().filter_map(stored_repository).collect();
        Ok(Page { rows, next: output.next_token })
    }

    /// Describes one repository. `None`, if ECR says nothing of it.
    ///
    /// # Errors
    /// Every error of ECR.
    pub async fn describe_repository(&self, repository: &RepositoryName) -> Result<Option<StoredRepository>, Error> {
        let action = IamAction::DescribeRepositories;
        let send = async |client: &Client| {
            client
                .describe_repositories()
                .set_registry_id(self.account())
                .repository_names(repository.to_string())
                .send()
                .await
        };
        let resource = || Resource::Repository(repository.clone());
        let output = self.call(action, send).await.map_err(|error| error::classify(action, resource(), &error))?;
        Ok(output.repositories.unwrap_or_default().into_iter().find_map(stored_repository))
    }

    async fn describe_repositories(&self, from: Option<String>) -> Result<DescribeRepositoriesOutput, Error> {
        let action = IamAction::DescribeRepositories;
        let send = async |client: &Client| {
            client
                .describe_repositories()
                .set_registry_id(self.account())
                .max_results(PAGE_SIZE)
                .set_next_token(from.clone())
                .send()
                .await
        };
        let resource = || Resource::Registry(self.id.clone());
        self.call(action, send).await.map_err(|error| error::classify(action, resource(), &error))
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
        let output = self.describe_images(repository, filter, from).await?;
        let rows = output.image_details.unwrap_or_default().into_iter().filter_map(scanned_image).collect();
        Ok(Page { rows, next: output.next_token })
    }

    /// Scans a page of the images of a repository, archived ones included, and on demand those without a tag. The audit
    /// does; the function needs only what can be pulled by a tag.
    ///
    /// # Errors
    /// Every error of ECR.
    pub async fn scan_stored_images(
        &self,
        repository: &RepositoryName,
        with_untagged: bool,
        from: Option<String>,
    ) -> Result<Page<StoredImage>, Error> {
        let tags = if with_untagged { TagStatus::Any } else { TagStatus::Tagged };
        // Without a filter by status, ECR leaves archived images out.
        let filter = DescribeImagesFilter::builder().tag_status(tags).image_status(ImageStatusFilter::Any).build();
        let output = self.describe_images(repository, filter, from).await?;
        let stored_image = |mut image: ImageDetail| {
            let artifact_media_type = image.artifact_media_type.take().unwrap_or_default();
            let is_active = image.image_status.as_ref().is_none_or(|status| *status == ImageStatus::Active);
            Some(StoredImage { image: scanned_image(image)?, artifact_media_type, is_archived: !is_active })
        };
        let rows = output.image_details.unwrap_or_default().into_iter().filter_map(stored_image).collect();
        Ok(Page { rows, next: output.next_token })
    }

    async fn describe_images(
        &self,
        repository: &RepositoryName,
        filter: DescribeImagesFilter,
        from: Option<String>,
    ) -> Result<DescribeImagesOutput, Error> {
        let action = IamAction::DescribeImages;
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
        self.call(action, send).await.map_err(|error| error::classify(action, resource(), &error))
    }
}

fn stored_repository(repository: Repository) -> Option<StoredRepository> {
    let is_immutable = matches!(
        repository.image_tag_mutability,
        Some(ImageTagMutability::Immutable | ImageTagMutability::ImmutableWithExclusion)
    );
    let filters = repository.image_tag_mutability_exclusion_filters.unwrap_or_default();
    let exclusions = filters.into_iter().map(|filter| filter.filter).collect();
    let account = repository.registry_id.and_then(|account| account.parse().ok());
    Some(StoredRepository { name: repository.repository_name?.parse().ok()?, account, is_immutable, exclusions })
}

fn scanned_image(image: ImageDetail) -> Option<ScannedImage> {
    let pushed_at = image.image_pushed_at?;
    let since_epoch = Duration::from_millis(pushed_at.to_millis().ok()?.try_into().ok()?);
    Some(ScannedImage {
        tags: image.image_tags.unwrap_or_default(),
        digest: image.image_digest.and_then(|digest| digest.parse().ok()),
        pushed_at: SystemTime::UNIX_EPOCH + since_epoch,
        media_type: image.image_manifest_media_type.unwrap_or_default(),
    })
}
