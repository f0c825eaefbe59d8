//! The metrics of an invocation: one line in CloudWatch's embedded metric format.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use ecr_multiarch_core::alias::outcome::AliasOutcomeKind;
use ecr_multiarch_core::answer::aliases_of_kind;
use ecr_multiarch_core::{Answer, ErrorType, OutcomeKind, SweepReport};
use serde_json::{Map, Value, json};

use super::record::{InvocationRecord, milliseconds};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "EcrMultiarch";
/// The only dimension: the function, which distinguishes stacks. No dimension grows with the repositories.
pub const DIMENSION: &str = "FunctionName";

/// The age up to which an event is measured: as long as EventBridge tries to deliver one. Older ones come from a
/// dead-letter queue or from hand, and one of them would be the maximum of its day.
const MAX_PUSH_AGE: Duration = Duration::from_hours(24);

/// The names of the metrics; alarms and the dashboard use no others.
pub mod name {
    /// Manifest lists published.
    pub const PUBLISHED: &str = "Published";
    /// Versions that were up to date.
    pub const UNCHANGED: &str = "Unchanged";
    /// Events and requests for versions that lack a platform or are held back.
    pub const WAITING: &str = "Waiting";
    /// Events and requests that were filtered out.
    pub const IGNORED: &str = "Ignored";
    /// Versions that a dry run would publish.
    pub const WOULD_PUBLISH: &str = "WouldPublish";
    /// Invocations, and versions of sweeps, that failed. Each is also counted under this name and its error type.
    pub const FAILED: &str = "Failed";
    /// Versions and records of a batch that failed and do not go back to the queue, since a retry would not help.
    pub const FAILED_PERMANENTLY: &str = "FailedPermanently";
    /// Records of a batch that went back to the queue, to be received again.
    pub const RETURNED: &str = "Returned";
    /// Milliseconds from the push event to the published manifest list, for events of the last day.
    pub const PUSH_TO_PUBLISHED: &str = "PushToPublished";
    /// Milliseconds that the invocation took.
    pub const RECONCILE_DURATION: &str = "ReconcileDuration";
    /// Calls to ECR.
    pub const ECR_CALLS: &str = "EcrCalls";
    /// Versions that a sweep saw.
    pub const VERSIONS: &str = "Versions";
    /// Versions that a sweep reports as incomplete.
    pub const INCOMPLETE_VERSIONS: &str = "IncompleteVersions";
    /// Aliases that were moved to another release.
    pub const ALIASES_MOVED: &str = "AliasesMoved";
    /// Aliases that were left alone, each time that one is reconciled.
    pub const ALIAS_CONFLICTS: &str = "AliasConflicts";
    /// 1 for a sweep of everything that is served that ended before its deadline, 0 for one that did not.
    pub const SWEEP_COMPLETE: &str = "SweepComplete";

    /// All of them, except those of single error types.
    pub const ALL: [&str; 16] = [
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
        VERSIONS,
        INCOMPLETE_VERSIONS,
        ALIASES_MOVED,
        ALIAS_CONFLICTS,
        SWEEP_COMPLETE,
    ];
}

/// The name of the metric that counts failures of one type, such as `FailedTagConflict`.
pub fn failed_of_type(error_type: ErrorType) -> String {
    format!("{}{error_type}", name::FAILED)
}

/// Writes the metrics of an invocation to standard output, which on Lambda is the log.
pub fn emit(record: &InvocationRecord<'_>) {
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "ecr-multiarch".to_owned());
    let line = line(record, &function, SystemTime::now());
    // Where the log cannot be written, nothing can be reported.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// The metrics of an invocation as a log line.
///
/// Lambda filters lines by their level, and takes INFO for a line without one. FATAL is the one level that no filter
/// drops. (AWS Lambda developer guide, "Log-level filtering".)
fn line(record: &InvocationRecord<'_>, function: &str, now: SystemTime) -> Value {
    let metrics = metrics(record, now);
    let definitions: Vec<_> = metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut line = Map::new();
    line.insert("level".to_owned(), "FATAL".into());
    line.insert("timestamp".to_owned(), DateTime::from(now).fmt(Format::DateTime).unwrap_or_default().into());
    line.insert("request_id".to_owned(), record.request_id.into());
    line.insert(DIMENSION.to_owned(), function.into());
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": milliseconds(since_epoch),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": definitions}],
        }),
    );
    line.extend(metrics.into_iter().map(|(name, _, value)| (name, value.into())));
    Value::Object(line)
}

/// A metric: its name, its unit and its value.
type Metric = (String, &'static str, u64);

fn metrics(record: &InvocationRecord<'_>, now: SystemTime) -> Vec<Metric> {
    let count = |name: &str, value: u64| (name.to_owned(), "Count", value);
    let mut metrics = vec![
        (name::RECONCILE_DURATION.to_owned(), "Milliseconds", milliseconds(record.duration)),
        count(name::ECR_CALLS, record.ecr_calls),
    ];
    match record.result {
        Ok(Answer::Version(report)) => {
            let kind = report.outcome.kind();
            let name = match kind {
                OutcomeKind::Published => name::PUBLISHED,
                OutcomeKind::Unchanged => name::UNCHANGED,
                OutcomeKind::Waiting => name::WAITING,
                OutcomeKind::Ignored => name::IGNORED,
                OutcomeKind::WouldPublish => name::WOULD_PUBLISH,
            };
            metrics.push(count(name, 1));
            let since_push = record.pushed_at.and_then(|pushed_at| now.duration_since(pushed_at).ok());
            let since_push = since_push.filter(|age| *age <= MAX_PUSH_AGE);
            if let (OutcomeKind::Published, Some(since_push)) = (kind, since_push) {
                metrics.push((name::PUSH_TO_PUBLISHED.to_owned(), "Milliseconds", milliseconds(since_push)));
            }
        }
        Ok(Answer::Sweep(report)) => {
            metrics.extend(sweep_metrics(report));
            // A sweep of some repositories must not hide that the scheduled sweep is missing.
            if record.is_full_sweep {
                metrics.push(count(name::SWEEP_COMPLETE, u64::from(report.is_complete())));
            }
        }
        Ok(Answer::Yank(_) | Answer::Registries(_)) => {}
        Err(error) => {
            metrics.push(count(name::FAILED, 1));
            metrics.push(count(&failed_of_type(error.error_type()), 1));
        }
    }
    if let Some(aliases) = record.result.ok().and_then(Answer::aliases) {
        let of_kind = |kind| aliases_of_kind(aliases, kind).count() as u64;
        metrics.push(count(name::ALIASES_MOVED, of_kind(AliasOutcomeKind::Moved)));
        metrics.push(count(name::ALIAS_CONFLICTS, of_kind(AliasOutcomeKind::Conflict)));
    }
    metrics
}

fn sweep_metrics(report: &SweepReport) -> Vec<Metric> {
    let count = |name: &str, value: usize| (name.to_owned(), "Count", value as u64);
    let mut metrics = vec![
        count(name::VERSIONS, report.versions),
        count(name::PUBLISHED, report.published),
        count(name::UNCHANGED, report.unchanged),
        count(name::INCOMPLETE_VERSIONS, report.incomplete.total),
        count(name::FAILED, report.failed.total),
    ];
    if let Some(pending) = &report.pending {
        metrics.push(count(name::WOULD_PUBLISH, pending.total));
    }
    if let Some(aliases) = &report.aliases {
        metrics.push(count(name::ALIASES_MOVED, aliases.moved));
        metrics.push(count(name::ALIAS_CONFLICTS, aliases.conflicts.total));
    }
    metrics
        .extend(report.failed_by_type.iter().map(|(error_type, failed)| count(&failed_of_type(*error_type), *failed)));
    metrics
}
