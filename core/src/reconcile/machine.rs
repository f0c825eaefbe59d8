//! The reconciliation of one version as a state machine: data in, data out.
//!
//! ```text
//! observe ──> read children of indexes ──> read configs ──> decide ──> put ──> confirm
//!    ^ │              ^                                                           │
//!    │ └─> describe ──┘  where a list would be replaced that may be right         │
//!    └───────────────────── the tags have changed meanwhile ──────────────────────┘
//! ```
//!
//! A list that is right ends it at once, whoever made it: see [`right_list`](super::right_list).
//!
//! ECR has no compare-and-swap, so a manifest list may be written from tags that have moved since they were read. The
//! read after the write detects that, and the machine observes again. The last writer has therefore either read after
//! the last push, or its read after the write sees that push.
//!
//! Nothing here waits, reads a clock or does I/O. Each [`Step`] is a call to be made, and holds its own continuation:
//! the caller makes the call and passes the response to `resume`, so a response of another kind does not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::manifest_list::{MAX_LIST_BYTES, ManifestList};
use super::observation::{self, Descriptions, ImageConfigs, Manifests, Observation, Observed, tags};
use super::outcome::{Outcome, PlatformImage, Proposal, Reconciliation, Waiting};
use super::request::ReconcileRequest;
use super::right_list::PushTimes;
use crate::error::{Conflict, Error, UnseenImage};
use crate::name::Reference;
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::invalid_image::Unsupported;
use crate::oci::manifest::{Index, StoredManifest};
use crate::oci::platform::Platform;
use crate::oci::tag::Tag;
use crate::settings::Revisions;

/// How often a manifest list is written before the version is given up as contended.
///
/// A write is repeated only if a tag moved between the read before it and the read after it. Five rounds cover all
/// platforms of a version being pushed at the same time; tags that move more often are moved by a process that will not
/// stop soon.
pub const MAX_ROUNDS: u8 = 5;

/// The pauses, in milliseconds, before a read that did not show a state that must exist is repeated: three seconds in
/// all.
///
/// AWS documents no read-after-write guarantee for ECR, and tags have been seen missing for a moment after a push. A
/// longer delay is deferred to Lambda, which retries after a minute.
pub const PAUSES_MS: [u64; 5] = [100, 200, 400, 800, 1_500];

/// The next step of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read manifests.
    ReadManifests(ReadManifests),
    /// Describe images.
    DescribeImages(DescribeImages),
    /// Read configs.
    ReadConfigs(ReadConfigs),
    /// Write a manifest list.
    Put(Put),
    /// The reconciliation has ended.
    Done(Reconciliation),
}

/// A read of manifests, all in one call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadManifests {
    context: Context,
    after: Duration,
    purpose: Purpose,
}

/// The purpose of a read of manifests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Purpose {
    /// To observe the version.
    Observe,
    /// To find out whether the images of its list are conversions of those of its tags.
    Compare(Observation, PushTimes),
    /// To add the images within indexes to the observation.
    AddChildren(Observation),
    /// To confirm a write.
    Confirm { write: Write, response: PutResponse },
}

/// A description of images: when each was first pushed, and whether it is archived.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DescribeImages {
    context: Context,
    subject: Described,
}

/// What is described.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Described {
    /// The images of a list and of the platform tags, to find out whether the list stays.
    Images(Observation),
    /// The platform tags that no read showed, to find out whether their images are archived.
    MissingTags(Waiting, Vec<PlatformImage>),
    /// A list that was written and that no read showed.
    UnseenList(Digest),
}

/// A read of configs, in parallel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadConfigs {
    context: Context,
    observation: Observation,
}

/// A write of a manifest list under the version's tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Put {
    context: Context,
    write: Write,
}

/// ECR's response to the write of a manifest list, unless the call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PutResponse {
    /// It is stored, or was before (`ImageAlreadyExistsException`).
    Stored,
    /// The tag is immutable and taken (`ImageTagAlreadyExistsException`), possibly by the same manifest list.
    TagImmutable,
    /// An image that the manifest list refers to does not exist (`ReferencedImagesNotFoundException`).
    ReferencedImageNotFound,
}

/// The context that all steps of a reconciliation share: the request, and the retries that are used up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Context {
    request: Arc<ReconcileRequest>,
    /// How many writes ECR has responded to.
    rounds: u8,
    /// How many of [`PAUSES_MS`] are used.
    pauses: u8,
    /// The lists that it has written.
    written: BTreeSet<Digest>,
}

/// A manifest list, and the observation that it was assembled from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Write {
    list: ManifestList,
    tags: BTreeMap<Tag, Digest>,
    replaced: Option<Digest>,
    images: Vec<PlatformImage>,
}

impl Step {
    /// The first step of a reconciliation.
    pub fn start(request: Arc<ReconcileRequest>) -> Self {
        let context = Context { request, rounds: 0, pauses: 0, written: BTreeSet::new() };
        Self::ReadManifests(context.observe(Duration::ZERO))
    }
}

impl ReadManifests {
    /// The request that is reconciled.
    pub fn request(&self) -> &ReconcileRequest {
        &self.context.request
    }

    /// The manifests to read.
    pub fn references(&self) -> Vec<Reference> {
        match &self.purpose {
            Purpose::Observe | Purpose::Confirm { .. } => self.request().references(),
            Purpose::Compare(observation, _) => observation.conversions().into_iter().map(Reference::Digest).collect(),
            Purpose::AddChildren(observation) => observation.children().into_iter().map(Reference::Digest).collect(),
        }
    }

    /// Whether the read confirms a write, which therefore must not be omitted.
    pub fn is_confirmation(&self) -> bool {
        matches!(self.purpose, Purpose::Confirm { .. })
    }

    /// How long to wait before the call.
    pub fn after(&self) -> Duration {
        self.after
    }

    /// Continues with the manifests that exist.
    ///
    /// # Errors
    /// Every [`Error`] that keeps a version from being published.
    pub fn resume(self, manifests: Manifests) -> Result<Step, Error> {
        let Self { context, purpose, .. } = self;
        match purpose {
            Purpose::Observe => context.observed(manifests),
            Purpose::Compare(observation, times) => context.compared(observation, &times, &manifests),
            Purpose::AddChildren(observation) => context.add_children(observation, &manifests),
            Purpose::Confirm { write, response } => context.confirmed(write, response, manifests),
        }
    }
}

impl DescribeImages {
    /// The request that is reconciled.
    pub fn request(&self) -> &ReconcileRequest {
        &self.context.request
    }

    /// The images.
    pub fn references(&self) -> Vec<Reference> {
        match &self.subject {
            Described::Images(observation) => observation.described().into_iter().collect(),
            Described::MissingTags(waiting, _) => {
                waiting.missing().iter().map(|missing| Reference::Tag(missing.tag.clone())).collect()
            }
            Described::UnseenList(digest) => vec![Reference::Digest(*digest)],
        }
    }

    /// Continues with the descriptions of the images that exist.
    ///
    /// # Errors
    /// [`Error::TagConflict`], if a list is of newer images; [`Error::ImageArchived`], if an image that is needed is
    /// archived; [`Error::NotYetVisible`], if the list that was written is not.
    pub fn resume(self, descriptions: Descriptions) -> Result<Step, Error> {
        let is_complete = self.references().iter().all(|reference| descriptions.contains_key(reference));
        let Self { context, subject } = self;
        let archived = || descriptions.iter().find(|(_, description)| description.is_archived);
        match subject {
            Described::Images(observation) => {
                if !is_complete {
                    return Ok(context.observe_again_or_replace(observation));
                }
                let times =
                    descriptions.into_values().map(|described| (described.digest, described.pushed_at)).collect();
                if observation.may_be_converted(&times) {
                    let purpose = Purpose::Compare(observation, times);
                    return Ok(Step::ReadManifests(ReadManifests { context, after: Duration::ZERO, purpose }));
                }
                context.replace_unless_newer(observation, &times)
            }
            Described::MissingTags(waiting, images) => match archived() {
                Some((tag, _)) => Err(Error::ImageArchived { image: context.request.image(tag.clone()) }),
                None => Ok(done(Outcome::Waiting(waiting), images)),
            },
            Described::UnseenList(_) => Err(match archived() {
                Some((digest, _)) => Error::ImageArchived { image: context.request.image(digest.clone()) },
                None => not_yet_visible(UnseenImage::Named(context.request.target())),
            }),
        }
    }
}

impl ReadConfigs {
    /// The request that is reconciled.
    pub fn request(&self) -> &ReconcileRequest {
        &self.context.request
    }

    /// The digests of the configs, each with the size that the manifest states.
    pub fn configs(&self) -> Vec<(Digest, u64)> {
        self.observation.configs().into_iter().collect()
    }

    /// Continues with the configs.
    ///
    /// # Errors
    /// Every [`Error`] that keeps a version from being published.
    pub fn resume(self, configs: &ImageConfigs) -> Result<Step, Error> {
        self.context.decide(&self.observation, configs)
    }
}

impl Put {
    /// The request that is reconciled.
    pub fn request(&self) -> &ReconcileRequest {
        &self.context.request
    }

    /// The manifest list to write.
    pub fn manifest_list(&self) -> &ManifestList {
        &self.write.list
    }

    /// Continues with ECR's response.
    ///
    /// # Errors
    /// [`Error::NotYetVisible`], if an image that the manifest list refers to stays missing.
    pub fn resume(self, response: PutResponse) -> Result<Step, Error> {
        let Self { context, write } = self;
        if response == PutResponse::ReferencedImageNotFound {
            let list = context.request.target();
            return context.observe_again(UnseenImage::ReferencedBy(list));
        }
        let mut context = Context { rounds: context.rounds + 1, ..context };
        context.written.insert(write.list.digest);
        Ok(Step::ReadManifests(context.confirm(write, response, Duration::ZERO)))
    }

    /// Drops the write and observes the version again, with the retries that remain.
    #[must_use]
    pub fn restart(self) -> ReadManifests {
        self.context.observe(Duration::ZERO)
    }
}

impl Context {
    fn observe(self, after: Duration) -> ReadManifests {
        ReadManifests { context: self, after, purpose: Purpose::Observe }
    }

    fn confirm(self, write: Write, response: PutResponse, after: Duration) -> ReadManifests {
        ReadManifests { context: self, after, purpose: Purpose::Confirm { write, response } }
    }

    fn observed(self, manifests: Manifests) -> Result<Step, Error> {
        let mut pushed = self.request.pushed.iter().cloned().map(Reference::Tag);
        if let Some(unseen) = pushed.find(|reference| !manifests.contains_key(reference)) {
            let image = self.request.image(unseen);
            return self.observe_again(UnseenImage::Named(image));
        }
        let observation = match Observation::observe(&self.request, manifests)? {
            Observed::Right(list, images) => return Ok(self.confirmed_list(list, images)),
            Observed::Other(observation) => observation,
        };
        if !observation.missing.is_empty() {
            let images = observation.images();
            let is_image = |target: &StoredManifest| !target.is_list() && target.artifact_type().is_none();
            let names_single_image = observation.target.as_ref().is_some_and(is_image);
            let waiting = Waiting::Platforms { missing: observation.missing, names_single_image };
            if self.request.looks_for_archived {
                let subject = Described::MissingTags(waiting, images);
                return Ok(Step::DescribeImages(DescribeImages { context: self, subject }));
            }
            return Ok(done(Outcome::Waiting(waiting), images));
        }
        // Before anything else is read: a sweep meets the same conflicts every time.
        let configured = &self.request.platforms;
        let is_configured = |platform: &Platform| configured.iter().any(|tag| tag.platform.matches(platform));
        let conflict = observation.target.as_ref().and_then(|target| conflict(target, is_configured));
        let is_replaced = |conflict: &Conflict| self.request.force && !matches!(conflict, Conflict::Artifact { .. });
        if let Some(conflict) = conflict.filter(|conflict| !is_replaced(conflict)) {
            return Err(Error::TagConflict { tag: self.request.target(), conflict });
        }
        let is_own = observation.target.as_ref().is_some_and(|target| self.written.contains(&target.digest));
        if observation.is_undecided() && !self.request.force && !is_own {
            let subject = Described::Images(observation);
            return Ok(Step::DescribeImages(DescribeImages { context: self, subject }));
        }
        Ok(self.replace(observation))
    }

    /// Ends with a list that is right.
    fn confirmed_list(&self, list: ManifestList, images: Vec<PlatformImage>) -> Step {
        done(if self.rounds == 0 { Outcome::Unchanged(list) } else { Outcome::Published(list) }, images)
    }

    fn compared(self, observation: Observation, times: &PushTimes, manifests: &Manifests) -> Result<Step, Error> {
        match observation.is_converted(manifests) {
            Ok(true) => match observation.existing_list(&self.request) {
                Some((list, images)) => Ok(self.confirmed_list(list, images)),
                None => Ok(self.replace(observation)),
            },
            Ok(false) => self.replace_unless_newer(observation, times),
            Err(_unseen) => Ok(self.observe_again_or_replace(observation)),
        }
    }

    /// Observes again, since a tag may have been moved whose image was deleted; in the end, a list that names an image which
    /// does not exist is replaced.
    fn observe_again_or_replace(self, observation: Observation) -> Step {
        match self.clone().pause() {
            Some((context, after)) => Step::ReadManifests(context.observe(after)),
            None => self.replace(observation),
        }
    }

    /// Goes on to replace the list, unless somebody made it from newer images and no event says that a platform tag was
    /// pushed after these.
    fn replace_unless_newer(self, observation: Observation, times: &PushTimes) -> Result<Step, Error> {
        match observation.newer_list(times) {
            Some((digest, last_push)) if self.request.announced_at.is_none_or(|announced| announced <= last_push) => {
                Err(Error::TagConflict { tag: self.request.target(), conflict: Conflict::NewerImages { digest } })
            }
            _ => Ok(self.replace(observation)),
        }
    }

    /// Goes on to assemble the list of the platform tags.
    fn replace(self, observation: Observation) -> Step {
        if observation.children().is_empty() {
            return self.read_configs(observation);
        }
        let purpose = Purpose::AddChildren(observation);
        Step::ReadManifests(ReadManifests { context: self, after: Duration::ZERO, purpose })
    }

    fn add_children(self, mut observation: Observation, manifests: &Manifests) -> Result<Step, Error> {
        match observation.add_children(&self.request, manifests)? {
            None => Ok(self.read_configs(observation)),
            Some(missing) => {
                let image = self.request.image(Reference::Digest(missing));
                self.observe_again(UnseenImage::Named(image))
            }
        }
    }

    fn read_configs(self, observation: Observation) -> Step {
        Step::ReadConfigs(ReadConfigs { context: self, observation })
    }

    fn decide(self, observation: &Observation, configs: &ImageConfigs) -> Result<Step, Error> {
        let request = &self.request;
        let sources = observation.sources(request, configs)?;
        let images = observation.images();
        let list = ManifestList::assemble(&sources, request.attestations);
        let target = observation.target.as_ref();
        if target.is_some_and(|target| target.digest == list.digest) {
            return Ok(self.confirmed_list(list, images));
        }
        if request.revisions == Revisions::Same
            && let Some(message) = observation::differing_revisions(&sources)
        {
            return Ok(done(Outcome::Waiting(Waiting::Revisions(message)), images));
        }
        if list.text.len() > MAX_LIST_BYTES {
            let reason = Unsupported::ListSize { size: list.text.len(), max: MAX_LIST_BYTES };
            return Err(Error::UnsupportedImage { image: request.target(), reason });
        }
        if request.dry_run {
            return Ok(done(Outcome::WouldPublish(Proposal::new(list, target.map(|target| target.digest))), images));
        }
        if self.rounds == MAX_ROUNDS {
            return Err(Error::Contended { tag: request.target(), rounds: MAX_ROUNDS });
        }
        let (tags, replaced) = (observation.tags.clone(), target.map(|target| target.digest));
        Ok(Step::Put(Put { context: self, write: Write { list, tags, replaced, images } }))
    }

    fn confirmed(self, write: Write, response: PutResponse, manifests: Manifests) -> Result<Step, Error> {
        let mut tags = tags(&manifests);
        let target = tags.remove(&self.request.version);
        if tags != write.tags {
            return self.observed(manifests);
        }
        match target {
            Some(digest) if digest == write.list.digest => {
                let Write { list, images, replaced, .. } = write;
                Ok(Step::Done(Reconciliation { outcome: Outcome::Published(list), images, replaced }))
            }
            Some(digest) if response == PutResponse::TagImmutable => {
                match Observation::observe(&self.request, manifests)? {
                    Observed::Right(list, images) => Ok(done(Outcome::Unchanged(list), images)),
                    Observed::Other(_) => Err(Error::TagConflict {
                        tag: self.request.target(),
                        conflict: Conflict::Immutable { digest, assembled: write.list.digest },
                    }),
                }
            }
            // The tag as it was before the write: ECR still shows the earlier state, so read again after a pause.
            unchanged if unchanged == write.replaced => match self.clone().pause() {
                Some((context, after)) => Ok(Step::ReadManifests(context.confirm(write, response, after))),
                None if unchanged.is_none() => {
                    let subject = Described::UnseenList(write.list.digest);
                    Ok(Step::DescribeImages(DescribeImages { context: self, subject }))
                }
                None => self.observed(manifests),
            },
            _ => self.observed(manifests),
        }
    }

    fn observe_again(self, unseen: UnseenImage) -> Result<Step, Error> {
        let (context, after) = self.pause().ok_or_else(|| not_yet_visible(unseen))?;
        Ok(Step::ReadManifests(context.observe(after)))
    }

    /// Takes the next pause, if one remains.
    fn pause(self) -> Option<(Self, Duration)> {
        let pause_ms = *PAUSES_MS.get(usize::from(self.pauses))?;
        Some((Self { pauses: self.pauses + 1, ..self }, Duration::from_millis(pause_ms)))
    }
}

fn done(outcome: Outcome, images: Vec<PlatformImage>) -> Step {
    Step::Done(Reconciliation { outcome, images, replaced: None })
}

/// The error of an image that no read has shown after all pauses.
pub(crate) fn not_yet_visible(image: UnseenImage) -> Error {
    Error::NotYetVisible { image, waited_ms: PAUSES_MS.iter().sum() }
}

/// Why what the tag of a manifest list names must not be replaced; `None`, if it may be.
///
/// No manifest list that this function assembles is one of these conflicts, so the images need not be known.
pub(crate) fn conflict(target: &StoredManifest, is_configured: impl Fn(&Platform) -> bool) -> Option<Conflict> {
    let is_list = target.is_list();
    // Without the limit of a source: a list of many attested images has more entries.
    let index = is_list.then(|| serde_json::from_str::<Index>(&target.text).ok()).flatten();
    let Some(index) = index else {
        let digest = target.digest;
        return Some(match target.artifact_type() {
            Some(artifact_type) => Conflict::Artifact { digest, artifact_type },
            None => Conflict::NotAManifestList { digest, media_type: target.media_type.as_str().into() },
        });
    };
    let is_attestation =
        |entry: &Descriptor| entry.attested_digest().is_some() && !entry.is_attestation_with_platform();
    // What runs nowhere, and an artifact beside an image, is of no platform.
    let is_other = |entry: &Descriptor| is_attestation(entry) || entry.is_unknown() || entry.is_artifact();
    let is_foreign = |entry: &&Descriptor| !is_other(entry) && !entry.specified_platform().is_some_and(&is_configured);
    let foreign = index.manifests.iter().find(is_foreign)?;
    let platform = foreign.specified_platform().map_or_else(|| foreign.digest.to_string(), ToString::to_string);
    Some(Conflict::ForeignPlatform { digest: target.digest, platform: platform.into() })
}
