//! Assertions about what the function answers.

use serde_json::Value;

use super::function::Failure;

/// Asserts that the answer has this outcome.
#[track_caller]
pub fn assert_outcome(answer: &Result<Value, Failure>, outcome: &str) {
    let answer = answer.as_ref().unwrap_or_else(|failure| panic!("{failure:?}"));
    assert_eq!(answer["outcome"], outcome, "{answer:#}");
}

/// Asserts that the invocation failed with this error type, and that the message has all of these parts.
#[track_caller]
pub fn assert_failure(answer: &Result<Value, Failure>, error_type: &str, parts: &[&str]) {
    let failure = answer.as_ref().expect_err("the invocation must fail");
    assert_eq!(failure.error_type, error_type, "{}", failure.message);
    assert_contains(&failure.message, parts);
}

/// Asserts that the text has all of these parts.
#[track_caller]
pub fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// The metrics line of the one invocation.
#[track_caller]
pub fn only_metrics(log: &[Value]) -> &Value {
    let metrics: Vec<_> = log.iter().filter(|line| line.get("_aws").is_some()).collect();
    let [metrics] = metrics[..] else { panic!("{metrics:?}") };
    metrics
}
