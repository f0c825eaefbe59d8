//! Works off an SQS batch: reconciles each version once for all of its records, and tells which records go back to the
//! queue.
//!
//! Registries are worked off side by side, and so are a few repositories of each. A record goes back where a later attempt
//! can succeed ([`ErrorType::is_redelivered`](ecr_multiarch_core::ErrorType::is_redelivered)), and where its task was not
//! begun: for lack of time, or because the registry failed for another record.

use std::cell::RefCell;
use std::collections::BTreeMap;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use ecr_multiarch_core::batch::{BatchTasks, RepositoryTasks, TaskRecords};
use ecr_multiarch_core::plan::Planner;
use ecr_multiarch_core::{RegistryId, RepositoryName};
use ecr_multiarch_engine::executor::{Executor, TaskEnd};
use futures_util::{StreamExt as _, stream};

use super::batch_log::{BatchLog, is_redelivered};
use super::payload::Record;

/// How many repositories of a registry are worked off at a time: enough that a slow one does not hold up the others, and
/// few enough that a registry that fails costs few calls.
const MAX_PARALLEL_REPOSITORIES: usize = 2;

/// A batch that is being worked off.
pub(super) struct BatchRun<'a> {
    response: RefCell<SqsBatchResponse>,
    log: RefCell<BatchLog<'a>>,
}

impl<'a> BatchRun<'a> {
    pub(super) fn new(log: BatchLog<'a>) -> Self {
        Self { response: RefCell::default(), log: RefCell::new(log) }
    }

    /// Works off records with an executor for each of their registries. Returns those that go back to the queue, and the
    /// log of the tasks.
    pub(super) async fn work_off<'e>(
        self,
        records: Vec<Record>,
        planner: &Planner<'_>,
        executor: impl Fn(&RegistryId) -> Executor<'e>,
    ) -> (SqsBatchResponse, BatchLog<'a>) {
        let mut tasks = BatchTasks::default();
        for Record { message_id, input } in records {
            tasks.add(message_id, input, planner);
        }
        for (records, result) in tasks.answered {
            self.end(records, &result.into());
        }
        let registry = async |(id, repositories)| self.registry(&executor(&id), repositories).await;
        stream::iter(tasks.registries).for_each_concurrent(None, registry).await;
        (self.response.into_inner(), self.log.into_inner())
    }

    async fn registry(&self, executor: &Executor<'_>, repositories: BTreeMap<RepositoryName, RepositoryTasks>) {
        let repository = async |(name, tasks)| self.repository(executor, &name, tasks).await;
        let repositories = stream::iter(repositories);
        Box::pin(repositories.for_each_concurrent(MAX_PARALLEL_REPOSITORIES, repository)).await;
    }

    async fn repository(&self, executor: &Executor<'_>, name: &RepositoryName, tasks: RepositoryTasks) {
        let RepositoryTasks { versions, separate, markers } = tasks;
        let on_end = |records, end| self.end(records, &end);
        executor.reconcile(name, versions.into_values(), on_end).await;
        for task in separate {
            executor.reconcile(name, [task], on_end).await;
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
