//! Handles an SQS batch: reconciles each version once for all of its records, and tells which records go back to the
//! queue.
//!
//! Registries are worked off side by side, and so are a few repositories of each. Versions of one repository share their
//! first read. A record goes back where a later attempt can succeed ([`ErrorType::is_redelivered`]), and where its task
//! was not begun: for lack of time, or because the registry failed for another record.

mod log;
mod tasks;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use ecr_multiarch_core::{
    AliasReport, AliasRequest, Answer, Error, ErrorType, InvocationError, ReconcileRequest, RegistryId, RepositoryName,
    Step, VersionReport, YankReport,
};
use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::handler::Handler;
use super::invocation::Invocation;
use super::record::Cost;
use super::sqs::Record;
use ecr_multiarch_engine::ecr::{Priority, Registry, SharedRead};
use ecr_multiarch_engine::group::{GroupOwner, GroupReconciler, Member, VersionEnd, versions_per_read};
use ecr_multiarch_engine::work_time::WorkTime;
use log::{BatchLog, Returned, TaskEnd};
use tasks::{Origin, RepositoryTasks, Tasks};

/// How many repositories of a registry are worked off at a time: enough that a slow one does not hold up the others, and
/// few enough that a registry that fails costs few calls.
const MAX_PARALLEL_REPOSITORIES: usize = 2;

/// A read that fails is repeated as any other call is, since its registry is left if it fails for good. Ten responses of
/// this size, one for each record of a batch, fit into the memory of the assembler.
const SHARED_READ: SharedRead = SharedRead { is_attempted_once: false, max_bytes: 1 << 20 };

/// Handles the records of a batch. Each task is logged and counted.
pub(super) async fn handle_batch(handler: &Handler, records: Vec<Record>, invocation: &Invocation) -> SqsBatchResponse {
    let started = Instant::now();
    let calls_before = handler.registries.calls();
    let record_count = records.len();
    let planner = handler.planner(invocation);
    let mut tasks = Tasks::default();
    for record in records {
        tasks.add(record, &planner);
    }
    let run = BatchRun {
        handler,
        time: invocation.batch_time(),
        large_versions: Semaphore::new(1),
        response: RefCell::default(),
        log: RefCell::new(BatchLog::new(&invocation.request_id, record_count)),
    };
    for (origin, result) in tasks.settled {
        run.end(origin, &result.into());
    }
    let registries = stream::iter(tasks.registries);
    registries.for_each_concurrent(None, |(id, repositories)| run.work_off(id, repositories)).await;

    let mut log = run.log.into_inner();
    log.end(Cost { duration: started.elapsed(), ecr_calls: handler.registries.calls() - calls_before });
    (handler.emit_metrics)(&invocation.request_id, &log.metrics);
    run.response.into_inner()
}

/// A batch that is being worked off.
struct BatchRun<'a> {
    handler: &'a Handler,
    time: WorkTime,
    /// Admits one version at a time whose manifests are too large to be read with others.
    large_versions: Semaphore,
    response: RefCell<SqsBatchResponse>,
    log: RefCell<BatchLog<'a>>,
}

/// One registry of a batch.
struct RegistryRun<'a, 'b> {
    batch: &'a BatchRun<'b>,
    registry: Registry,
    /// The error after which nothing more of this registry is begun.
    unavailable: RefCell<Option<Error>>,
}

/// A version that was reconciled, and whose aliases are not yet.
struct PublishedRelease {
    origin: Origin,
    request: Arc<ReconcileRequest>,
    report: VersionReport,
    aliases: AliasRequest,
}

/// The versions of one repository, as the owner of the groups in which they are reconciled.
struct VersionsOwner<'a, 'b> {
    registry: &'a RegistryRun<'a, 'b>,
    releases: RefCell<Vec<PublishedRelease>>,
}

impl BatchRun<'_> {
    async fn work_off(&self, id: RegistryId, repositories: BTreeMap<RepositoryName, RepositoryTasks>) {
        let registry = self.handler.registries.open(&id, Priority::Interactive, self.time.stop_at);
        let run = RegistryRun { batch: self, registry, unavailable: RefCell::default() };
        let repositories = stream::iter(repositories);
        let work_off = |(repository, tasks)| run.work_off(repository, tasks);
        Box::pin(repositories.for_each_concurrent(MAX_PARALLEL_REPOSITORIES, work_off)).await;
    }

    /// Records how a task ended, and returns its records to the queue where they belong there.
    fn end(&self, origin: Origin, end: &TaskEnd) {
        self.log.borrow_mut().add(&origin, end);
        if end.is_redelivered() {
            let mut response = self.response.borrow_mut();
            origin.message_ids.into_iter().for_each(|id| response.add_failure(id));
        }
    }
}

impl RegistryRun<'_, '_> {
    async fn work_off(&self, repository: RepositoryName, tasks: RepositoryTasks) {
        let RepositoryTasks { versions, separate, markers } = tasks;
        let settings = self.batch.handler.settings.for_repository(&repository);
        let mut versions = versions.into_values().peekable();
        while versions.peek().is_some() {
            let group = versions.by_ref().take(settings.map_or(1, versions_per_read));
            self.reconcile(&repository, group.collect()).await;
        }
        for task in separate {
            self.reconcile(&repository, vec![task]).await;
        }
        for (origin, marker, aliases) in markers.into_values() {
            let end = match self.reconcile_aliases(aliases).await {
                Ok(aliases) => {
                    let (id, repository) = (self.registry.id().clone(), repository.clone());
                    let report = YankReport::for_push(id, repository, marker, aliases);
                    TaskEnd::Answered(Answer::Yank(Box::new(report)))
                }
                Err(end) => end,
            };
            self.end(origin, &end);
        }
    }

    /// Reconciles versions that share their first read, and then their aliases.
    async fn reconcile(&self, repository: &RepositoryName, versions: Vec<(Origin, ReconcileRequest)>) {
        let owner = VersionsOwner { registry: self, releases: RefCell::default() };
        let group = GroupReconciler {
            registry: &self.registry,
            repository,
            time: self.batch.time,
            shared_read: SHARED_READ,
            large_versions: &self.batch.large_versions,
            owner: &owner,
        };
        let members = versions.into_iter().map(|(origin, request)| {
            let request = Arc::new(request);
            Member { step: Step::start(Arc::clone(&request)), version: (origin, request) }
        });
        group.reconcile(members.collect()).await;
        for PublishedRelease { origin, request, mut report, aliases } in owner.releases.into_inner() {
            let end = match self.reconcile_aliases(aliases).await {
                Ok(aliases) => {
                    report.aliases = Some(aliases);
                    TaskEnd::Answered(Answer::Version(Box::new(report)))
                }
                Err(TaskEnd::Failed(InvocationError { error, .. })) => {
                    TaskEnd::Failed(InvocationError { error, confirmed: (!request.dry_run).then(|| request.target()) })
                }
                Err(end) => end,
            };
            self.end(origin, &end);
        }
    }

    /// Reconciles aliases, unless nothing more is begun.
    async fn reconcile_aliases(&self, aliases: AliasRequest) -> Result<Vec<AliasReport>, TaskEnd> {
        if let Some(error) = self.unavailable() {
            return Err(TaskEnd::Returned(Returned::RegistryUnavailable(error)));
        }
        if self.batch.time.is_up() {
            return Err(TaskEnd::Returned(Returned::OutOfTime));
        }
        let deadline = self.batch.time.deadline;
        let reconciled = self.batch.handler.reconcile_aliases(&self.registry, aliases, deadline).await;
        reconciled.map_err(|error| TaskEnd::Failed(error.into()))
    }

    /// The error after which nothing more is begun.
    fn unavailable(&self) -> Option<Error> {
        self.unavailable.borrow().clone()
    }

    fn end(&self, origin: Origin, end: &TaskEnd) {
        if let TaskEnd::Failed(InvocationError { error, .. }) = end
            && error.is_registry_down()
        {
            self.unavailable.borrow_mut().get_or_insert_with(|| error.clone());
        }
        self.batch.end(origin, end);
    }
}

impl GroupOwner for VersionsOwner<'_, '_> {
    type Version = (Origin, Arc<ReconcileRequest>);

    fn is_left(&self) -> bool {
        self.registry.unavailable.borrow().is_some()
    }

    /// What one version of the read can be the reason for is found out by reading it in parts.
    fn shared_read_failed(&self, error: &Error) -> Option<VersionEnd> {
        (error.error_type() != ErrorType::RegistryRefused).then(|| VersionEnd::Failed(error.clone()))
    }

    fn write_failed(&self, _error: &Error) {}

    fn ended(&self, (mut origin, request): Self::Version, end: VersionEnd) {
        let end = match end {
            VersionEnd::Reconciled(reconciliation) => {
                origin.ended_at = Some(SystemTime::now());
                let aliases = self.registry.batch.handler.aliases_of(&request, &reconciliation.outcome);
                let report = VersionReport::new(self.registry.registry.id().clone(), &request, reconciliation);
                if let Some(aliases) = aliases {
                    self.releases.borrow_mut().push(PublishedRelease { origin, request, report, aliases });
                    return;
                }
                TaskEnd::Answered(Answer::Version(Box::new(report)))
            }
            VersionEnd::Failed(error) => TaskEnd::Failed(error.into()),
            VersionEnd::OutOfTime(None) => TaskEnd::Returned(Returned::OutOfTime),
            VersionEnd::OutOfTime(Some(error)) => TaskEnd::Returned(Returned::Unfinished(error)),
            // A group is left for the first error of its registry.
            VersionEnd::Left => TaskEnd::Returned(
                self.registry.unavailable().map_or(Returned::OutOfTime, Returned::RegistryUnavailable),
            ),
        };
        self.registry.end(origin, &end);
    }
}
