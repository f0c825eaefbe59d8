//! Handles an SQS batch: reconciles each version once for all of its records, and tells which records go back to the
//! queue.
//!
//! Registries are worked off side by side, and so are a few repositories of each. A record goes back where a later attempt
//! can succeed ([`ErrorType::is_redelivered`](ecr_multiarch_core::ErrorType::is_redelivered)), and where its task was not
//! begun: for lack of time, or because the registry failed for another record.

use std::cell::RefCell;
use std::collections::BTreeMap;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use ecr_multiarch_core::batch::{BatchTasks, RepositoryTasks, TaskRecords};
use ecr_multiarch_core::{RegistryId, RepositoryName};
use ecr_multiarch_engine::executor::{Executor, TaskEnd};
use futures_util::{StreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::batch_log::{BatchLog, is_redelivered};
use super::handler::Handler;
use super::invocation::Invocation;
use super::record::Cost;
use super::sqs::Record;

/// How many repositories of a registry are worked off at a time: enough that a slow one does not hold up the others, and
/// few enough that a registry that fails costs few calls.
const MAX_PARALLEL_REPOSITORIES: usize = 2;

/// Handles the records of a batch. Each task is logged and counted.
pub(super) async fn handle_batch(handler: &Handler, records: Vec<Record>, invocation: &Invocation) -> SqsBatchResponse {
    let started = Instant::now();
    let calls_before = handler.registries.calls();
    let run = BatchRun {
        response: RefCell::default(),
        log: RefCell::new(BatchLog::new(&invocation.request_id, records.len())),
    };
    let planner = handler.planner(invocation);
    let mut tasks = BatchTasks::default();
    for Record { message_id, input } in records {
        tasks.add(message_id, input, &planner);
    }
    for (records, result) in tasks.answered {
        run.end(records, &result.into());
    }
    let (time, large_versions) = (invocation.batch_time(), Semaphore::new(1));
    let registries = stream::iter(tasks.registries);
    let work_off = async |(id, repositories): (RegistryId, _)| {
        let executor = handler.executor(&id, time, time.stop_at, &large_versions);
        run.work_off(&executor, repositories).await;
    };
    registries.for_each_concurrent(None, work_off).await;

    let mut log = run.log.into_inner();
    log.end(Cost { duration: started.elapsed(), ecr_calls: handler.registries.calls() - calls_before });
    (handler.emit_metrics)(&invocation.request_id, &log.metrics);
    run.response.into_inner()
}

/// A batch that is being worked off.
struct BatchRun<'a> {
    response: RefCell<SqsBatchResponse>,
    log: RefCell<BatchLog<'a>>,
}

impl BatchRun<'_> {
    async fn work_off(&self, executor: &Executor<'_>, repositories: BTreeMap<RepositoryName, RepositoryTasks>) {
        let repositories = stream::iter(repositories);
        let work_off = async |(repository, tasks)| self.repository(executor, &repository, tasks).await;
        Box::pin(repositories.for_each_concurrent(MAX_PARALLEL_REPOSITORIES, work_off)).await;
    }

    async fn repository(&self, executor: &Executor<'_>, repository: &RepositoryName, tasks: RepositoryTasks) {
        let RepositoryTasks { versions, separate, markers } = tasks;
        let end = |records, end| self.end(records, &end);
        executor.reconcile(repository, versions.into_values(), end).await;
        for task in separate {
            executor.reconcile(repository, [task], end).await;
        }
        for (records, task) in markers.into_values() {
            self.end(records, &executor.mark(task).await);
        }
    }

    /// Records how a task ended, and returns its records to the queue where they belong there.
    fn end(&self, records: TaskRecords, end: &TaskEnd) {
        self.log.borrow_mut().add(&records, end);
        if is_redelivered(end) {
            let mut response = self.response.borrow_mut();
            records.message_ids.into_iter().for_each(|id| response.add_failure(id));
        }
    }
}
