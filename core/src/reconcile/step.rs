//! The steps of a reconciliation: the calls to be made. Each holds its own continuation, which is in
//! [`machine`](super::machine).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::manifest_list::ManifestList;
use super::observation::Observation;
use super::outcome::{PlatformImage, Reconciliation, Waiting};
use super::request::ReconcileRequest;
use super::right_list::PushTimes;
use crate::name::Reference;
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;

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
    pub(super) context: Context,
    pub(super) after: Duration,
    pub(super) purpose: Purpose,
}

/// The purpose of a read of manifests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// To observe the version.
    Observe,
    /// To find out whether the images of its list are conversions of those of its tags.
    Compare(Box<(Observation, PushTimes)>),
    /// To add the images within indexes to the observation.
    AddChildren(Observation),
    /// To confirm a write.
    Confirm { write: Write, response: PutResponse },
}

/// A description of images: when each was first pushed, and whether it is archived.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DescribeImages {
    pub(super) context: Context,
    pub(super) subject: Described,
}

/// What is described.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Described {
    /// The images of a list and of the platform tags, to find out whether the list stays.
    Images(Observation),
    /// The platform tags that no read showed, to find out whether their images are archived.
    MissingTags(Waiting, Vec<PlatformImage>),
    /// What no read showed although it must exist: a list that was written, or the image of an index.
    Unseen(Digest),
}

/// A read of configs, in parallel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadConfigs {
    pub(super) context: Context,
    pub(super) observation: Observation,
}

/// A write of a manifest list under the version's tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Put {
    pub(super) context: Context,
    pub(super) write: Write,
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
pub(super) struct Context {
    pub(super) request: Arc<ReconcileRequest>,
    /// How many writes ECR has responded to.
    pub(super) rounds: u8,
    /// How many of [`PAUSES_MS`] are used.
    pub(super) pauses: u8,
    /// The lists that it has written.
    pub(super) written: BTreeSet<Digest>,
    /// What the tag named before the first of them.
    pub(super) replaced: Option<Digest>,
}

/// A manifest list, and the observation that it was assembled from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Write {
    pub(super) list: ManifestList,
    pub(super) tags: BTreeMap<Tag, Digest>,
    pub(super) replaced: Option<Digest>,
    pub(super) images: Vec<PlatformImage>,
}

impl Step {
    /// The first step of a reconciliation.
    pub fn start(request: Arc<ReconcileRequest>) -> Self {
        let context = Context { request, rounds: 0, pauses: 0, written: BTreeSet::new(), replaced: None };
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
            Purpose::Compare(compared) => compared.0.conversions().into_iter().map(Reference::Digest).collect(),
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
            Described::Unseen(digest) => vec![Reference::Digest(*digest)],
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

    /// Drops the write and observes the version again, with the retries that remain.
    #[must_use]
    pub fn restart(self) -> ReadManifests {
        self.context.observe(Duration::ZERO)
    }
}

impl Context {
    pub(super) fn observe(self, after: Duration) -> ReadManifests {
        ReadManifests { context: self, after, purpose: Purpose::Observe }
    }

    pub(super) fn confirm(self, write: Write, response: PutResponse, after: Duration) -> ReadManifests {
        ReadManifests { context: self, after, purpose: Purpose::Confirm { write, response } }
    }

    /// Takes the next pause, if one remains.
    pub(super) fn pause(self) -> Option<(Self, Duration)> {
        let pause_ms = *PAUSES_MS.get(usize::from(self.pauses))?;
        Some((Self { pauses: self.pauses + 1, ..self }, Duration::from_millis(pause_ms)))
    }
}
