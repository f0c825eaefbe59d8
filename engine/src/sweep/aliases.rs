//! Reconciles the aliases of a repository, once all of its versions have results.

use ecr_multiarch_core::alias::machine::ScanRepository;
use ecr_multiarch_core::answer::sweep::ConflictingAlias;
use ecr_multiarch_core::{AliasOutcome, AliasReconciliation, AliasRequest};

use super::RegistrySweep;
use super::alias_scan::RepositoryAliases;
use super::report::Reporter;
use super::repository::SweptRepository;
use crate::alias::AliasRun;

impl Reporter<'_> {
    /// Records the aliases of a repository, and the end of the repository unless aliases are deferred for lack of time.
    fn aliases(&self, repository: &SweptRepository<'_>, end: AliasReconciliation) {
        self.observer.on_aliases(&repository.name, &end);
        let mut is_out_of_time = false;
        let moved = end.aliases.iter().filter(|alias| alias.outcome == AliasOutcome::Moved).count();
        if let Some(aliases) = &mut self.report.borrow_mut().aliases {
            aliases.moved += moved;
        }
        for alias in end.aliases.into_iter().chain(end.markers) {
            is_out_of_time |= matches!(alias.outcome, AliasOutcome::Pending(_));
            if matches!(alias.outcome, AliasOutcome::Conflict(_)) {
                let reason = alias.reason().unwrap_or_default();
                let (registry, repository) = (self.registry.clone(), repository.name.clone());
                self.add_conflict(ConflictingAlias {
                    registry,
                    repository,
                    tag: alias.tag,
                    reason,
                    since: alias.since,
                });
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
    /// Reconciles the aliases of a repository whose versions all have results.
    pub(super) async fn reconcile_aliases(&self, repository: &SweptRepository<'_>) {
        let Some(RepositoryAliases { scan, scan_time }) = repository.aliases.take() else { return };
        let request = AliasRequest::for_repository(repository.name.clone(), repository.settings);
        let request = request.with_dry_run(self.scope.dry_run);
        let run =
            AliasRun { registry: &self.registry, time: self.time, scan_time: Some(scan_time), has_written: false };
        let step = ScanRepository::start(request.into()).resume(scan.finish());
        match Box::pin(run.finish(step)).await {
            Ok(end) => self.reporter.aliases(repository, end),
            Err(error) if repository.leave_deleted(&error) => self.reporter.finish(&repository.name),
            Err(error) => self.reporter.scan_failed(&repository.name, error),
        }
    }
}
