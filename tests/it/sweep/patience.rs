//! Throttling for as long as a run lasts, and versions that are slow or cannot be read.

use std::thread;
use std::time::Duration;

use local_ecr::{BLOB, Fault, FaultKind};
use serde_json::{Value, json};

use super::{counts, fast_bed, remaining};
use crate::support::test_bed::{TestBed, push_images};

/// Scans sixty repositories, each with one lost version, of which ECR admits three a second.
#[test]
fn throttled_scans_are_left_and_never_failed() {
    let mut bed = fast_bed();
    let names: Vec<_> = (0..60).map(|index| format!("r{index:02}")).collect();
    for name in &names {
        push_images(&bed.registry, name, "1");
    }
    bed.ecr.faults().add(Fault::on("DescribeImages", FaultKind::RateLimit { per_second: 3.0, burst: 3.0 }));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(8));
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["failed_total"], &swept["complete"]), (&json!(0), &json!(false)));
    let next = swept["next"].as_str().unwrap();
    let unfinished = remaining(&swept);
    let is_published = |name: &String| bed.registry.tag(name, "1").is_some();
    let is_done = |name: &&String| name.as_str() < next && !unfinished.contains(&name.as_str());
    assert!(names.iter().filter(is_done).all(is_published), "{swept}");
    assert!(names.iter().filter(is_done).count() > 3, "{swept}");

    bed.ecr.faults().clear();
    bed.function = bed.function.with_remaining_time(Duration::from_secs(30));
    for request in [json!({"from": next}), json!({"repositories": unfinished})] {
        let rest = bed.sweep(&request);
        assert_eq!((&rest["failed_total"], &rest["complete"]), (&json!(0), &json!(true)));
    }
    assert!(names.iter().all(is_published));
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

/// Throttles an operation for ever after so many calls, and checks that the versions are left for the next run.
fn check_throttled_for_ever(operation: &str, skip: u64, versions: &[&str]) {
    let mut bed = fast_bed();
    bed.store_all_images(versions);
    bed.ecr.faults().add(Fault::on(operation, FaultKind::Throttle).skip(skip));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(2));
    let requests = [json!({}), json!({"repositories": ["app"]})];
    // A call that names its repositories does not list them.
    let count = if operation == "DescribeRepositories" { 1 } else { 2 };
    for request in &requests[..count] {
        let swept = bed.sweep(request);
        let is_left = remaining(&swept) == ["app"] || swept["next"].as_str().is_some_and(|next| next <= "app");
        assert!(is_left && swept["complete"] == false, "{operation} {skip}: {swept}");
        assert_eq!(swept["failed_total"], 0, "{operation} {skip}: {swept}");
    }
}

#[test]
fn work_whose_calls_are_throttled_for_ever_is_left() {
    let one: &[&str] = &["1"];
    thread::scope(|scope| {
        for (operation, skip, versions) in [
            ("DescribeRepositories", 0, one),
            ("DescribeImages", 0, one),
            ("BatchGetImage", 0, one),
            ("BatchGetImage", 0, &["1", "2"]),
            ("GetDownloadUrlForLayer", 0, one),
            ("PutImage", 0, one),
            // The read that confirms the write.
            ("BatchGetImage", 1, one),
        ] {
            scope.spawn(move || check_throttled_for_ever(operation, skip, versions));
        }
    });
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
    check_neighbours(|bed| bed.registry.fail("app", "g-amd64", "KmsError"), "RegistryRefused");
    check_neighbours(|bed| bed.registry.fail("app", "g-amd64", "ImageInaccessible"), "ImageArchived");
}

#[test]
fn slow_joint_read_fails_no_version() {
    let bed = fast_bed();
    bed.store_all_images(&["1", "2", "3"]);
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::Hang).times(1));
    assert_eq!(counts(&bed.sweep(&json!({}))), [3, 3, 0, 0, 0]);
}

#[test]
fn broken_download_fails_its_version_alone() {
    let bed = fast_bed();
    bed.store_all_images(&["1", "2", "3"]);
    bed.ecr.faults().add(Fault::on(BLOB, FaultKind::Status(404)).times(1));
    assert_eq!(counts(&bed.sweep(&json!({}))), [3, 2, 0, 0, 1]);
}
