//! Throttling for as long as a run lasts, and versions that are slow or cannot be read.

use std::time::Duration;

use local_ecr::{BLOB, Fault, FaultKind};
use serde_json::{Value, json};

use super::{counts, fast_bed};
use crate::support::test_bed::{TestBed, push_images};

/// A test bed with one lost version in each of sixty repositories, whose scans ECR limits to three a second.
fn bed_with_slow_scans() -> (TestBed, Value) {
    let mut bed = fast_bed();
    for index in 0..60 {
        push_images(&bed.registry, &format!("r{index:02}"), "1");
    }
    bed.ecr.faults().add(Fault::on("DescribeImages", FaultKind::RateLimit { per_second: 3.0, burst: 3.0 }));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(4));
    let swept = bed.sweep(&json!({}));
    (bed, swept)
}

#[test]
fn throttled_scans_are_left_and_never_failed() {
    let (bed, swept) = bed_with_slow_scans();
    assert_eq!((&swept["failed_total"], &swept["complete"]), (&json!(0), &json!(false)));
    let next = swept["next"].as_str().unwrap();
    for name in bed.registry.repositories().iter().filter(|name| *name != "app" && name.as_str() < next) {
        assert!(bed.registry.tag(name, "1").is_some(), "{name} is below {next}");
    }
    assert!(next > "r03", "{next}");

    bed.ecr.faults().clear();
    let rest = bed.sweep(&json!({"from": next}));
    assert_eq!((&rest["failed_total"], &rest["complete"]), (&json!(0), &json!(true)));
    assert!((0..60).all(|index| bed.registry.tag(&format!("r{index:02}"), "1").is_some()));
}

#[test]
fn throttled_scan_goes_on_at_its_page() {
    let bed = fast_bed();
    bed.registry.fill("app", 1_050, &["linux/amd64", "linux/arm64"]).unwrap();
    bed.ecr.faults().add(Fault::on("DescribeImages", FaultKind::Throttle).skip(1).times(2));
    assert_eq!(bed.sweep(&json!({"dry_run": true}))["versions"], 1_050);
    let tokens = bed.calls("DescribeImages").into_iter().map(|call| call.request["nextToken"].clone());
    let tokens: Vec<_> = tokens.collect();
    assert_eq!(tokens.len(), 5, "three pages, of which one is throttled twice");
    assert!(tokens[0].is_null() && tokens[1..].iter().all(Value::is_string), "{tokens:?}");
}

/// Throttles an operation for ever after so many calls, and checks that the version is left for the next run.
#[track_caller]
fn check_throttled_for_ever(operation: &str, skip: u64) {
    let mut bed = fast_bed();
    bed.store_images("1");
    bed.ecr.faults().add(Fault::on(operation, FaultKind::Throttle).skip(skip));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(2));
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["failed_total"], &swept["complete"]), (&json!(0), &json!(false)), "{swept}");
    assert!(swept["next"].as_str().unwrap() <= "app", "{swept}");
}

#[test]
fn throttled_scan_of_names_is_left() {
    check_throttled_for_ever("DescribeRepositories", 0);
}

#[test]
fn throttled_scan_of_a_repository_is_left() {
    check_throttled_for_ever("DescribeImages", 0);
}

#[test]
fn throttled_read_is_left() {
    check_throttled_for_ever("BatchGetImage", 0);
}

#[test]
fn throttled_read_of_a_config_is_left() {
    check_throttled_for_ever("GetDownloadUrlForLayer", 0);
}

#[test]
fn throttled_write_is_left() {
    check_throttled_for_ever("PutImage", 0);
}

#[test]
fn throttled_confirmation_is_left() {
    check_throttled_for_ever("BatchGetImage", 1);
}

#[test]
fn throttled_joint_read_is_left() {
    let mut bed = fast_bed();
    for version in ["1", "2"] {
        bed.store_images(version);
    }
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::Throttle));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(2));
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["failed_total"], &swept["next"]), (&json!(0), &json!("app")));
}

/// Sweeps twenty versions of which one cannot be read, and checks that the others are published.
#[track_caller]
fn check_neighbours(prepare: impl FnOnce(&TestBed), error: &str) {
    let bed = fast_bed();
    for version in 'a'..='t' {
        bed.store_images(&version.to_string());
    }
    prepare(&bed);
    let swept = bed.sweep(&json!({}));
    assert_eq!(counts(&swept), [20, 19, 0, 0, 1], "{swept}");
    assert_eq!((&swept["failed"][0]["version"], &swept["failed"][0]["error"]), (&json!("g"), &json!(error)));
}

#[test]
fn version_that_ecr_cannot_serve_fails_no_other() {
    let fault = Fault::on("BatchGetImage", FaultKind::server_error()).naming("g-amd64");
    check_neighbours(|bed| bed.ecr.faults().add(fault), "RegistryUnavailable");
}

#[test]
fn unreadable_version_fails_no_other() {
    check_neighbours(|bed| bed.registry.fail("app", "g-amd64", "ImageInaccessible"), "RegistryRefused");
}

#[test]
fn slow_joint_read_fails_no_version() {
    let bed = fast_bed();
    for version in ["1", "2", "3"] {
        bed.store_images(version);
    }
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::Hang).times(1));
    assert_eq!(counts(&bed.sweep(&json!({}))), [3, 3, 0, 0, 0]);
}

#[test]
fn broken_download_fails_its_version_alone() {
    let bed = fast_bed();
    for version in ["1", "2", "3"] {
        bed.store_images(version);
    }
    bed.ecr.faults().add(Fault::on(BLOB, FaultKind::Status(404)).times(1));
    assert_eq!(counts(&bed.sweep(&json!({}))), [3, 2, 0, 0, 1]);
}
