//! What is due to the tag of an image, according to one read.

use std::collections::{BTreeMap, BTreeSet};

use super::conflict::ImageTagConflict;
use super::image_tag::ImageTag;
use super::outcome::ImageTagOutcome;
use crate::name::Reference;
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;
use crate::reconcile::observation::Manifests;

/// What is due to a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Decision {
    /// Nothing.
    Settled(ImageTagOutcome),
    /// It is to be written.
    Write,
    /// The read does not show it, since it was made for another list.
    Read,
}

/// What was written and refused before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Attempts {
    /// The tags that were written, each with its image.
    pub(super) written: BTreeSet<(Tag, Digest)>,
    /// The tags that are immutable, each with the image for which ECR refused it.
    pub(super) immutable: BTreeSet<(Tag, Digest)>,
    /// What is never tagged: archived images, and what is not an image.
    pub(super) unusable: BTreeMap<Digest, ImageTagConflict>,
}

impl Attempts {
    /// What is due to the tag of an image, by a read of these tags.
    pub(super) fn decide(
        &self,
        image_tag: &ImageTag,
        read: &BTreeSet<Tag>,
        manifests: &Manifests,
        force: bool,
    ) -> Decision {
        let conflict = |conflict: &ImageTagConflict| Decision::Settled(ImageTagOutcome::Conflict(conflict.clone()));
        let tag = match &image_tag.tag {
            Ok(tag) => tag,
            Err((_, reason)) => return conflict(reason),
        };
        if !read.contains(tag) {
            return Decision::Read;
        }
        let reference = Reference::Tag(tag.clone());
        let key = (tag.clone(), image_tag.digest);
        let found = manifests.get(&reference);
        if found.is_some_and(|found| found.digest == image_tag.digest) {
            let is_written = self.written.contains(&key);
            return Decision::Settled(if is_written { ImageTagOutcome::Moved } else { ImageTagOutcome::Unchanged });
        }
        if manifests.archived.contains(&reference) {
            return conflict(&ImageTagConflict::Archived);
        }
        if self.immutable.contains(&key) {
            return conflict(&ImageTagConflict::Immutable);
        }
        if let Some(reason) = self.unusable.get(&image_tag.digest) {
            return conflict(reason);
        }
        if let Some(found) = found.filter(|_| !force) {
            let digest = found.digest;
            if found.is_list() {
                return conflict(&ImageTagConflict::ManifestList(digest));
            }
            if let Some(artifact_type) = found.artifact_type() {
                return conflict(&ImageTagConflict::Artifact { digest, artifact_type });
            }
        }
        Decision::Write
    }
}
