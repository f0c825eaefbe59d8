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

/// In a row, so that whatever is newest keeps nothing behind it from being published.
#[test]
fn versions_behind_many_refused_ones_are_published() {
    let bed = fast_bed();
    bed.registry.fill("app", 60, &PLATFORMS).unwrap();
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error("InvalidParameterException", "no")).times(57));
    let swept = bed.sweep(&json!({}));
    assert_eq!((counts(&swept), &swept["complete"]), ([60, 3, 0, 0, 57], &json!(true)), "{swept}");
}

#[test]
fn repository_is_left_after_as_many_refused_writes_as_its_share_has_time_for() {
    let bed = fast_bed();
    bed.registry.fill("aaa", 500, &PLATFORMS).unwrap();
    push_images(&bed.registry, "zzz", "1");
    let refusal = FaultKind::client_error("InvalidParameterException", "no");
    bed.ecr.faults().add(Fault::on("PutImage", refusal).repository("aaa"));
    let swept = bed.sweep(&json!({}));
    let writes = calls(&bed, "PutImage");
    // Eight versions of a batch are reconciled at a time.
    assert!((400..408).contains(&writes), "{writes} writes");
    assert_eq!((&swept["published"], &swept["complete"]), (&json!(1), &json!(true)), "{swept}");
    // One for each write, of which the answer shows the first hundred, and one for the versions behind them.
    assert_eq!(swept["failed_total"], writes + 1);
}

/// Its rate of writes is too low for its versions, and each is refused: it would not get further in another round.
#[test]
fn named_repository_whose_writes_are_refused_is_not_left_unfinished() {
    let mut bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", "20"));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(5));
    bed.registry.fill("aaa", 300, &PLATFORMS).unwrap();
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error("InvalidParameterException", "no")));
    let swept = bed.sweep(&json!({"repositories": ["aaa"]}));
    assert_eq!((&swept["published"], &swept["complete"], swept.get("unfinished")), (&json!(0), &json!(true), None));
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
fn conflicts_keep_no_other_version_and_no_alias_waiting() {
    let bed = bed_with_immutable_lists();
    bed.ecr.clock().advance(Duration::from_secs(5));
    push_images(&bed.registry, "aaa", "1.0.0");
    push_images(&bed.registry, "zzz", "1");
    let swept = bed.sweep(&json!({}));
    assert_eq!(
        (&swept["published"], &swept["complete"], &swept["failed_total"]),
        (&json!(2), &json!(true), &json!(60))
    );
    assert_eq!(swept["aliases_moved"], 1, "{swept}");
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
