//! Scans for the audit: of all images, and with what else ECR says of a repository.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{ImageTagMutability, Repository, TagStatus};
use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::{AccountId, Error, IamAction, RepositoryName, ScannedImage};

use super::Registry;
use super::scan::Page;

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

impl Registry {
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
        let send = async |client: &Client| {
            client
                .describe_repositories()
                .set_registry_id(self.account())
                .repository_names(repository.to_string())
                .send()
                .await
        };
        let resource = || Resource::Repository(repository.clone());
        let output = self.call_on(IamAction::DescribeRepositories, resource, send).await?;
        Ok(output.repositories.unwrap_or_default().into_iter().find_map(stored_repository))
    }

    /// Scans a page of the images of a repository, on demand also those without a tag. The audit does; the function needs
    /// only those with tags.
    ///
    /// # Errors
    /// Every error of ECR.
    pub async fn scan_stored_images(
        &self,
        repository: &RepositoryName,
        with_untagged: bool,
        from: Option<String>,
    ) -> Result<Page<ScannedImage>, Error> {
        let tags = if with_untagged { TagStatus::Any } else { TagStatus::Tagged };
        self.describe_images(repository, tags, from).await
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
