//! The log: lines of JSON, one for each reconciliation and one for its metrics, without secrets.

use std::time::Duration;

use local_ecr::image::Image;
use local_ecr::{BLOB, Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::assertions::assert_outcome;
use crate::support::input::push_event_of_age;
use crate::support::test_bed::TestBed;

fn is_rfc3339(text: &str) -> bool {
    aws_sdk_ecr::primitives::DateTime::from_str(text, aws_sdk_ecr::primitives::DateTimeFormat::DateTime).is_ok()
}

fn is_metrics(line: &Value) -> bool {
    line.get("_aws").is_some()
}

#[test]
fn every_line_has_a_level_and_a_timestamp() {
    let bed = TestBed::new();
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    bed.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    bed.function.invoke(&json!({})).unwrap_err();
    let lines = bed.function.final_log_lines();
    assert_eq!(lines.len(), 6, "{lines:?}");
    for line in lines {
        assert!(line["level"].is_string() && is_rfc3339(line["timestamp"].as_str().unwrap()), "{line:#}");
    }
}

#[test]
fn reconciliation_is_logged_with_outcome_and_cost() {
    let bed = TestBed::new();
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let published = bed.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    let lines: Vec<_> = bed.function.final_log_lines().into_iter().filter(|line| !is_metrics(line)).collect();
    let [waiting, line] = &lines[..] else { panic!("one line for each reconciliation: {lines:?}") };
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!("linux/arm64")));
    assert_eq!((&line["outcome"], &line["repository"]), (&json!("published"), &json!("app")));
    assert_eq!((&line["version"], &line["digest"]), (&json!("1"), &published["digest"]));
    assert_eq!((&line["level"], &line["ecr_calls"]), (&json!("INFO"), &json!(5)));
    assert!(line["milliseconds"].is_u64());
}

#[test]
fn failure_is_logged_once_as_it_is_answered() {
    let bed = TestBed::new();
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let failure = bed.push("1-arm64", &Image::oci("linux/amd64").content("wrong")).unwrap_err();
    let lines: Vec<_> = bed.function.final_log_lines().into_iter().filter(|line| line["level"] == "ERROR").collect();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&line["error"], &line["version"]), (&json!("PlatformMismatch"), &json!("1")));
    assert_eq!((&line["error"], &line["reason"]), (&json!(failure.error_type), &json!(failure.message)));
}

#[test]
fn metrics_are_one_line_of_each_invocation() {
    let bed = TestBed::with(|function| function.env("AWS_LAMBDA_LOG_LEVEL", "FATAL"));
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    bed.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    bed.deliver_event("1").unwrap();
    bed.push("1-arm64", &Image::oci("linux/amd64").content("wrong")).unwrap_err();
    let lines: Vec<_> = bed.function.final_log_lines().into_iter().filter(is_metrics).collect();
    let [waiting, published, ignored, failed] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&waiting["Waiting"], &waiting["EcrCalls"]), (&json!(1), &json!(1)));
    assert!(published["Published"] == 1 && published["PushToPublished"].is_u64(), "{published:#}");
    assert_eq!((&ignored["Ignored"], &ignored["EcrCalls"]), (&json!(1), &json!(0)));
    assert_eq!((&failed["Failed"], &failed["FailedPlatformMismatch"]), (&json!(1), &json!(1)));
    for line in &lines {
        assert_eq!(line["level"], "FATAL", "no filter of Lambda must drop metrics");
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
