//! Two repositories of their own, on which the probes run, and the calls that they share.

use std::cell::RefCell;
use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::retry::RetryConfig;
use aws_sdk_ecr::operation::batch_get_image::BatchGetImageOutput;
use aws_sdk_ecr::operation::put_image::PutImageOutput;
use aws_sdk_ecr::operation::put_image::builders::PutImageFluentBuilder;
use aws_sdk_ecr::primitives::Blob;
use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, ImageIdentifier, ImageTagMutability, TagStatus};
use ecr_multiarch_engine::blob::BlobClient;
use local_ecr::digest_of;
use local_ecr::image::{Artifact, Image, ToArtifact as _};
use local_ecr::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

use crate::event_queue::EventQueue;
use crate::exchange::Recorder;
use crate::opt_in::OptIn;
use crate::outcome::{NotTried, Outcome, must, outcome, removed};

/// The beginning of the names of the repositories. No other repository is ever named in a call, but one that is absent.
pub const PREFIX: &str = "ecr-multiarch-conformance-";

/// The media types that the product accepts.
pub const ALL_TYPES: [&str; 4] = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];

/// The repositories, and the client.
#[derive(Debug)]
pub struct Bench {
    /// The client, whose calls are recorded.
    pub client: Client,
    /// Reads blobs by presigned URL.
    pub blobs: BlobClient,
    /// What is announced, where that was asked for.
    pub events: EventQueue,
    /// The calls.
    pub recorder: Recorder,
    /// The repository whose tags can be moved.
    pub repository: String,
    /// The repository whose tags are immutable.
    pub immutable: String,
    uploaded: RefCell<BTreeSet<(String, String)>>,
}

/// A manifest, and its media type.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The bytes.
    pub text: String,
    /// The media type.
    pub media_type: &'static str,
}

impl Manifest {
    /// A list of these entries, with these further fields.
    pub fn list(media_type: &'static str, entries: &[Value], fields: &Value) -> Self {
        let mut list = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
        for (name, value) in fields.as_object().into_iter().flatten() {
            list[name] = value.clone();
        }
        Self { text: list.to_string(), media_type }
    }

    /// Its digest.
    pub fn digest(&self) -> String {
        digest_of(self.text.as_bytes())
    }

    /// An entry of a list for it, of this platform.
    pub fn entry(&self, platform: &Value) -> Value {
        let (media_type, size) = (self.media_type, self.text.len());
        json!({"mediaType": media_type, "size": size, "digest": self.digest(), "platform": platform})
    }
}

impl Bench {
    /// The bench of a run that is identified by these characters. Nothing is made yet.
    pub fn new(sdk: &SdkConfig, blobs: BlobClient, id: &str) -> Self {
        let recorder = Recorder::default();
        let config = aws_sdk_ecr::config::Builder::from(sdk).interceptor(recorder.clone()).build();
        let repository = format!("{PREFIX}{id}");
        let immutable = format!("{repository}-immutable");
        let events = EventQueue::new(sdk, &recorder, &repository);
        let (client, uploaded) = (Client::from_conf(config), RefCell::default());
        Self { client, blobs, events, recorder, repository, immutable, uploaded }
    }

    /// Makes the repositories, and a rule and a queue for their events if those are allowed.
    ///
    /// # Errors
    /// What AWS says.
    pub async fn set_up(&self, allowed: &[OptIn]) -> Result<(), String> {
        for (name, mutability) in
            [(&self.repository, ImageTagMutability::Mutable), (&self.immutable, ImageTagMutability::Immutable)]
        {
            let created = self.client.create_repository().repository_name(name).image_tag_mutability(mutability);
            outcome(created.send().await).and_then(must).map_err(|NotTried(reason)| reason)?;
        }
        if allowed.contains(&OptIn::Events) {
            self.events
                .set_up(&self.repository)
                .await
                .map_err(|NotTried(reason)| format!("rule and queue: {reason}"))?;
        }
        Ok(())
    }

    /// Removes what was made, and returns what may still be there, with the reason.
    pub async fn tear_down(&self) -> Vec<String> {
        let mut left = self.events.tear_down().await;
        for name in [&self.repository, &self.immutable] {
            let call = self.client.delete_repository().repository_name(name).force(true);
            let deleted =
                outcome(call.send().await).and_then(|deleted| removed(deleted, "RepositoryNotFoundException"));
            left.extend(deleted.err().map(|NotTried(reason)| format!("{name}: {reason}")));
        }
        left
    }

    /// An OCI image whose bytes no other probe has, with its blobs in a repository.
    ///
    /// # Errors
    /// [`NotTried`], also if ECR refuses a blob.
    pub async fn image(&self, repository: &str, name: &str, platform: &str) -> Result<Manifest, NotTried> {
        self.upload(repository, &Image::oci(platform).content(name).to_artifact(), OCI_MANIFEST).await
    }

    /// A Docker image whose bytes no other probe has, with its blobs in a repository.
    ///
    /// # Errors
    /// [`NotTried`], also if ECR refuses a blob.
    pub async fn docker_image(&self, repository: &str, name: &str, platform: &str) -> Result<Manifest, NotTried> {
        self.upload(repository, &Image::docker(platform).content(name).to_artifact(), DOCKER_MANIFEST).await
    }

    /// An OCI image that is pushed under a tag.
    ///
    /// # Errors
    /// [`NotTried`], also if ECR refuses it.
    pub async fn pushed(&self, tag: &str, platform: &str) -> Result<Manifest, NotTried> {
        let image = self.image(&self.repository, tag, platform).await?;
        self.push(&image, tag).await?;
        Ok(image)
    }

    /// Pushes a manifest under a tag, which is a step towards what a probe tries.
    ///
    /// # Errors
    /// [`NotTried`], also if ECR refuses it.
    pub async fn push(&self, manifest: &Manifest, tag: &str) -> Result<(), NotTried> {
        must(self.put(&self.repository, manifest, Some(tag)).await?).map(drop)
    }

    /// Writes a manifest as the product does: with its digest and media type.
    ///
    /// # Errors
    /// [`NotTried`].
    pub async fn put(
        &self,
        repository: &str,
        manifest: &Manifest,
        tag: Option<&str>,
    ) -> Result<Outcome<PutImageOutput>, NotTried> {
        let call = put_call(&self.client, repository, manifest).image_digest(manifest.digest());
        outcome(call.set_image_tag(tag.map(str::to_owned)).send().await)
    }

    /// A client with other retries, for many calls: to override the config of each takes a hundred times as long.
    pub fn client_with(&self, retries: RetryConfig) -> Client {
        Client::from_conf(self.client.config().to_builder().retry_config(retries).build())
    }

    /// Reads images as the product does: accepting all media types.
    ///
    /// # Errors
    /// [`NotTried`].
    pub async fn get(&self, references: &[&str]) -> Result<Outcome<BatchGetImageOutput>, NotTried> {
        let call = self
            .client
            .batch_get_image()
            .repository_name(&self.repository)
            .set_image_ids(Some(references.iter().map(|reference| image_id(reference)).collect()))
            .set_accepted_media_types(Some(ALL_TYPES.map(str::to_owned).to_vec()));
        outcome(call.send().await)
    }

    /// The digest that a tag names, if it names any.
    ///
    /// # Errors
    /// [`NotTried`], also for an exception.
    pub async fn named(&self, tag: &str) -> Result<Option<String>, NotTried> {
        let read = must(self.get(&[tag]).await?)?;
        Ok(read.images().first().and_then(|image| Some(image.image_id()?.image_digest()?.to_owned())))
    }

    /// One page of the tagged images, as the product scans them but for the status.
    ///
    /// # Errors
    /// [`NotTried`], also for an exception.
    pub async fn scan(&self) -> Result<Vec<ImageDetail>, NotTried> {
        let filter = DescribeImagesFilter::builder().tag_status(TagStatus::Tagged).build();
        let call = self.client.describe_images().repository_name(&self.repository).filter(filter).max_results(1_000);
        Ok(must(outcome(call.send().await)?)?.image_details.unwrap_or_default())
    }

    /// The description of an image.
    ///
    /// # Errors
    /// [`NotTried`], also for an exception.
    pub async fn described(&self, digest: &str) -> Result<ImageDetail, NotTried> {
        let call = self.client.describe_images().repository_name(&self.repository).image_ids(image_id(digest));
        let described = must(outcome(call.send().await)?)?;
        described.image_details.into_iter().flatten().next().ok_or_else(|| NotTried("no description".to_owned()))
    }

    async fn upload(
        &self,
        repository: &str,
        artifact: &Artifact,
        media_type: &'static str,
    ) -> Result<Manifest, NotTried> {
        for blob in &artifact.blobs {
            let key = (repository.to_owned(), digest_of(blob));
            if !self.uploaded.borrow().contains(&key) {
                self.upload_blob(repository, blob).await?;
                self.uploaded.borrow_mut().insert(key);
            }
        }
        Ok(Manifest { text: String::from_utf8_lossy(&artifact.manifest).into_owned(), media_type })
    }

    async fn upload_blob(&self, repository: &str, bytes: &[u8]) -> Result<(), NotTried> {
        let call = self.client.initiate_layer_upload().repository_name(repository);
        let upload = must(outcome(call.send().await)?)?.upload_id.unwrap_or_default();
        let last = i64::try_from(bytes.len()).unwrap_or(i64::MAX) - 1;
        let call = self
            .client
            .upload_layer_part()
            .repository_name(repository)
            .upload_id(&upload)
            .part_first_byte(0)
            .part_last_byte(last)
            .layer_part_blob(Blob::new(bytes));
        must(outcome(call.send().await)?)?;
        let call = self
            .client
            .complete_layer_upload()
            .repository_name(repository)
            .upload_id(&upload)
            .layer_digests(digest_of(bytes));
        must(outcome(call.send().await)?).map(drop)
    }
}

/// A call of a client that writes a manifest, without a digest and a tag.
pub fn put_call(client: &Client, repository: &str, manifest: &Manifest) -> PutImageFluentBuilder {
    let call = client.put_image().repository_name(repository);
    call.image_manifest(&manifest.text).image_manifest_media_type(manifest.media_type)
}

/// The identifier of a tag or a digest.
pub fn image_id(reference: &str) -> ImageIdentifier {
    let id = ImageIdentifier::builder();
    if reference.starts_with("sha256:") { id.image_digest(reference) } else { id.image_tag(reference) }.build()
}
