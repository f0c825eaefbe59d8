//! Listings, page by page: what the sweep finds its work with, since they count as no pull.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, TagStatus};

use super::Registry;
use super::failure::error_of;
use crate::action;
use crate::error::Error;
use crate::repository::RepositoryName;

/// How many rows a page has, the most that ECR gives; by default it gives a tenth.
const PAGE_SIZE: i32 = 1_000;

/// A tagged image of a repository, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImage {
    /// Its tags.
    pub tags: Vec<String>,
    /// When it was first pushed; a tag that moves to it does not change that.
    pub pushed_at: SystemTime,
    /// The media type of its manifest; empty where ECR does not say.
    pub media_type: String,
}

impl Registry {
    /// The names of all repositories, one page after the other.
    ///
    /// # Errors
    /// Every error of ECR.
    pub async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
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
            let page = page.map_err(|error| error_of(action::DESCRIBE_REPOSITORIES, self.name(), &error))?;
            let page = page.repositories.unwrap_or_default().into_iter();
            names.extend(page.filter_map(|repository| repository.repository_name?.parse().ok()));
        }
    }

    /// Hands every page of a repository's tagged images on.
    ///
    /// # Errors
    /// Every error of ECR.
    pub async fn tagged_images(
        &self,
        repository: &RepositoryName,
        mut page_read: impl FnMut(Vec<ListedImage>),
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
            let page = page.map_err(|error| error_of(action::DESCRIBE_IMAGES, repository.to_string(), &error))?;
            page_read(page.image_details.unwrap_or_default().into_iter().filter_map(listed).collect());
        }
    }

    fn name(&self) -> String {
        let account = self.account.as_ref().map_or("the own account", |account| account.as_str());
        format!("the registry of {account}")
    }
}

fn listed(image: ImageDetail) -> Option<ListedImage> {
    let pushed_at = image.image_pushed_at?;
    let since_epoch = Duration::from_millis(pushed_at.to_millis().ok()?.try_into().ok()?);
    Some(ListedImage {
        tags: image.image_tags.unwrap_or_default(),
        pushed_at: SystemTime::UNIX_EPOCH + since_epoch,
        media_type: image.image_manifest_media_type.unwrap_or_default(),
    })
}
