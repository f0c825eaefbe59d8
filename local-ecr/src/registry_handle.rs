//! One registry, read and changed in-process.

use crate::digest::digest_of;
use crate::error::ApiError;
use crate::event::ImageAction;
use crate::image::{Artifact, ToArtifact};
use crate::manifest::Manifest;
use crate::mutability::Mutability;
use crate::push::Push;
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use crate::seed;
use crate::server::Server;
use crate::state::SharedState;
use crate::store::Store;
use bytes::Bytes;
use std::sync::Arc;

/// The registry of one account in one Region, of a server that runs as long as this handle. A repository is
/// created by the first write to it.
#[derive(Debug, Clone)]
pub struct RegistryHandle {
    server: Arc<Server>,
    id: RegistryId,
}

impl RegistryHandle {
    pub(crate) fn new(server: Arc<Server>, id: RegistryId) -> Self {
        Self { server, id }
    }

    fn state(&self) -> &SharedState {
        self.server.state()
    }

    /// The registry's account and Region.
    pub fn id(&self) -> &RegistryId {
        &self.id
    }

    /// Creates an empty repository, unless it exists.
    pub fn create(&self, repository: &str) {
        self.with_repository(repository, |_| ());
    }

    /// Sets a repository's tag mutability.
    pub fn set_mutability(&self, repository: &str, mutability: Mutability) {
        self.with_repository(repository, |repository| repository.mutability = mutability);
    }

    /// Pushes as a client does: blobs, the images of a list without tags, then the manifest. Content that exists already
    /// is not an error. Returns the digest.
    ///
    /// # Panics
    /// If ECR would reject the push.
    #[allow(clippy::panic, reason = "a fixture that ECR rejects is a mistake of the test")]
    pub fn push(&self, repository: &str, tag: Option<&str>, content: &impl ToArtifact) -> String {
        match self.try_push(repository, tag, content) {
            Ok(digest) => digest,
            Err(error) => panic!("push of {repository}:{}: {error}", tag.unwrap_or_default()),
        }
    }

    /// Pushes as [`push`](Self::push) does.
    ///
    /// # Errors
    /// ECR's exception, such as `ImageTagAlreadyExistsException` for a tag that is immutable.
    pub fn try_push(&self, repository: &str, tag: Option<&str>, content: &impl ToArtifact) -> Result<String, ApiError> {
        self.create(repository);
        self.upload(&mut self.state().store(), repository, tag, &content.to_artifact())
    }

    fn upload(
        &self,
        store: &mut Store,
        name: &str,
        tag: Option<&str>,
        artifact: &Artifact,
    ) -> Result<String, ApiError> {
        for child in &artifact.children {
            self.upload(store, name, None, child)?;
        }
        let repository = store.repository(&self.id, name)?;
        for blob in &artifact.blobs {
            repository.blobs.insert(blob.clone());
        }
        let push = Push {
            bytes: artifact.manifest.clone(),
            media_type: Some(artifact.media_type.as_str()),
            tag,
            digest: None,
        };
        self.state().push_target(&self.id, name).ensure(store, &push)
    }

    /// Fills a repository with versions `1.0.0`, `1.0.1`, … of Docker images that share one layer,
    /// each version one image per platform (`os/architecture[/variant]`) under a tag such as
    /// `1.0.0-arm64` or `1.0.0-armv7`. Much quicker than pushes, and without their events.
    ///
    /// # Errors
    /// If a platform makes an image that ECR would reject.
    pub fn fill(&self, repository: &str, versions: usize, platforms: &[&str]) -> Result<(), ApiError> {
        let now = self.state().clock.now();
        self.with_repository(repository, |repository| seed::fill(repository, versions, platforms, now))
    }

    /// Stores bytes as they are under a media type, and under a digest that may be wrong: corrupt
    /// images, schema 1 manifests, charts. Nothing is checked and no event is sent. Returns the digest.
    pub fn store_raw(
        &self,
        repository: &str,
        tag: Option<&str>,
        media_type: &str,
        bytes: impl Into<Bytes>,
        claimed_digest: Option<&str>,
    ) -> String {
        let bytes = bytes.into();
        let digest = claimed_digest.map_or_else(|| digest_of(&bytes), str::to_owned);
        let mut manifest =
            Manifest::parse(&bytes, None).or_else(|_| Manifest::parse(&bytes, Some(media_type))).unwrap_or_default();
        media_type.clone_into(&mut manifest.media_type);
        let now = self.state().clock.now();
        self.with_repository(repository, |repository| {
            repository.remove_image(&digest);
            repository.insert_image(&digest, bytes, manifest, now);
            if let Some(tag) = tag {
                repository.set_tag(tag, &digest);
            }
        });
        digest
    }

    /// Stores a blob, under a digest that may be wrong; a blob of that digest is replaced. Returns the digest.
    pub fn store_blob(&self, repository: &str, bytes: impl Into<Bytes>, claimed_digest: Option<&str>) -> String {
        let bytes = bytes.into();
        self.with_repository(repository, |repository| match claimed_digest {
            Some(digest) => {
                repository.blobs.insert_as(digest, bytes);
                digest.to_owned()
            }
            None => repository.blobs.insert(bytes),
        })
    }

    /// The names of the repositories.
    pub fn repositories(&self) -> Vec<String> {
        self.state().store().repositories(&self.id).keys().cloned().collect()
    }

    /// A repository's tags.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        self.read(repository, |repository| Some(repository.tags.keys().cloned().collect())).unwrap_or_default()
    }

    /// The digest that a tag names.
    pub fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        self.read(repository, |repository| repository.tags.get(tag).cloned())
    }

    /// The media type and bytes that a tag or digest names.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Bytes)> {
        self.read(repository, |repository| {
            let image = repository.images.get(repository.resolve(reference)?)?;
            Some((image.manifest.media_type.clone(), image.bytes.clone()))
        })
    }

    /// A blob's bytes.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.read(repository, |repository| repository.blobs.get(digest).cloned())
    }

    /// Every digest that a tag has named, oldest first, the current one last.
    pub fn history(&self, repository: &str, tag: &str) -> Vec<String> {
        self.read(repository, |repository| repository.history.get(tag).cloned()).unwrap_or_default()
    }

    /// Makes a tag name a stored image, also an immutable tag, with the event of a push. Returns whether the image
    /// exists.
    pub fn retag(&self, repository: &str, tag: &str, digest: &str) -> bool {
        let mut store = self.state().store();
        let manifest = store.repository(&self.id, repository).ok().and_then(|stored| {
            let manifest = stored.images.get(digest)?.manifest.clone();
            stored.set_tag(tag, digest);
            Some(manifest)
        });
        if let Some(manifest) = &manifest {
            store.events.announce_push(&ImageAction {
                registry: &self.id,
                repository,
                digest,
                tag: Some(tag),
                manifest,
                time: self.state().clock.now(),
            });
        }
        manifest.is_some()
    }

    /// Removes a tag and leaves its image, without an event.
    pub fn untag(&self, repository: &str, tag: &str) -> Option<String> {
        self.change(repository, |repository| repository.remove_tag(tag))
    }

    /// Removes an image with all its tags, by tag or digest, also where a list names it; without
    /// an event. Returns whether it existed.
    pub fn delete(&self, repository: &str, reference: &str) -> bool {
        self.change(repository, |repository| {
            let digest = repository.resolve(reference)?.to_owned();
            repository.remove_image(&digest)
        })
        .is_some()
    }

    /// Archives an image, by tag or digest, without an event. Returns whether it exists.
    pub fn archive(&self, repository: &str, reference: &str) -> bool {
        self.change(repository, |repository| {
            let digest = repository.resolve(reference)?.to_owned();
            repository.images.get_mut(&digest).map(|image| image.is_archived = true)
        })
        .is_some()
    }

    /// Hides a tag or digest from the next `reads` by `BatchGetImage` that would find it.
    pub fn hide(&self, repository: &str, reference: &str, reads: u32) {
        self.with_repository(repository, |repository| {
            repository.visibility.hidden.insert(reference.to_owned(), reads);
        });
    }

    /// Makes `BatchGetImage` answer a failure code, such as `KmsError`, for a tag or digest.
    pub fn fail(&self, repository: &str, reference: &str, code: &str) {
        self.with_repository(repository, |repository| {
            repository.visibility.failing.insert(reference.to_owned(), code.to_owned());
        });
    }

    /// Changes a repository, which is created if it does not exist.
    fn with_repository<T>(&self, name: &str, change: impl FnOnce(&mut Repository) -> T) -> T {
        let created = || self.state().new_repository();
        change(self.state().store().repositories(&self.id).entry(name.to_owned()).or_insert_with(created))
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&Repository) -> Option<T>) -> Option<T> {
        self.change(name, |repository| read(repository))
    }

    fn change<T>(&self, name: &str, change: impl FnOnce(&mut Repository) -> Option<T>) -> Option<T> {
        self.state().store().repository(&self.id, name).ok().and_then(change)
    }
}
