//! Writes manifests under tags.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::SdkError;
use aws_sdk_ecr::operation::put_image::{PutImageError, PutImageOutput};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{Digest, Error, IamAction, ManifestList, Reference, RepositoryName, Tag};

use super::{Registry, error, image};

impl Registry {
    /// Writes a manifest under a tag.
    ///
    /// # Errors
    /// Every error of ECR except those that [`PutResponse`] covers.
    pub(crate) async fn put_manifest(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        manifest: PutManifest<'_>,
    ) -> Result<PutResponse, Error> {
        let send = self.put_image(repository, tag, manifest);
        put_response(self.call(IamAction::PutImage, send).await, repository, tag)
    }

    /// Writes a manifest list under a tag, in a call that has passed the gate. `None`, if ECR throttles it.
    ///
    /// # Errors
    /// Every error of ECR except those that [`PutResponse`] covers.
    pub async fn put_manifest_list_once(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        list: &ManifestList,
    ) -> Result<Option<PutResponse>, Error> {
        match self.send_once(IamAction::PutImage, self.put_image(repository, tag, list.into())).await {
            Err(error) if error::is_throttling(&error) => Ok(None),
            result => put_response(result, repository, tag).map(Some),
        }
    }

    fn put_image(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        manifest: PutManifest<'_>,
    ) -> impl AsyncFn(&Client) -> Result<PutImageOutput, SdkError<PutImageError, HttpResponse>> {
        async move |client: &Client| {
            client
                .put_image()
                .set_registry_id(self.account())
                .repository_name(repository.as_str())
                .image_tag(tag.as_str())
                .image_manifest(manifest.text)
                .image_manifest_media_type(manifest.media_type)
                .image_digest(manifest.digest.to_string())
                .send()
                .await
        }
    }
}

/// A manifest that is written under a tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PutManifest<'a> {
    text: &'a str,
    media_type: &'a str,
    digest: Digest,
}

impl<'a> From<&'a ManifestList> for PutManifest<'a> {
    fn from(list: &'a ManifestList) -> Self {
        Self { text: &list.text, media_type: list.media_type.as_str(), digest: list.digest }
    }
}

impl<'a> From<&'a StoredManifest> for PutManifest<'a> {
    fn from(stored: &'a StoredManifest) -> Self {
        let known = stored.known_media_type().map(|media_type| -> &'static str { media_type.as_str() });
        let media_type = known.unwrap_or(&stored.media_type);
        Self { text: &stored.text, media_type, digest: stored.digest }
    }
}

/// What the response to a write says.
fn put_response(
    result: Result<PutImageOutput, SdkError<PutImageError, HttpResponse>>,
    repository: &RepositoryName,
    tag: &Tag,
) -> Result<PutResponse, Error> {
    let Err(error) = result else { return Ok(PutResponse::Stored) };
    match error::error_code(&error) {
        Some("ImageAlreadyExistsException") => Ok(PutResponse::Stored),
        Some("ImageTagAlreadyExistsException") => Ok(PutResponse::TagImmutable),
        Some("ReferencedImagesNotFoundException") => Ok(PutResponse::ReferencedImageNotFound),
        _ => {
            let resource = image(repository, Reference::Tag(tag.clone()));
            Err(error::classify(IamAction::PutImage, resource, &error))
        }
    }
}
