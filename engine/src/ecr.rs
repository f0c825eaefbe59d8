//! Amazon ECR through its SDK: the calls that the core asks for, and the errors that ECR responds with.

mod client;
mod configs;
mod error;
mod gate;
mod put;
mod scan;
mod stored;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::retry::RetryConfig;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::types::{Image, ImageFailureCode, ImageIdentifier};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

pub(crate) use client::QUOTA_CODE;
pub use client::{OPERATION_TIMEOUT, Priority, Registries, behavior_version};
pub use gate::{Gate, WritePermit};
pub(crate) use put::PutManifest;
pub use scan::Page;
pub use stored::StoredRepository;

use client::{ResponseLimit, SharedState, is_too_large};
use ecr_multiarch_core::error::{Resource, Unavailable};
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::reconcile::observation::Manifests;
use ecr_multiarch_core::settings::tag_scheme::MAX_BATCH_IDS;
use ecr_multiarch_core::{Digest, Error, IamAction, ImageReference, Reference, RegistryId, RepositoryName};
use tokio::time::{Instant, timeout_at};

/// How many calls for one version are in flight at a time: enough that the configs of every usual version take one
/// round trip, and few enough that one version with many platforms does not exhaust a rate limit by itself.
const MAX_PARALLEL_CALLS: usize = 8;

/// A read that several versions share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedRead {
    /// Whether it is attempted once, and made in parts at once where it fails. Otherwise it is repeated as any other call
    /// is.
    pub is_attempted_once: bool,
    /// How many bytes its response may have.
    pub max_bytes: usize,
}

/// Why manifests could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The call failed.
    Call(Error),
    /// The response is too large for several versions.
    TooLarge(Error),
    /// The call succeeded, but ECR did not return one of the images.
    Image(Error),
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Call(error) | ReadError::TooLarge(error) | ReadError::Image(error) => error,
        }
    }
}

/// One registry, with the state that all registries share.
#[derive(Debug, Clone)]
pub struct Registry {
    client: Client,
    id: RegistryId,
    gate: Arc<Gate>,
    /// The labels of image configs that are kept.
    labels: Arc<BTreeSet<String>>,
    shared: Arc<SharedState>,
    throttle_deadline: Instant,
}

impl Registry {
    /// Which registry it is.
    pub fn id(&self) -> &RegistryId {
        &self.id
    }

    /// The gate of the registry.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The registry with calls that are repeated until this time, as long as ECR throttles them.
    #[must_use]
    pub fn with_throttle_deadline(&self, throttle_deadline: Instant) -> Self {
        Self { throttle_deadline, ..self.clone() }
    }

    /// Until when calls are repeated, as long as ECR throttles them.
    pub(crate) fn throttle_deadline(&self) -> Instant {
        self.throttle_deadline
    }

    fn account(&self) -> Option<String> {
        self.id.account.as_ref().map(ToString::to_string)
    }

    /// Sends a call as soon as the gate admits it, and again while ECR throttles it, until the throttle deadline. A call that
    /// is not admitted by then is not sent.
    async fn call<T, E>(
        &self,
        action: IamAction,
        send: impl AsyncFn(&Client) -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        E: ProvideErrorMetadata,
    {
        let mut throttled = None;
        loop {
            if timeout_at(self.throttle_deadline, self.gate.admit(action)).await.is_err() {
                return Err(throttled.unwrap_or_else(|| SdkError::timeout_error("ECR throttles calls of this kind")));
            }
            match self.send_once(action, &send).await {
                Err(error) if error::is_throttling(&error) => throttled = Some(error),
                result => return result,
            }
        }
    }

    /// As [`Self::call`], with the error classified.
    async fn call_on<T, E>(
        &self,
        action: IamAction,
        resource: impl FnOnce() -> Resource,
        send: impl AsyncFn(&Client) -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.call(action, send).await.map_err(|error| error::classify(action, resource(), &error))
    }

    /// Sends a call that the gate has admitted, and records how it ended.
    async fn send_once<T, E>(
        &self,
        action: IamAction,
        send: impl AsyncFn(&Client) -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        E: ProvideErrorMetadata,
    {
        // The SDK's futures are large, and whatever awaits this one holds it.
        let result = Box::pin(send(&self.client)).await;
        self.gate.record(action, result.as_ref().is_err_and(error::is_throttling));
        result
    }

    /// Reads manifests. What does not exist is not in the result.
    ///
    /// # Errors
    /// Every error of ECR except the absence of an image.
    pub async fn batch_get_manifests(
        &self,
        repository: &RepositoryName,
        references: &[Reference],
    ) -> Result<Manifests, ReadError> {
        let batches = references.chunks(MAX_BATCH_IDS).map(async |batch| {
            let (found, omitted) = self.batch_get_image_once(repository, batch, None).await?;
            self.reread_omitted(repository, found, omitted).await
        });
        stream::iter(batches)
            .buffered(MAX_PARALLEL_CALLS)
            .try_fold(Manifests::default(), async |mut all, found| {
                all.add(found);
                Ok(all)
            })
            .await
    }

    /// Reads manifests of several versions in one call.
    ///
    /// # Errors
    /// Every error of ECR except the absence of an image, and [`ReadError::TooLarge`].
    pub async fn batch_get_shared_manifests(
        &self,
        repository: &RepositoryName,
        references: &[Reference],
        shared: SharedRead,
    ) -> Result<Manifests, ReadError> {
        let (found, omitted) = self.batch_get_image_once(repository, references, Some(shared)).await?;
        self.reread_omitted(repository, found, omitted).await
    }

    /// Reads manifests in one call, which is repeated as any other call is. `None`, if they have more bytes than this.
    ///
    /// # Errors
    /// Every error of ECR except the absence of an image.
    pub(crate) async fn batch_get_at_most(
        &self,
        repository: &RepositoryName,
        references: &[Reference],
        max_bytes: usize,
    ) -> Result<Option<Manifests>, Error> {
        let read = SharedRead { is_attempted_once: false, max_bytes };
        match self.batch_get_shared_manifests(repository, references, read).await {
            Ok(manifests) => Ok(Some(manifests)),
            Err(ReadError::TooLarge(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what a response leaves out once more, each by itself: ECR documents no answer for two tags of one image, and
    /// could give one for both.
    async fn reread_omitted(
        &self,
        repository: &RepositoryName,
        mut found: Manifests,
        omitted: Vec<Reference>,
    ) -> Result<Manifests, ReadError> {
        let again = omitted.iter().map(async |reference| {
            let reference = std::slice::from_ref(reference);
            let (found, omitted) = self.batch_get_image_once(repository, reference, None).await?;
            match omitted.first() {
                None => Ok(found),
                Some(missing) => Err(ReadError::Image(Error::RegistryUnavailable {
                    action: IamAction::BatchGetImage,
                    resource: resource(repository, reference),
                    message: format!("the response leaves out {missing}").into(),
                    unavailable: Unavailable::Image,
                })),
            }
        });
        let again: Vec<_> = stream::iter(again).buffer_unordered(MAX_PARALLEL_CALLS).try_collect().await?;
        for read in again {
            found.add(read);
        }
        Ok(found)
    }

    /// Reads manifests in one call, which is shared by several versions if it is one. Returns them, and the
    /// references that the response says nothing of.
    async fn batch_get_image_once(
        &self,
        repository: &RepositoryName,
        references: &[Reference],
        shared: Option<SharedRead>,
    ) -> Result<(Manifests, Vec<Reference>), ReadError> {
        let resource = || resource(repository, references);
        let ids: Vec<_> = references.iter().map(identifier).collect();
        let send = async |client: &Client| {
            let call = client
                .batch_get_image()
                .set_registry_id(self.account())
                .repository_name(repository.as_str())
                .set_image_ids(Some(ids.clone()))
                .set_accepted_media_types(Some(MediaType::ALL.iter().map(ToString::to_string).collect()));
            let Some(SharedRead { is_attempted_once, max_bytes }) = shared else { return call.send().await };
            let mut config = aws_sdk_ecr::config::Builder::new();
            if is_attempted_once {
                config = config.retry_config(RetryConfig::disabled());
            }
            call.customize().config_override(config).interceptor(ResponseLimit { max_bytes }).send().await
        };
        let output = self.call(IamAction::BatchGetImage, send).await.map_err(|error| {
            let read_error = if is_too_large(&error) { ReadError::TooLarge } else { ReadError::Call };
            read_error(error::classify(IamAction::BatchGetImage, resource(), &error))
        })?;

        let (mut absent, mut archived) = (Vec::new(), BTreeSet::new());
        for failure in output.failures() {
            let reference = failure.image_id().and_then(|id| requested(id, references));
            match failure.failure_code() {
                Some(ImageFailureCode::ImageNotFound) => absent.extend(reference),
                Some(ImageFailureCode::ImageInaccessible) => archived.extend(reference.cloned()),
                _ => return Err(ReadError::Image(error::classify_image_failure(resource(), failure))),
            }
        }
        let mut found: Manifests = output
            .images
            .unwrap_or_default()
            .into_iter()
            .filter_map(|image| stored_manifest(image, references))
            .collect();
        found.archived = archived;
        let is_omitted = |reference: &&Reference| {
            !found.contains_key(reference) && !found.archived.contains(reference) && !absent.contains(reference)
        };
        let omitted = references.iter().filter(is_omitted).cloned().collect();
        Ok((found, omitted))
    }
}

/// What a read of these references accesses.
fn resource(repository: &RepositoryName, references: &[Reference]) -> Resource {
    match references {
        [reference] => image(repository, reference.clone()),
        _ => Resource::Repository(repository.clone()),
    }
}

fn image(repository: &RepositoryName, reference: Reference) -> Resource {
    Resource::Image(ImageReference { repository: repository.clone(), reference })
}

fn identifier(reference: &Reference) -> ImageIdentifier {
    match reference {
        Reference::Tag(tag) => ImageIdentifier::builder().image_tag(tag.as_str()).build(),
        Reference::Digest(digest) => ImageIdentifier::builder().image_digest(digest.to_string()).build(),
    }
}

/// The reference that ECR responds to: it keeps no order, and returns tag and digest of an image.
fn requested<'a>(id: &ImageIdentifier, references: &'a [Reference]) -> Option<&'a Reference> {
    let digest: Option<Digest> = id.image_digest().and_then(|digest| digest.parse().ok());
    let answers = |reference: &&Reference| match reference {
        Reference::Tag(tag) => id.image_tag() == Some(tag.as_str()),
        Reference::Digest(named) => digest == Some(*named),
    };
    references.iter().find(answers)
}

fn stored_manifest(image: Image, references: &[Reference]) -> Option<(Reference, StoredManifest)> {
    let id = image.image_id?;
    let reference = requested(&id, references)?;
    let text: Arc<str> = image.image_manifest?.into();
    let digest = id.image_digest().and_then(|digest| digest.parse().ok()).unwrap_or_else(|| Digest::sha256(&*text));
    let media_type = image.image_manifest_media_type.unwrap_or_default();
    Some((reference.clone(), StoredManifest { digest, media_type, text }))
}
