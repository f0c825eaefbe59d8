//! The log of a batch: a line for each of its tasks, and one line of metrics for all.

use std::time::SystemTime;

use ecr_multiarch_core::{Answer, Error, InvocationError, Tag};
use ecr_multiarch_engine::log::registry_fields;

use super::tasks::Origin;
use crate::metrics::{Metrics, name};
use crate::record::{Cost, Delivery, InvocationRecord, milliseconds};

/// How a task of a batch ended.
pub(super) enum TaskEnd {
    Answered(Answer),
    Failed(InvocationError),
    Returned(Returned),
}

/// Why the records of a task go back to the queue although nothing is wrong with them.
#[derive(Debug, thiserror::Error)]
pub(super) enum Returned {
    #[error("its turn did not come before the deadline of the invocation")]
    OutOfTime,
    #[error("the deadline of the invocation was near: {0}")]
    Unfinished(Error),
    #[error("the registry failed for another record: {0}")]
    RegistryUnavailable(Error),
}

impl From<Result<Answer, InvocationError>> for TaskEnd {
    fn from(result: Result<Answer, InvocationError>) -> Self {
        result.map_or_else(Self::Failed, Self::Answered)
    }
}

impl TaskEnd {
    /// Whether the records of the task go back to the queue.
    pub(super) fn is_redelivered(&self) -> bool {
        match self {
            Self::Answered(_) => false,
            Self::Failed(error) => error.error_type().is_redelivered(),
            Self::Returned(_) => true,
        }
    }
}

/// The log of a batch.
pub(super) struct BatchLog<'a> {
    request_id: &'a str,
    records: usize,
    tasks: usize,
    returned: usize,
    pub(super) metrics: Metrics,
}

impl<'a> BatchLog<'a> {
    /// The log of a batch of so many records.
    pub(super) fn new(request_id: &'a str, records: usize) -> Self {
        Self { request_id, records, tasks: 0, returned: 0, metrics: Metrics::default() }
    }

    /// Logs and counts a task that has ended.
    pub(super) fn add(&mut self, origin: &Origin, end: &TaskEnd) {
        self.tasks += 1;
        let is_redelivered = end.is_redelivered();
        if is_redelivered {
            self.returned += origin.message_ids.len();
        }
        let result = match end {
            TaskEnd::Answered(answer) => Ok(answer),
            TaskEnd::Failed(error) => Err(error),
            TaskEnd::Returned(reason) => return self.log_returned(origin, reason),
        };
        let Origin { records, subject, .. } = origin;
        let record = InvocationRecord {
            request_id: self.request_id,
            registry: subject.registry.clone(),
            repository: subject.repository.clone(),
            version: subject.version.clone(),
            pushed_at: subject.pushed_at,
            is_full_sweep: false,
            cost: None,
            delivery: Some(Delivery { records: *records, message_ids: origin.logged_ids() }),
            result,
        };
        record.log();
        self.metrics.add(&record, origin.ended_at.unwrap_or_else(SystemTime::now));
        if result.is_err() && !is_redelivered {
            self.metrics.count(name::FAILED_PERMANENTLY, 1);
        }
    }

    fn log_returned(&self, origin: &Origin, reason: &Returned) {
        let Origin { records, subject, .. } = origin;
        let (account, region) = subject.registry.as_ref().map(registry_fields).unzip();
        tracing::warn!(
            outcome = "returned",
            account = account.flatten(),
            region,
            repository = subject.repository.as_deref(),
            version = subject.version.as_ref().map(Tag::as_str),
            %reason,
            records,
            message_ids = origin.logged_ids(),
            request_id = self.request_id,
            "returned to the queue"
        );
    }

    /// Ends the batch: logs it, and counts what it took.
    pub(super) fn end(&mut self, cost: Cost) {
        let Self { request_id, records, tasks, returned, metrics } = self;
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
