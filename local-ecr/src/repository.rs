//! One repository: its images, tags and blobs.

use crate::blobs::Blobs;
use crate::manifest::Manifest;
use crate::mutability::Mutability;
use crate::visibility::Visibility;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

/// The state of a repository.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Repository {
    pub(crate) created_at: SystemTime,
    pub(crate) mutability: Mutability,
    /// By digest: an order without meaning, but the same for every page.
    pub(crate) images: BTreeMap<String, StoredImage>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) blobs: Blobs,
    /// Every digest that a tag has named, oldest first.
    pub(crate) history: HashMap<String, Vec<String>>,
    /// How many images name a blob, and how many lists name an image.
    references: HashMap<String, usize>,
    #[serde(skip)]
    pub(crate) visibility: Visibility,
}

/// An image or list of a repository.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredImage {
    #[serde(skip)]
    pub(crate) bytes: Bytes,
    pub(crate) manifest: Manifest,
    pub(crate) size: u64,
    /// When this digest first arrived; a new tag does not refresh it.
    pub(crate) pushed_at: SystemTime,
    pub(crate) pulled_at: Option<SystemTime>,
    pub(crate) tags: BTreeSet<String>,
    /// Whether it is archived: not listed by default, and not pulled.
    #[serde(default)]
    pub(crate) is_archived: bool,
}

impl Repository {
    pub(crate) fn new(created_at: SystemTime, mutability: Mutability) -> Self {
        Self {
            created_at,
            mutability,
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
            blobs: Blobs::default(),
            history: HashMap::new(),
            references: HashMap::new(),
            visibility: Visibility::default(),
        }
    }

    /// The digest that `reference`, a tag or a digest, names.
    pub(crate) fn resolve(&self, reference: &str) -> Option<&str> {
        let digest = self.tags.get(reference).map_or(reference, |digest| digest.as_str());
        self.images.get_key_value(digest).map(|(digest, _)| digest.as_str())
    }

    /// Whether an image names this blob, or a list this image.
    pub(crate) fn is_referenced(&self, digest: &str) -> bool {
        self.references.contains_key(digest)
    }

    /// Adds an image, unless it exists. A push of an archived one restores it.
    pub(crate) fn insert_image(&mut self, digest: &str, bytes: Bytes, manifest: Manifest, now: SystemTime) {
        if let Some(image) = self.images.get_mut(digest) {
            image.is_archived = false;
            return;
        }
        for reference in references(&manifest) {
            *self.references.entry(reference.to_owned()).or_default() += 1;
        }
        let image = StoredImage {
            size: self.size(&manifest),
            bytes,
            manifest,
            pushed_at: now,
            pulled_at: None,
            tags: BTreeSet::new(),
            is_archived: false,
        };
        self.images.insert(digest.to_owned(), image);
    }

    /// Makes `tag` name `digest`. The image that it named before remains, without the tag.
    pub(crate) fn set_tag(&mut self, tag: &str, digest: &str) {
        let before = self.tags.insert(tag.to_owned(), digest.to_owned());
        if before.as_deref() == Some(digest) {
            return;
        }
        if let Some(image) = before.and_then(|before| self.images.get_mut(&before)) {
            image.tags.remove(tag);
        }
        if let Some(image) = self.images.get_mut(digest) {
            image.tags.insert(tag.to_owned());
        }
        self.history.entry(tag.to_owned()).or_default().push(digest.to_owned());
    }

    /// Removes a tag and leaves its image.
    pub(crate) fn remove_tag(&mut self, tag: &str) -> Option<String> {
        let digest = self.tags.remove(tag)?;
        if let Some(image) = self.images.get_mut(&digest) {
            image.tags.remove(tag);
        }
        Some(digest)
    }

    /// Removes an image with all its tags.
    pub(crate) fn remove_image(&mut self, digest: &str) -> Option<StoredImage> {
        let image = self.images.remove(digest)?;
        for tag in &image.tags {
            self.tags.remove(tag);
        }
        for reference in references(&image.manifest) {
            if let Some(count) = self.references.get_mut(reference) {
                *count -= 1;
                if *count == 0 {
                    self.references.remove(reference);
                }
            }
        }
        Some(image)
    }

    /// `imageSizeInBytes`: an image's blobs, and for a list "the max size of all manifests in the list".
    fn size(&self, manifest: &Manifest) -> u64 {
        let largest_child =
            manifest.children.iter().filter_map(|child| self.images.get(&child.digest)).map(|image| image.size).max();
        largest_child.unwrap_or_else(|| manifest.blobs().map(|blob| blob.size).sum())
    }
}

fn references(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.blobs().chain(&manifest.children).map(|descriptor| descriptor.digest.as_str())
}
