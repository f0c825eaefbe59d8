//! One registry, read and changed in-process.

use crate::digest_of;
use crate::ecr::LocalEcr;
use crate::error::ApiError;
use crate::event::ImageAction;
use crate::image::{Artifact, Content};
use crate::manifest::Manifest;
use crate::mutability::Mutability;
use crate::push::{Place, Push};
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use crate::world::World;
use bytes::Bytes;

/// The registry of one account in one Region. A repository springs up when something is first put into it.
#[derive(Debug, Clone)]
pub struct Registry {
    pub(crate) ecr: LocalEcr,
    id: RegistryId,
}

impl Registry {
    pub(crate) fn new(ecr: LocalEcr, id: RegistryId) -> Self {
        Self { ecr, id }
    }

    /// Which registry this is.
    pub fn id(&self) -> &RegistryId {
        &self.id
    }

    /// Creates an empty repository, unless it is there.
    pub fn create(&self, repository: &str) {
        self.with(repository, |_| ());
    }

    /// Sets a repository's tag mutability.
    pub fn set_mutability(&self, repository: &str, mutability: Mutability) {
        self.with(repository, |repository| repository.mutability = mutability);
    }

    /// Pushes as a client does: blobs, the images of a list without tags, then the manifest. What is
    /// there already is no error. Gives the digest.
    ///
    /// # Panics
    /// Where ECR would refuse the push.
    #[allow(clippy::panic, reason = "a fixture that ECR refuses is a mistake of the test")]
    pub fn push(&self, repository: &str, tag: Option<&str>, content: &impl Content) -> String {
        match self.try_push(repository, tag, content) {
            Ok(digest) => digest,
            Err(error) => panic!("push of {repository}:{}: {error}", tag.unwrap_or_default()),
        }
    }

    /// Pushes as [`Registry::push`] does.
    ///
    /// # Errors
    /// The refusal, such as `ImageTagAlreadyExistsException` for a tag that is immutable.
    pub fn try_push(&self, repository: &str, tag: Option<&str>, content: &impl Content) -> Result<String, ApiError> {
        self.create(repository);
        self.upload(&mut self.ecr.shared().world(), repository, tag, &content.artifact())
    }

    fn upload(
        &self,
        world: &mut World,
        name: &str,
        tag: Option<&str>,
        artifact: &Artifact,
    ) -> Result<String, ApiError> {
        for child in &artifact.children {
            self.upload(world, name, None, child)?;
        }
        let shared = self.ecr.shared();
        let repository = world.repository(&self.id, name)?;
        for blob in &artifact.blobs {
            repository.blobs.insert(digest_of(blob), blob.clone());
        }
        let place =
            Place { registry: &self.id, repository: name, repush: shared.options.repush, now: shared.clock.now() };
        let push = Push {
            bytes: artifact.manifest.clone(),
            media_type: Some(artifact.media_type.as_str()),
            tag,
            digest: None,
        };
        match world.put(place, &push) {
            Err(error) if error.code == "ImageAlreadyExistsException" => Ok(artifact.digest()),
            outcome => outcome,
        }
    }

    /// Stores bytes as they are under a media type, and under a digest that may be wrong: corrupt
    /// images, schema 1 manifests, charts. Nothing is checked and no event is sent. Gives the digest.
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
            Manifest::read(&bytes, None).or_else(|_| Manifest::read(&bytes, Some(media_type))).unwrap_or_default();
        media_type.clone_into(&mut manifest.media_type);
        let now = self.ecr.clock().now();
        self.with(repository, |repository| {
            repository.remove(&digest);
            repository.insert(&digest, bytes, manifest, now);
            if let Some(tag) = tag {
                repository.point(tag, &digest);
            }
        });
        digest
    }

    /// Stores a blob, under a digest that may be wrong; what had that digest is replaced. Gives the digest.
    pub fn store_blob(&self, repository: &str, bytes: impl Into<Bytes>, claimed_digest: Option<&str>) -> String {
        let bytes = bytes.into();
        let digest = claimed_digest.map_or_else(|| digest_of(&bytes), str::to_owned);
        self.with(repository, |repository| {
            repository.blobs.insert(digest.clone(), bytes);
        });
        digest
    }

    /// The names of the repositories.
    pub fn repositories(&self) -> Vec<String> {
        let mut world = self.ecr.shared().world();
        world.repositories(&self.id).keys().cloned().collect()
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

    /// Everything that a tag has named, oldest first, what it names now last.
    pub fn history(&self, repository: &str, tag: &str) -> Vec<String> {
        self.read(repository, |repository| repository.history.get(tag).cloned()).unwrap_or_default()
    }

    /// Makes a tag name a stored image, whatever the mutability, with the event of a push. Says
    /// whether the image is there.
    pub fn retag(&self, repository: &str, tag: &str, digest: &str) -> bool {
        let mut world = self.ecr.shared().world();
        let manifest = world.repository(&self.id, repository).ok().and_then(|stored| {
            let manifest = stored.images.get(digest)?.manifest.clone();
            stored.point(tag, digest);
            Some(manifest)
        });
        if let Some(manifest) = &manifest {
            world.announce_push(&ImageAction {
                registry: &self.id,
                repository,
                digest,
                tag: Some(tag),
                manifest,
                time: self.ecr.clock().now(),
            });
        }
        manifest.is_some()
    }

    /// Takes a tag away and leaves its image, without an event.
    pub fn untag(&self, repository: &str, tag: &str) -> Option<String> {
        self.change(repository, |repository| repository.untag(tag))
    }

    /// Takes an image away with all its tags, by tag or digest, also where a list names it; without
    /// an event. Says whether it was there.
    pub fn delete(&self, repository: &str, reference: &str) -> bool {
        self.change(repository, |repository| {
            let digest = repository.resolve(reference)?.to_owned();
            repository.remove(&digest)
        })
        .is_some()
    }

    /// Hides what a tag or digest names from the next `reads` by `BatchGetImage` that would find it.
    pub fn hide(&self, repository: &str, reference: &str, reads: u32) {
        self.with(repository, |repository| {
            repository.visibility.hidden.insert(reference.to_owned(), reads);
        });
    }

    /// Answers the next `reads` of a tag by `BatchGetImage` with what it named before.
    pub fn stale(&self, repository: &str, tag: &str, reads: u32) {
        self.with(repository, |repository| {
            repository.visibility.stale.insert(tag.to_owned(), reads);
        });
    }

    /// Makes `BatchGetImage` answer a failure code, such as `KmsError`, for a tag or digest.
    pub fn fail(&self, repository: &str, reference: &str, code: &str) {
        self.with(repository, |repository| {
            repository.visibility.failing.insert(reference.to_owned(), code.to_owned());
        });
    }

    /// Undoes [`hide`](Self::hide), [`stale`](Self::stale) and [`fail`](Self::fail).
    pub fn recover(&self, repository: &str) {
        self.with(repository, |repository| {
            repository.visibility = crate::visibility::Visibility::default();
        });
    }

    pub(crate) fn with<T>(&self, name: &str, change: impl FnOnce(&mut Repository) -> T) -> T {
        let now = self.ecr.clock().now();
        let shared = self.ecr.shared();
        let created = || Repository::new(now, shared.options.mutability.clone());
        change(shared.world().repositories(&self.id).entry(name.to_owned()).or_insert_with(created))
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&Repository) -> Option<T>) -> Option<T> {
        self.change(name, |repository| read(repository))
    }

    fn change<T>(&self, name: &str, change: impl FnOnce(&mut Repository) -> Option<T>) -> Option<T> {
        let mut world = self.ecr.shared().world();
        world.repository(&self.id, name).ok().and_then(change)
    }
}
