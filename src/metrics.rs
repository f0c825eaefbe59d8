//! One line of metrics an invocation, in the embedded metric format of CloudWatch.

use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value, json};

use crate::answer::{OutcomeName, Swept};
use crate::error::{Error, ErrorType};
use crate::function::Answer;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "EcrMultiarch";
/// Their only dimension: the function, so that two stacks are told apart. No dimension grows with the repositories.
pub const DIMENSION: &str = "FunctionName";

/// The names of the metrics; alarms and the dashboard use no others.
pub mod name {
    /// Lists published.
    pub const PUBLISHED: &str = "Published";
    /// Versions that were right already.
    pub const UNCHANGED: &str = "Unchanged";
    /// Events and requests for versions that lack a platform or are held back.
    pub const WAITING: &str = "Waiting";
    /// Events and requests that are none of the function's business.
    pub const IGNORED: &str = "Ignored";
    /// Dry runs that stopped ahead of a write.
    pub const WOULD_PUBLISH: &str = "WouldPublish";
    /// Invocations, and versions of sweeps, that failed; beside it stands the same with the error type behind it.
    pub const FAILED: &str = "Failed";
    /// Milliseconds from the push event to the published list.
    pub const PUSH_TO_PUBLISHED: &str = "PushToPublished";
    /// Milliseconds that the invocation took.
    pub const DURATION: &str = "ReconcileDuration";
    /// Calls to ECR.
    pub const ECR_CALLS: &str = "EcrCalls";
    /// Versions that a sweep saw.
    pub const VERSIONS: &str = "Versions";
    /// Versions of the window that lack a platform or are held back, as a sweep found them.
    pub const INCOMPLETE_VERSIONS: &str = "IncompleteVersions";
    /// 1 for a sweep of all that is served that came to its end, 0 for one that stopped ahead of its deadline.
    pub const SWEEP_COMPLETE: &str = "SweepComplete";

    /// All but those with an error type behind them.
    pub const ALL: [&str; 12] = [
        PUBLISHED,
        UNCHANGED,
        WAITING,
        IGNORED,
        WOULD_PUBLISH,
        FAILED,
        PUSH_TO_PUBLISHED,
        DURATION,
        ECR_CALLS,
        VERSIONS,
        INCOMPLETE_VERSIONS,
        SWEEP_COMPLETE,
    ];
}

/// The name of the metric that counts failures of one type, such as `FailedTagConflict`.
pub fn failed_of_type(error_type: ErrorType) -> String {
    format!("{}{error_type}", name::FAILED)
}

/// What there is to measure of an invocation.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// What it came to.
    pub result: Result<&'a Answer, &'a Error>,
    /// Whether it was a sweep of all that is served, and no dry run.
    pub is_whole_sweep: bool,
    /// The time from the push event to now.
    pub since_push: Option<Duration>,
    /// The time that it took.
    pub took: Duration,
    /// The calls to ECR.
    pub ecr_calls: u64,
    /// The id under which Lambda knows it.
    pub request_id: &'a str,
}

/// Writes the line of an invocation to standard output, which on Lambda is the log.
pub fn emit(measured: &Measured<'_>) {
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "ecr-multiarch".to_owned());
    let line = measured.line(&function, SystemTime::now());
    // A log that cannot be written to leaves nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

impl Measured<'_> {
    /// The line.
    ///
    /// Lambda filters lines by their level, and takes one without a level for INFO. The highest level is the one that
    /// no filter drops. (AWS Lambda developer guide, "Log-level filtering".)
    pub fn line(&self, function: &str, now: SystemTime) -> Value {
        let metrics = self.metrics();
        let definitions: Vec<_> = metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
        let mut line = Map::new();
        line.insert("level".to_owned(), "FATAL".into());
        line.insert("timestamp".to_owned(), DateTime::from(now).fmt(Format::DateTime).unwrap_or_default().into());
        line.insert("request_id".to_owned(), self.request_id.into());
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

    fn metrics(&self) -> Vec<(String, &'static str, u64)> {
        let count = |name: &str, value: u64| (name.to_owned(), "Count", value);
        let mut metrics = vec![
            (name::DURATION.to_owned(), "Milliseconds", milliseconds(self.took)),
            count(name::ECR_CALLS, self.ecr_calls),
        ];
        match self.result {
            Ok(Answer::Reconciled(answer)) => {
                let name = match answer.outcome {
                    OutcomeName::Published => name::PUBLISHED,
                    OutcomeName::Unchanged => name::UNCHANGED,
                    OutcomeName::Waiting => name::WAITING,
                    OutcomeName::Ignored => name::IGNORED,
                    OutcomeName::WouldPublish => name::WOULD_PUBLISH,
                };
                metrics.push(count(name, 1));
                if let (OutcomeName::Published, Some(since_push)) = (answer.outcome, self.since_push) {
                    metrics.push((name::PUSH_TO_PUBLISHED.to_owned(), "Milliseconds", milliseconds(since_push)));
                }
            }
            Ok(Answer::Swept(swept)) => {
                metrics.extend(of_sweep(swept));
                // A look at some repositories must not hide that the schedule's sweep is missing.
                if self.is_whole_sweep {
                    metrics.push(count(name::SWEEP_COMPLETE, u64::from(swept.complete)));
                }
            }
            Err(error) => {
                metrics.push(count(name::FAILED, 1));
                metrics.push(count(&failed_of_type(error.error_type()), 1));
            }
        }
        metrics
    }
}

fn of_sweep(swept: &Swept) -> Vec<(String, &'static str, u64)> {
    let count = |name: &str, value: usize| (name.to_owned(), "Count", value as u64);
    let mut metrics = vec![
        count(name::VERSIONS, swept.versions),
        count(name::PUBLISHED, swept.published),
        count(name::UNCHANGED, swept.unchanged),
        count(name::INCOMPLETE_VERSIONS, swept.incomplete.total),
        count(name::FAILED, swept.failed.total),
    ];
    if let Some(pending) = &swept.pending {
        metrics.push(count(name::WOULD_PUBLISH, pending.total));
    }
    metrics
        .extend(swept.failed_by_type.iter().map(|(error_type, failed)| count(&failed_of_type(*error_type), *failed)));
    metrics
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
