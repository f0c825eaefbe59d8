//! Scans of a registry and of a repository, page by page. They do not count as pulls.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, TagStatus};

use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::{Error, IamAction, RepositoryName};

use super::{Registry, error};

/// How many rows a page has: the maximum. ECR's default is a tenth of it.
const PAGE_SIZE: i32 = 1_000;

/// A tagged image of a repository, according to a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedImage {
    /// Its tags.
    pub tags: Vec<String>,
    /// When it was first pushed; a tag that is moved to it later does not change this.
    pub pushed_at: SystemTime,
    /// The media type of its manifest; empty where ECR does not say.
    pub media_type: String,
}

impl Registry {
    /// Scans the names of all repositories.
    ///
    /// # Errors
    /// Every error of ECR.
    pub async fn scan_repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        let mut pages = self
            .client
            .describe_repositories()
            .set_registry_id(self.account())
            .into_paginator()
            .page_size(PAGE_SIZE)
            .send();
        let mut names = Vec::new();
        loop {
            self.backoff.wait().await;
            let Some(page) = pages.next().await else { return Ok(names) };
            let page =
                page.map_err(|error| error::classify(IamAction::DescribeRepositories, self.resource(), &error))?;
            let page = page.repositories.unwrap_or_default().into_iter();
            names.extend(page.filter_map(|repository| repository.repository_name?.parse().ok()));
        }
    }

    /// Scans the tagged images of a repository, and passes on each page.
    ///
    /// # Errors
    /// Every error of ECR.
    pub async fn scan_images(
        &self,
        repository: &RepositoryName,
        mut on_page: impl FnMut(Vec<ScannedImage>),
    ) -> Result<(), Error> {
        let mut pages = self
            .client
            .describe_images()
            .set_registry_id(self.account())
            .repository_name(repository.as_str())
            .filter(DescribeImagesFilter::builder().tag_status(TagStatus::Tagged).build())
            .into_paginator()
            .page_size(PAGE_SIZE)
            .send();
        loop {
            self.backoff.wait().await;
            let Some(page) = pages.next().await else { return Ok(()) };
            let page = page.map_err(|error| {
                error::classify(IamAction::DescribeImages, Resource::Repository(repository.clone()), &error)
            })?;
            on_page(page.image_details.unwrap_or_default().into_iter().filter_map(scanned_image).collect());
        }
    }

    fn resource(&self) -> Resource {
        Resource::Registry(self.account.clone())
    }
}

fn scanned_image(image: ImageDetail) -> Option<ScannedImage> {
    let pushed_at = image.image_pushed_at?;
    let since_epoch = Duration::from_millis(pushed_at.to_millis().ok()?.try_into().ok()?);
    Some(ScannedImage {
        tags: image.image_tags.unwrap_or_default(),
        pushed_at: SystemTime::UNIX_EPOCH + since_epoch,
        media_type: image.image_manifest_media_type.unwrap_or_default(),
    })
}
