//! Amazon ECR through its SDK: the requests of the core carried out, and every answer told apart.

mod backoff;
mod client;
mod failure;
mod listing;
mod memory;

use std::sync::Arc;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::retry::RetryConfig;
use aws_sdk_ecr::types::{Image, ImageFailureCode, ImageIdentifier};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

pub use client::{Pace, Registries, behavior_version};
pub use listing::ListedImage;

use crate::action;
use crate::blob::BlobError;
use crate::config::{self, ImageConfig};
use crate::digest::Digest;
use crate::error::{Error, Reference};
use crate::list::ManifestList;
use crate::manifest::{Corruption, MediaType};
use crate::observation::{Configs, Found, ReadConfig, Stored};
use crate::reconcile::PutReply;
use crate::repository::{AccountId, RepositoryName};
use crate::tag::Tag;
use backoff::Backoff;
use client::Shared;
use failure::{error_of, resource_of};

/// How many images one `BatchGetImage` may name. (Amazon ECR API reference.)
pub const MAX_BATCH: usize = 100;
/// How many calls for one version are under way at a time.
const PARALLEL: usize = 8;

/// Why manifests could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The call failed.
    Call(Error),
    /// The call went well, and ECR does not give one of the images.
    Image(Error),
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Call(error) | ReadError::Image(error) => error,
        }
    }
}

/// One registry, with what is shared among all of them.
#[derive(Debug, Clone)]
pub struct Registry {
    client: Client,
    account: Option<AccountId>,
    pace: Pace,
    backoff: Arc<Backoff>,
    shared: Arc<Shared>,
}

impl Registry {
    /// Waits for as long as ECR is to be left alone after it has throttled a call.
    pub async fn ready(&self) {
        self.backoff.wait().await;
    }

    /// The client, as soon as its calls may go on.
    async fn client(&self) -> &Client {
        self.ready().await;
        &self.client
    }

    fn account(&self) -> Option<String> {
        self.account.as_ref().map(ToString::to_string)
    }

    /// Reads manifests. What is not there is not in the answer.
    ///
    /// # Errors
    /// Every error of ECR but the absence of an image.
    pub async fn read(&self, repository: &RepositoryName, references: &[Reference]) -> Result<Found, ReadError> {
        let batches = references.chunks(MAX_BATCH).map(|batch| self.read_batch(repository, batch));
        stream::iter(batches)
            .buffered(PARALLEL)
            .try_fold(Found::new(), async |mut all, found| {
                all.extend(found);
                Ok(all)
            })
            .await
    }

    async fn read_batch(&self, repository: &RepositoryName, references: &[Reference]) -> Result<Found, ReadError> {
        let resource = || resource_of(repository, references);
        let output = self
            .client()
            .await
            .batch_get_image()
            .set_registry_id(self.account())
            .repository_name(repository.as_str())
            .set_image_ids(Some(references.iter().map(identifier).collect()))
            .set_accepted_media_types(Some(MediaType::ALL.map(|media_type| media_type.as_str().to_owned()).into()))
            .send()
            .await
            .map_err(|error| ReadError::Call(error_of(action::BATCH_GET_IMAGE, resource(), &error)))?;

        let mut absent = Vec::new();
        for failure in output.failures() {
            if failure.failure_code() != Some(&ImageFailureCode::ImageNotFound) {
                return Err(ReadError::Image(failure::of_image(resource(), failure)));
            }
            absent.extend(failure.image_id().and_then(|id| requested(id, references)));
        }
        let found: Found =
            output.images.unwrap_or_default().into_iter().filter_map(|image| stored(image, references)).collect();
        match references.iter().find(|reference| !found.contains_key(reference) && !absent.contains(reference)) {
            Some(left_out) => Err(ReadError::Image(Error::RegistryUnavailable {
                action: action::BATCH_GET_IMAGE,
                resource: resource(),
                message: format!("the answer says nothing of {left_out:?}"),
            })),
            None => Ok(found),
        }
    }

    /// Reads configs, at the same time. Those that are remembered are not read again.
    ///
    /// # Errors
    /// Every error of ECR and of its blob store. What is the matter with a config itself is in the answer.
    pub async fn configs(&self, repository: &RepositoryName, digests: &[Digest]) -> Result<Configs, Error> {
        let read = digests.iter().map(async |digest| Ok((*digest, self.config(repository, *digest).await?)));
        stream::iter(read).buffer_unordered(PARALLEL).try_collect().await
    }

    async fn config(&self, repository: &RepositoryName, digest: Digest) -> Result<ReadConfig, Error> {
        if let Some(config) = self.shared.memory.get(&digest) {
            return Ok(Ok(config));
        }
        let resource = || format!("{repository}@{digest}");
        let unavailable =
            |message| Error::RegistryUnavailable { action: action::GET_DOWNLOAD_URL, resource: resource(), message };
        let output = self
            .client()
            .await
            .get_download_url_for_layer()
            .set_registry_id(self.account())
            .repository_name(repository.as_str())
            .layer_digest(digest.to_string())
            .send()
            .await
            .map_err(|error| error_of(action::GET_DOWNLOAD_URL, resource(), &error))?;
        let url = output.download_url.ok_or_else(|| unavailable("the answer holds no URL".to_owned()))?;
        let bytes = match self.shared.blobs.get(&url, config::MAX_BYTES).await {
            Ok(bytes) => bytes,
            Err(BlobError::TooLong) => return Ok(Err(Corruption::Endless.into())),
            Err(error) => return Err(failure::of_blob(resource(), &error)),
        };
        let config = ImageConfig::read(digest, &bytes);
        if let Ok(config) = &config {
            self.shared.memory.remember(digest, config);
        }
        Ok(config)
    }

    /// Writes a list under a tag.
    ///
    /// # Errors
    /// Every error of ECR but those that [`PutReply`] tells.
    pub async fn put(&self, repository: &RepositoryName, tag: &Tag, list: &ManifestList) -> Result<PutReply, Error> {
        let mut put = self
            .client()
            .await
            .put_image()
            .set_registry_id(self.account())
            .repository_name(repository.as_str())
            .image_tag(tag.as_str())
            .image_manifest(&list.text)
            .image_manifest_media_type(list.media_type.as_str())
            .image_digest(list.digest.to_string())
            .customize();
        if self.pace == Pace::Yielding {
            // The sweep sends a write again in its turn, where the SDK would send it at once.
            put = put.config_override(aws_sdk_ecr::config::Builder::new().retry_config(RetryConfig::disabled()));
        }
        let result = put.send().await;
        let Err(error) = result else { return Ok(PutReply::Stored) };
        match failure::code_of(&error) {
            Some("ImageAlreadyExistsException") => Ok(PutReply::Stored),
            Some("ImageTagAlreadyExistsException") => Ok(PutReply::TagTaken),
            Some("ReferencedImagesNotFoundException") => Ok(PutReply::ImageMissing),
            _ => Err(error_of(action::PUT_IMAGE, format!("{repository}:{tag}"), &error)),
        }
    }
}

fn identifier(reference: &Reference) -> ImageIdentifier {
    match reference {
        Reference::Tag(tag) => ImageIdentifier::builder().image_tag(tag.as_str()).build(),
        Reference::Digest(digest) => ImageIdentifier::builder().image_digest(digest.to_string()).build(),
    }
}

/// The reference that ECR answers to: it keeps no order, and gives back tag and digest of an image.
fn requested<'a>(id: &ImageIdentifier, references: &'a [Reference]) -> Option<&'a Reference> {
    let digest: Option<Digest> = id.image_digest().and_then(|digest| digest.parse().ok());
    let answers = |reference: &&Reference| match reference {
        Reference::Tag(tag) => id.image_tag() == Some(tag.as_str()),
        Reference::Digest(named) => digest == Some(*named),
    };
    references.iter().find(answers)
}

fn stored(image: Image, references: &[Reference]) -> Option<(Reference, Stored)> {
    let id = image.image_id?;
    let reference = requested(&id, references)?;
    let text: Arc<str> = image.image_manifest?.into();
    let digest = id.image_digest().and_then(|digest| digest.parse().ok()).unwrap_or_else(|| Digest::of(&*text));
    let media_type = image.image_manifest_media_type.unwrap_or_default();
    Some((reference.clone(), Stored { digest, media_type, text }))
}
