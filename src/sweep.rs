//! The sweep: scans whole registries, and reconciles the versions that need it, whatever happened to their events.
//!
//! Scans do not count as pulls. The versions that they find then go through the same reconciliation as an event: their
//! first reads batched into few calls, their writes at a limited rate.

mod batch;
mod rate_limiter;
mod report;

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use ecr_multiarch_core::inventory::{TaggedImage, Version, VersionStatus};
use ecr_multiarch_core::settings::tag_scheme::MAX_BATCH_IDS;
use ecr_multiarch_core::{
    Error, Inventory, Outcome, ReconcileRequest, RepositoryGlob, RepositoryName, RepositorySettings, Settings,
    SweepReport,
};
use rate_limiter::RateLimiter;
use report::SweepReportBuilder;

use crate::ecr::{Registry, ScannedImage};

/// How many repositories are scanned at a time.
const MAX_PARALLEL_SCANS: usize = 4;
/// How many batches of versions are read at a time.
const MAX_PARALLEL_BATCHES: usize = 4;

/// What a sweep covers, and until when.
#[derive(Debug, Clone)]
pub struct SweepScope {
    /// The repositories, by name or glob; `None` for all that are served.
    pub repositories: Option<Vec<RepositoryGlob>>,
    /// Whether to write nothing.
    pub dry_run: bool,
    /// Whether to compare every complete version by digest.
    pub deep: bool,
    /// When the sweep begins no more work.
    pub stop_at: Instant,
    /// When work in flight is cancelled.
    pub deadline: Instant,
}

/// Observes a sweep while it runs.
pub trait SweepObserver {
    /// A repository was scanned: it has that many versions, of which that many are read.
    fn on_scan(&self, _repository: &RepositoryName, _versions: usize, _to_read: usize) {}

    /// A version has a result.
    fn on_version(
        &self,
        _repository: &RepositoryName,
        _settings: &RepositorySettings,
        _version: &Version,
        _result: &VersionResult,
    ) {
    }
}

impl SweepObserver for () {}

/// The result of a version.
pub type VersionResult = Result<Outcome, NotReconciled>;

/// Why a version has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReconciled {
    /// It is up to date, or incomplete, according to the scan alone.
    Scanned(VersionStatus),
    /// It failed.
    Failed(Error),
    /// Time was up.
    OutOfTime,
}

/// Sweeps one registry.
///
/// # Errors
/// Those of scanning the repositories. Later errors are part of the report.
pub async fn sweep(
    registry: &Registry,
    settings: &Settings,
    scope: &SweepScope,
    observer: &dyn SweepObserver,
) -> Result<SweepReport, Error> {
    let mut report = SweepReportBuilder::new(observer, scope.dry_run);
    let targets = before(scope.stop_at, targets(registry, settings, scope)).await.transpose()?;
    let Some(mut targets) = targets.map(Vec::into_iter) else {
        report.mark_incomplete();
        return Ok(report.build());
    };
    let sweeper = &Sweeper { registry, settings, scope, writes: RateLimiter::new(settings.sweep().puts_per_second) };
    let mut scans = FuturesUnordered::new();
    let mut batches = Vec::new();
    let mut in_flight = FuturesUnordered::new();
    loop {
        while in_flight.len() < MAX_PARALLEL_BATCHES
            && let Some(batch) = batches.pop()
        {
            in_flight.push(sweeper.reconcile_batch(batch));
        }
        // Scans wait for batches before they begin, never in the middle: a call that is not polled times out.
        while batches.len() < MAX_PARALLEL_BATCHES
            && scans.len() < MAX_PARALLEL_SCANS
            && let Some(target) = targets.next()
        {
            scans.push(async { (before(scope.stop_at, sweeper.scan(&target)).await, target) });
        }
        tokio::select! {
            Some((target, results)) = in_flight.next() => {
                for (version, result) in results {
                    report.record_version(&target, &version, result);
                }
            }
            Some((scan, target)) = scans.next() => match scan {
                Some(Ok(versions)) => {
                    let to_read = report.record_scan(&target, versions, scope.deep);
                    batches.extend(Batch::split(&target, &to_read));
                }
                Some(Err(error)) => report.record_scan_error(target.repository, error),
                None => report.mark_incomplete(),
            },
            else => return Ok(report.build()),
        }
    }
}

async fn before<T>(instant: Instant, work: impl Future<Output = T>) -> Option<T> {
    timeout_at(instant, work).await.ok()
}

/// A repository with its settings.
#[derive(Debug, Clone)]
struct TargetRepository<'a> {
    repository: RepositoryName,
    settings: &'a RepositorySettings,
}

/// The repositories to sweep. They are scanned only where neither the request nor the settings name them.
async fn targets<'a>(
    registry: &Registry,
    settings: &'a Settings,
    scope: &SweepScope,
) -> Result<Vec<TargetRepository<'a>>, Error> {
    let literals = |globs: &[RepositoryGlob]| globs.iter().map(RepositoryGlob::literal).collect::<Option<Vec<_>>>();
    let literal = scope.repositories.as_deref().and_then(literals).or_else(|| literals(settings.repositories()));
    let mut names = match literal {
        Some(names) => names,
        None => registry.scan_repositories().await?,
    };
    names.sort();
    names.dedup();
    let is_requested = |name: &RepositoryName| {
        scope.repositories.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.matches(name)))
    };
    let served = |repository: RepositoryName| {
        Some(TargetRepository { settings: settings.for_repository(&repository)?, repository })
    };
    Ok(names.into_iter().filter(is_requested).filter_map(served).collect())
}

/// Versions of one repository whose tags fit into one read.
struct Batch<'a> {
    target: TargetRepository<'a>,
    versions: Vec<Version>,
}

impl<'a> Batch<'a> {
    /// Splits versions into batches, the first of them last.
    fn split(target: &TargetRepository<'a>, versions: &[Version]) -> Vec<Self> {
        let size = MAX_BATCH_IDS / (target.settings.tag_scheme.platforms().len() + 1);
        let batch = |versions: &[Version]| Self { target: target.clone(), versions: versions.into() };
        versions.chunks(size).rev().map(batch).collect()
    }
}

/// What all parts of a sweep share.
struct Sweeper<'a> {
    registry: &'a Registry,
    settings: &'a Settings,
    scope: &'a SweepScope,
    writes: RateLimiter,
}

impl Sweeper<'_> {
    async fn scan(&self, target: &TargetRepository<'_>) -> Result<Vec<Version>, Error> {
        let mut inventory = Inventory::new(target.settings);
        let on_page = |images: Vec<ScannedImage>| {
            for ScannedImage { tags, pushed_at, media_type } in &images {
                for tag in tags {
                    inventory.add(TaggedImage { tag, pushed_at: *pushed_at, media_type });
                }
            }
        };
        self.registry.scan_images(&target.repository, on_page).await?;
        Ok(inventory.versions(SystemTime::now(), &self.settings.sweep()))
    }

    /// The request of a version. An inventory contains only versions that have one.
    fn request(&self, target: &TargetRepository<'_>, version: &Version) -> Option<Arc<ReconcileRequest>> {
        let request = ReconcileRequest::new(target.repository.clone(), version.tag.clone(), target.settings).ok()?;
        Some(Arc::new(ReconcileRequest { dry_run: self.scope.dry_run, ..request }))
    }
}

/// Whether the manifests of a version are to be read.
fn needs_read(version: &Version, deep: bool) -> bool {
    match version.status {
        VersionStatus::OutOfDate => true,
        VersionStatus::UpToDate => deep,
        VersionStatus::Incomplete => false,
    }
}
