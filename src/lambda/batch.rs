//! Handles an SQS batch: reconciles each version once for all of its records, and tells which records go back to the
//! queue.
//!
//! Registries are worked off side by side, and so are a few repositories of each. Versions of one repository share their
//! first read. A record goes back where a later attempt can succeed ([`ErrorType::is_redelivered`]), and where its task
//! was not begun: for lack of time, or because the registry failed for another record.

mod record;
mod tasks;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use ecr_multiarch_core::alias::marker::YankMarker;
use ecr_multiarch_core::reconcile::outcome::Reconciliation;
use ecr_multiarch_core::{
    AliasRequest, Answer, Error, ErrorType, InvocationError, ReconcileRequest, RegistryId, RepositoryName,
    VersionReport, YankReport,
};
use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::handler::Handler;
use super::invocation::Invocation;
use super::record::Cost;
use super::sqs::Record;
use crate::ecr::{Attempts, Priority, Registry};
use crate::group::{GroupOwner, GroupReconciler, Member, VersionEnd, versions_per_read};
use crate::work_time::WorkTime;
use record::{BatchRecord, NotBegun, TaskEnd};
use tasks::{Origin, RepositoryTasks, Tasks, Versions};

/// How many repositories of a registry are worked off at a time: enough that a slow one does not hold up the others, and
/// few enough that their manifests fit into the memory of the assembler together.
const MAX_PARALLEL_REPOSITORIES: usize = 2;

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
        record: RefCell::new(BatchRecord::new(&invocation.request_id, record_count)),
    };
    for (origin, result) in tasks.settled {
        run.end(origin, &result.into());
    }
    let registries = stream::iter(tasks.registries);
    registries.for_each_concurrent(None, |(id, repositories)| run.work_off(id, repositories)).await;

    let mut record = run.record.into_inner();
    record.end(Cost { duration: started.elapsed(), ecr_calls: handler.registries.calls() - calls_before });
    (handler.emit_metrics)(&invocation.request_id, &record.metrics);
    run.response.into_inner()
}

/// A batch that is being worked off.
struct BatchRun<'a> {
    handler: &'a Handler,
    time: WorkTime,
    /// Admits one version at a time whose manifests are too large to be read with others.
    large_versions: Semaphore,
    response: RefCell<SqsBatchResponse>,
    record: RefCell<BatchRecord<'a>>,
}

/// One registry of a batch.
struct RegistryRun<'a, 'b> {
    batch: &'a BatchRun<'b>,
    registry: Registry,
    /// The error after which nothing more of this registry is begun.
    unavailable: RefCell<Option<Error>>,
}

/// A version that was reconciled, and whose aliases are not yet.
type ReconciledVersion = (Origin, Arc<ReconcileRequest>, Reconciliation);

/// The versions of one repository, as the owner of the groups in which they are reconciled.
struct VersionsOwner<'a, 'b> {
    registry: &'a RegistryRun<'a, 'b>,
    reconciled: RefCell<Vec<ReconciledVersion>>,
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
        self.record.borrow_mut().add(&origin, end);
        if end.is_redelivered() {
            let mut response = self.response.borrow_mut();
            origin.message_ids.into_iter().for_each(|id| response.add_failure(id));
        }
    }
}

impl RegistryRun<'_, '_> {
    async fn work_off(&self, repository: RepositoryName, tasks: RepositoryTasks) {
        let RepositoryTasks { versions, separate, markers } = tasks;
        for (origin, request, reconciliation) in self.reconcile_versions(&repository, versions).await {
            let end = self.reconcile_aliases(&request, reconciliation).await;
            self.end(origin, &end);
        }
        for (origin, request) in separate {
            let end = self.unless_over(self.reconcile(request)).await;
            self.end(origin, &end);
        }
        for (origin, marker, aliases) in markers.into_values() {
            let end = self.unless_over(self.follow_marker(marker, aliases)).await;
            self.end(origin, &end);
        }
    }

    /// Reconciles versions, with one read for those that fit into one. Returns those whose aliases are left to do.
    async fn reconcile_versions(&self, repository: &RepositoryName, versions: Versions) -> Vec<ReconciledVersion> {
        let owner = VersionsOwner { registry: self, reconciled: RefCell::default() };
        let settings = self.batch.handler.settings.for_repository(repository);
        let group = GroupReconciler {
            registry: &self.registry,
            repository,
            time: self.batch.time,
            attempts: Attempts::Several,
            large_versions: &self.batch.large_versions,
            owner: &owner,
        };
        let mut versions = versions.into_values().peekable();
        while versions.peek().is_some() {
            let members = versions.by_ref().take(settings.map_or(1, versions_per_read)).map(|(origin, request)| {
                let request = Arc::new(request);
                Member { version: (origin, Arc::clone(&request)), request, compares_digests: false }
            });
            group.reconcile(members.collect()).await;
        }
        owner.reconciled.into_inner()
    }

    /// Reconciles the aliases of a version that was reconciled.
    async fn reconcile_aliases(&self, request: &ReconcileRequest, reconciliation: Reconciliation) -> TaskEnd {
        let handler = self.batch.handler;
        let aliases = handler.aliases_of(request, &reconciliation.outcome);
        let mut report = VersionReport::new(self.registry.id().clone(), request, reconciliation);
        if let Some(aliases) = aliases {
            let unavailable = self.unavailable.borrow().clone();
            let reconciled = match unavailable {
                Some(error) => Err(error),
                None => handler.reconcile_aliases(&self.registry, aliases, self.batch.time.deadline).await,
            };
            match reconciled {
                Ok(aliases) => report.aliases = Some(aliases),
                Err(error) => {
                    return TaskEnd::Failed(InvocationError { error, confirmed: Some(request.target()) });
                }
            }
        }
        TaskEnd::Answered(Answer::Version(Box::new(report)))
    }

    /// Reconciles a version by itself.
    async fn reconcile(&self, request: ReconcileRequest) -> TaskEnd {
        let WorkTime { stop_at, deadline } = self.batch.time;
        let reconciled = self.batch.handler.reconcile(self.registry.id(), &Arc::new(request), deadline, stop_at).await;
        reconciled.map(|report| Answer::Version(Box::new(report))).into()
    }

    /// Reconciles the aliases of the release that a marker names.
    async fn follow_marker(&self, marker: YankMarker, aliases: AliasRequest) -> TaskEnd {
        let (id, repository) = (self.registry.id().clone(), aliases.repository.clone());
        let aliases = self.batch.handler.reconcile_aliases(&self.registry, aliases, self.batch.time.deadline).await;
        let report = aliases.map(|aliases| YankReport::for_push(id, repository, marker, aliases));
        report.map(|report| Answer::Yank(Box::new(report))).map_err(InvocationError::from).into()
    }

    /// The end of a task, which is not begun where nothing more is.
    async fn unless_over(&self, task: impl Future<Output = TaskEnd>) -> TaskEnd {
        let unavailable = self.unavailable.borrow().clone();
        match unavailable {
            Some(error) => TaskEnd::NotBegun(NotBegun::RegistryUnavailable(error)),
            None if self.batch.time.is_up() => TaskEnd::NotBegun(NotBegun::OutOfTime),
            None => Box::pin(task).await,
        }
    }

    fn end(&self, origin: Origin, end: &TaskEnd) {
        if let TaskEnd::Failed(InvocationError { error, .. }) = end
            && error.error_type() == ErrorType::RegistryUnavailable
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

    fn ended(&self, (origin, request): Self::Version, end: VersionEnd) {
        let end = match end {
            VersionEnd::Reconciled(reconciliation) => {
                if self.registry.batch.handler.aliases_of(&request, &reconciliation.outcome).is_some() {
                    self.reconciled.borrow_mut().push((origin, request, reconciliation));
                    return;
                }
                let report = VersionReport::new(self.registry.registry.id().clone(), &request, reconciliation);
                TaskEnd::Answered(Answer::Version(Box::new(report)))
            }
            VersionEnd::Failed(error) => TaskEnd::Failed(error.into()),
            VersionEnd::OutOfTime => TaskEnd::NotBegun(NotBegun::OutOfTime),
            // A group is left for the first error of its registry. None of a batch is compared by digest.
            VersionEnd::Left | VersionEnd::UpToDate => match self.registry.unavailable.borrow().clone() {
                Some(error) => TaskEnd::NotBegun(NotBegun::RegistryUnavailable(error)),
                None => TaskEnd::NotBegun(NotBegun::OutOfTime),
            },
        };
        self.registry.end(origin, &end);
    }
}
