//! Works off an SQS batch: reconciles each version once for all of its records, and tells which records go back to the
//! queue.
//!
//! Registries are worked off side by side, and so are a few repositories of each. A record goes back where a later attempt
//! can succeed ([`ReceivedMessage::is_redelivered`]), and where its task was not begun: for lack of time, or because the
//! registry failed for another record. Where a registry denied another record, its task counts as denied.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use ecr_multiarch_core::batch::{BatchTasks, ReceivedMessage, RepositoryTasks, TaskRecords};
use ecr_multiarch_core::plan::Planner;
use ecr_multiarch_core::{Error, ErrorType, RegistryId, RepositoryName, Tag};
use ecr_multiarch_engine::end::{Answered, End, TaskEnd};
use ecr_multiarch_engine::executor::{Executor, Tasks};
use futures_util::{StreamExt as _, stream};

use super::metrics::{Metrics, name};
use super::payload::Record;
use super::record::{BatchTask, Cost, InvocationRecord, Scope, milliseconds};

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
        for Record { message, input } in records {
            tasks.add(message, input, planner);
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
        let mut repositories: Vec<_> = repositories.into_iter().collect();
        // Records that come back together find another repository first, so that a slow one does not always precede them.
        let first = self.log.borrow().request_id.bytes().map(usize::from).sum::<usize>() % repositories.len().max(1);
        repositories.rotate_left(first);
        let repositories = stream::iter(repositories);
        Box::pin(repositories.for_each_concurrent(MAX_PARALLEL_REPOSITORIES, repository)).await;
    }

    async fn repository(&self, executor: &Executor<'_>, name: &RepositoryName, tasks: RepositoryTasks) {
        let RepositoryTasks { versions, separate, lists, markers } = tasks;
        let on_end = |records, end| self.end(records, &end);
        let joined = Tasks {
            versions: versions.into_values().collect(),
            lists: lists.into_values().collect(),
            markers: markers.into_values().collect(),
        };
        executor.carry_out(name, joined, on_end).await;
        for task in separate {
            executor.carry_out(name, Tasks { versions: vec![task], ..Tasks::default() }, on_end).await;
        }
    }

    /// Records how a task ended, and returns its records to the queue where they belong there.
    fn end(&self, records: TaskRecords, end: &TaskEnd) {
        let denied = match end {
            End::Abandoned(error) if error.error_type() == ErrorType::AccessDenied => Some(error.clone().into()),
            _ => None,
        };
        let end = denied.as_ref().unwrap_or(end);
        self.log.borrow_mut().add(&records, end);
        let mut response = self.response.borrow_mut();
        for message in records.messages.into_iter().filter(|message| is_redelivered(end, message)) {
            response.add_failure(message.id);
        }
    }
}

/// Whether a message of a task goes back to the queue.
fn is_redelivered(end: &TaskEnd, message: &ReceivedMessage) -> bool {
    match end {
        End::Done(_) => false,
        End::Failed(error) => message.is_redelivered(error.error_type()),
        End::Abandoned(_) | End::OutOfTime(_) => true,
    }
}

/// The log of a batch.
pub(super) struct BatchLog<'a> {
    request_id: &'a str,
    begun_at: SystemTime,
    records: usize,
    tasks: usize,
    returned: usize,
    pub(super) metrics: Metrics,
}

impl<'a> BatchLog<'a> {
    /// The log of a batch of so many records, on which work begins now.
    pub(super) fn new(request_id: &'a str, records: usize) -> Self {
        Self { request_id, begun_at: SystemTime::now(), records, tasks: 0, returned: 0, metrics: Metrics::default() }
    }

    /// Logs and counts a task that has ended.
    pub(super) fn add(&mut self, records: &TaskRecords, end: &TaskEnd) {
        self.tasks += 1;
        let returned = records.messages.iter().filter(|message| is_redelivered(end, message)).count();
        self.returned += returned;
        let (result, at) = match end {
            End::Done(Answered { answer, at }) => (Ok(answer), Some(*at)),
            End::Failed(error) => (Err(error), None),
            End::Abandoned(error) => {
                return self.log_returned(records, &format!("the registry failed for another record: {error}"));
            }
            End::OutOfTime(error) => return self.log_returned(records, &out_of_time(error.as_ref())),
        };
        let (request_id, subject) = (self.request_id, &records.subject);
        let task = BatchTask { records, begun_at: self.begun_at, ended_at: at.unwrap_or_else(SystemTime::now) };
        let record = InvocationRecord { request_id, subject, scope: Scope::Task(task), result };
        record.log();
        self.metrics.add(&record);
        if result.is_err() && returned < records.messages.len().max(1) {
            self.metrics.count(name::FAILED_PERMANENTLY, 1);
        }
    }

    fn log_returned(&self, task: &TaskRecords, reason: &str) {
        let TaskRecords { count: records, subject, .. } = task;
        let (account, region) = subject.registry.as_ref().map(RegistryId::fields).unzip();
        tracing::warn!(
            outcome = "returned",
            account = account.flatten(),
            region,
            repository = subject.repository.as_deref(),
            version = subject.version.as_ref().map(Tag::as_str),
            reason,
            records,
            message_ids = task.logged_ids(),
            request_id = self.request_id,
            "returned to the queue"
        );
    }

    /// Ends the batch: logs it, and counts what it took.
    pub(super) fn end(&mut self, cost: Cost) {
        let Self { request_id, records, tasks, returned, metrics, .. } = self;
        metrics.add_cost(cost);
        metrics.count(name::RETURNED, *returned as u64);
        metrics.count(name::FAILED_PERMANENTLY, 0);
        tracing::info!(
            records,
            tasks,
            returned,
            milliseconds = milliseconds(cost.duration),
            ecr_calls = cost.ecr_calls,
            request_id,
            "batch"
        );
    }
}

/// Why records go back for lack of time, with the error of a call, if one failed until then.
fn out_of_time(error: Option<&Error>) -> String {
    match error {
        Some(error) => format!("the deadline of the invocation was near: {error}"),
        None => "its turn did not come before the deadline of the invocation".to_owned(),
    }
}
