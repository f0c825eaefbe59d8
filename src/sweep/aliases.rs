//! Reconciles the aliases of a repository, once all of its versions have results.

use std::time::Duration;

use ecr_multiarch_core::alias::machine::ScanRepository;
use ecr_multiarch_core::alias::scan::ScannedTag;
use ecr_multiarch_core::answer::ConflictingAlias;
use ecr_multiarch_core::inventory::Version;
use ecr_multiarch_core::{
    AliasOutcome, AliasReconciliation, AliasRequest, AliasScanBuilder, Outcome, RepositorySettings,
};

use super::queue::SweptRepository;
use super::report::Reporter;
use super::{RegistrySweep, VersionResult};
use crate::alias::{AliasRun, AliasTime, add_to_scan};
use crate::ecr::ScannedImage;

/// The aliases of a repository that is being swept.
pub(super) struct RepositoryAliases<'a> {
    /// The scan that the sweep makes, and the lists that it has published since.
    scan: AliasScanBuilder<'a>,
    scan_time: Duration,
}

impl<'a> RepositoryAliases<'a> {
    /// Those of a repository with these settings. `None`, if they have no aliases.
    pub(super) fn new(settings: &'a RepositorySettings) -> Option<Self> {
        let scan = (!settings.aliases.is_empty()).then(|| AliasScanBuilder::new(settings))?;
        Some(Self { scan, scan_time: Duration::ZERO })
    }

    /// Adds a page of the scan, and how long the scan has taken so far.
    pub(super) fn add_page(&mut self, rows: &[ScannedImage], scan_time: Duration) {
        add_to_scan(&mut self.scan, rows);
        self.scan_time = scan_time;
    }

    /// Adds the list of a version that has its result: the scan is older.
    pub(super) fn add_list(&mut self, version: &Version, result: &VersionResult) {
        if let Some(list) = result.as_ref().ok().and_then(Outcome::manifest_list) {
            let (tag, media_type) = (version.tag.as_str(), list.media_type.as_str());
            self.scan.add(ScannedTag { tag, digest: list.digest, media_type });
        }
    }
}

impl Reporter<'_> {
    /// Records the aliases of a repository, and the end of the repository unless aliases are left for lack of time.
    fn aliases(&self, repository: &SweptRepository<'_>, end: AliasReconciliation) {
        let mut is_out_of_time = false;
        let moved = end.aliases.iter().filter(|alias| alias.outcome == AliasOutcome::Moved).count();
        if let Some(aliases) = &mut self.report.borrow_mut().aliases {
            aliases.moved += moved;
        }
        for alias in end.aliases.into_iter().chain(end.markers) {
            is_out_of_time |= matches!(alias.outcome, AliasOutcome::Pending(_));
            if matches!(alias.outcome, AliasOutcome::Conflict(_)) {
                let reason = alias.outcome.reason().unwrap_or_default();
                let (registry, repository) = (self.registry.clone(), repository.name.clone());
                self.add_conflict(ConflictingAlias { registry, repository, tag: alias.tag, reason });
            }
        }
        for failure in end.failed {
            self.add_failed(&repository.name, None, failure.error, None);
        }
        if !is_out_of_time {
            self.finish(&repository.name);
        }
    }
}

impl RegistrySweep<'_> {
    /// Reconciles the aliases of a repository whose versions all have results, by the first caller.
    pub(super) async fn reconcile_aliases(&self, repository: &SweptRepository<'_>) {
        if !repository.is_finished() {
            return;
        }
        let Some(RepositoryAliases { scan, scan_time }) = repository.aliases.take() else { return };
        let Some(request) = AliasRequest::for_repository(repository.name.clone(), repository.settings) else {
            return self.reporter.finish(&repository.name);
        };
        let request = request.with_dry_run(self.scope.dry_run);
        let run = AliasRun {
            registry: &self.registry,
            settings: repository.settings,
            time: AliasTime { stop_at: self.time.stop_at, deadline: self.time.deadline },
            scan_time: Some(scan_time),
            has_written: false,
        };
        let step = ScanRepository::start(request.into()).resume(scan.finish());
        match Box::pin(run.finish(step)).await {
            Ok(end) => self.reporter.aliases(repository, end),
            Err(error) => self.reporter.scan_failed(&repository.name, error),
        }
    }
}
