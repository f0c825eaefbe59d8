//! Writes manifest lists.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::SdkError;
use aws_sdk_ecr::operation::put_image::{PutImageError, PutImageOutput};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use ecr_multiarch_core::reconcile::machine::PutResponse;
use ecr_multiarch_core::{Error, IamAction, ManifestList, Reference, RepositoryName, Tag};

use super::error::{self, error_code};
use super::{Registry, image};

impl Registry {
    /// Writes a manifest list under a tag.
    ///
    /// # Errors
    /// Every error of ECR except those that [`PutResponse`] covers.
    pub async fn put_manifest_list(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        list: &ManifestList,
    ) -> Result<PutResponse, Error> {
        let send = self.put_image(repository, tag, list);
        put_response(self.call(IamAction::PutImage, send).await, repository, tag)
    }

    /// Writes a manifest list under a tag, in a call that has passed the gate. `None`, if ECR throttles it.
    ///
    /// # Errors
    /// As [`Self::put_manifest_list`].
    pub async fn put_manifest_list_once(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        list: &ManifestList,
    ) -> Result<Option<PutResponse>, Error> {
        match self.send_once(IamAction::PutImage, self.put_image(repository, tag, list)).await {
            Err(error) if error::is_throttling(&error) => Ok(None),
            result => put_response(result, repository, tag).map(Some),
        }
    }

    fn put_image(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        list: &ManifestList,
    ) -> impl AsyncFn(&Client) -> Result<PutImageOutput, SdkError<PutImageError, HttpResponse>> {
        async move |client: &Client| {
            client
                .put_image()
                .set_registry_id(self.account())
                .repository_name(repository.as_str())
                .image_tag(tag.as_str())
                .image_manifest(&list.text)
                .image_manifest_media_type(list.media_type.as_str())
                .image_digest(list.digest.to_string())
                .send()
                .await
        }
    }
}

/// What the response to a write says.
fn put_response(
    result: Result<PutImageOutput, SdkError<PutImageError, HttpResponse>>,
    repository: &RepositoryName,
    tag: &Tag,
) -> Result<PutResponse, Error> {
    let Err(error) = result else { return Ok(PutResponse::Stored) };
    match error_code(&error) {
        Some("ImageAlreadyExistsException") => Ok(PutResponse::Stored),
        Some("ImageTagAlreadyExistsException") => Ok(PutResponse::TagImmutable),
        Some("ReferencedImagesNotFoundException") => Ok(PutResponse::ReferencedImageNotFound),
        _ => {
            let resource = image(repository, Reference::Tag(tag.clone()));
            Err(error::classify(IamAction::PutImage, resource, &error))
        }
    }
}
