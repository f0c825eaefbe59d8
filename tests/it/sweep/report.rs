//! What the sweep reports: entries of its answer, log lines and metrics.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::primitives::{DateTime, DateTimeFormat};
use ecr_multiarch::metrics::name::OF_EVERY_SWEEP;
use local_ecr::image::Image;
use local_ecr::media_type::OCI_MANIFEST;
use local_ecr::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{counts, fast_bed};
use crate::support::assertions::{assert_contains, only_metrics};
use crate::support::function::{ACCOUNT, REGION};
use crate::support::test_bed::TestBed;

/// A time as entries have it: in UTC, to the second.
fn rfc_3339(time: SystemTime) -> String {
    DateTime::from_secs(DateTime::from(time).secs()).fmt(DateTimeFormat::DateTime).unwrap()
}

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn bad_versions_are_reported_and_stop_no_other() {
    let bed = fast_bed();
    bed.store_all_images(&["1", "2", "3", "4", "5", "6"]);
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/amd64").content("wrong"));
    bed.registry.push("app", Some("2"), &Image::oci("linux/amd64").content("plain"));
    bed.registry.fail("app", "3-amd64", "KmsError");
    bed.registry.store_raw("app", Some("4-amd64"), OCI_MANIFEST, "{", None);
    let swept = bed.sweep(&json!({}));
    assert_eq!(counts(&swept), [6, 2, 0, 0, 4]);
    let failed = swept["failed"].as_array().unwrap().iter();
    let mut failed: Vec<_> = failed.map(|row| ["version", "error"].map(|key| row[key].as_str().unwrap())).collect();
    failed.sort_unstable();
    assert_eq!(
        failed,
        [["1", "PlatformMismatch"], ["2", "TagConflict"], ["3", "RegistryRefused"], ["4", "CorruptImage"]]
    );
    let lines = bed.function.final_log_lines();
    assert_eq!(lines.iter().filter(|line| line["level"] == "ERROR").count(), 4);
    let metrics = only_metrics(&lines);
    assert_eq!((&metrics["Failed"], &metrics["FailedTagConflict"]), (&json!(4), &json!(1)));
    assert_eq!(metrics["SweepComplete"], 1);
}

/// A metric is billed for each hour in which it has a value, and the sweep runs each hour. Alarms need to learn that
/// nothing failed; all else is in the log line.
#[test]
fn idle_sweep_writes_only_what_alarms_watch() {
    let bed = fast_bed();
    bed.store_images("1");
    bed.sweep(&json!({}));
    bed.function.invoke(&json!({"action": "registries"})).unwrap();
    bed.sweep(&json!({"account": ACCOUNT, "region": REGION}));
    let lines = bed.function.final_log_lines();
    let metrics: Vec<_> = lines.iter().filter_map(|line| line.get("_aws")).collect();
    let [_, idle] = metrics[..] else { panic!("{metrics:?}") };
    let names = idle["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().iter().map(|metric| &metric["Name"]);
    assert_eq!(names.collect::<Vec<_>>(), OF_EVERY_SWEEP);
    let swept = lines.iter().rfind(|line| line["outcome"] == "swept").unwrap();
    for name in ["versions", "unchanged", "ecr_calls", "milliseconds"] {
        assert!(swept[name].is_u64(), "{name}: {swept}");
    }
}

#[test]
fn only_sweep_of_everything_counts_as_complete() {
    let bed = fast_bed();
    bed.store_images("1");
    for request in [json!({"repositories": ["app"]}), json!({"dry_run": true}), json!({"deep": true})] {
        bed.sweep(&request);
    }
    let lines = bed.function.final_log_lines();
    let metrics = lines.iter().filter(|line| line.get("_aws").is_some());
    let complete: Vec<_> = metrics.map(|line| line.get("SweepComplete")).collect();
    assert_eq!(complete, [None, None, Some(&json!(1))]);
}

/// The entry of an incomplete version.
#[track_caller]
fn incomplete_entry<'a>(swept: &'a Value, version: &str) -> &'a Value {
    swept["incomplete"].as_array().unwrap().iter().find(|row| row["version"] == version).unwrap()
}

/// Of the three versions that lack a platform, only `due` is of the age to report. The revisions of `mixed` differ.
#[test]
fn incomplete_versions_are_reported_within_age_limits() {
    let bed = fast_bed();
    let now = SystemTime::now();
    for (version, age) in [("young", HOUR / 2), ("due", HOUR * 2), ("old", HOUR * 24 * 8)] {
        bed.ecr.clock().set(now - age);
        let image = Image::oci("linux/amd64").content(version);
        bed.registry.push("app", Some(&format!("{version}-amd64")), &image);
    }
    bed.ecr.clock().set(now - HOUR * 3);
    for (platform, revision) in [("amd64", "abc"), ("arm64", "def")] {
        let image = Image::oci(&format!("linux/{platform}")).revision(revision);
        bed.registry.push("app", Some(&format!("mixed-{platform}")), &image);
    }
    let swept = bed.sweep(&json!({}));
    assert_eq!(counts(&swept), [4, 0, 0, 2, 0]);
    let expected = json!({
        "account": ACCOUNT, "region": REGION, "repository": "app", "version": "due", "missing": ["linux/arm64"],
        "since": rfc_3339(now - HOUR * 2),
    });
    assert_eq!(incomplete_entry(&swept, "due"), &expected);
    assert!(incomplete_entry(&swept, "mixed")["reason"].as_str().unwrap().contains("abc"));
    let lines = bed.function.final_log_lines();
    assert_eq!(lines.iter().filter(|line| line["level"] == "WARN").count(), 2);
    assert_eq!(only_metrics(&lines)["IncompleteVersions"], 2);
}

#[test]
fn image_under_the_tag_of_an_incomplete_version_is_reported() {
    let bed = fast_bed();
    bed.ecr.clock().set(SystemTime::now() - HOUR * 2);
    // The suffix of the amd64 image was forgotten.
    bed.registry.push("app", Some("1"), &Image::oci("linux/amd64"));
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
    let swept = bed.sweep(&json!({}));
    let reason = incomplete_entry(&swept, "1")["reason"].as_str().unwrap();
    assert_contains(reason, &["names a single image", "platform tag"]);
}

#[test]
fn listed_image_that_cannot_be_read_is_missing() {
    let bed = fast_bed();
    let pushed_at = SystemTime::now() - HOUR * 2;
    bed.ecr.clock().set(pushed_at);
    bed.store_images("1");
    bed.registry.hide("app", "1-arm64", u32::MAX);
    let swept = bed.sweep(&json!({}));
    let expected = json!([{
        "account": ACCOUNT, "region": REGION, "repository": "app", "version": "1", "missing": ["linux/arm64"],
        "since": rfc_3339(pushed_at),
    }]);
    assert_eq!(swept["incomplete"], expected);
}

#[test]
fn failed_entries_and_log_lines_are_cut_at_one_hundred() {
    let bed = fast_bed();
    for version in 0..300 {
        let tag = format!("{version}-{}", "x".repeat(100));
        bed.registry.push("app", Some(&format!("{tag}-amd64")), &Image::oci("linux/amd64"));
        bed.registry.push("app", Some(&format!("{tag}-arm64")), &Image::oci("linux/amd64").content("wrong"));
    }
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["failed_total"], swept["failed"].as_array().unwrap().len()), (&json!(300), 100));
    assert!(swept.to_string().len() < 100_000);
    let lines = bed.function.final_log_lines();
    assert_eq!(lines.iter().filter(|line| line["level"] == "ERROR").count(), 100);
    assert_eq!(only_metrics(&lines)["FailedPlatformMismatch"], 300);
}

#[test]
fn pending_entries_are_cut_at_one_hundred() {
    let bed = fast_bed();
    bed.registry.fill("app", 120, &["linux/amd64", "linux/arm64"]).unwrap();
    let swept = bed.sweep(&json!({"dry_run": true}));
    assert_eq!((&swept["would_publish"], swept["pending"].as_array().unwrap().len()), (&json!(120), 100));
}

/// A test bed of names as long as ECR allows, with 120 versions that fail, 120 that lack a platform and 120 that are
/// complete.
fn bed_with_long_names() -> TestBed {
    let bed = fast_bed();
    let repository = "r".repeat(256);
    bed.ecr.clock().set(SystemTime::now() - HOUR * 2);
    for index in 0..120 {
        for (kind, arm64) in [("w", Some("linux/amd64")), ("i", None), ("c", Some("linux/arm64"))] {
            let version = format!("{kind}{index:03}{}", "x".repeat(118));
            let push = |platform: &str, image: &Image| {
                bed.registry.push(&repository, Some(&format!("{version}-{platform}")), image);
            };
            push("amd64", &Image::oci("linux/amd64").content("amd64"));
            if let Some(arm64) = arm64 {
                push("arm64", &Image::oci(arm64).content("arm64"));
            }
        }
    }
    bed
}

#[test]
fn answer_with_three_full_lists_of_long_names_is_limited() {
    let swept = bed_with_long_names().sweep(&json!({"dry_run": true}));
    assert!(swept.to_string().len() < 128 << 10, "{} bytes", swept.to_string().len());
    for (list, total, least) in
        [("failed", "failed_total", 90), ("incomplete", "incomplete_total", 5), ("pending", "would_publish", 5)]
    {
        let entries = swept[list].as_array().unwrap().len();
        assert!(swept[total] == 120 && entries >= least, "{list} has {entries} of {}", swept[total]);
    }
}

#[test]
fn answer_with_long_messages_is_limited() {
    let bed = bed_with_long_names();
    let refusal = FaultKind::client_error("InvalidParameterException", &"\"\\".repeat(1_000));
    bed.ecr.faults().add(Fault::on("GetDownloadUrlForLayer", refusal));
    let swept = bed.sweep(&json!({}));
    assert!(swept.to_string().len() < 128 << 10, "{} bytes", swept.to_string().len());
    assert_eq!((&swept["failed_total"], &swept["incomplete_total"]), (&json!(240), &json!(120)));
    assert!(!swept["failed"].as_array().unwrap().is_empty() && !swept["incomplete"].as_array().unwrap().is_empty());
}

#[test]
fn entries_say_when_the_newest_platform_was_pushed() {
    let bed = TestBed::with(|function| function.env("ALIASES", "latest").env("SWEEP_PUTS_PER_SECOND", "1000"));
    let pushed_at = SystemTime::now() - Duration::from_hours(2);
    bed.ecr.clock().set(pushed_at - Duration::from_hours(1));
    let image = |part: &str, content: &str| Image::oci(&format!("linux/{part}")).content(content);
    bed.registry.push("app", Some("wrong-arm64"), &image("amd64", "a"));
    bed.ecr.clock().set(pushed_at);
    bed.registry.push("app", Some("1-amd64"), &image("amd64", "b"));
    bed.registry.push("app", Some("wrong-amd64"), &image("amd64", "c"));
    bed.store_images("1.0.0");
    bed.ecr.clock().set(SystemTime::now());
    bed.registry.push("app", Some("latest"), &image("amd64", "d"));
    let swept = bed.sweep(&json!({}));
    let since = json!(rfc_3339(pushed_at));
    for list in ["incomplete", "failed", "alias_conflicts"] {
        assert_eq!((swept[list].as_array().unwrap().len(), &swept[list][0]["since"]), (1, &since), "{swept:#}");
    }
}
