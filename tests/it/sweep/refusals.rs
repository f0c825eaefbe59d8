//! Repositories whose writes ECR refuses.

use local_ecr::{Fault, FaultKind};
use serde_json::json;

use super::{counts, fast_bed};
use crate::support::test_bed::{TestBed, push_images};

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// The number of an operation's calls for the repository whose writes are refused.
fn calls(bed: &TestBed, operation: &str) -> usize {
    bed.calls(operation).iter().filter(|call| call.repository.as_deref() == Some("aaa")).count()
}

/// Sweeps 400 versions whose writes are refused, and one behind them.
#[test]
fn repository_is_left_after_three_refused_writes() {
    for (code, error) in [
        ("AccessDeniedException", "AccessDenied"),
        ("LimitExceededException", "RegistryRefused"),
        ("RepositoryNotFoundException", "RepositoryNotFound"),
    ] {
        let bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", "10"));
        bed.registry.fill("aaa", 400, &PLATFORMS).unwrap();
        push_images(&bed.registry, "zzz", "1");
        bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error(code, "no")).repository("aaa"));
        let swept = bed.sweep(&json!({}));
        assert_eq!(calls(&bed, "PutImage"), 3);
        // One batch, and the versions that were observed again before their writes.
        assert!(calls(&bed, "BatchGetImage") <= 12, "{} reads", calls(&bed, "BatchGetImage"));
        assert_eq!(counts(&swept), [401, 1, 0, 0, 4], "{swept}");
        assert_eq!(swept["complete"], true);
        let failed = swept["failed"].as_array().unwrap();
        assert!(failed.iter().all(|entry| entry["repository"] == "aaa" && entry["error"] == error), "{swept}");
        let left: Vec<_> = failed.iter().filter(|entry| entry["version"].is_null()).collect();
        assert!(left.len() == 1 && left[0]["message"].as_str().unwrap().contains("397 versions"), "{swept}");
        assert!(bed.registry.tag("zzz", "1").is_some());
    }
}

#[test]
fn writes_in_flight_at_the_third_refusal_are_few() {
    let bed = fast_bed();
    bed.registry.fill("aaa", 400, &PLATFORMS).unwrap();
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error("AccessDeniedException", "no")));
    bed.sweep(&json!({}));
    assert!((3..=10).contains(&calls(&bed, "PutImage")), "{} writes", calls(&bed, "PutImage"));
}

#[test]
fn three_refused_versions_leave_none() {
    let bed = fast_bed();
    bed.registry.fill("app", 3, &PLATFORMS).unwrap();
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error("AccessDeniedException", "no")));
    let swept = bed.sweep(&json!({}));
    assert_eq!(counts(&swept), [3, 0, 0, 0, 3], "{swept}");
}

#[test]
fn other_refusals_leave_no_repository() {
    let bed = fast_bed();
    bed.registry.fill("app", 12, &PLATFORMS).unwrap();
    let refusal = FaultKind::client_error("InvalidParameterException", "no");
    bed.ecr.faults().add(Fault::on("PutImage", refusal).times(5));
    assert_eq!(counts(&bed.sweep(&json!({}))), [12, 7, 0, 0, 5]);
}

#[test]
fn denied_reads_are_one_failure() {
    let bed = fast_bed();
    bed.registry.fill("app", 100, &PLATFORMS).unwrap();
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::client_error("AccessDeniedException", "no")));
    let swept = bed.sweep(&json!({}));
    assert_eq!((counts(&swept), &swept["complete"]), ([100, 0, 0, 0, 1], &json!(true)));
    assert!(swept["failed"][0]["message"].as_str().unwrap().contains("100 versions"), "{swept}");
    assert_eq!(bed.calls("BatchGetImage").len(), 1);
}
