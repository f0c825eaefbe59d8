//! A version that continues by itself after the read that it shared: to its write, in its turn, and to its end.

use std::ops::ControlFlow;
use std::time::Duration;

use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::oci::invalid_image::Unsupported;
use ecr_multiarch_core::reconcile::step::{Put, ReadManifests};
use ecr_multiarch_core::{Error, IamAction, Step};
use tokio::time::{Instant, timeout_at};

use super::{ActiveVersion, GroupDelegate, GroupReconciler, Next, VersionEnd, VersionState};
use crate::ecr::{Registry, WritePermit};
use crate::end::{End, deadline_reached, pause, with_deadline};

/// How long a version may wait after it was observed, until its manifest list is written. One that has waited longer is
/// observed again first: in a backlog, versions wait for their writes much longer than a read takes.
const MAX_WAIT_AFTER_OBSERVATION: Duration = Duration::from_millis(500);

/// How many bytes the manifests of one version may have together, in a response of ECR: two of the largest images and the
/// version's list, written with an escape for every other character. Real ones have some kilobytes each.
pub(crate) const MAX_VERSION_BYTES: usize = 24 << 20;

/// The turn of a version to write.
struct Turn<'a> {
    /// Its permit to prepare a write, until ECR has responded.
    permit: Option<WritePermit<'a>>,
    /// Whether the gate has admitted its next write.
    is_admitted: bool,
    /// How long it has waited since it was observed.
    waited: Duration,
}

impl<D: GroupDelegate> GroupReconciler<'_, D> {
    /// Reconciles one version to its end by itself.
    pub(super) async fn finish(&self, active: ActiveVersion<D::Version>) {
        let (version, end) = Box::pin(self.run(active)).await;
        self.delegate.on_end(version, end);
    }

    async fn run(&self, mut active: ActiveVersion<D::Version>) -> (D::Version, VersionEnd) {
        let waited = active.state.observed_at.map_or(Duration::ZERO, |observed_at| observed_at.elapsed());
        let mut turn = Turn { permit: None, is_admitted: false, waited };
        let mut large = None;
        loop {
            let ActiveVersion { mut state, step } = active;
            if state.is_large && large.is_none() {
                // Whoever holds the permit may wait for a write.
                turn.permit = None;
                large = self.large_versions.acquire().await.ok();
            }
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
                let max_bytes = if state.is_large { MAX_VERSION_BYTES } else { self.max_read_bytes };
                match Box::pin(execute(registry, step, until, max_bytes)).await {
                    Err(TooLarge(read)) if state.is_large => {
                        let reason = Unsupported::TotalSize { max: MAX_VERSION_BYTES };
                        let error = Error::UnsupportedImage { image: read.request().target(), reason };
                        state.end(error.into())
                    }
                    Err(TooLarge(read)) => {
                        state.is_large = true;
                        state.next(Ok(Step::ReadManifests(read)))
                    }
                    Ok(executed) => self.unless_out_of_time(state, executed),
                }
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

/// A read whose response has too many bytes.
struct TooLarge(ReadManifests);

/// Executes one step, with a response of at most so many bytes if it reads manifests. Returns the next step or the error of
/// this one: that of the machine or of ECR; [`Error::RegistryUnavailable`], if ECR has not answered by the deadline.
async fn execute(
    registry: &Registry,
    step: Step,
    deadline: Instant,
    max_bytes: usize,
) -> Result<Result<Step, Error>, TooLarge> {
    let next = match step {
        Step::ReadManifests(read) => {
            let call = async {
                pause(read.after()).await;
                registry.batch_get_at_most(&read.request().repository, &read.references(), max_bytes).await
            };
            let target = || Resource::Image(read.request().target());
            match with_deadline(deadline, IamAction::BatchGetImage, target, call).await {
                Ok(Some(manifests)) => read.resume(manifests),
                Ok(None) => return Err(TooLarge(read)),
                Err(error) => Err(error),
            }
        }
        Step::DescribeImages(describe) => {
            let references = describe.references();
            let call = registry.describe(&describe.request().repository, &references);
            let target = || Resource::Image(describe.request().target());
            let descriptions = with_deadline(deadline, IamAction::DescribeImages, target, call).await;
            descriptions.and_then(|descriptions| describe.resume(descriptions))
        }
        Step::ReadConfigs(read) => {
            let configs = read.configs();
            let call = registry.get_configs(&read.request().repository, &configs);
            let target = || Resource::Image(read.request().target());
            let configs = with_deadline(deadline, IamAction::GetDownloadUrlForLayer, target, call).await;
            configs.and_then(|configs| read.resume(&configs))
        }
        // A write waits for its turn.
        Step::Put(_) | Step::Done(_) => Ok(step),
    };
    Ok(next)
}
