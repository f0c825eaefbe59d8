//! Executes the steps of a reconciliation of aliases, and of a yank.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ecr_multiarch_core::alias::machine::{AliasWrite, ReadTags};
use ecr_multiarch_core::alias::yank::{YankEnd, YankRequest, YankStep};
use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::reconcile::observation::Manifests;
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{
    AliasReconciliation, AliasRequest, AliasScan, AliasScanBuilder, AliasStep, Error, IamAction, RepositoryName, Tag,
};
use tokio::time::Instant;

use crate::ecr::Registry;
use crate::end::{WorkTime, before, pause, settle, with_deadline};
use crate::puts::put_manifests;

/// How many scans must fit into the time that remains when an alias is written: the one that confirms the write, and
/// another one, since a repository may take longer to scan than it did.
const SCANS_AFTER_WRITE: u32 = 2;

/// How many bytes the response to a read of several tags may have. One of this size for each repository at work fits into
/// the memory of the assembler.
const MAX_READ_BYTES: usize = 1 << 20;

/// Reconciles the aliases of releases. Those that are not settled in time are pending.
///
/// # Errors
/// Those of scans and reads. Errors of single aliases are in the result.
pub(crate) async fn reconcile_aliases(
    registry: &Registry,
    request: Arc<AliasRequest>,
    deadline: Instant,
) -> Result<AliasReconciliation, Error> {
    let time = WorkTime { stop_at: deadline, deadline };
    let run = AliasRun { registry, time, scan_time: None, has_written: false };
    run.finish(AliasStep::start(request)).await
}

/// Yanks a release, or finds out whether it is yanked. The aliases are still to be reconciled.
///
/// # Errors
/// Those of the machine and of ECR; [`Error::RegistryUnavailable`], if ECR has not answered by the deadline.
pub(crate) async fn yank(registry: &Registry, request: YankRequest, deadline: Instant) -> Result<YankEnd, Error> {
    let request = Arc::new(request);
    let repository = &request.repository;
    let marker = || Resource::Image(request.target());
    let mut step = YankStep::start(Arc::clone(&request));
    loop {
        step = match step {
            YankStep::Read(read) => {
                let references = read.references();
                let call = async { Ok(registry.batch_get_manifests(repository, &references).await?) };
                read.resume(&with_deadline(deadline, IamAction::BatchGetImage, marker, call).await?)?
            }
            YankStep::Put(put) => {
                let call = registry.put_manifest(repository, put.tag(), put.list().into());
                let response = with_deadline(deadline, IamAction::PutImage, marker, call).await?;
                put.resume(response)?
            }
            YankStep::Done(end) => return Ok(end),
        };
    }
}

/// A reconciliation of aliases in progress.
pub(crate) struct AliasRun<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) time: WorkTime,
    /// How long the first scan took, once it was made.
    pub(crate) scan_time: Option<Duration>,
    /// Whether a write is to be confirmed.
    pub(crate) has_written: bool,
}

impl AliasRun<'_> {
    /// Executes all steps from this one on.
    ///
    /// # Errors
    /// Those of scans and reads. Errors of single aliases are in the result.
    pub(crate) async fn finish(mut self, mut step: AliasStep) -> Result<AliasReconciliation, Error> {
        loop {
            step = match step {
                AliasStep::Scan(scan) => {
                    let scanned = self.scan(scan.request(), scan.after()).await;
                    match settle(self.read_until(), scanned)? {
                        Some(scanned) => scan.resume(scanned),
                        None => return Ok(scan.defer()),
                    }
                }
                AliasStep::Read(read) => match settle(self.read_until(), self.read(&read).await)? {
                    Some(Some(manifests)) => read.resume(manifests),
                    Some(None) => AliasStep::Read(read.half()),
                    None => return Ok(AliasStep::Read(read).defer()),
                },
                AliasStep::Put(put) => {
                    let responses = self.put(&put.request().repository, put.writes()).await;
                    self.has_written |= !responses.is_empty();
                    put.resume(responses)
                }
                AliasStep::Done(end) => return Ok(end),
            };
        }
    }

    /// Until when reads may take: what was written is confirmed also after the stop.
    fn read_until(&self) -> Instant {
        if self.has_written { self.time.deadline } else { self.time.stop_at }
    }

    /// Scans the repository, unless time is up before.
    async fn scan(&mut self, request: &AliasRequest, after: Duration) -> Option<Result<AliasScan, Error>> {
        let until = self.read_until();
        if Instant::now() + after >= until {
            return None;
        }
        pause(after).await;
        let started = Instant::now();
        let registry = self.registry.with_throttle_deadline(until);
        let pages = async {
            let (mut scan, mut pages) = (AliasScanBuilder::new(request.settings()), 0);
            let mut images = registry.scan_images(&request.repository);
            while let Some(page) = images.next_page().await? {
                for image in &page {
                    scan.add_image(image);
                }
                pages += 1;
            }
            let scan = scan.finish();
            Ok(if pages == 1 { scan.of_one_read() } else { scan })
        };
        let scanned = before(until, pages).await;
        self.scan_time.get_or_insert(started.elapsed());
        scanned
    }

    /// Reads tags, unless time is up before. `None` within, if they are too large for one response.
    async fn read(&self, read: &ReadTags) -> Option<Result<Option<Manifests>, Error>> {
        let (repository, references) = (&read.request().repository, read.references());
        let registry = self.registry.with_throttle_deadline(self.read_until());
        let call = async {
            match references.as_slice() {
                [_one] => Ok(Some(registry.batch_get_manifests(repository, &references).await?)),
                several => registry.batch_get_at_most(repository, several, MAX_READ_BYTES).await,
            }
        };
        before(self.read_until(), call).await
    }

    /// Whether an alias may be written: whoever writes one must have the time to confirm it.
    fn has_time_to_write(&self) -> bool {
        let confirmed_at = Instant::now() + self.scan_time.unwrap_or_default() * SCANS_AFTER_WRITE;
        Instant::now() < self.time.stop_at && confirmed_at < self.time.deadline
    }

    /// Writes aliases in parallel. Those for which no time remains have no response.
    async fn put(
        &self,
        repository: &RepositoryName,
        writes: &[AliasWrite],
    ) -> BTreeMap<Tag, Result<PutResponse, Error>> {
        let writes = writes.iter().map(|write| (&write.tag, (&write.list).into()));
        put_manifests(self.registry, repository, writes, self.time, || self.has_time_to_write()).await
    }
}
