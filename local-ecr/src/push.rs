//! The rules of a push, through whichever door it comes.

use crate::digest::digest_of;
use crate::error::ApiError;
use crate::event::ImageAction;
use crate::manifest::{Descriptor, Manifest};
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use crate::world::World;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// "Tags per image", a quota that cannot be raised.
const TAGS_PER_IMAGE: usize = 1_000;

/// Which exception answers the same bytes under the same immutable tag. Users report both of ECR.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repush {
    /// `ImageAlreadyExistsException`.
    #[default]
    ImageAlreadyExists,
    /// `ImageTagAlreadyExistsException`.
    ImageTagAlreadyExists,
}

/// A manifest on its way in.
#[derive(Debug, Default)]
pub(crate) struct Push<'a> {
    pub(crate) bytes: Bytes,
    pub(crate) media_type: Option<&'a str>,
    pub(crate) tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

/// Where and when a push happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) registry: &'a RegistryId,
    pub(crate) repository: &'a str,
    pub(crate) repush: Repush,
    pub(crate) now: SystemTime,
}

impl World {
    /// `PutImage`: stores a manifest, tags it and announces it. Gives its digest.
    pub(crate) fn put(&mut self, place: Place<'_>, push: &Push<'_>) -> Result<String, ApiError> {
        let repository = self.repository(place.registry, place.repository)?;
        let manifest = Manifest::read(&push.bytes, push.media_type)?;
        let digest = digest_of(&push.bytes);
        if push.digest.is_some_and(|given| given != digest) {
            return Err(ApiError::new(
                "ImageDigestDoesNotMatchException",
                format!(
                    "The image digest '{}' given does not match the digest '{digest}' calculated from the manifest",
                    push.digest.unwrap_or_default()
                ),
            ));
        }
        place.check_content(repository, &manifest)?;
        place.check_tag(repository, push.tag, &digest)?;
        repository.insert(&digest, push.bytes.clone(), manifest.clone(), place.now);
        if let Some(tag) = push.tag {
            repository.point(tag, &digest);
        }
        self.announce_push(&ImageAction {
            registry: place.registry,
            repository: place.repository,
            digest: &digest,
            tag: push.tag,
            manifest: &manifest,
            time: place.now,
        });
        Ok(digest)
    }
}

impl Place<'_> {
    /// Everything that a manifest names has to be in the same repository.
    fn check_content(self, repository: &Repository, manifest: &Manifest) -> Result<(), ApiError> {
        let layers = missing(manifest.blobs(), |digest| repository.blobs.contains_key(digest));
        let images = missing(manifest.children.iter(), |digest| repository.images.contains_key(digest));
        let (code, what, digests) = if !layers.is_empty() {
            ("LayersNotFoundException", "Layers", layers)
        } else if !images.is_empty() {
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
        let Some(tag) = tag else {
            return if repository.images.contains_key(digest) { Err(self.image_exists(digest, None)) } else { Ok(()) };
        };
        let may_move = repository.mutability.may_move(tag);
        match repository.tags.get(tag) {
            Some(named) if named == digest => match self.repush {
                Repush::ImageTagAlreadyExists if !may_move => Err(self.tag_exists(tag)),
                _ => Err(self.image_exists(digest, Some(tag))),
            },
            Some(_) if !may_move => Err(self.tag_exists(tag)),
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
