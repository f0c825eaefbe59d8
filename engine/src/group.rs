//! Reconciles versions of one repository together: they share their first read, and each then continues by itself.
//!
//! Events, requests and the sweep are worked off with it. It tells their delegate how each version ended, and asks it what
//! to do where ECR refuses.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::reconcile::observation::Manifests;
use ecr_multiarch_core::reconcile::outcome::Reconciliation;
use ecr_multiarch_core::reconcile::step::{Put, ReadManifests};
use ecr_multiarch_core::settings::tag_scheme::{MAX_BATCH_IDS, MAX_PLATFORMS};
use ecr_multiarch_core::{Error, IamAction, Reference, RepositoryName, Step};
use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::ecr::{ReadError, Registry, SharedRead, WritePermit};
use crate::end::{End, WorkTime, deadline_reached, pause, with_deadline};

/// How many versions of a group continue by themselves at a time: enough that one slow version does not hold up the
/// others, and few enough that the writes of other repositories do not wait for long.
const MAX_PARALLEL_VERSIONS: usize = 8;

/// How long a version may wait after it was observed, until its manifest list is written. One that has waited longer is
/// observed again first: in a backlog, versions wait for their writes much longer than a read takes.
const MAX_WAIT_AFTER_OBSERVATION: Duration = Duration::from_millis(500);

const _: () = assert!(MAX_BATCH_IDS > MAX_PLATFORMS, "a read has room for one version");

/// How many versions of so many platforms fit into one read.
pub(crate) fn versions_per_read(platforms: usize) -> usize {
    MAX_BATCH_IDS / (platforms + 1)
}

/// How a version ended.
pub type VersionEnd = End<Reconciliation>;

/// Whoever has a group reconciled.
pub(crate) trait GroupDelegate {
    /// A version as the delegate knows it.
    type Version;

    /// The error for which the versions that are not written yet are abandoned.
    fn abandoned(&self) -> Option<Error>;

    /// How all versions end whose shared read failed. `None`, if they are to be read in parts.
    fn on_shared_read_error(&self, error: &Error) -> Option<VersionEnd>;

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
    pub(crate) shared_read: SharedRead,
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
        let mut groups = if members.is_empty() { Vec::new() } else { vec![members] };
        let mut individual = Vec::new();
        while let Some(group) = groups.pop() {
            if let Some(error) = self.delegate.abandoned() {
                self.end_all(group, &End::Abandoned(error));
                continue;
            }
            let (shared, alone) = self.read_shared(group).await;
            groups.extend(shared);
            individual.extend(alone);
        }
        stream::iter(individual).for_each_concurrent(MAX_PARALLEL_VERSIONS, |active| self.finish(active)).await;
    }

    /// Makes one read for a group of versions. Returns the groups that have another one to share, and the versions that
    /// continue by themselves. A read that fails is repeated in halves, so that each version gets its own result; that of
    /// one version is repeated by the version itself, where it was too large or attempted once.
    async fn read_shared(
        &self,
        mut group: Vec<ActiveVersion<D::Version>>,
    ) -> (Vec<Vec<ActiveVersion<D::Version>>>, Vec<ActiveVersion<D::Version>>) {
        let references: BTreeSet<_> = group.iter().flat_map(ActiveVersion::references).collect();
        let references: Vec<_> = references.into_iter().collect();
        let read = self.registry.batch_get_shared_manifests(self.repository, &references, self.shared_read);
        let manifests = match self.time.before_stop(read).await {
            Some(Ok(manifests)) => manifests,
            Some(Err(error)) if !self.time.is_up() => {
                if let ReadError::Call(error) = &error
                    && let Some(end) = self.delegate.on_shared_read_error(error)
                {
                    self.end_all(group, &end);
                    return (Vec::new(), Vec::new());
                }
                if let [one] = group.as_mut_slice() {
                    one.state.is_large = matches!(error, ReadError::TooLarge(_));
                    if one.state.is_large || self.shared_read.is_attempted_once {
                        return (Vec::new(), group);
                    }
                    self.end_all(group, &Error::from(error).into());
                    return (Vec::new(), Vec::new());
                }
                let second = group.split_off(group.len() / 2);
                return (vec![second, group], Vec::new());
            }
            failed => {
                let dropped = || deadline_reached(IamAction::BatchGetImage, self.resource(&group));
                let error = failed.and_then(Result::err).map_or_else(dropped, Error::from);
                self.end_all(group, &End::OutOfTime(Some(error)));
                return (Vec::new(), Vec::new());
            }
        };
        let (mut shared, mut alone) = (Vec::new(), Vec::new());
        for ActiveVersion { state, step } in group {
            let Step::ReadManifests(read) = step else {
                alone.push(ActiveVersion { state, step });
                continue;
            };
            match state.resume(read, &manifests) {
                ControlFlow::Continue(next) if next.shared_read().is_some() => shared.push(next),
                ControlFlow::Continue(next) => alone.push(next),
                ControlFlow::Break((version, end)) => self.delegate.on_end(version, end),
            }
        }
        (if shared.is_empty() { Vec::new() } else { vec![shared] }, alone)
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

    /// Reconciles one version to its end by itself.
    async fn finish(&self, active: ActiveVersion<D::Version>) {
        let permit = if active.state.is_large { self.large_versions.acquire().await.ok() } else { None };
        let (version, end) = Box::pin(self.run(active)).await;
        drop(permit);
        self.delegate.on_end(version, end);
    }

    async fn run(&self, mut active: ActiveVersion<D::Version>) -> (D::Version, VersionEnd) {
        let waited = active.state.observed_at.map_or(Duration::ZERO, |observed_at| observed_at.elapsed());
        let mut turn = Turn { permit: None, is_admitted: false, waited };
        loop {
            let ActiveVersion { state, step } = active;
            let is_confirmation = matches!(&step, Step::ReadManifests(read) if read.is_confirmation());
            // What was written is confirmed also after the stop.
            if !is_confirmation {
                if let Some(error) = self.delegate.abandoned() {
                    return (state.version, End::Abandoned(error));
                }
                if self.time.is_up() {
                    return (state.version, End::OutOfTime(None));
                }
            }
            let next = if let Step::Put(put) = step {
                self.put(state, put, &mut turn).await
            } else {
                let until = if is_confirmation { self.time.deadline } else { self.time.stop_at };
                let confirming = is_confirmation.then(|| self.registry.with_throttle_deadline(until));
                let registry = confirming.as_ref().unwrap_or(self.registry);
                let executed = Box::pin(execute(registry, step, until)).await;
                self.unless_out_of_time(state, executed)
            };
            active = match next {
                ControlFlow::Continue(next) => next,
                ControlFlow::Break(ended) => return ended,
            };
        }
    }

    /// Writes a manifest list in its turn, or observes the version again if its turn came late.
    async fn put<'s>(&'s self, state: VersionState<D::Version>, put: Put, turn: &mut Turn<'s>) -> Next<D::Version> {
        let gate = self.registry.gate();
        let begun = Instant::now();
        if turn.permit.is_none() {
            turn.permit = self.time.before_stop(gate.write_permit()).await;
        }
        // Here and not within the call, since versions may be abandoned, and time be up, until the write is admitted.
        if !turn.is_admitted {
            let until = self.time.stop_at.min(self.registry.throttle_deadline());
            turn.is_admitted = timeout_at(until, gate.admit(IamAction::PutImage)).await.is_ok();
        }
        turn.waited += begun.elapsed();
        if let Some(error) = self.delegate.abandoned() {
            return state.end(End::Abandoned(error));
        }
        let target = || Resource::Image(put.request().target());
        if !turn.is_admitted {
            return state.end(End::OutOfTime(Some(deadline_reached(IamAction::PutImage, target()))));
        }
        if turn.waited > MAX_WAIT_AFTER_OBSERVATION {
            turn.waited = Duration::ZERO;
            return state.next(Ok(Step::ReadManifests(put.restart())));
        }
        turn.is_admitted = false;
        let write = self.registry.put_manifest_list_once(self.repository, &put.request().version, put.manifest_list());
        let written = with_deadline(self.time.deadline, IamAction::PutImage, target, write).await;
        match written {
            // It waits for another turn.
            Ok(None) => state.next(Ok(Step::Put(put))),
            Ok(Some(response)) => {
                turn.permit = None;
                self.unless_out_of_time(state, put.resume(response))
            }
            Err(error) => {
                self.delegate.on_write_error(&error);
                self.unless_out_of_time(state, Err(error))
            }
        }
    }

    /// Continues with the next step. Once time is up, a retryable error says nothing about the version: ECR may have
    /// throttled it until then.
    fn unless_out_of_time(&self, state: VersionState<D::Version>, step: Result<Step, Error>) -> Next<D::Version> {
        match step {
            Err(error) if error.error_type().is_retryable() && self.time.is_up() => {
                state.end(End::OutOfTime(Some(error)))
            }
            step => state.next(step),
        }
    }
}

/// The turn of a version to write.
struct Turn<'a> {
    /// Its permit to prepare a write, until ECR has responded.
    permit: Option<WritePermit<'a>>,
    /// Whether the gate has admitted its next write.
    is_admitted: bool,
    /// How long it has waited since it was observed.
    waited: Duration,
}

/// Executes one step, and returns the next one.
///
/// # Errors
/// Those of the machine and of ECR; [`Error::RegistryUnavailable`], if ECR has not answered by the deadline.
async fn execute(registry: &Registry, step: Step, deadline: Instant) -> Result<Step, Error> {
    match step {
        Step::ReadManifests(read) => {
            let call = async {
                pause(read.after()).await;
                Ok(registry.batch_get_manifests(&read.request().repository, &read.references()).await?)
            };
            let target = || Resource::Image(read.request().target());
            let manifests = with_deadline(deadline, IamAction::BatchGetImage, target, call).await?;
            read.resume(manifests)
        }
        Step::DescribeImages(describe) => {
            let references = describe.references();
            let call = registry.describe(&describe.request().repository, &references);
            let target = || Resource::Image(describe.request().target());
            let descriptions = with_deadline(deadline, IamAction::DescribeImages, target, call).await?;
            describe.resume(descriptions)
        }
        Step::ReadConfigs(read) => {
            let configs = read.configs();
            let call = registry.get_configs(&read.request().repository, &configs);
            let target = || Resource::Image(read.request().target());
            let configs = with_deadline(deadline, IamAction::GetDownloadUrlForLayer, target, call).await?;
            read.resume(&configs)
        }
        // A write waits for its turn, which the group keeps.
        Step::Put(_) | Step::Done(_) => Ok(step),
    }
}
