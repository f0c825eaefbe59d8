//! The tagging of a list's images as a state machine: data in, data out.
//!
//! ```text
//! read list and tags ──> decide ──> read images ──> put, several at once
//!         ^                │             ^                 │
//!         │                └──> done     └──── the rest ───┤
//!         └────────────────────────────────────────────────┘
//! ```
//!
//! ECR has no compare-and-swap, so the tag of an image may be written from a list that the version's tag names no longer.
//! One read after the writes shows list and tags together, and what differs is written again. Whoever writes last has
//! therefore either read the last list before, or sees it in the read after its own writes.
//!
//! As in [`reconcile::machine`](crate::reconcile::machine), nothing here waits, reads a clock or does I/O, and each step
//! holds its own continuation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::conflict::ImageTagConflict;
use super::decision::{Attempts, Decision};
use super::image_tag::{ImageTag, image_tags};
use super::outcome::{ImageTagOutcome, ImageTagReport, ImageTagging, NoList};
use super::request::ImageTagRequest;
use crate::error::{Error, UnseenImage};
use crate::name::Reference;
use crate::oci::manifest::{Index, Manifest, StoredManifest};
use crate::oci::tag::Tag;
use crate::reconcile::candidate::validate_image;
use crate::reconcile::machine::{MAX_ROUNDS, not_yet_visible};
use crate::reconcile::manifest_list::ManifestList;
use crate::reconcile::observation::Manifests;
use crate::reconcile::outcome::Taken;
use crate::reconcile::right_list::index_of;
use crate::reconcile::step::{PAUSES_MS, PutResponse};
use crate::settings::tag_scheme::{MAX_BATCH_IDS, MAX_PLATFORMS};

/// The next step of tagging the images of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageTagStep {
    /// The version's tag and the image tags are to be read, at one moment.
    Observe(ObserveTags),
    /// Images are to be read.
    Read(ReadImages),
    /// Images are to be written under their tags.
    Put(PutImageTags),
    /// The tagging has reached its end.
    Done(ImageTagging),
}

/// The version's tag and the image tags are to be read, all in one call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObserveTags {
    context: Context,
    tags: BTreeSet<Tag>,
    after: Duration,
}

/// Images are to be read, which may take several calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadImages {
    context: Context,
    /// The images, each with the tag that it gets.
    remaining: Vec<(Tag, ImageTag)>,
    /// How many of them one call asks for.
    at_once: usize,
    /// All image tags of the list.
    tags: BTreeSet<Tag>,
}

/// Images are to be written under their tags, in any order or all at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PutImageTags {
    next: ReadImages,
    writes: Vec<ImageTagWrite>,
}

/// An image that is to be written under a tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageTagWrite {
    /// The tag.
    pub tag: Tag,
    /// The image.
    pub image: StoredManifest,
}

/// What was learned so far, and how much of the retries is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Context {
    request: Arc<ImageTagRequest>,
    attempts: Attempts,
    /// How often tags were written, or the list was found to be another one than that whose tags were read.
    rounds: u8,
    /// How many of [`PAUSES_MS`] are used.
    pauses: u8,
}

impl ImageTagStep {
    /// The first step: it reads the tags that the images of the configured platforms have.
    pub fn start(request: Arc<ImageTagRequest>) -> Self {
        let settings = &request.settings;
        let platforms = settings.tag_scheme.platforms().iter();
        let tags = platforms
            .filter_map(|platform| settings.image_tag(&request.version, Some(platform), platform.platform())?.ok());
        let tags = tags.collect();
        let context = Context { request, attempts: Attempts::default(), rounds: 0, pauses: 0 };
        Self::Observe(ObserveTags { context, tags, after: Duration::ZERO })
    }
}

impl ObserveTags {
    /// The request.
    pub fn request(&self) -> &ImageTagRequest {
        &self.context.request
    }

    /// What is to be read.
    pub fn references(&self) -> Vec<Reference> {
        self.tags.iter().chain([&self.request().version]).cloned().map(Reference::Tag).collect()
    }

    /// Whether the read confirms a write.
    pub fn is_confirmation(&self) -> bool {
        !self.context.attempts.written.is_empty()
    }

    /// How long to wait before the call.
    pub fn after(&self) -> Duration {
        self.after
    }

    /// Continues with the manifests that exist.
    ///
    /// # Errors
    /// [`Error::NotYetVisible`], if the version's tag must exist and stays missing; [`Error::CorruptImage`], if the bytes of
    /// the list are not its own; [`Error::Contended`], if others keep changing the tags.
    pub fn resume(self, mut manifests: Manifests) -> Result<ImageTagStep, Error> {
        let Self { context, tags, .. } = self;
        let version = Reference::Tag(context.request.version.clone());
        let stored = manifests.remove(&version);
        if let Some(Err(reason)) = stored.as_ref().map(StoredManifest::check_digest) {
            return Err(Error::CorruptImage { image: context.request.target(), reason });
        }
        let (list, index) = match context.list(stored, manifests.archived.contains(&version)) {
            Ok(list) => list,
            Err(NoList::Absent(_)) if context.request.is_expected => {
                let image = UnseenImage::Named(context.request.target());
                return context.observe_again(tags, image);
            }
            Err(no_list) => return Ok(ImageTagStep::Done(ImageTagging::NoList(no_list))),
        };
        let image_tags = image_tags(&context.request.settings, &context.request.version, &index);
        context.decide(list, image_tags, &tags, &manifests)
    }
}

impl ReadImages {
    /// The request.
    pub fn request(&self) -> &ImageTagRequest {
        &self.context.request
    }

    /// The images to read: as many as one call takes, or fewer.
    pub fn references(&self) -> Vec<Reference> {
        let images: BTreeSet<_> =
            self.remaining.iter().take(self.at_once).map(|(_, image_tag)| image_tag.digest).collect();
        images.into_iter().map(Reference::Digest).collect()
    }

    /// The first half of the read, which is too large for one response. The rest is asked for afterwards.
    #[must_use]
    pub fn half(mut self) -> Self {
        self.at_once = self.at_once.min(self.remaining.len()).div_ceil(2);
        self
    }

    /// Continues with the images that exist.
    ///
    /// # Errors
    /// [`Error::NotYetVisible`], if an image stays missing; [`Error::CorruptImage`], if its bytes are not its own.
    pub fn resume(mut self, manifests: &Manifests) -> Result<ImageTagStep, Error> {
        let mut writes = Vec::new();
        for (tag, image_tag) in self.remaining.drain(..self.at_once.min(self.remaining.len())) {
            let reference = Reference::Digest(image_tag.digest);
            let context = &mut self.context;
            let conflict = match manifests.get(&reference) {
                Some(stored) => match stored.parse().map(|(_, manifest)| manifest) {
                    Ok(Manifest::Image(image)) if validate_image(image.clone()).is_ok() => {
                        writes.push(ImageTagWrite { tag, image: stored.clone() });
                        continue;
                    }
                    Ok(Manifest::Image(image)) => ImageTagConflict::NotAnImage(image.config.media_type.into()),
                    Ok(Manifest::Index(_)) => ImageTagConflict::NotAnImage(stored.media_type.as_str().into()),
                    Err(reason) => return Err(Error::from_image(context.request.image(reference), reason)),
                },
                None if manifests.archived.contains(&reference) => ImageTagConflict::Archived,
                None => {
                    let image = UnseenImage::Named(context.request.image(reference));
                    return self.context.observe_again(self.tags, image);
                }
            };
            context.attempts.unusable.insert(image_tag.digest, conflict);
        }
        Ok(if writes.is_empty() { self.next() } else { ImageTagStep::Put(PutImageTags { next: self, writes }) })
    }

    /// Reads the rest, or else what the tags name now.
    fn next(self) -> ImageTagStep {
        if self.remaining.is_empty() {
            let Self { context, tags, .. } = self;
            return ImageTagStep::Observe(ObserveTags { context, tags, after: Duration::ZERO });
        }
        ImageTagStep::Read(self)
    }
}

impl PutImageTags {
    /// The request.
    pub fn request(&self) -> &ImageTagRequest {
        self.next.request()
    }

    /// What is to be written, each under a tag of its own.
    pub fn writes(&self) -> &[ImageTagWrite] {
        &self.writes
    }

    /// Continues with the responses, one for each write.
    ///
    /// # Errors
    /// That of the first write that failed.
    pub fn resume(self, mut responses: BTreeMap<Tag, Result<PutResponse, Error>>) -> Result<ImageTagStep, Error> {
        let Self { mut next, writes } = self;
        let attempts = &mut next.context.attempts;
        for ImageTagWrite { tag, image } in writes {
            match responses.remove(&tag).transpose()? {
                Some(PutResponse::TagImmutable) => attempts.immutable.insert((tag, image.digest)),
                // Whether it is there, the next read tells.
                Some(PutResponse::Stored | PutResponse::ReferencedImageNotFound) | None => {
                    attempts.written.insert((tag, image.digest))
                }
            };
        }
        Ok(next.next())
    }
}

impl Context {
    /// The list that the version's tag names, or would name after a dry run.
    fn list(&self, stored: Option<StoredManifest>, is_archived: bool) -> Result<(ManifestList, Index), NoList> {
        let version = || self.request.version.clone();
        let stored = match self.request.proposal.as_ref().map(StoredManifest::from).or(stored) {
            Some(stored) => stored,
            None if is_archived => return Err(NoList::Archived(version())),
            None => return Err(NoList::Absent(version())),
        };
        if let Some(taken) = Taken::of(&stored) {
            return Err(NoList::Taken(taken));
        }
        ManifestList::of(&stored).zip(index_of(&stored)).ok_or_else(|| NoList::Invalid(version()))
    }

    /// Observes again after a pause, if one remains, since something that must exist was not seen.
    fn observe_again(mut self, tags: BTreeSet<Tag>, unseen: UnseenImage) -> Result<ImageTagStep, Error> {
        let pause_ms = PAUSES_MS.get(usize::from(self.pauses)).ok_or_else(|| not_yet_visible(unseen))?;
        self.pauses += 1;
        let after = Duration::from_millis(*pause_ms);
        Ok(ImageTagStep::Observe(ObserveTags { context: self, tags, after }))
    }

    /// What is due, according to a read of these tags.
    fn decide(
        mut self,
        list: ManifestList,
        image_tags: Vec<ImageTag>,
        read: &BTreeSet<Tag>,
        manifests: &Manifests,
    ) -> Result<ImageTagStep, Error> {
        let tags: BTreeSet<_> = image_tags.iter().filter_map(|image_tag| image_tag.tag.clone().ok()).collect();
        let (mut reports, mut remaining, mut is_unread) = (Vec::new(), Vec::new(), false);
        for image_tag in image_tags {
            match (self.attempts.decide(&image_tag, read, manifests, self.request.force), &image_tag.tag) {
                (Decision::Read, _) => is_unread = true,
                (Decision::Write, Ok(tag)) if !self.request.dry_run => remaining.push((tag.clone(), image_tag)),
                (Decision::Write, _) => reports.push(ImageTagReport::new(image_tag, ImageTagOutcome::WouldMove)),
                (Decision::Settled(outcome), _) => reports.push(ImageTagReport::new(image_tag, outcome)),
            }
        }
        if !is_unread && remaining.is_empty() {
            return Ok(ImageTagStep::Done(ImageTagging::List(list, reports)));
        }
        let is_hidden = |(tag, image_tag): &&(Tag, ImageTag)| {
            let is_written = self.attempts.written.contains(&(tag.clone(), image_tag.digest));
            is_written && !manifests.contains_key(&Reference::Tag(tag.clone()))
        };
        if let Some((tag, _)) = remaining.iter().find(is_hidden) {
            let image = UnseenImage::Named(self.request.image(Reference::Tag(tag.clone())));
            return self.observe_again(tags, image);
        }
        if self.rounds == MAX_ROUNDS {
            return Err(self.request.contended(MAX_ROUNDS));
        }
        self.rounds += 1;
        if is_unread {
            return Ok(ImageTagStep::Observe(ObserveTags { context: self, tags, after: Duration::ZERO }));
        }
        Ok(ImageTagStep::Read(ReadImages { context: self, remaining, at_once: MAX_BATCH_IDS, tags }))
    }
}

const _: () = assert!(MAX_PLATFORMS < MAX_BATCH_IDS, "one read shows a list and the tags of all of its images");
