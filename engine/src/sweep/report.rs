//! Reports a sweep: counts, logs and shows what it finds, and tells where to go on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::SystemTime;

use ecr_multiarch_core::answer::sweep::{
    ArchivedVersion, ConflictingAlias, Failed, IgnoredVersion, IncompleteVersion, PendingVersion,
};
use ecr_multiarch_core::answer::truncated::{MAX_ENTRIES, Truncated};
use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::inventory::{OwnTag, Version, VersionStatus, Versions};
use ecr_multiarch_core::reconcile::outcome::{Reconciliation, Waiting};
use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use ecr_multiarch_core::{
    Error, ImageTagReport, InvocationError, Outcome, RegistryId, RepositoryName, RepositoryStart, SweepReport, Tag,
};

use super::SweepObserver;
use super::repository::SweptRepository;
use crate::end::End;
use crate::group::VersionEnd;
use crate::log;

/// Reports the sweep of one registry, as part of a report on several.
pub(super) struct Reporter<'a> {
    pub(super) registry: RegistryId,
    pub(super) observer: &'a dyn SweepObserver,
    pub(super) report: RefCell<SweepReport>,
    /// The repositories that were begun and not finished.
    open: RefCell<BTreeSet<RepositoryName>>,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(registry: RegistryId, observer: &'a dyn SweepObserver, report: RefCell<SweepReport>) -> Self {
        Self { registry, observer, report, open: RefCell::default() }
    }

    /// The report, with what is open.
    pub(super) fn into_report(self) -> SweepReport {
        let mut report = self.report.into_inner();
        report.unfinished.append(&mut self.open.into_inner());
        report
    }

    /// Records that repositories were not begun, from this one on.
    pub(super) fn defer(&self, from: RepositoryStart) {
        self.report.borrow_mut().defer(from);
    }

    /// Records that a repository is begun.
    pub(super) fn begin(&self, repository: &RepositoryName) {
        self.open.borrow_mut().insert(repository.clone());
    }

    /// Records that nothing of a repository is deferred to the next sweep.
    pub(super) fn finish(&self, repository: &RepositoryName) {
        self.open.borrow_mut().remove(repository);
    }

    /// Records that a repository could not be scanned.
    pub(super) fn scan_failed(&self, repository: &RepositoryName, error: Error) {
        self.finish(repository);
        self.add_failed(repository, None, error, None);
    }

    /// Records a scan. Returns the versions whose manifests are to be read.
    pub(super) fn scanned(&self, repository: &SweptRepository<'_>, versions: Versions, deep: bool) -> Vec<Version> {
        let Versions { served, ignored } = versions;
        let count = served.len();
        for version in served.iter().filter(|version| version.has_archived_image()) {
            self.add_archived(repository, version);
        }
        let (to_read, scanned): (Vec<_>, Vec<_>) = served.into_iter().partition(|version| version.needs_read(deep));
        {
            let mut report = self.report.borrow_mut();
            report.repositories += 1;
            report.versions += count;
        }
        self.observer.on_scan(&repository.name, count, to_read.len());
        for (version, reason) in ignored {
            self.observer.on_ignored(&repository.name, repository.settings, &version, &reason);
            self.add_ignored(repository, version, reason.to_string());
        }
        for version in scanned {
            self.observer.on_version(&repository.name, repository.settings, &version, None);
            self.not_read(repository, &version);
        }
        to_read
    }

    /// Records a version whose manifests are not read.
    fn not_read(&self, repository: &SweptRepository<'_>, version: &Version) {
        match version.status {
            VersionStatus::UpToDate => self.report.borrow_mut().unchanged += 1,
            VersionStatus::Incomplete if !(version.is_too_old && version.own == Some(OwnTag::List)) => {
                let reason = match version.own {
                    Some(OwnTag::Taken(taken)) => Some(taken.reason().to_owned()),
                    Some(OwnTag::List) | None => None,
                };
                self.add_incomplete(repository, version, version.missing(&repository.settings.tag_scheme), reason);
            }
            VersionStatus::Incomplete
            | VersionStatus::OutOfDate
            | VersionStatus::Unsettled
            | VersionStatus::Archived => {}
        }
    }

    fn add_archived(&self, repository: &SweptRepository<'_>, version: &Version) {
        let platforms = version.archived(&repository.settings.tag_scheme).map(ToString::to_string).collect();
        let (registry, repository) = (self.registry.clone(), repository.name.clone());
        let archived = ArchivedVersion { registry, repository, version: version.tag.clone(), platforms };
        let mut report = self.report.borrow_mut();
        if report.archived.total < MAX_ENTRIES {
            log::archived(&archived);
        }
        report.archived.push(archived);
    }

    fn add_ignored(&self, repository: &SweptRepository<'_>, version: Tag, reason: String) {
        let (registry, repository) = (self.registry.clone(), repository.name.clone());
        let ignored = IgnoredVersion { registry, repository, version, reason };
        let mut report = self.report.borrow_mut();
        if report.ignored.total < MAX_ENTRIES {
            log::ignored(&ignored);
        }
        report.ignored.push(ignored);
    }

    /// Records how a version ended that was read.
    pub(super) fn version(&self, repository: &SweptRepository<'_>, version: &Version, end: VersionEnd) {
        self.observer.on_version(&repository.name, repository.settings, version, Some(&end));
        let is_right = matches!(&end, End::Done(done) if done.outcome.manifest_list().is_some());
        if let Some(aliases) = repository.aliases.borrow_mut().as_mut().filter(|_| !is_right) {
            aliases.scan.distrust(&version.tag);
        }
        match end {
            End::Done(reconciliation) => self.reconciled(repository, version, reconciliation),
            End::Failed(InvocationError { error, .. }) if error.is_of_newer_images() => {
                self.add_ignored(repository, version.tag.clone(), error.to_string());
            }
            End::Failed(error) => {
                let version = (&version.tag, version.newest_platform);
                self.add_failed(&repository.name, Some(version), error.error, None);
            }
            End::Abandoned(_) => repository.version_abandoned(),
            End::OutOfTime(error) => repository.version_out_of_time(true, error.as_ref()),
        }
        repository.version_finished();
    }

    fn reconciled(&self, repository: &SweptRepository<'_>, version: &Version, reconciliation: Reconciliation) {
        let Reconciliation { outcome, replaced, .. } = reconciliation;
        if let (Outcome::Published(list), Some(replaced)) = (&outcome, replaced) {
            log::replaced(&self.registry, &repository.name, &version.tag, list.digest, replaced);
        }
        if let (Some(aliases), Some(list)) = (&mut *repository.aliases.borrow_mut(), outcome.manifest_list()) {
            aliases.scan.add_list(&version.tag, list);
        }
        match outcome {
            Outcome::Unchanged(_) => self.report.borrow_mut().unchanged += 1,
            Outcome::Published(_) => {
                repository.version_published(&version.tag);
                self.report.borrow_mut().published += 1;
            }
            Outcome::WouldPublish(_) => {
                let (registry, repository, version) =
                    (self.registry.clone(), repository.name.clone(), version.tag.clone());
                let mut report = self.report.borrow_mut();
                let pending = report.pending.get_or_insert_with(Truncated::default);
                pending.push(PendingVersion { registry, repository, version });
            }
            Outcome::Waiting(waiting @ Waiting::Platforms { .. }) => {
                let outcome = Outcome::Waiting(waiting);
                let missing = outcome.missing().iter().map(|missing| &missing.platform);
                self.add_incomplete(repository, version, missing, outcome.reason().map(str::to_owned));
            }
            Outcome::Waiting(Waiting::Revisions(reason)) => {
                self.add_incomplete(repository, version, std::iter::empty(), Some(reason));
            }
            Outcome::Ignored(_) | Outcome::Tagged(_) => {}
        }
    }

    /// Adds an alias that was left alone, and logs it: the first entries only, like those that failed.
    pub(super) fn add_conflict(&self, conflict: ConflictingAlias) {
        let mut report = self.report.borrow_mut();
        let Some(aliases) = &mut report.aliases else { return };
        if aliases.conflicts.total < MAX_ENTRIES {
            let ConflictingAlias { registry, repository, tag, reason, .. } = &conflict;
            log::conflict(registry, repository.as_str(), tag, reason);
        }
        aliases.conflicts.push(conflict);
    }

    /// Counts an image tag that was left alone, and logs it: the first ones only.
    pub(super) fn add_image_tag_conflict(
        &self,
        repository: &RepositoryName,
        version: &Tag,
        image_tag: &ImageTagReport,
    ) {
        let mut report = self.report.borrow_mut();
        let image_tags = report.image_tags.get_or_insert_default();
        if image_tags.conflicts < MAX_ENTRIES {
            log::image_tag_conflict(&self.registry, repository.as_str(), version, image_tag);
        }
        image_tags.conflicts += 1;
    }

    fn add_incomplete<'p>(
        &self,
        repository: &SweptRepository<'_>,
        version: &Version,
        missing: impl Iterator<Item = &'p ConfiguredPlatform>,
        reason: Option<String>,
    ) {
        if !version.is_overdue {
            return;
        }
        let missing: Vec<_> = missing.map(ToString::to_string).collect();
        let (registry, repository, since) = (self.registry.clone(), repository.name.clone(), version.newest_platform);
        let incomplete =
            IncompleteVersion { registry, repository, version: version.tag.clone(), missing, reason, since };
        let mut report = self.report.borrow_mut();
        if report.incomplete.total < MAX_ENTRIES {
            log::incomplete(&incomplete);
        }
        report.incomplete.push(incomplete);
    }

    /// Adds what failed: a version, with the push of its newest platform where that is known, or a whole repository.
    pub(super) fn add_failed(
        &self,
        repository: &RepositoryName,
        version: Option<(&Tag, Option<SystemTime>)>,
        error: Error,
        versions_remaining: Option<usize>,
    ) {
        let (registry, repository) = (self.registry.clone(), Some(repository.clone()));
        let (version, since) = version.map(|(version, since)| (version.clone(), since)).unzip();
        let failed = Failed { registry, repository, version, error, since: since.flatten(), versions_remaining };
        add_failed(&mut self.report.borrow_mut(), failed);
    }
}

/// Adds what failed, and logs it: the first entries only, so that what fails each hour does not fill the log.
pub(super) fn add_failed(report: &mut SweepReport, failed: Failed) {
    if report.failed.total < MAX_ENTRIES {
        log::failed(&failed);
    }
    report.add_failed(failed);
}

/// Adds a repository that the settings or the request name and that no registry has.
pub(super) fn add_missing_repository(report: &mut SweepReport, registry: &RegistryId, repository: RepositoryName) {
    let error = Error::RepositoryNotFound {
        repository: Resource::Repository(repository.clone()),
        message: "None of the registries that are served has it.".into(),
    };
    let registry = registry.clone();
    add_failed(
        report,
        Failed { registry, repository: Some(repository), version: None, error, since: None, versions_remaining: None },
    );
}
