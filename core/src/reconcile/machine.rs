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

use std::collections::BTreeSet;
use std::time::Duration;

use super::manifest_list::{ManifestList, differing_revisions};
use super::observation::{Description, Descriptions, ImageConfigs, Manifests, Observation, Observed, tags};
use super::outcome::{Outcome, PlatformImage, Proposal, Reconciliation, Waiting};
use super::right_list::{PushTimes, conflict, index_of};
use super::step::{
    Context, DescribeImages, Described, PAUSES_MS, Purpose, Put, PutResponse, ReadConfigs, ReadManifests, Step, Write,
};
use crate::error::{Conflict, Error, UnseenImage};
use crate::name::Reference;
use crate::oci::digest::Digest;
use crate::oci::platform::Platform;
use crate::settings::Revisions;

/// How often a manifest list is written before the version is given up as contended.
///
/// A write is repeated only if a tag moved between the read before it and the read after it. Five rounds cover all
/// platforms of a version being pushed at the same time; tags that move more often are moved by a process that will not
/// stop soon.
pub const MAX_ROUNDS: u8 = 5;

impl ReadManifests {
    /// Continues with the manifests that exist.
    ///
    /// # Errors
    /// Every [`Error`] that keeps a version from being published.
    pub fn resume(self, manifests: Manifests) -> Result<Step, Error> {
        let Self { context, purpose, .. } = self;
        match purpose {
            Purpose::Observe => context.observed(manifests),
            Purpose::Compare(compared) => {
                let (observation, times) = *compared;
                context.compared(observation, &times, &manifests)
            }
            Purpose::AddChildren(observation) => context.add_children(observation, &manifests),
            Purpose::Confirm { write, response } => context.confirmed(write, response, manifests),
        }
    }
}

impl DescribeImages {
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
                    return context.observe_again_or_replace(observation);
                }
                let is_archived = |(_, description): &(&Reference, &Description)| description.is_archived;
                let archived: BTreeSet<_> =
                    descriptions.iter().filter(is_archived).map(|(image, _)| image.clone()).collect();
                let times =
                    descriptions.into_values().map(|described| (described.digest, described.pushed_at)).collect();
                if observation.may_be_converted(&times) {
                    // The manifest of an archived image would tell whether the list is right: it is neither read nor
                    // written over.
                    let needed = observation.conversions();
                    if let Some(image) =
                        needed.into_iter().map(Reference::Digest).find(|image| archived.contains(image))
                    {
                        return Err(Error::ImageArchived { image: context.request.image(image) });
                    }
                    let purpose = Purpose::Compare(Box::new((observation, times)));
                    return Ok(Step::ReadManifests(ReadManifests { context, after: Duration::ZERO, purpose }));
                }
                context.replace_unless_newer(observation, &times)
            }
            Described::MissingTags(waiting, images) => match archived() {
                Some((tag, _)) => Err(Error::ImageArchived { image: context.request.image(tag.clone()) }),
                None => Ok(done(Outcome::Waiting(waiting), images)),
            },
            Described::Unseen(digest) => {
                let image = context.request.image(Reference::Digest(digest));
                Err(match archived() {
                    Some(_) => Error::ImageArchived { image },
                    None if context.written.contains(&digest) => {
                        not_yet_visible(UnseenImage::Named(context.request.target()))
                    }
                    None => not_yet_visible(UnseenImage::Named(image)),
                })
            }
        }
    }
}

impl ReadConfigs {
    /// Continues with the configs.
    ///
    /// # Errors
    /// Every [`Error`] that keeps a version from being published.
    pub fn resume(self, configs: &ImageConfigs) -> Result<Step, Error> {
        self.context.decide(&self.observation, configs)
    }
}

impl Put {
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
        if context.written.is_empty() {
            context.replaced = write.replaced;
        }
        context.written.insert(write.list.digest);
        Ok(Step::ReadManifests(context.confirm(write, response, Duration::ZERO)))
    }
}

impl Context {
    fn observed(self, manifests: Manifests) -> Result<Step, Error> {
        let mut pushed = self.request.pushed.iter().cloned().map(Reference::Tag);
        if let Some(unseen) = pushed.find(|reference| !manifests.contains_key(reference)) {
            match self.clone().pause() {
                Some((context, after)) => return Ok(Step::ReadManifests(context.observe(after))),
                // It was pushed before it was archived, and may not be needed.
                None if manifests.archived.contains(&unseen) => {}
                None => return Err(not_yet_visible(UnseenImage::Named(self.request.image(unseen)))),
            }
        }
        let observation = match Observation::observe(&self.request, manifests)? {
            Observed::Right(list, images) => return Ok(self.confirmed_list(list, images)),
            Observed::Other(observation) => observation,
        };
        let is_own = observation.target.as_ref().is_some_and(|target| self.written.contains(&target.digest));
        let is_replaced = self.request.force && observation.waiting.is_none();
        if observation.is_undecided() && !is_replaced && !is_own {
            let subject = Described::Images(observation);
            return Ok(Step::DescribeImages(DescribeImages { context: self, subject }));
        }
        self.replace(observation)
    }

    /// Ends with a list that is right.
    fn confirmed_list(&self, list: ManifestList, images: Vec<PlatformImage>) -> Step {
        let outcome = if self.rounds == 0 { Outcome::Unchanged(list) } else { Outcome::Published(list) };
        Step::Done(Reconciliation { outcome, images, replaced: self.replaced })
    }

    fn compared(self, observation: Observation, times: &PushTimes, manifests: &Manifests) -> Result<Step, Error> {
        match observation.is_converted(manifests) {
            Ok(true) => {
                let list = observation.existing_list(&self.request);
                list.map_or_else(
                    || self.clone().replace(observation),
                    |(list, images)| Ok(self.confirmed_list(list, images)),
                )
            }
            Ok(false) => self.replace_unless_newer(observation, times),
            Err(unseen) if manifests.archived.contains(&Reference::Digest(unseen)) => {
                Err(Error::ImageArchived { image: self.request.image(Reference::Digest(unseen)) })
            }
            Err(_) => self.observe_again_or_replace(observation),
        }
    }

    /// Observes again, since a tag may have been moved whose image was deleted; in the end, a list that names an image which
    /// does not exist is replaced.
    fn observe_again_or_replace(self, observation: Observation) -> Result<Step, Error> {
        match self.clone().pause() {
            Some((context, after)) if observation.waiting.is_none() => Ok(Step::ReadManifests(context.observe(after))),
            _ => self.replace(observation),
        }
    }

    /// Goes on to replace the list, unless somebody made it from newer images and no event says that a platform tag was
    /// pushed after these.
    fn replace_unless_newer(self, observation: Observation, times: &PushTimes) -> Result<Step, Error> {
        match observation.newer_list(times).filter(|_| observation.waiting.is_none()) {
            Some((digest, last_push)) if self.request.announced_at.is_none_or(|announced| announced <= last_push) => {
                Err(Error::TagConflict { tag: self.request.target(), conflict: Conflict::NewerImages { digest } })
            }
            _ => self.replace(observation),
        }
    }

    /// Goes on to assemble the list of the platform tags, unless one is missing or it must not replace what is there.
    fn replace(self, observation: Observation) -> Result<Step, Error> {
        if let Some(waiting) = &observation.waiting {
            return match &observation.archived {
                Some(archived) => Err(Error::ImageArchived { image: self.request.image(Reference::clone(archived)) }),
                None => Ok(self.wait(Waiting::clone(waiting), observation.images())),
            };
        }
        // Before anything else is read: a sweep meets the same conflicts every time.
        let configured = &self.request.platforms;
        let is_configured = |platform: &Platform| configured.iter().any(|tag| !tag.platform.contradicts(platform));
        let conflict =
            observation.target.as_ref().and_then(|target| conflict(target, index_of(target).as_ref(), is_configured));
        let is_replaced = |conflict: &Conflict| self.request.force && !matches!(conflict, Conflict::Artifact { .. });
        if let Some(conflict) = conflict.filter(|conflict| !is_replaced(conflict)) {
            return Err(Error::TagConflict { tag: self.request.target(), conflict });
        }
        if observation.children().is_empty() {
            return Ok(self.read_configs(observation));
        }
        let purpose = Purpose::AddChildren(observation);
        Ok(Step::ReadManifests(ReadManifests { context: self, after: Duration::ZERO, purpose }))
    }

    /// Ends with what is waited for, unless that is to be looked for in the archive.
    fn wait(self, waiting: Waiting, images: Vec<PlatformImage>) -> Step {
        if !self.request.looks_for_archived {
            return done(Outcome::Waiting(waiting), images);
        }
        let subject = Described::MissingTags(waiting, images);
        Step::DescribeImages(DescribeImages { context: self, subject })
    }

    fn add_children(self, mut observation: Observation, manifests: &Manifests) -> Result<Step, Error> {
        match observation.add_children(&self.request, manifests)? {
            None => Ok(self.read_configs(observation)),
            Some(missing) => match self.clone().pause() {
                Some((context, after)) => Ok(Step::ReadManifests(context.observe(after))),
                None => Ok(self.describe_unseen(missing)),
            },
        }
    }

    fn read_configs(self, observation: Observation) -> Step {
        Step::ReadConfigs(ReadConfigs { context: self, observation })
    }

    fn decide(self, observation: &Observation, configs: &ImageConfigs) -> Result<Step, Error> {
        let request = &self.request;
        let sources = observation.sources(request, configs)?;
        let images = observation.images();
        let target = observation.target.as_ref();
        let list = match ManifestList::assemble(&sources, request.attestations, &request.annotations) {
            Ok(list) if target.is_some_and(|target| target.digest == list.digest) => {
                return Ok(self.confirmed_list(list, images));
            }
            assembled => assembled,
        };
        if request.revisions == Revisions::Same
            && let Some(message) = differing_revisions(&sources)
        {
            return Ok(done(Outcome::Waiting(Waiting::Revisions(message)), images));
        }
        let list = list.map_err(|reason| Error::UnsupportedImage { image: request.target(), reason })?;
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
                let (outcome, replaced) = (Outcome::Published(write.list), self.replaced);
                Ok(Step::Done(Reconciliation { outcome, images: write.images, replaced }))
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
                None if unchanged.is_none() => Ok(self.describe_unseen(write.list.digest)),
                None => self.observed(manifests),
            },
            _ => self.observed(manifests),
        }
    }

    /// Finds out whether what no read shows is archived.
    fn describe_unseen(self, digest: Digest) -> Step {
        Step::DescribeImages(DescribeImages { context: self, subject: Described::Unseen(digest) })
    }

    fn observe_again(self, unseen: UnseenImage) -> Result<Step, Error> {
        let (context, after) = self.pause().ok_or_else(|| not_yet_visible(unseen))?;
        Ok(Step::ReadManifests(context.observe(after)))
    }
}

fn done(outcome: Outcome, images: Vec<PlatformImage>) -> Step {
    Step::Done(Reconciliation { outcome, images, replaced: None })
}

/// The error of an image that no read has shown after all pauses.
pub(crate) fn not_yet_visible(image: UnseenImage) -> Error {
    Error::NotYetVisible { image, waited_ms: PAUSES_MS.iter().sum() }
}
