//! Reconciles versions of one repository together: they share their first read, and each then continues by itself.
//!
//! Events, requests and the sweep are worked off with it. It tells their delegate how each version ended, and asks it what
//! to do where ECR refuses.

mod alone;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::reconcile::observation::Manifests;
use ecr_multiarch_core::reconcile::outcome::Reconciliation;
use ecr_multiarch_core::reconcile::step::ReadManifests;
use ecr_multiarch_core::settings::tag_scheme::{MAX_BATCH_IDS, MAX_PLATFORMS};
use ecr_multiarch_core::{Error, IamAction, Reference, RepositoryName, Step};
use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::ecr::{ReadError, Registry, SharedRead};
use crate::end::{End, WorkTime, deadline_reached};
pub(crate) use alone::MAX_VERSION_BYTES;

/// How many versions of a group continue by themselves at a time: enough that one slow version does not hold up the
/// others, and few enough that the writes of other repositories do not wait for long.
const MAX_PARALLEL_VERSIONS: usize = 8;

const _: () = assert!(MAX_BATCH_IDS > MAX_PLATFORMS, "a read has room for one version");

/// How many versions of so many platforms fit into one read.
pub(crate) fn versions_per_read(platforms: usize) -> usize {
    MAX_BATCH_IDS / (platforms + 1)
}

/// How a version ended.
pub type VersionEnd = End<Reconciliation>;

/// What follows a read of several versions that fails: each gets its own result. It is attempted once, since the parts
/// repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailedRead {
    /// It is made in halves, one after the other: few calls for groups of any size. A version that is alone repeats its
    /// read by itself.
    Halves,
    /// Each version is read once by itself, all at the same time: little time for few versions.
    OneByOne,
}

/// Whoever has a group reconciled.
pub(crate) trait GroupDelegate {
    /// A version as the delegate knows it.
    type Version;

    /// The error for which the versions that are not written yet are abandoned.
    fn abandoned(&self) -> Option<Error>;

    /// A read of the repository was answered.
    fn on_answer(&self) {}

    /// How all versions of the repository end after a read failed. `None`, if one of them may be the reason, so that they
    /// are to be read in parts.
    fn on_read_error(&self, error: &Error) -> Option<VersionEnd>;

    /// A write failed.
    fn on_write_error(&self, _error: &Error) {}

    /// A version ended.
    fn on_end(&self, version: Self::Version, end: VersionEnd);
}

/// A version that is to be reconciled.
pub(crate) struct Member<V> {
    /// The version as the delegate knows it.
    pub(crate) version: V,
    /// The first step of its reconciliation.
    pub(crate) step: Step,
}

/// A version that is being reconciled, with its next step.
struct ActiveVersion<V> {
    state: VersionState<V>,
    step: Step,
}

struct VersionState<V> {
    version: V,
    /// Whether its manifests are too large to be read with those of others.
    is_large: bool,
    /// When it was observed by a shared read, if it was.
    observed_at: Option<Instant>,
}

/// Versions whose next step is one read.
struct Group<V> {
    members: Vec<ActiveVersion<V>>,
    /// Whether it is a part of a read that has failed.
    is_part: bool,
}

/// What follows a read.
struct Read<V> {
    /// What is to be read next.
    next: Vec<Group<V>>,
    /// The versions whose read has failed for good.
    failed: Vec<(V, VersionEnd)>,
}

impl<V> Default for Read<V> {
    fn default() -> Self {
        Self { next: Vec::new(), failed: Vec::new() }
    }
}

type Next<V> = ControlFlow<(V, VersionEnd), ActiveVersion<V>>;

impl<V> VersionState<V> {
    fn end(self, end: VersionEnd) -> Next<V> {
        ControlFlow::Break((self.version, end))
    }

    /// Continues with the next step, unless it was the last.
    fn next(self, step: Result<Step, Error>) -> Next<V> {
        match step {
            Ok(Step::Done(reconciliation)) => self.end(End::Done(reconciliation)),
            Ok(step) => ControlFlow::Continue(ActiveVersion { state: self, step }),
            Err(error) => self.end(error.into()),
        }
    }

    /// Continues a read with its part of what was read.
    fn resume(mut self, read: ReadManifests, all: &Manifests) -> Next<V> {
        let own = all.part(&read.references());
        self.observed_at = Some(Instant::now());
        self.next(read.resume(own))
    }
}

impl<V> ActiveVersion<V> {
    /// The read that it waits for, if it can be shared: it needs no pause, and confirms no write.
    fn shared_read(&self) -> Option<&ReadManifests> {
        match &self.step {
            Step::ReadManifests(read) if read.after().is_zero() && !read.is_confirmation() => Some(read),
            _ => None,
        }
    }

    fn references(&self) -> Vec<Reference> {
        self.shared_read().map(ReadManifests::references).unwrap_or_default()
    }
}

/// Reconciles groups of versions of one repository.
pub(crate) struct GroupReconciler<'a, D> {
    /// The registry, with calls that are repeated until the stop while ECR throttles them.
    pub(crate) registry: &'a Registry,
    pub(crate) repository: &'a RepositoryName,
    pub(crate) time: WorkTime,
    /// How many bytes the response to a read of several versions may have. A larger one is read in parts, so that a few
    /// reads in flight stay small whatever the manifests are. A hundred usual manifests have some 200 KiB.
    pub(crate) max_read_bytes: usize,
    pub(crate) failed_read: FailedRead,
    /// Admits one version at a time whose manifests are too large to be read with others.
    pub(crate) large_versions: &'a Semaphore,
    pub(crate) delegate: &'a D,
}

impl<D: GroupDelegate> GroupReconciler<'_, D> {
    /// Reconciles versions: no more than [`versions_per_read`].
    pub(crate) async fn reconcile(&self, members: Vec<Member<D::Version>>) {
        let members = members.into_iter().map(|Member { version, step }| {
            let state = VersionState { version, is_large: false, observed_at: None };
            ActiveVersion { state, step }
        });
        let members: Vec<_> = members.collect();
        // A repository with aliases may have no version to read.
        let mut groups = if members.is_empty() { Vec::new() } else { vec![Group { members, is_part: false }] };
        let mut unread = Vec::new();
        while let Some(group) = groups.pop() {
            let mut now = vec![group];
            if self.failed_read == FailedRead::OneByOne {
                now.append(&mut groups);
            }
            let reads = stream::iter(now).map(|group| self.read_and_finish(group));
            let reads: Vec<_> = reads.buffer_unordered(MAX_PARALLEL_VERSIONS).collect().await;
            for Read { next, failed } in reads {
                groups.extend(next);
                unread.extend(failed);
            }
        }
        // Last, when it is known whether any read was answered.
        for (version, end) in unread {
            self.delegate.on_end(version, end);
        }
    }

    /// Makes a read, and has the versions that continue by themselves finished before another read fills the memory.
    async fn read_and_finish(&self, group: Group<D::Version>) -> Read<D::Version> {
        if let Some(error) = self.delegate.abandoned() {
            self.end_all(group.members, &End::Abandoned(error));
            return Read::default();
        }
        let (read, alone) = self.read(group).await;
        stream::iter(alone).for_each_concurrent(MAX_PARALLEL_VERSIONS, |active| self.finish(active)).await;
        read
    }

    /// Makes one read for a group of versions. Returns what is to be read next, and the versions that continue by
    /// themselves. A version whose manifests are too large to be read with others does.
    async fn read(&self, group: Group<D::Version>) -> (Read<D::Version>, Vec<ActiveVersion<D::Version>>) {
        let Group { mut members, is_part } = group;
        let references: BTreeSet<_> = members.iter().flat_map(ActiveVersion::references).collect();
        let references: Vec<_> = references.into_iter().collect();
        let is_repeated = self.failed_read == FailedRead::Halves || members.len() > 1 || is_part;
        let shared = SharedRead { is_attempted_once: is_repeated, max_bytes: self.max_read_bytes };
        let read = self.registry.batch_get_shared_manifests(self.repository, &references, shared);
        match self.time.before_stop(read).await {
            Some(Ok(manifests)) => {
                self.delegate.on_answer();
                return self.resume(members, &manifests);
            }
            Some(Err(error)) if !self.time.is_up() => {
                if let ReadError::Call(error) = &error
                    && let Some(end) = self.delegate.on_read_error(error)
                {
                    self.end_all(members, &end);
                } else if let [one] = members.as_mut_slice() {
                    one.state.is_large = matches!(error, ReadError::TooLarge(_));
                    if one.state.is_large || self.failed_read == FailedRead::Halves {
                        return (Read::default(), members);
                    }
                    let end = VersionEnd::from(Error::from(error));
                    let failed = members.into_iter().map(|one| (one.state.version, end.clone())).collect();
                    return (Read { failed, ..Read::default() }, Vec::new());
                } else {
                    let size = if self.failed_read == FailedRead::Halves { members.len().div_ceil(2) } else { 1 };
                    let mut next = Vec::new();
                    while !members.is_empty() {
                        let rest = members.split_off(size.min(members.len()));
                        next.push(Group { members, is_part: true });
                        members = rest;
                    }
                    return (Read { next, ..Read::default() }, Vec::new());
                }
            }
            failed => {
                let dropped = || deadline_reached(IamAction::BatchGetImage, self.resource(&members));
                let error = failed.and_then(Result::err).map_or_else(dropped, Error::from);
                self.end_all(members, &End::OutOfTime(Some(error)));
            }
        }
        (Read::default(), Vec::new())
    }

    /// Continues versions with what was read for them together.
    fn resume(
        &self,
        members: Vec<ActiveVersion<D::Version>>,
        manifests: &Manifests,
    ) -> (Read<D::Version>, Vec<ActiveVersion<D::Version>>) {
        let (mut shared, mut alone) = (Vec::new(), Vec::new());
        for ActiveVersion { state, step } in members {
            let Step::ReadManifests(read) = step else {
                alone.push(ActiveVersion { state, step });
                continue;
            };
            match state.resume(read, manifests) {
                ControlFlow::Continue(next) if next.shared_read().is_some() => shared.push(next),
                ControlFlow::Continue(next) => alone.push(next),
                ControlFlow::Break((version, end)) => self.delegate.on_end(version, end),
            }
        }
        let next = if shared.is_empty() { Vec::new() } else { vec![Group { members: shared, is_part: false }] };
        (Read { next, failed: Vec::new() }, alone)
    }

    /// What a read for these versions accesses.
    fn resource(&self, group: &[ActiveVersion<D::Version>]) -> Resource {
        match group {
            [one] if let Some(read) = one.shared_read() => Resource::Image(read.request().target()),
            _ => Resource::Repository(self.repository.clone()),
        }
    }

    fn end_all(&self, group: Vec<ActiveVersion<D::Version>>, end: &VersionEnd) {
        for active in group {
            self.delegate.on_end(active.state.version, end.clone());
        }
    }
}
