//! A batch of versions: read together, then each reconciled by itself.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use ecr_multiarch_core::inventory::Version;
use ecr_multiarch_core::reconcile::machine::ReadManifests;
use ecr_multiarch_core::reconcile::observation::Manifests;
use ecr_multiarch_core::{Error, ReconcileRequest, Reference, Step};
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::{Batch, NotReconciled, Sweeper, TargetRepository, VersionResult, before};
use crate::ecr::ReadError;
use crate::execute::execute;

/// How often the sweep retries a write, each time at its own rate.
const MAX_WRITE_RETRIES: u8 = 3;
/// How many versions of a batch continue by themselves at a time.
const MAX_PARALLEL_VERSIONS: usize = 16;

/// The reconciliation of a version of the batch.
struct ActiveReconcile {
    index: usize,
    step: Step,
}

/// The result of the version at an index of the batch.
type IndexedResult = (usize, VersionResult);

impl ActiveReconcile {
    fn start(index: usize, request: Arc<ReconcileRequest>) -> Self {
        Self { index, step: Step::start(request) }
    }

    /// The read that it waits for, if it needs no pause before.
    fn batched_read(&self) -> Option<&ReadManifests> {
        match &self.step {
            Step::ReadManifests(read) if read.after().is_zero() => Some(read),
            _ => None,
        }
    }

    fn references(&self) -> Vec<Reference> {
        self.batched_read().map(ReadManifests::references).unwrap_or_default()
    }

    /// Continues with its part of a batched read.
    fn resume(self, manifests: &Manifests) -> ControlFlow<IndexedResult, Self> {
        let Self { index, step } = self;
        let Step::ReadManifests(read) = step else { return ControlFlow::Continue(Self { index, step }) };
        let own = read.references().into_iter();
        let own = own.filter_map(|reference| manifests.get(&reference).cloned().map(|it| (reference, it))).collect();
        next(index, read.resume(own))
    }
}

/// Continues with the next step, unless it was the last.
fn next(index: usize, step: Result<Step, Error>) -> ControlFlow<IndexedResult, ActiveReconcile> {
    match step {
        Ok(Step::Done(end)) => ControlFlow::Break((index, Ok(end.outcome))),
        Ok(step) => ControlFlow::Continue(ActiveReconcile { index, step }),
        Err(error) => ControlFlow::Break((index, Err(NotReconciled::Failed(error)))),
    }
}

impl Sweeper<'_> {
    /// Reconciles the versions of a batch side by side.
    pub(super) async fn reconcile_batch<'a>(
        &self,
        batch: Batch<'a>,
    ) -> (TargetRepository<'a>, Vec<(Version, VersionResult)>) {
        let Batch { target, versions } = batch;
        let mut results: Vec<_> = versions.iter().map(|_| Err(NotReconciled::OutOfTime)).collect();
        if Instant::now() < self.scope.stop_at {
            let start = |(index, version)| Some(ActiveReconcile::start(index, self.request(&target, version)?));
            let batched = versions.iter().enumerate().filter_map(start).collect();
            let (mut ended, individual) = self.read_batched(&target, batched).await;
            let individual = stream::iter(individual).map(|one| self.finish(one));
            ended.extend(individual.buffer_unordered(MAX_PARALLEL_VERSIONS).collect::<Vec<_>>().await);
            for (index, result) in ended {
                results[index] = result;
            }
        }
        (target, versions.into_iter().zip(results).collect())
    }

    /// Batches the reads of all versions as long as there are any. Returns the results, and the versions that continue
    /// by themselves.
    async fn read_batched(
        &self,
        target: &TargetRepository<'_>,
        mut batched: Vec<ActiveReconcile>,
    ) -> (Vec<IndexedResult>, Vec<ActiveReconcile>) {
        let (mut ended, mut individual) = (Vec::new(), Vec::new());
        while !batched.is_empty() {
            let references: BTreeSet<_> = batched.iter().flat_map(ActiveReconcile::references).collect();
            let references: Vec<_> = references.into_iter().collect();
            let read = self.registry.batch_get_manifests(&target.repository, &references);
            let manifests = match before(self.scope.deadline, read).await {
                Some(Ok(manifests)) => manifests,
                // One image fails a whole read. By itself, each version gets its own result.
                Some(Err(ReadError::Image(_) | ReadError::Call(Error::RegistryRefused { .. }))) => {
                    individual.extend(batched);
                    break;
                }
                Some(Err(ReadError::Call(error))) => {
                    let failed = |one: &ActiveReconcile| (one.index, Err(NotReconciled::Failed(error.clone())));
                    ended.extend(batched.iter().map(failed));
                    break;
                }
                None => break,
            };
            for one in std::mem::take(&mut batched) {
                match one.resume(&manifests) {
                    ControlFlow::Continue(next) if next.batched_read().is_some() => batched.push(next),
                    ControlFlow::Continue(next) => individual.push(next),
                    ControlFlow::Break(end) => ended.push(end),
                }
            }
        }
        (ended, individual)
    }

    /// Reconciles one version to its end, its writes at the rate of the sweep.
    async fn finish(&self, mut one: ActiveReconcile) -> IndexedResult {
        let index = one.index;
        let mut slot = None;
        let mut retries = 0;
        loop {
            let is_write = matches!(one.step, Step::Put(_));
            if is_write && slot.is_none() {
                let Some(reserved) = before(self.scope.stop_at, self.writes.reserve()).await else {
                    return (index, Err(NotReconciled::OutOfTime));
                };
                if slot.insert(reserved).waited
                    && let Step::Put(put) = one.step
                {
                    one.step = Step::ReadManifests(put.restart());
                    continue;
                }
            }
            if is_write && let Some(slot) = &slot {
                let ready = slot.ready(self.registry.ready());
                if before(self.scope.stop_at, ready).await.is_none() {
                    return (index, Err(NotReconciled::OutOfTime));
                }
            }
            let step = match execute(self.registry, one.step.clone(), self.scope.deadline).await {
                Err(_) if Instant::now() >= self.scope.deadline => return (index, Err(NotReconciled::OutOfTime)),
                Err(Error::RegistryUnavailable { .. }) if is_write && retries < MAX_WRITE_RETRIES => {
                    retries += 1;
                    continue;
                }
                step => step,
            };
            if is_write {
                slot = None;
            }
            one = match next(index, step) {
                ControlFlow::Continue(next) => next,
                ControlFlow::Break(end) => return end,
            };
        }
    }
}
