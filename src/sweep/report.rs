//! Builds the report of a sweep: counts, logs and shows what it finds.

use ecr_multiarch_core::answer::{FailedVersion, IncompleteVersion, MAX_ENTRIES, PendingVersion, Truncated};
use ecr_multiarch_core::inventory::{Version, VersionStatus};
use ecr_multiarch_core::reconcile::outcome::Waiting;
use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use ecr_multiarch_core::{Error, Outcome, RepositoryName, SweepReport};

use super::{NotReconciled, SweepObserver, TargetRepository, VersionResult, needs_read};

/// The report of a sweep that still runs.
pub(super) struct SweepReportBuilder<'a> {
    report: SweepReport,
    observer: &'a dyn SweepObserver,
}

impl<'a> SweepReportBuilder<'a> {
    pub(super) fn new(observer: &'a dyn SweepObserver, dry_run: bool) -> Self {
        Self { report: SweepReport::empty(dry_run), observer }
    }

    /// The report.
    pub(super) fn build(self) -> SweepReport {
        self.report
    }

    /// Records that work is left for the next sweep.
    pub(super) fn mark_incomplete(&mut self) {
        self.report.complete = false;
    }

    /// Records that a repository could not be scanned.
    pub(super) fn record_scan_error(&mut self, repository: RepositoryName, error: Error) {
        tracing::error!(%repository, error = %error.error_type(), reason = %error, "scan failed");
        self.report.add_failed(FailedVersion { repository, version: None, error });
    }

    /// Records a scan. Returns the versions whose manifests are to be read.
    pub(super) fn record_scan(
        &mut self,
        target: &TargetRepository<'_>,
        versions: Vec<Version>,
        deep: bool,
    ) -> Vec<Version> {
        self.report.repositories += 1;
        self.report.versions += versions.len();
        let count = versions.len();
        let (to_read, scanned): (Vec<_>, Vec<_>) = versions.into_iter().partition(|version| needs_read(version, deep));
        self.observer.on_scan(&target.repository, count, to_read.len());
        for version in scanned {
            self.record_version(target, &version, Err(NotReconciled::Scanned(version.status)));
        }
        to_read
    }

    /// Records the result of a version.
    pub(super) fn record_version(&mut self, target: &TargetRepository<'_>, version: &Version, result: VersionResult) {
        let repository = &target.repository;
        self.observer.on_version(repository, target.settings, version, &result);
        let report = &mut self.report;
        match result {
            Ok(Outcome::Unchanged(_)) | Err(NotReconciled::Scanned(VersionStatus::UpToDate)) => report.unchanged += 1,
            Ok(Outcome::Published(_)) => report.published += 1,
            Ok(Outcome::WouldPublish(_)) => {
                let pending = PendingVersion { repository: repository.clone(), version: version.tag.clone() };
                report.pending.get_or_insert_with(Truncated::default).push(pending);
            }
            Ok(Outcome::Waiting(Waiting::Platforms(missing))) => self.add_missing(repository, version, missing.iter()),
            Err(NotReconciled::Scanned(VersionStatus::Incomplete)) => {
                self.add_missing(repository, version, version.missing(&target.settings.tag_scheme));
            }
            Ok(Outcome::Waiting(Waiting::Revisions(reason))) => {
                if version.is_overdue {
                    tracing::warn!(%repository, version = %version.tag, reason, "held back");
                    report.incomplete.push(IncompleteVersion {
                        repository: repository.clone(),
                        version: version.tag.clone(),
                        missing: Vec::new(),
                        reason: Some(reason),
                    });
                }
            }
            Ok(Outcome::Ignored(_)) | Err(NotReconciled::Scanned(VersionStatus::OutOfDate)) => {}
            Err(NotReconciled::Failed(error)) => {
                // The answer counts the others: a hundred thousand lines an hour would say no more.
                if report.failed.total < MAX_ENTRIES {
                    let error_type = error.error_type();
                    tracing::error!(%repository, version = %version.tag, error = %error_type, reason = %error, "failed");
                }
                let version = Some(version.tag.clone());
                report.add_failed(FailedVersion { repository: repository.clone(), version, error });
            }
            Err(NotReconciled::OutOfTime) => report.complete = false,
        }
    }

    fn add_missing<'p>(
        &mut self,
        repository: &RepositoryName,
        version: &Version,
        missing: impl Iterator<Item = &'p ConfiguredPlatform>,
    ) {
        if version.is_overdue {
            let missing: Vec<_> = missing.map(ToString::to_string).collect();
            tracing::warn!(%repository, version = %version.tag, missing = missing.join(","), "incomplete");
            let (repository, version) = (repository.clone(), version.tag.clone());
            self.report.incomplete.push(IncompleteVersion { repository, version, missing, reason: None });
        }
    }
}
