//! The sweep: scans whole registries, and reconciles the versions that need it, whatever happened to their events.
//!
//! ```text
//! scan ──> queue ──> reconcile ──> report
//! ```
//!
//! Two stages run at the same time. `scan` begins repositories in ascending order and puts versions that need it into
//! the `queue`; `reconcile` takes them out in batches, each repository in its turn, and brings each version to its end
//! with the machine that events use. Scans do not count as pulls, so manifests are read only of what a scan cannot
//! vouch for. All calls pass the registry's gate, which owns the rate of writes and ECR's back-off. The `report`
//! collects what is found, and where to go on.
//!
//! A sweep ends before its deadline. After its stop it scans no page, reads no version and begins no write; what was
//! written by then is still confirmed.

mod alias_scan;
mod aliases;
mod batch;
mod image_tags;
mod queue;
mod report;
mod repository;
mod scan;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use ecr_multiarch_core::answer::sweep::Failed;
use ecr_multiarch_core::inventory::Version;
use ecr_multiarch_core::settings::VersionNotServed;
use ecr_multiarch_core::work::SweepScope;
use ecr_multiarch_core::{AliasReconciliation, Error, RepositoryName, RepositorySettings, Settings, SweepReport, Tag};
use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;

use crate::ecr::Registry;
use crate::end::WorkTime;
pub use crate::group::VersionEnd;
use queue::WorkQueue;
use report::Reporter;

/// How many batches of versions are reconciled at a time: enough that a slow one does not stop the others, and few
/// enough that their manifests stay small in memory together.
const MAX_PARALLEL_BATCHES: usize = 4;

/// Observes a sweep while it runs.
pub trait SweepObserver {
    /// A repository was scanned: it has that many versions, of which that many are read.
    fn on_scan(&self, _repository: &RepositoryName, _versions: usize, _to_read: usize) {}

    /// A version ended. `None`, where the scan was enough.
    fn on_version(
        &self,
        _repository: &RepositoryName,
        _settings: &RepositorySettings,
        _version: &Version,
        _end: Option<&VersionEnd>,
    ) {
    }

    /// A version has all of its platform tags and is not served, for this reason.
    fn on_ignored(
        &self,
        _repository: &RepositoryName,
        _settings: &RepositorySettings,
        _version: &Tag,
        _reason: &VersionNotServed,
    ) {
    }

    /// The aliases of a repository were reconciled. Those that were right from the start are not among them.
    fn on_aliases(&self, _repository: &RepositoryName, _aliases: &AliasReconciliation) {}
}

impl SweepObserver for () {}

/// Sweeps registries one after the other, each with its share of the time.
///
/// # Errors
/// That of the first registry, if no registry could be scanned. Other errors are part of the report.
pub async fn sweep(
    registries: &[Registry],
    settings: &Settings,
    scope: &SweepScope,
    time: WorkTime,
    observer: &dyn SweepObserver,
) -> Result<SweepReport, Error> {
    let mut report = SweepReport::empty(scope.dry_run, settings.has_aliases(), settings.has_image_tags());
    let mut errors = Vec::new();
    // The names that each registry lacks. One that is not scanned in time counts as present.
    let mut missing: Option<BTreeSet<RepositoryName>> = None;
    for (index, registry) in registries.iter().enumerate() {
        let time = time.share(registries.len() - index);
        let throttled_before = registry.gate().throttled();
        let sweep = RegistrySweep {
            registry: registry.with_throttle_deadline(time.stop_at),
            settings,
            scope,
            time,
            queue: WorkQueue::default(),
            reporter: Reporter::new(registry.id().clone(), observer, RefCell::new(report)),
            missing: RefCell::default(),
            large_versions: Semaphore::new(1),
            throttled_before,
        };
        let scanned = Box::pin(sweep.run()).await;
        report = sweep.reporter.into_report();
        if let Err(error) = scanned {
            let registry = registry.id().clone();
            errors.push(Failed {
                registry,
                repository: None,
                version: None,
                error,
                since: None,
                versions_remaining: None,
            });
            continue;
        }
        let lacked = sweep.missing.into_inner();
        missing = Some(match missing {
            Some(missing) => missing.intersection(&lacked).cloned().collect(),
            None => lacked,
        });
    }
    if errors.len() == registries.len()
        && let Some(first) = errors.first()
    {
        return Err(first.error.clone());
    }
    if scope.covers_all_registries && errors.is_empty() {
        for repository in missing.into_iter().flatten() {
            if let Some(registry) = registries.first() {
                report::add_missing_repository(&mut report, registry.id(), repository);
            }
        }
    }
    for failed in errors {
        report::add_failed(&mut report, failed);
    }
    Ok(report)
}

/// The sweep of one registry: what its stages share.
struct RegistrySweep<'a> {
    registry: Registry,
    settings: &'a Settings,
    scope: &'a SweepScope,
    time: WorkTime,
    queue: WorkQueue<'a>,
    reporter: Reporter<'a>,
    /// The repositories that the request or the settings name and the registry lacks.
    missing: RefCell<BTreeSet<RepositoryName>>,
    /// Admits one version at a time whose manifests are too large to be read with others.
    large_versions: Semaphore,
    /// How many calls to the registry ECR had throttled before.
    throttled_before: u64,
}

impl RegistrySweep<'_> {
    /// Runs both stages to their ends.
    async fn run(&self) -> Result<(), Error> {
        let scan = async {
            let scanned = self.scan().await;
            self.queue.close();
            scanned
        };
        let batches = stream::unfold((), async |()| self.queue.next_batch().await.map(|batch| (batch, ())));
        let reconcile = batches.for_each_concurrent(MAX_PARALLEL_BATCHES, async |batch| {
            let repository = Rc::clone(&batch.repository);
            let undone = self.reconcile_batch(batch).await;
            self.queue.finish(repository, undone);
        });
        let (scanned, ()) = tokio::join!(scan, reconcile);
        scanned
    }
}
