//! The metrics of an invocation: one line in CloudWatch's embedded metric format.
//!
//! Amazon CloudWatch user guide, "Specification: Embedded metric format".

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use ecr_multiarch_core::alias::outcome::AliasOutcomeKind;
use ecr_multiarch_core::answer::aliases_of_kind;
use ecr_multiarch_core::image_tags::outcome::{ImageTagOutcomeKind, image_tags_of_kind};
use ecr_multiarch_core::{Answer, ErrorType, OutcomeKind, SweepReport};
use serde_json::{Map, Value, json};

use super::record::{Cost, InvocationRecord, milliseconds};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "EcrMultiarch";
/// The only dimension: the function, which distinguishes stacks. No dimension grows with the repositories.
pub const DIMENSION: &str = "FunctionName";

/// The age up to which an event is measured: as long as EventBridge tries to deliver one. Older ones come from a redrive
/// or a manual replay, and a single one would dominate the day's maximum.
const MAX_PUSH_AGE: Duration = Duration::from_hours(24);

/// How many values a metric of one line may have.
const MAX_VALUES: usize = 100;

/// The names of the metrics; alarms and the dashboard use no others.
pub mod name {
    /// Manifest lists published.
    pub const PUBLISHED: &str = "Published";
    /// Versions of events and requests that were up to date, and lists that others pushed.
    pub const UNCHANGED: &str = "Unchanged";
    /// Events and requests for versions that lack a platform or are held back.
    pub const WAITING: &str = "Waiting";
    /// Events and requests that were filtered out.
    pub const IGNORED: &str = "Ignored";
    /// Versions that a dry run would publish.
    pub const WOULD_PUBLISH: &str = "WouldPublish";
    /// Invocations, and versions of sweeps and of batches, that failed. Each is also counted under this name and its error type.
    pub const FAILED: &str = "Failed";
    /// Failures of a batch whose records do not go back to the queue: no delivery retries them.
    pub const FAILED_PERMANENTLY: &str = "FailedPermanently";
    /// Records that went back to the queue.
    pub const RETURNED: &str = "Returned";
    /// Milliseconds from the push event to the published manifest list, for events of the last day.
    pub const PUSH_TO_PUBLISHED: &str = "PushToPublished";
    /// Milliseconds that the invocation took, except for a sweep.
    pub const RECONCILE_DURATION: &str = "ReconcileDuration";
    /// Calls to ECR, except those of a sweep.
    pub const ECR_CALLS: &str = "EcrCalls";
    /// Versions that a sweep reports as incomplete.
    pub const INCOMPLETE_VERSIONS: &str = "IncompleteVersions";
    /// Versions with all of their platform tags that a sweep does not publish, which is not a failure.
    pub const IGNORED_VERSIONS: &str = "IgnoredVersions";
    /// Aliases that were moved to another release.
    pub const ALIASES_MOVED: &str = "AliasesMoved";
    /// Aliases that were left alone, each time that one is reconciled.
    pub const ALIAS_CONFLICTS: &str = "AliasConflicts";
    /// Image tags that were moved to another image.
    pub const IMAGE_TAGS_MOVED: &str = "ImageTagsMoved";
    /// Image tags that were left alone, each time that one is looked at.
    pub const IMAGE_TAG_CONFLICTS: &str = "ImageTagConflicts";
    /// 1 for a sweep of everything that is served that ended before its deadline, 0 for one that did not. Written for a
    /// request for all registries at once. The state machine of the sweep sends one for each registry, and writes the
    /// metric with its own dimension.
    pub const SWEEP_COMPLETE: &str = "SweepComplete";

    /// What every sweep of a registry writes: alarms watch it, and need to learn that nothing is wrong any more.
    pub const OF_EVERY_SWEEP: [&str; 2] = [INCOMPLETE_VERSIONS, FAILED];

    /// All of them, except those of single error types.
    pub const ALL: [&str; 18] = [
        PUBLISHED,
        UNCHANGED,
        WAITING,
        IGNORED,
        WOULD_PUBLISH,
        FAILED,
        FAILED_PERMANENTLY,
        RETURNED,
        PUSH_TO_PUBLISHED,
        RECONCILE_DURATION,
        ECR_CALLS,
        INCOMPLETE_VERSIONS,
        IGNORED_VERSIONS,
        ALIASES_MOVED,
        ALIAS_CONFLICTS,
        IMAGE_TAGS_MOVED,
        IMAGE_TAG_CONFLICTS,
        SWEEP_COMPLETE,
    ];
}

/// The name of the metric that counts failures of one type, such as `FailedTagConflict`.
pub fn failed_of_type(error_type: ErrorType) -> String {
    format!("{}{error_type}", name::FAILED)
}

/// Metrics, and their values.
#[derive(Debug, Default)]
pub struct Metrics(Vec<Metric>);

/// A metric: its name, its unit and its values.
#[derive(Debug)]
struct Metric {
    name: String,
    unit: &'static str,
    values: Vec<u64>,
}

impl Metrics {
    /// The metrics of an invocation.
    ///
    /// The scheduled sweep runs each hour, also where nothing happens, and a metric is billed for each hour in which it
    /// has a value. So what a sweep took is in its log line only.
    pub fn of(record: &InvocationRecord<'_>) -> Self {
        let mut metrics = Self::default();
        let is_scheduled = matches!(record.result, Ok(Answer::Sweep(_) | Answer::Registries(_)));
        if let Some(cost) = record.cost().filter(|_| !is_scheduled) {
            metrics.add_cost(cost);
        }
        metrics.add(record);
        metrics
    }

    /// Adds what an invocation took.
    pub fn add_cost(&mut self, Cost { duration, ecr_calls }: Cost) {
        self.measure(name::RECONCILE_DURATION, duration);
        self.count(name::ECR_CALLS, ecr_calls);
    }

    /// Adds to a number.
    pub fn count(&mut self, name: &str, number: u64) {
        match self.metric(name, "Count").values.as_mut_slice() {
            [sum, ..] => *sum += number,
            [] => self.metric(name, "Count").values.push(number),
        }
    }

    /// Adds a duration, beside those that the metric has already.
    fn measure(&mut self, name: &str, duration: Duration) {
        let values = &mut self.metric(name, "Milliseconds").values;
        if values.len() < MAX_VALUES {
            values.push(milliseconds(duration));
        }
    }

    fn metric(&mut self, name: &str, unit: &'static str) -> &mut Metric {
        let position = self.0.iter().position(|metric| metric.name == name).unwrap_or_else(|| {
            self.0.push(Metric { name: name.to_owned(), unit, values: Vec::new() });
            self.0.len() - 1
        });
        &mut self.0[position]
    }

    /// Adds the result of an invocation that has ended now, or of a task of a batch.
    pub fn add(&mut self, record: &InvocationRecord<'_>) {
        let at = record.task().map_or_else(SystemTime::now, |task| task.ended_at);
        match record.result {
            Ok(Answer::Version(report)) => {
                let kind = report.outcome.kind();
                let name = match kind {
                    OutcomeKind::Published => name::PUBLISHED,
                    OutcomeKind::Unchanged | OutcomeKind::Tagged => name::UNCHANGED,
                    OutcomeKind::Waiting => name::WAITING,
                    OutcomeKind::Ignored => name::IGNORED,
                    OutcomeKind::WouldPublish => name::WOULD_PUBLISH,
                };
                self.count(name, 1);
                let since_push = record.subject.pushed_at.and_then(|pushed_at| at.duration_since(pushed_at).ok());
                let since_push = since_push.filter(|age| *age <= MAX_PUSH_AGE);
                if let (OutcomeKind::Published, Some(since_push)) = (kind, since_push) {
                    self.measure(name::PUSH_TO_PUBLISHED, since_push);
                }
            }
            Ok(Answer::Sweep(report)) => {
                self.add_sweep(report);
                // The metric is about everything that is served.
                if record.subject.is_full_sweep {
                    self.count(name::SWEEP_COMPLETE, u64::from(report.is_complete()));
                }
            }
            Ok(Answer::Yank(_) | Answer::Registries(_)) => {}
            Err(error) => {
                self.count(name::FAILED, 1);
                self.count(&failed_of_type(error.error_type()), 1);
            }
        }
        if let Some(aliases) = record.result.ok().and_then(Answer::aliases) {
            let of_kind = |kind| aliases_of_kind(aliases, kind).count() as u64;
            self.count(name::ALIASES_MOVED, of_kind(AliasOutcomeKind::Moved));
            self.count(name::ALIAS_CONFLICTS, of_kind(AliasOutcomeKind::Conflict));
        }
        if let Some(image_tags) = record.result.ok().and_then(Answer::image_tags) {
            let of_kind = |kind| image_tags_of_kind(image_tags, kind).count() as u64;
            self.count(name::IMAGE_TAGS_MOVED, of_kind(ImageTagOutcomeKind::Moved));
            self.count(name::IMAGE_TAG_CONFLICTS, of_kind(ImageTagOutcomeKind::Conflict));
        }
    }

    /// Adds what a sweep did and found: what alarms watch always, what else it counts only where there is any.
    fn add_sweep(&mut self, report: &SweepReport) {
        self.count(name::INCOMPLETE_VERSIONS, report.incomplete.total as u64);
        self.count(name::FAILED, report.failed.total as u64);
        self.count_any(name::PUBLISHED, report.published);
        self.count_any(name::IGNORED_VERSIONS, report.ignored.total);
        if let Some(pending) = &report.pending {
            self.count_any(name::WOULD_PUBLISH, pending.total);
        }
        if let Some(aliases) = &report.aliases {
            self.count(name::ALIAS_CONFLICTS, aliases.conflicts.total as u64);
            self.count_any(name::ALIASES_MOVED, aliases.moved);
        }
        if let Some(image_tags) = &report.image_tags {
            self.count_any(name::IMAGE_TAGS_MOVED, image_tags.moved);
            self.count_any(name::IMAGE_TAG_CONFLICTS, image_tags.conflicts);
        }
        for (error_type, failed) in &report.failed_by_type {
            self.count_any(&failed_of_type(*error_type), *failed);
        }
    }

    /// Adds to a number, unless there is nothing to add.
    fn count_any(&mut self, name: &str, number: usize) {
        if number > 0 {
            self.count(name, number as u64);
        }
    }

    /// The log line.
    ///
    /// Lambda filters lines by their level, and takes INFO for a line without one. FATAL is the one level that no filter
    /// drops. (AWS Lambda developer guide, "Log-level filtering".)
    fn line(&self, request_id: &str, function: &str, now: SystemTime) -> Value {
        let Self(metrics) = self;
        let definitions: Vec<_> =
            metrics.iter().map(|Metric { name, unit, .. }| json!({"Name": name, "Unit": unit})).collect();
        let mut line = Map::new();
        line.insert("level".to_owned(), "FATAL".into());
        line.insert("timestamp".to_owned(), DateTime::from(now).fmt(Format::DateTime).unwrap_or_default().into());
        line.insert("request_id".to_owned(), request_id.into());
        line.insert(DIMENSION.to_owned(), function.into());
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": milliseconds(since_epoch),
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": definitions}],
            }),
        );
        line.extend(metrics.iter().map(|Metric { name, values, .. }| {
            let value = if let [value] = values.as_slice() { (*value).into() } else { values.as_slice().into() };
            (name.clone(), value)
        }));
        Value::Object(line)
    }
}

/// Writes the metrics of an invocation, if it has any, to standard output, which on Lambda is the log.
pub fn emit(request_id: &str, metrics: &Metrics) {
    if metrics.0.is_empty() {
        return;
    }
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "ecr-multiarch".to_owned());
    let line = metrics.line(request_id, &function, SystemTime::now());
    // Where the log cannot be written, nothing can be reported.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
