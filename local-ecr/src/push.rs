//! The rules of a push, the same for every endpoint.

use crate::archived_answer::ArchivedAnswer;
use crate::digest::digest_of;
use crate::error::ApiError;
use crate::event::ImageAction;
use crate::manifest::{Descriptor, Manifest};
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use crate::rule::Rule;
use crate::store::Store;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// ECR's quota "Tags per image", which cannot be raised.
const TAGS_PER_IMAGE: usize = 1_000;

/// The exception for a push of the same bytes under the same immutable tag. Users have reported both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RepushError {
    /// `ImageAlreadyExistsException`.
    #[default]
    ImageAlreadyExists,
    /// `ImageTagAlreadyExistsException`.
    ImageTagAlreadyExists,
}

/// A manifest to store.
#[derive(Debug, Default)]
pub(crate) struct Push<'a> {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: Option<&'a str>,
    pub(crate) tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

/// The repository of a push, its rules for repeated pushes, and the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PushTarget<'a> {
    pub(crate) registry: &'a RegistryId,
    pub(crate) repository: &'a str,
    pub(crate) repush_error: RepushError,
    pub(crate) archived: ArchivedAnswer,
    pub(crate) broken: Option<Rule>,
    pub(crate) now: SystemTime,
}

impl PushTarget<'_> {
    /// Stores a manifest, tags it and announces it. Returns its digest.
    pub(crate) fn put(self, store: &mut Store, push: &Push<'_>) -> Result<String, ApiError> {
        let repository = store.repository(self.registry, self.repository)?;
        let manifest = Manifest::parse(&push.bytes, push.media_type)?;
        let digest = digest_of(&push.bytes);
        if push.digest.is_some_and(|given| given != digest) && !self.breaks(Rule::DigestsMatch) {
            return Err(ApiError::new(
                "ImageDigestDoesNotMatchException",
                format!(
                    "The image digest '{}' given does not match the digest '{digest}' calculated from the manifest",
                    push.digest.unwrap_or_default()
                ),
            ));
        }
        self.check_content(repository, &manifest)?;
        self.check_tag(repository, push.tag, &digest)?;
        repository.insert_image(&digest, push.bytes.clone(), manifest.clone(), self.now);
        if self.breaks(Rule::PushTimesStay)
            && let Some(image) = repository.images.get_mut(&digest)
        {
            image.pushed_at = self.now;
        }
        if let Some(tag) = push.tag
            && !(self.breaks(Rule::TagsMove) && repository.tags.contains_key(tag))
        {
            repository.set_tag(tag, &digest);
        }
        store.events.announce_push(&ImageAction {
            registry: self.registry,
            repository: self.repository,
            digest: &digest,
            tag: push.tag,
            manifest: &manifest,
            time: self.now,
        });
        Ok(digest)
    }

    /// Pushes as [`put`](Self::put) does, except that a push of content that exists is a success, unless the tag does not
    /// name it.
    pub(crate) fn ensure(self, store: &mut Store, push: &Push<'_>) -> Result<String, ApiError> {
        let error = match self.put(store, push) {
            Err(error) if error.code == "ImageAlreadyExistsException" => error,
            result => return result,
        };
        let digest = digest_of(&push.bytes);
        let tags = &store.repository(self.registry, self.repository)?.tags;
        if push.tag.is_none_or(|tag| tags.get(tag) == Some(&digest)) { Ok(digest) } else { Err(error) }
    }

    fn breaks(self, rule: Rule) -> bool {
        rule.is_broken(self.broken)
    }

    /// All content that a manifest names must be in the same repository.
    fn check_content(self, repository: &Repository, manifest: &Manifest) -> Result<(), ApiError> {
        let layers = missing(manifest.blobs(), |digest| repository.blobs.contains(digest));
        let images = missing(manifest.children.iter(), |digest| repository.images.contains_key(digest));
        let (code, what, digests) = if !layers.is_empty() {
            ("LayersNotFoundException", "Layers", layers)
        } else if !images.is_empty() && !self.breaks(Rule::ImagesOfAListExist) {
            ("ReferencedImagesNotFoundException", "Images", images)
        } else {
            return Ok(());
        };
        Err(ApiError::new(
            code,
            format!(
                "{what} with digests '[{}]' required for pushing image into repository with name '{}' in the registry with id '{}' do not exist",
                digests.join(", "),
                self.repository,
                self.registry.account
            ),
        ))
    }

    fn check_tag(self, repository: &Repository, tag: Option<&str>, digest: &str) -> Result<(), ApiError> {
        let is_archived = repository.images.get(digest).is_some_and(|image| image.is_archived);
        // A push that restores an archived image is not repeated in vain.
        let is_restored = is_archived && self.archived.is_restored_by_push();
        let Some(tag) = tag else {
            return if repository.images.contains_key(digest) && !is_restored {
                Err(self.image_exists(digest, None))
            } else {
                Ok(())
            };
        };
        let may_move = repository.mutability.may_move(tag) || self.breaks(Rule::ImmutableTagsStay);
        let exists = repository.images.contains_key(digest);
        match repository.tags.get(tag) {
            Some(named) if named == digest && is_restored => Ok(()),
            Some(named) if named == digest => match self.repush_error {
                RepushError::ImageTagAlreadyExists if !may_move => Err(self.tag_exists(tag)),
                _ => Err(self.image_exists(digest, Some(tag))),
            },
            Some(_) if !may_move => Err(self.tag_exists(tag)),
            _ if exists && self.breaks(Rule::EqualBytesAddATag) => Err(self.image_exists(digest, Some(tag))),
            _ if is_archived && !is_restored => Err(self.image_exists(digest, Some(tag))),
            _ if repository.images.get(digest).is_some_and(|image| image.tags.len() >= TAGS_PER_IMAGE) => {
                Err(ApiError::new(
                    "LimitExceededException",
                    format!("The limit of {TAGS_PER_IMAGE} tags per image has been exceeded"),
                ))
            }
            _ => Ok(()),
        }
    }

    fn image_exists(self, digest: &str, tag: Option<&str>) -> ApiError {
        ApiError::new(
            "ImageAlreadyExistsException",
            format!(
                "Image with digest '{digest}' and tag '{}' already exists in the repository with name '{}' in registry with id '{}'",
                tag.unwrap_or("null"),
                self.repository,
                self.registry.account
            ),
        )
    }

    fn tag_exists(self, tag: &str) -> ApiError {
        ApiError::new(
            "ImageTagAlreadyExistsException",
            format!(
                "The image tag '{tag}' already exists in the '{}' repository and cannot be overwritten because the repository is immutable.",
                self.repository
            ),
        )
    }
}

fn missing<'a>(descriptors: impl Iterator<Item = &'a Descriptor>, exists: impl Fn(&str) -> bool) -> Vec<&'a str> {
    descriptors.map(|descriptor| descriptor.digest.as_str()).filter(|digest| !exists(digest)).collect()
}
