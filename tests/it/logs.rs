//! The log: lines of JSON, one for each reconciliation and one for its metrics, without secrets.

use std::time::Duration;

use local_ecr::image::Image;
use local_ecr::{BLOB, Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::assertions::{assert_failure, assert_outcome};
use crate::support::function::Failure;
use crate::support::input::push_event_of_age;
use crate::support::test_bed::TestBed;

fn is_rfc3339(text: &str) -> bool {
    aws_sdk_ecr::primitives::DateTime::from_str(text, aws_sdk_ecr::primitives::DateTimeFormat::DateTime).is_ok()
}

fn is_metrics(line: &Value) -> bool {
    line.get("_aws").is_some()
}

/// The log of a version that waits, then is published, and of an invalid request.
fn log_of_three_invocations() -> Vec<Value> {
    let bed = TestBed::new();
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    bed.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    bed.function.invoke(&json!({})).unwrap_err();
    let lines = bed.function.final_log_lines();
    assert_eq!(lines.len(), 6, "{lines:?}");
    lines
}

#[test]
fn every_line_has_a_level() {
    for line in log_of_three_invocations() {
        assert!(line["level"].is_string(), "{line:#}");
    }
}

#[test]
fn every_line_has_a_timestamp() {
    for line in log_of_three_invocations() {
        assert!(is_rfc3339(line["timestamp"].as_str().unwrap()), "{line:#}");
    }
}

/// The log lines of a version that waits and then is published, without metrics, and the last answer.
fn reconciliation_lines() -> ([Value; 2], Value) {
    let bed = TestBed::new();
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let published = bed.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    let lines: Vec<_> = bed.function.final_log_lines().into_iter().filter(|line| !is_metrics(line)).collect();
    (lines.try_into().expect("one line for each reconciliation"), published)
}

#[test]
fn waiting_version_is_logged_with_missing_platforms() {
    let ([waiting, _], _) = reconciliation_lines();
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!("linux/arm64")));
}

#[test]
fn published_version_is_logged_with_digest() {
    let ([_, line], published) = reconciliation_lines();
    assert_eq!((&line["outcome"], &line["repository"]), (&json!("published"), &json!("app")));
    assert_eq!((&line["version"], &line["digest"]), (&json!("1"), &published["digest"]));
    assert_eq!(line["level"], "INFO");
}

#[test]
fn published_version_is_logged_with_cost() {
    let ([_, line], _) = reconciliation_lines();
    assert_eq!(line["ecr_calls"], 5);
    assert!(line["milliseconds"].is_u64());
}

/// The lines of level ERROR after a platform mismatch, and the failure.
fn error_lines() -> (Vec<Value>, Failure) {
    let bed = TestBed::new();
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let failure = bed.push("1-arm64", &Image::oci("linux/amd64").content("wrong"));
    assert_failure(&failure, "PlatformMismatch", &[]);
    let lines = bed.function.final_log_lines().into_iter().filter(|line| line["level"] == "ERROR").collect();
    (lines, failure.unwrap_err())
}

#[test]
fn failure_is_logged_once() {
    let (lines, _) = error_lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn failure_is_logged_with_type_as_answered() {
    let (lines, failure) = error_lines();
    assert_eq!((&lines[0]["error"], &lines[0]["version"]), (&json!("PlatformMismatch"), &json!("1")));
    assert_eq!(lines[0]["reason"], failure.message);
}

/// The metrics lines of a version that waits, is published, of an ignored event and of a failure, at level FATAL.
fn metrics_lines() -> [Value; 4] {
    let bed = TestBed::with(|function| function.env("AWS_LAMBDA_LOG_LEVEL", "FATAL"));
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    bed.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    bed.deliver_event("1").unwrap();
    bed.push("1-arm64", &Image::oci("linux/amd64").content("wrong")).unwrap_err();
    let lines: Vec<_> = bed.function.final_log_lines().into_iter().filter(is_metrics).collect();
    lines.try_into().expect("one metrics line for each invocation")
}

#[test]
fn metrics_count_outcomes() {
    let [waiting, published, ignored, failed] = metrics_lines();
    assert_eq!(waiting["Waiting"], 1);
    assert_eq!(published["Published"], 1);
    assert_eq!(ignored["Ignored"], 1);
    assert_eq!(failed["Failed"], 1);
}

#[test]
fn metrics_count_calls() {
    let [waiting, _, ignored, _] = metrics_lines();
    assert_eq!((&waiting["EcrCalls"], &ignored["EcrCalls"]), (&json!(1), &json!(0)));
}

#[test]
fn metrics_count_failures_by_type() {
    let [.., failed] = metrics_lines();
    assert_eq!(failed["FailedPlatformMismatch"], 1);
}

#[test]
fn metrics_measure_time_from_push() {
    let [_, published, ..] = metrics_lines();
    assert!(published["PushToPublished"].as_u64().is_some());
}

#[test]
fn time_from_push_leaves_out_events_older_than_a_day() {
    for (hours, is_measured) in [(23, true), (25, false), (24 * 365 * 7, false)] {
        let bed = TestBed::with_images();
        let event = push_event_of_age("app", "1-arm64", Duration::from_hours(hours));
        assert_outcome(&bed.function.invoke(&event), "published");
        let lines = bed.function.final_log_lines();
        let metrics = lines.iter().find(|line| is_metrics(line)).unwrap();
        assert_eq!((&metrics["Published"], metrics["PushToPublished"].is_u64()), (&json!(1), is_measured), "{hours}");
    }
}

#[test]
fn metrics_have_the_highest_level() {
    for line in metrics_lines() {
        assert_eq!(line["level"], "FATAL", "no filter of Lambda must drop metrics");
    }
}

#[test]
fn metrics_are_in_embedded_format() {
    for line in metrics_lines() {
        assert_eq!(line["FunctionName"], "assembler");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "EcrMultiarch");
        assert_eq!(directive["Dimensions"], json!([["FunctionName"]]));
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{line:#}");
        }
    }
}

#[test]
fn presigned_urls_are_never_disclosed() {
    for level in ["TRACE", "DEBUG", "INFO"] {
        let bed = TestBed::with(|function| function.env("AWS_LAMBDA_LOG_LEVEL", level).env("RUST_LOG", "trace"));
        bed.store_images("1");
        let mut written = String::new();
        for kind in [FaultKind::Status(403), FaultKind::Status(404), FaultKind::ResetBefore, FaultKind::Truncated] {
            bed.ecr.faults().add(Fault::on(BLOB, kind));
            written += &bed.deliver_event("1-arm64").unwrap_err().message;
            bed.ecr.faults().clear();
        }
        let published = bed.deliver_event("1-arm64");
        assert_outcome(&published, "published");
        written += &published.unwrap().to_string();
        written += &bed.function.final_log();
        assert!(bed.calls("Blob").len() >= 6);
        for secret in ["X-Amz-", "Signature", "/blobs/"] {
            assert!(!written.contains(secret), "{secret} at {level}");
        }
    }
}

#[test]
fn sweep_logs_at_most_one_hundred_failures() {
    let bed = TestBed::new();
    for version in 0..120 {
        bed.registry.push("app", Some(&format!("{version}-amd64")), &Image::oci("linux/amd64"));
        bed.registry.push("app", Some(&format!("{version}-arm64")), &Image::oci("linux/amd64").content("wrong"));
    }
    assert_eq!(bed.sweep(&json!({}))["failed_total"], 120);
    let lines = bed.function.final_log_lines();
    assert_eq!(lines.iter().filter(|line| line["level"] == "ERROR").count(), 100);
    let metrics: Vec<_> = lines.iter().filter(|line| is_metrics(line)).collect();
    assert_eq!(metrics[0]["FailedPlatformMismatch"], 120);
}
