//! Repositories whose writes ECR refuses.

use std::time::Duration;

use local_ecr::image::Image;
use local_ecr::{Fault, FaultKind, Mutability};
use serde_json::json;

use super::{counts, fast_bed, fast_bed_with};
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
fn few_other_refusals_leave_no_repository() {
    let bed = fast_bed();
    bed.registry.fill("app", 60, &PLATFORMS).unwrap();
    // Of ten and ten writes, the first are refused: thirty in all, and ten in a row.
    for skip in [0, 10, 20] {
        let refusal = FaultKind::client_error("InvalidParameterException", "no");
        bed.ecr.faults().add(Fault::on("PutImage", refusal).skip(skip).times(10));
    }
    assert_eq!(counts(&bed.sweep(&json!({}))), [60, 30, 0, 0, 30]);
}

/// Sweeps a repository of so many versions whose writes are refused, and one behind it.
fn check_left_after_twenty(bed: &TestBed, versions: usize, error: &str) {
    push_images(&bed.registry, "zzz", "1");
    bed.ecr.clear_journal();
    let swept = bed.sweep(&json!({}));
    let writes = calls(bed, "PutImage");
    // Eight versions of a batch are reconciled at a time.
    assert!((20..28).contains(&writes), "{writes} writes");
    assert_eq!((&swept["published"], &swept["complete"]), (&json!(1), &json!(true)), "{swept}");
    let failed = swept["failed"].as_array().unwrap();
    assert!(failed.iter().all(|entry| entry["repository"] == "aaa" && entry["error"] == error), "{swept}");
    let left: Vec<_> = failed.iter().filter(|entry| entry["version"].is_null()).collect();
    let message = format!("; {} versions", versions - (failed.len() - 1));
    assert!(left.len() == 1 && left[0]["message"].as_str().unwrap().contains(&message), "{swept}");
}

#[test]
fn repository_is_left_after_twenty_rejected_lists_in_a_row() {
    let bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", "20"));
    bed.registry.fill("aaa", 400, &PLATFORMS).unwrap();
    let refusal = FaultKind::client_error("InvalidParameterException", "no");
    bed.ecr.faults().add(Fault::on("PutImage", refusal).repository("aaa"));
    check_left_after_twenty(&bed, 400, "RegistryRefused");
}

#[test]
fn refused_writes_of_following_tags_are_failures() {
    for (variable, value) in [("ALIASES", "latest"), ("IMAGE_TAGS", "{version}_{platform}")] {
        for (code, error) in
            [("RepositoryNotFoundException", "RepositoryNotFound"), ("AccessDeniedException", "AccessDenied")]
        {
            let bed = fast_bed_with(|function| function.env(variable, value));
            bed.store_images("1.0.0");
            bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error(code, "no")).skip(1));
            let swept = bed.sweep(&json!({}));
            assert_eq!((&swept["published"], &swept["failed"][0]["error"]), (&json!(1), &json!(error)), "{swept:#}");
        }
    }
}

/// A repository of sixty immutable lists, of images that were replaced since.
fn bed_with_immutable_lists() -> TestBed {
    let bed = fast_bed_with(|function| function.env("ALIASES", "latest"));
    for index in 0..60 {
        push_images(&bed.registry, "aaa", &index.to_string());
    }
    assert_eq!(bed.sweep(&json!({}))["published"], 60);
    bed.ecr.clock().advance(Duration::from_secs(5));
    for index in 0..60 {
        let image = Image::oci("linux/arm64").content(&format!("{index} fixed"));
        bed.registry.push("aaa", Some(&format!("{index}-arm64")), &image);
    }
    bed.registry.set_mutability("aaa", Mutability::Immutable);
    bed
}

#[test]
fn repository_is_left_after_twenty_immutable_tags_in_a_row() {
    check_left_after_twenty(&bed_with_immutable_lists(), 60, "TagConflict");
}

#[test]
fn immutable_lists_keep_no_other_version_and_no_alias_waiting() {
    let bed = bed_with_immutable_lists();
    // One of the last in the order of tags.
    bed.registry.untag("aaa", "59");
    bed.ecr.clock().advance(Duration::from_secs(5));
    push_images(&bed.registry, "aaa", "1.0.0");
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["published"], &swept["aliases_moved"]), (&json!(2), &json!(1)), "{swept:#}");
    assert_eq!(swept["complete"], true);
    assert!(bed.registry.tag("aaa", "59").is_some());
}

#[test]
fn newest_version_comes_before_immutable_tags() {
    let bed = bed_with_immutable_lists();
    bed.ecr.clock().advance(Duration::from_secs(5));
    push_images(&bed.registry, "aaa", "newest");
    let swept = bed.sweep(&json!({}));
    assert_eq!(swept["published"], 1, "{swept}");
    assert!(bed.registry.tag("aaa", "newest").is_some());
}

/// No write was refused: the images are not what their tags say.
#[test]
fn versions_that_fail_without_a_write_leave_no_repository() {
    let bed = fast_bed();
    for index in 0..30 {
        for tag in ["amd64", "arm64"] {
            let image = Image::oci("linux/amd64").content(&format!("{index}-{tag}"));
            bed.registry.push("app", Some(&format!("a{index}-{tag}")), &image);
        }
    }
    bed.store_images("b");
    assert_eq!(counts(&bed.sweep(&json!({}))), [31, 1, 0, 0, 30]);
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
