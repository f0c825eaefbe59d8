//! The log of a batch: a line for each of its tasks, and one line of metrics for all.

use ecr_multiarch_core::batch::TaskRecords;
use ecr_multiarch_core::{Error, Tag};
use ecr_multiarch_engine::end::End;
use ecr_multiarch_engine::executor::{Answered, TaskEnd};
use ecr_multiarch_engine::log::registry_fields;

use super::metrics::{Metrics, name};
use super::record::{Cost, InvocationRecord, milliseconds};

/// Whether the records of a task go back to the queue.
pub(super) fn is_redelivered(end: &TaskEnd) -> bool {
    match end {
        End::Done(_) => false,
        End::Failed(error) => error.error_type().is_redelivered(),
        End::Abandoned(_) | End::OutOfTime(_) => true,
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
    pub(super) fn add(&mut self, records: &TaskRecords, end: &TaskEnd) {
        self.tasks += 1;
        let is_redelivered = is_redelivered(end);
        if is_redelivered {
            self.returned += records.message_ids.len();
        }
        let (result, at) = match end {
            End::Done(Answered { answer, at }) => (Ok(answer), Some(*at)),
            End::Failed(error) => (Err(error), None),
            End::Abandoned(error) => {
                return self.log_returned(records, &format!("the registry failed for another record: {error}"));
            }
            End::OutOfTime(error) => return self.log_returned(records, &out_of_time(error.as_ref())),
        };
        let (request_id, subject) = (self.request_id, &records.subject);
        let record = InvocationRecord { request_id, subject, cost: None, records: Some(records), result };
        record.log();
        self.metrics.add(&record, at);
        if result.is_err() && !is_redelivered {
            self.metrics.count(name::FAILED_PERMANENTLY, 1);
        }
    }

    fn log_returned(&self, task: &TaskRecords, reason: &str) {
        let TaskRecords { count: records, subject, .. } = task;
        let (account, region) = subject.registry.as_ref().map(registry_fields).unzip();
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

/// Why records go back for lack of time, with the error of a call, if one failed until then.
fn out_of_time(error: Option<&Error>) -> String {
    match error {
        Some(error) => format!("the deadline of the invocation was near: {error}"),
        None => "its turn did not come before the deadline of the invocation".to_owned(),
    }
}
