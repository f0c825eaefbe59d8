//! The second stage: has the versions of a batch reconciled together.

use std::cell::RefCell;
use std::sync::Arc;

use ecr_multiarch_core::inventory::Version;
use ecr_multiarch_core::{Error, InvocationError, ReconcileRequest, Step};
use tokio::time::Instant;

use super::RegistrySweep;
use super::queue::Batch;
use super::repository::{RepositoryEnd, SweptRepository, concerns_repository};
use crate::end::End;
use crate::group::{FailedRead, GroupDelegate, GroupReconciler, Member, VersionEnd};

/// How many bytes the response to a read of several versions may have. A few of this size fit into the memory of the
/// sweeper.
const MAX_READ_BYTES: usize = 8 << 20;

/// A repository that is being swept, as the delegate of its batches.
struct BatchDelegate<'a, 's> {
    sweep: &'a RegistrySweep<'s>,
    repository: &'a SweptRepository<'s>,
    /// The versions that were not done when the repository had its share of the run.
    undone: RefCell<Vec<Version>>,
}

impl<'s> RegistrySweep<'s> {
    /// Reconciles the versions of a batch, and with the last one the tags that follow the versions. Returns the versions that
    /// were not done when the repository had its share of the run.
    pub(super) async fn reconcile_batch(&self, batch: Batch<'s>) -> Vec<Version> {
        let begun = Instant::now();
        let Batch { repository, versions } = batch;
        let delegate = BatchDelegate { sweep: self, repository: &repository, undone: RefCell::default() };
        let mut members = Vec::new();
        for version in versions {
            // An inventory has only versions that are served.
            let request = ReconcileRequest::new(repository.name.clone(), version.tag.clone(), repository.settings);
            let Ok(request) = request else { continue };
            let request = ReconcileRequest {
                dry_run: self.scope.dry_run,
                looks_for_archived: !version.archived.is_empty(),
                passes_over_artifacts: true,
                ..request
            };
            let step = Step::start(Arc::new(request));
            members.push(Member { version, step });
        }
        let reconciler = GroupReconciler {
            registry: &self.registry,
            repository: &repository.name,
            time: repository.turn(self.time),
            max_read_bytes: MAX_READ_BYTES,
            failed_read: FailedRead::Halves,
            large_versions: &self.large_versions,
            delegate: &delegate,
        };
        reconciler.reconcile(members).await;
        repository.took(begun.elapsed());
        if repository.is_finished() {
            self.versions_ended(&repository);
            self.reconcile_following_tags(&repository).await;
        }
        delegate.undone.into_inner()
    }

    /// Reconciles the tags that follow the versions of a repository: those of images, and then its aliases, which are
    /// deferred if time was not enough for the others.
    async fn reconcile_following_tags(&self, repository: &SweptRepository<'_>) {
        if !repository.has_following_tags() || !self.tag_images(repository).await {
            return;
        }
        if repository.aliases.borrow().is_none() {
            self.reporter.finish(&repository.name);
        }
        self.reconcile_aliases(repository).await;
    }

    /// Ends a repository whose versions all have results, apart from the tags that follow them.
    fn versions_ended(&self, repository: &SweptRepository<'_>) {
        let (failed, keeps_following_tags) = match repository.end() {
            RepositoryEnd::Finished => {
                if !repository.has_following_tags() {
                    self.reporter.finish(&repository.name);
                }
                return;
            }
            // Refusals of single lists say nothing about the tags that follow the others.
            RepositoryEnd::Refused(error, versions) => {
                let keeps_following_tags = !concerns_repository(&error);
                (Some((error, versions)), keeps_following_tags)
            }
            // What a dry run would publish does not tell whether a run that writes gets ahead.
            RepositoryEnd::OutOfTime { versions, is_stuck } => {
                let is_failure = is_stuck && !self.scope.dry_run && !self.is_throttled();
                (is_failure.then(|| (repository.stuck(), versions)), false)
            }
        };
        if !keeps_following_tags {
            // They are deferred like its versions.
            repository.aliases.take();
            repository.lists.take();
        }
        if let Some((error, versions)) = failed {
            if !repository.has_following_tags() {
                self.reporter.finish(&repository.name);
            }
            self.reporter.add_failed(&repository.name, None, error, Some(versions));
        }
    }

    /// Whether ECR has throttled a call in this run, and so the gate all calls of its kind.
    fn is_throttled(&self) -> bool {
        self.registry.gate().throttled() > self.throttled_before
    }
}

impl GroupDelegate for BatchDelegate<'_, '_> {
    type Version = Version;

    fn abandoned(&self) -> Option<Error> {
        self.repository.refusal()
    }

    fn on_read_error(&self, error: &Error) -> Option<VersionEnd> {
        if !error.concerns_repository() {
            return None;
        }
        if !self.repository.leave_deleted(error) {
            self.repository.abandon(error.clone());
        }
        Some(End::Abandoned(error.clone()))
    }

    fn on_write_error(&self, error: &Error) {
        self.repository.write_failed(error);
    }

    fn on_end(&self, version: Version, end: VersionEnd) {
        if let End::OutOfTime(error) = &end
            && !self.sweep.time.is_up()
        {
            self.repository.version_out_of_time(false, error.as_ref());
            self.undone.borrow_mut().push(version);
            return;
        }
        let end = match end {
            // Where writes do not find a repository that reads find, something else is wrong.
            End::Failed(InvocationError { error, .. })
                if !self.repository.refuses_writes() && self.repository.leave_deleted(&error) =>
            {
                End::Abandoned(error)
            }
            end => end,
        };
        // Known only once the tag was read after the write.
        if let End::Failed(InvocationError { error, .. }) = &end
            && error.is_of_immutable_tag()
        {
            self.repository.write_failed(error);
        }
        self.sweep.reporter.version(self.repository, &version, end);
    }
}
