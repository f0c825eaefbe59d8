//! Reconciles versions of one repository together: they share their first read, and each then continues by itself.
//!
//! The sweep and the records of a queue are worked off with it. It tells their owner how each version ended, and asks it
//! what to do where ECR refuses.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ecr_multiarch_core::reconcile::machine::{Put, ReadManifests};
use ecr_multiarch_core::reconcile::observation::{Manifests, is_current};
use ecr_multiarch_core::reconcile::outcome::Reconciliation;
use ecr_multiarch_core::settings::tag_scheme::{MAX_BATCH_IDS, MAX_PLATFORMS};
use ecr_multiarch_core::{Error, IamAction, ReconcileRequest, Reference, RepositoryName, RepositorySettings, Step};
use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::ecr::{ReadError, Registry, SharedRead, WritePermit};
use crate::execute::{self, execute};
use crate::work_time::WorkTime;

/// How many versions of a group continue by themselves at a time: enough that one slow version does not hold up the
/// others, and few enough that the writes of other repositories do not wait for long.
const MAX_PARALLEL_VERSIONS: usize = 8;

/// How long a version may wait after it was observed, until its manifest list is written. One that has waited longer is
/// observed again first: in a backlog, versions wait for their writes much longer than a read takes.
const MAX_WAIT_AFTER_OBSERVATION: Duration = Duration::from_millis(500);

const _: () = assert!(MAX_BATCH_IDS > MAX_PLATFORMS, "a read has room for one version");

/// How many versions of a repository with these settings fit into one read.
pub fn versions_per_read(settings: &RepositorySettings) -> usize {
    MAX_BATCH_IDS / (settings.tag_scheme.platforms().len() + 1)
}

/// How a version ended.
#[derive(Debug, Clone)]
pub enum VersionEnd {
    /// It was reconciled.
    Reconciled(Reconciliation),
    /// A comparison of digests showed that it needs no reconciliation.
    UpToDate,
    /// It failed.
    Failed(Error),
    /// It was left, as its owner demands.
    Left,
    /// Time was up, perhaps while a call failed.
    OutOfTime(Option<Error>),
}

/// Whoever has a group reconciled.
pub trait GroupOwner {
    /// A version as the owner knows it.
    type Version;

    /// Whether the versions that are not written yet are left.
    fn is_left(&self) -> bool;

    /// How all versions end whose shared read failed. `None`, if they are to be read in parts.
    fn shared_read_failed(&self, error: &Error) -> Option<VersionEnd>;

    /// A write failed.
    fn write_failed(&self, error: &Error);

    /// A version ended.
    fn ended(&self, version: Self::Version, end: VersionEnd);
}

/// A version that is to be reconciled.
#[derive(Debug)]
pub struct Member<V> {
    /// The version as the owner knows it.
    pub version: V,
    /// What is to be reconciled.
    pub request: Arc<ReconcileRequest>,
    /// Whether the digests of its manifest list and of its tags are compared first.
    pub compares_digests: bool,
}

/// A version that is being reconciled, with its next step.
struct ActiveVersion<V> {
    state: VersionState<V>,
    step: Step,
}

struct VersionState<V> {
    version: V,
    compares_digests: bool,
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
            Ok(Step::Done(reconciliation)) => self.end(VersionEnd::Reconciled(reconciliation)),
            Ok(step) => ControlFlow::Continue(ActiveVersion { state: self, step }),
            Err(error) => self.end(VersionEnd::Failed(error)),
        }
    }

    /// Continues a read with its part of what was read.
    fn resume(mut self, read: ReadManifests, all: &Manifests) -> Next<V> {
        let own = read.references().into_iter();
        let own = own.filter_map(|reference| all.get(&reference).cloned().map(|it| (reference, it))).collect();
        self.observed_at = Some(Instant::now());
        if std::mem::take(&mut self.compares_digests) && is_current(read.request(), &own) {
            return self.end(VersionEnd::UpToDate);
        }
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
#[derive(Debug)]
pub struct GroupReconciler<'a, O> {
    /// The registry, with calls that are repeated until the stop while ECR throttles them.
    pub registry: &'a Registry,
    /// The repository of all versions.
    pub repository: &'a RepositoryName,
    /// When the work ends.
    pub time: WorkTime,
    /// How the first read is made.
    pub shared_read: SharedRead,
    /// Admits one version at a time whose manifests are too large to be read with others.
    pub large_versions: &'a Semaphore,
    /// Whoever has the versions reconciled.
    pub owner: &'a O,
}

impl<O: GroupOwner> GroupReconciler<'_, O> {
    /// Reconciles versions: no more than [`versions_per_read`].
    pub async fn reconcile(&self, members: Vec<Member<O::Version>>) {
        let members = members.into_iter().map(|Member { version, request, compares_digests }| {
            let state = VersionState { version, compares_digests, is_large: false, observed_at: None };
            ActiveVersion { state, step: Step::start(request) }
        });
        let members: Vec<_> = members.collect();
        // A repository with aliases may have no version to read.
        let mut groups = if members.is_empty() { Vec::new() } else { vec![members] };
        let mut individual = Vec::new();
        while let Some(group) = groups.pop() {
            if self.owner.is_left() {
                self.end_all(group, &VersionEnd::Left);
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
    /// one version is repeated by the version itself.
    async fn read_shared(
        &self,
        mut group: Vec<ActiveVersion<O::Version>>,
    ) -> (Vec<Vec<ActiveVersion<O::Version>>>, Vec<ActiveVersion<O::Version>>) {
        let references: BTreeSet<_> = group.iter().flat_map(ActiveVersion::references).collect();
        let references: Vec<_> = references.into_iter().collect();
        let read = self.registry.batch_get_shared_manifests(self.repository, &references, self.shared_read);
        let manifests = match self.time.before_stop(read).await {
            Some(Ok(manifests)) => manifests,
            Some(Err(error)) if !self.time.is_up() => {
                if let ReadError::Call(error) = &error
                    && let Some(end) = self.owner.shared_read_failed(error)
                {
                    self.end_all(group, &end);
                    return (Vec::new(), Vec::new());
                }
                if let [one] = group.as_mut_slice() {
                    one.state.is_large = matches!(error, ReadError::TooLarge(_));
                    return (Vec::new(), group);
                }
                let second = group.split_off(group.len() / 2);
                return (vec![second, group], Vec::new());
            }
            failed => {
                let error = failed.and_then(Result::err).map(Error::from);
                self.end_all(group, &VersionEnd::OutOfTime(error));
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
                ControlFlow::Break((version, end)) => self.owner.ended(version, end),
            }
        }
        (if shared.is_empty() { Vec::new() } else { vec![shared] }, alone)
    }

    fn end_all(&self, group: Vec<ActiveVersion<O::Version>>, end: &VersionEnd) {
        for active in group {
            self.owner.ended(active.state.version, end.clone());
        }
    }

    /// Reconciles one version to its end by itself.
    async fn finish(&self, active: ActiveVersion<O::Version>) {
        let permit = if active.state.is_large { self.large_versions.acquire().await.ok() } else { None };
        let (version, end) = Box::pin(self.run(active)).await;
        drop(permit);
        self.owner.ended(version, end);
    }

    async fn run(&self, mut active: ActiveVersion<O::Version>) -> (O::Version, VersionEnd) {
        let waited = active.state.observed_at.map_or(Duration::ZERO, |observed_at| observed_at.elapsed());
        let mut turn = Turn { permit: None, is_admitted: false, waited };
        loop {
            let ActiveVersion { state, step } = active;
            let is_confirmation = matches!(&step, Step::ReadManifests(read) if read.is_confirmation());
            // What was written is confirmed also after the stop.
            if !is_confirmation {
                if self.owner.is_left() {
                    return (state.version, VersionEnd::Left);
                }
                if self.time.is_up() {
                    return (state.version, VersionEnd::OutOfTime(None));
                }
            }
            let next = match step {
                Step::Put(put) => self.put(state, put, &mut turn).await,
                Step::ReadManifests(_) if is_confirmation => {
                    let registry = self.registry.with_throttle_deadline(self.time.deadline);
                    let confirmed = execute(&registry, step, self.time.deadline).await;
                    self.unless_out_of_time(state, confirmed)
                }
                Step::ReadManifests(read) if state.compares_digests => {
                    let references = read.references();
                    let manifests = self.registry.batch_get_manifests(self.repository, &references);
                    match self.time.before_stop(manifests).await {
                        Some(Ok(manifests)) => state.resume(read, &manifests),
                        Some(Err(error)) => self.unless_out_of_time(state, Err(error.into())),
                        None => state.end(VersionEnd::OutOfTime(None)),
                    }
                }
                step => {
                    let work = Box::pin(execute(self.registry, step, self.time.deadline));
                    match self.time.before_stop(work).await {
                        Some(executed) => self.unless_out_of_time(state, executed),
                        None => state.end(VersionEnd::OutOfTime(None)),
                    }
                }
            };
            active = match next {
                ControlFlow::Continue(next) => next,
                ControlFlow::Break(ended) => return ended,
            };
        }
    }

    /// Writes a manifest list in its turn, or observes the version again if its turn came late.
    async fn put<'s>(&'s self, state: VersionState<O::Version>, put: Put, turn: &mut Turn<'s>) -> Next<O::Version> {
        let gate = self.registry.gate();
        let begun = Instant::now();
        if turn.permit.is_none() {
            turn.permit = self.time.before_stop(gate.write_permit()).await;
        }
        // Here and not within the call, since versions may be left, and time be up, until the write passes.
        if !turn.is_admitted {
            turn.is_admitted = self.time.before_stop(gate.admit(IamAction::PutImage)).await.is_some();
        }
        turn.waited += begun.elapsed();
        if self.owner.is_left() {
            return state.end(VersionEnd::Left);
        }
        if !turn.is_admitted {
            return state.end(VersionEnd::OutOfTime(None));
        }
        if turn.waited > MAX_WAIT_AFTER_OBSERVATION {
            turn.waited = Duration::ZERO;
            return state.next(Ok(Step::ReadManifests(put.restart())));
        }
        turn.is_admitted = false;
        let write = self.registry.put_manifest_list_once(self.repository, &put.request().version, put.manifest_list());
        let written = execute::before(self.time.deadline, IamAction::PutImage, put.request(), write).await;
        match written {
            // It waits for another turn.
            Ok(None) => state.next(Ok(Step::Put(put))),
            Ok(Some(response)) => {
                turn.permit = None;
                self.unless_out_of_time(state, put.resume(response))
            }
            Err(error) => {
                self.owner.write_failed(&error);
                self.unless_out_of_time(state, Err(error))
            }
        }
    }

    /// Continues with the next step. An error that a retry may mend is none of the version's once time is up: ECR may
    /// have throttled it until then.
    fn unless_out_of_time(&self, state: VersionState<O::Version>, step: Result<Step, Error>) -> Next<O::Version> {
        match step {
            Err(error) if error.error_type().is_retryable() && self.time.is_up() => {
                state.end(VersionEnd::OutOfTime(Some(error)))
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
