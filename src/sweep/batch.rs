//! The second stage: reads the versions of a batch together, and reconciles each to its end.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use ecr_multiarch_core::inventory::{Version, VersionStatus};
use ecr_multiarch_core::reconcile::machine::ReadManifests;
use ecr_multiarch_core::reconcile::observation::{Manifests, is_current};
use ecr_multiarch_core::{Error, ErrorType, IamAction, ReconcileRequest, Reference, Step};
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::queue::{Batch, SweptRepository};
use super::{NotReconciled, RegistrySweep, VersionResult};
use crate::ecr::{QUOTA_CODE, ReadError, WritePlace};
use crate::execute::execute;

/// How many versions of a batch continue by themselves at a time: enough that one slow version does not hold up the
/// others, and few enough that the writes of other repositories do not wait for long.
const MAX_PARALLEL_VERSIONS: usize = 8;

/// How old an observation may be when a manifest list is written from it. What is older is observed again first: in a
/// backlog, versions wait for their writes much longer than a read takes.
const MAX_OBSERVATION_AGE: Duration = Duration::from_millis(500);

/// A version that is being reconciled, with its next step.
struct ActiveReconcile<'v> {
    version: ActiveVersion<'v>,
    step: Step,
}

#[derive(Clone, Copy)]
struct ActiveVersion<'v> {
    version: &'v Version,
    /// Whether the digests of its manifest list and of its tags are compared first.
    compares_digests: bool,
    /// Whether its manifests are too large to be read with those of others.
    is_large: bool,
    /// When it was observed.
    observed_at: Instant,
}

impl<'v> ActiveVersion<'v> {
    /// Continues with the next step, unless it was the last.
    fn next(self, step: Result<Step, Error>) -> ControlFlow<VersionResult, ActiveReconcile<'v>> {
        match step {
            Ok(Step::Done(end)) => ControlFlow::Break(Ok(end.outcome)),
            Ok(step) => ControlFlow::Continue(ActiveReconcile { version: self, step }),
            Err(error) => ControlFlow::Break(Err(NotReconciled::Failed(error))),
        }
    }

    /// Continues a read with its part of what was read.
    fn resume(mut self, read: ReadManifests, all: &Manifests) -> ControlFlow<VersionResult, ActiveReconcile<'v>> {
        let own = read.references().into_iter();
        let own = own.filter_map(|reference| all.get(&reference).cloned().map(|it| (reference, it))).collect();
        self.observed_at = Instant::now();
        if std::mem::take(&mut self.compares_digests) && is_current(read.request(), &own) {
            return ControlFlow::Break(Err(NotReconciled::Scanned(VersionStatus::UpToDate)));
        }
        self.next(read.resume(own))
    }
}

impl ActiveReconcile<'_> {
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

impl RegistrySweep<'_> {
    /// Reconciles the versions of a batch.
    pub(super) async fn reconcile_batch(&self, batch: Batch<'_>) {
        let Batch { repository, versions } = batch;
        if repository.is_left() {
            for version in &versions {
                self.reporter.version(&repository, version, Err(NotReconciled::Left));
            }
            return;
        }
        let mut groups = vec![Vec::new()];
        for version in &versions {
            match ReconcileRequest::new(repository.name.clone(), version.tag.clone(), repository.settings) {
                Ok(request) => {
                    let compares_digests = version.status == VersionStatus::Unsettled && !self.scope.deep;
                    let observed_at = Instant::now();
                    let version = ActiveVersion { version, compares_digests, is_large: false, observed_at };
                    let step = Step::start(Arc::new(ReconcileRequest { dry_run: self.scope.dry_run, ..request }));
                    groups[0].push(ActiveReconcile { version, step });
                }
                // An inventory has only versions that are served.
                Err(_) => self.reporter.version(&repository, version, Err(NotReconciled::Left)),
            }
        }
        let mut individual = Vec::new();
        while let Some(group) = groups.pop() {
            let (shared, alone) = self.read_shared(&repository, group).await;
            groups.extend(shared);
            individual.extend(alone);
        }
        let finish = |active| self.finish(&repository, active);
        stream::iter(individual).for_each_concurrent(MAX_PARALLEL_VERSIONS, finish).await;
        self.reconcile_aliases(&repository).await;
    }

    /// Makes one read for a group of versions. Returns the groups that have another one to share, and the versions that
    /// continue by themselves. A read that fails is repeated in halves, so that each version gets its own result.
    async fn read_shared<'v>(
        &self,
        repository: &SweptRepository<'_>,
        mut group: Vec<ActiveReconcile<'v>>,
    ) -> (Vec<Vec<ActiveReconcile<'v>>>, Vec<ActiveReconcile<'v>>) {
        if group.len() <= 1 {
            return (Vec::new(), group);
        }
        let references: BTreeSet<_> = group.iter().flat_map(ActiveReconcile::references).collect();
        let references: Vec<_> = references.into_iter().collect();
        let read = self.registry.batch_get_shared_manifests(&repository.name, &references);
        let manifests = match self.time.before_stop(read).await {
            Some(Ok(manifests)) => manifests,
            Some(Err(ReadError::Call(error))) if is_refusal(&error) => {
                repository.leave(error);
                self.end_all(repository, &group, || NotReconciled::Left);
                return (Vec::new(), Vec::new());
            }
            Some(Err(error)) if !self.time.is_up() => {
                let mut second = group.split_off(group.len() / 2);
                if matches!(error, ReadError::TooLarge(_)) {
                    for half in [&mut group, &mut second] {
                        if let [one] = half.as_mut_slice() {
                            one.version.is_large = true;
                        }
                    }
                }
                return (vec![second, group], Vec::new());
            }
            _ => {
                self.end_all(repository, &group, || NotReconciled::OutOfTime);
                return (Vec::new(), Vec::new());
            }
        };
        let (mut shared, mut alone) = (Vec::new(), Vec::new());
        for ActiveReconcile { version, step } in group {
            let Step::ReadManifests(read) = step else {
                alone.push(ActiveReconcile { version, step });
                continue;
            };
            match version.resume(read, &manifests) {
                ControlFlow::Continue(next) if next.shared_read().is_some() => shared.push(next),
                ControlFlow::Continue(next) => alone.push(next),
                ControlFlow::Break(result) => self.reporter.version(repository, version.version, result),
            }
        }
        (if shared.is_empty() { Vec::new() } else { vec![shared] }, alone)
    }

    fn end_all(
        &self,
        repository: &SweptRepository<'_>,
        group: &[ActiveReconcile<'_>],
        reason: impl Fn() -> NotReconciled,
    ) {
        for active in group {
            self.reporter.version(repository, active.version.version, Err(reason()));
        }
    }

    /// Reconciles one version to its end by itself.
    async fn finish(&self, repository: &SweptRepository<'_>, active: ActiveReconcile<'_>) {
        let version = active.version.version;
        if repository.is_left() {
            self.reporter.version(repository, version, Err(NotReconciled::Left));
            return;
        }
        let permit = if active.version.is_large { self.large_versions.acquire().await.ok() } else { None };
        let result = Box::pin(self.reconcile(repository, active)).await;
        drop(permit);
        self.reporter.version(repository, version, result);
    }

    async fn reconcile(&self, repository: &SweptRepository<'_>, mut active: ActiveReconcile<'_>) -> VersionResult {
        let mut place: Option<WritePlace<'_>> = None;
        loop {
            let ActiveReconcile { mut version, step } = active;
            let next = match step {
                Step::Put(put) => {
                    if repository.is_left() {
                        return Err(NotReconciled::Left);
                    }
                    if place.is_none() {
                        let reserved = self.time.before_stop(self.registry.gate().write_place()).await;
                        place = Some(reserved.ok_or(NotReconciled::OutOfTime)?);
                        if version.observed_at.elapsed() > MAX_OBSERVATION_AGE {
                            version.observed_at = Instant::now();
                            let step = Step::ReadManifests(put.restart());
                            active = ActiveReconcile { version, step };
                            continue;
                        }
                    }
                    // Here and not within the call, since the repository may be left, and time be up, until it passes.
                    let passed = self.time.before_stop(self.registry.gate().pass(IamAction::PutImage)).await;
                    passed.ok_or(NotReconciled::OutOfTime)?;
                    if repository.is_left() {
                        return Err(NotReconciled::Left);
                    }
                    let written = execute(&self.registry.after_gate(), Step::Put(put), self.time.deadline).await;
                    place = None;
                    if let Err(error) = &written
                        && is_write_refusal(error)
                    {
                        repository.write_refused(error);
                    }
                    self.unless_out_of_time(version, written)
                }
                // What was written is confirmed also after the stop.
                Step::ReadManifests(read) if read.is_confirmation() => {
                    let registry = self.registry.patient_until(self.time.deadline);
                    let confirmed = execute(&registry, Step::ReadManifests(read), self.time.deadline).await;
                    self.unless_out_of_time(version, confirmed)
                }
                Step::ReadManifests(read) if version.compares_digests => {
                    let references = read.references();
                    let manifests = self.registry.batch_get_manifests(&repository.name, &references);
                    match self.time.before_stop(manifests).await {
                        Some(Ok(manifests)) => version.resume(read, &manifests),
                        Some(Err(error)) => self.unless_out_of_time(version, Err(error.into())),
                        None => return Err(NotReconciled::OutOfTime),
                    }
                }
                step => {
                    let work = Box::pin(execute(&self.registry, step, self.time.deadline));
                    let executed = self.time.before_stop(work).await;
                    self.unless_out_of_time(version, executed.ok_or(NotReconciled::OutOfTime)?)
                }
            };
            active = match next {
                ControlFlow::Continue(next) => next,
                ControlFlow::Break(result) => return result,
            };
        }
    }

    /// Continues with the next step. An error that a retry may mend is none of the version's once time is up: ECR may
    /// have throttled it until then.
    fn unless_out_of_time<'v>(
        &self,
        version: ActiveVersion<'v>,
        step: Result<Step, Error>,
    ) -> ControlFlow<VersionResult, ActiveReconcile<'v>> {
        match step {
            Err(error) if error.error_type().is_retryable() && self.time.is_up() => {
                ControlFlow::Break(Err(NotReconciled::OutOfTime))
            }
            step => version.next(step),
        }
    }
}

/// Whether an error of a write concerns the repository as a whole. Other refusals concern one manifest list.
fn is_write_refusal(error: &Error) -> bool {
    is_refusal(error) || matches!(error, Error::RegistryRefused { code, .. } if code.as_str() == QUOTA_CODE)
}

/// Whether an error concerns the repository as a whole.
fn is_refusal(error: &Error) -> bool {
    matches!(error.error_type(), ErrorType::AccessDenied | ErrorType::RepositoryNotFound)
}
