//! How many calls and how much time aliases take.

use std::time::{Duration, SystemTime};

use local_ecr::image::Image;
use local_ecr::{BLOB, Fault, FaultKind};
use serde_json::json;

use super::{alias_bed, alias_bed_with, aliases, assert_named, bed_with_releases, publish, reason};
use crate::support::assertions::assert_contains;
use crate::support::test_bed::TestBed;

/// The calls of the publication of a version whose configs are not cached, and which has no aliases.
const CALLS_OF_VERSION: [&str; 5] =
    ["BatchGetImage", "GetDownloadUrlForLayer", "GetDownloadUrlForLayer", "PutImage", "BatchGetImage"];
/// Longer than the calls of one step are apart.
const LATENCY: Duration = Duration::from_millis(300);

/// The operations so far, without the configs' bytes, which are not ECR's.
fn operations(bed: &TestBed) -> Vec<String> {
    bed.operations().into_iter().filter(|operation| operation != BLOB).collect()
}

/// Adds tagged images of versions that lack a platform.
fn add_incomplete_versions(bed: &TestBed, count: usize) {
    bed.registry.fill("app", count, &["linux/amd64"]).unwrap();
}

#[test]
fn release_without_aliases_takes_no_further_call() {
    let bed = TestBed::new();
    let published = publish(&bed, "1.2.3");
    assert_eq!(operations(&bed), CALLS_OF_VERSION);
    assert!(published.get("aliases").is_none(), "{published:#}");
    bed.ecr.clear_journal();
    bed.assemble("1.2.3").unwrap();
    assert_eq!(operations(&bed), ["BatchGetImage"], "where the release is unchanged");
}

#[test]
fn sweep_without_aliases_takes_no_further_call() {
    let bed = TestBed::new();
    bed.store_images("1.2.3");
    let swept = bed.sweep(&json!({"repositories": ["app"]}));
    assert_eq!(operations(&bed)[1..], CALLS_OF_VERSION, "{swept:#}");
    assert_eq!(operations(&bed)[0], "DescribeImages");
}

/// With the release, its images and its aliases, the repository has 1,000 tagged images.
#[test]
fn release_among_1000_images_takes_two_pages_and_its_writes() {
    let bed = alias_bed();
    add_incomplete_versions(&bed, 997);
    publish(&bed, "1.2.3");
    let calls = operations(&bed);
    assert_eq!(calls[..5], CALLS_OF_VERSION);
    assert_eq!(calls[5..], ["DescribeImages", "PutImage", "PutImage", "PutImage", "DescribeImages"]);
}

/// As many calls as a release of three numbers takes, in a repository of three pages. An alias that would be created is read
/// first, since a scan of several pages can miss it.
#[test]
fn build_of_a_trunk_takes_two_scans() {
    let streams = r#"[{"releases":"1\\.0\\.(?<build>\\d+)","aliases":"main"}]"#;
    let bed = TestBed::with(|function| function.env("STREAMS", streams));
    add_incomplete_versions(&bed, 2_500);
    publish(&bed, "1.0.2501");
    let scan = ["DescribeImages"; 3];
    assert_eq!(operations(&bed)[5..], [&scan[..], &["BatchGetImage", "PutImage"], &scan].concat());
    bed.ecr.clear_journal();
    publish(&bed, "1.0.2502");
    assert_eq!(operations(&bed)[5..], [&scan[..], &["PutImage"], &scan].concat());
}

#[test]
fn only_aliases_that_move_are_written() {
    let bed = bed_with_releases(&["1.1.8", "1.2.0"]);
    publish(&bed, "1.1.9");
    let put = bed.calls("PutImage").into_iter().map(|call| call.request["imageTag"].as_str().unwrap().to_owned());
    assert_eq!(put.collect::<Vec<_>>(), ["1.1.9", "1.1"]);
    assert_eq!(bed.calls("DescribeImages").len(), 2);
}

/// Calls overlap where none of them waits for another one: what comes one after the other is a round trip.
#[test]
fn aliases_take_three_round_trips() {
    let bed = alias_bed();
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::Latency(LATENCY)));
    publish(&bed, "1.2.3");
    let mut round_trips = 0;
    let mut ends = None;
    for call in &bed.ecr.journal()[calls_before_aliases(&bed)..] {
        if ends.is_none_or(|ends| call.started >= ends) {
            round_trips += 1;
        }
        ends = ends.max(call.ended);
    }
    assert_eq!(round_trips, 3, "{:?}", bed.operations());
}

/// How many calls precede the first scan.
fn calls_before_aliases(bed: &TestBed) -> usize {
    bed.operations().iter().position(|operation| operation == "DescribeImages").unwrap()
}

#[test]
fn unchanged_aliases_take_one_page() {
    let bed = bed_with_releases(&["1.2.3"]);
    bed.assemble("1.2.3").unwrap();
    assert_eq!(operations(&bed), ["BatchGetImage", "DescribeImages"]);
}

#[test]
fn sweep_of_settled_aliases_takes_its_pages_only() {
    let bed = alias_bed();
    bed.ecr.clock().set(SystemTime::now() - Duration::from_hours(4));
    add_incomplete_versions(&bed, 1_500);
    for release in ["1.2.3", "1.2.4", "2.0.0"] {
        publish(&bed, release);
    }
    bed.ecr.clear_journal();
    let swept = bed.sweep(&json!({"repositories": ["app"]}));
    assert_eq!(swept["complete"], true);
    let operations = bed.operations();
    assert_eq!(operations.len(), 2);
    assert!(operations.iter().all(|operation| operation == "DescribeImages"));
}

/// A slow scan, of a function with less than three times its duration.
#[test]
fn alias_without_time_to_confirm_it_is_pending() {
    let mut bed = alias_bed_with("latest");
    bed.function = bed.function.with_remaining_time(Duration::from_secs(5));
    bed.store_images("1.2.3");
    bed.ecr.faults().add(Fault::on("DescribeImages", FaultKind::Latency(Duration::from_secs(2))));
    let published = bed.assemble("1.2.3").unwrap();
    assert_eq!(
        (&published["outcome"], &aliases(&published)[..]),
        (&json!("published"), &[["latest", "pending", "1.2.3"]][..])
    );
    assert_contains(&reason(&published, "latest"), &["no time left", "sweep"]);
    assert_eq!(bed.digest("latest"), None);
}

/// Checks that an event among so many images ends in time, without the aliases, which the next sweep moves. The pages
/// of one scan take as long as the event has time.
#[track_caller]
fn check_images(count: u32) {
    let mut bed = alias_bed();
    add_incomplete_versions(&bed, count as usize);
    bed.push("1.2.3-amd64", &Image::oci("linux/amd64")).unwrap();
    let remaining_time = Duration::from_secs(5);
    bed.ecr.faults().add(Fault::on("DescribeImages", FaultKind::Latency(remaining_time * 1_000 / count)));
    bed.function = bed.function.with_remaining_time(remaining_time);
    let published = bed.push("1.2.3-arm64", &Image::oci("linux/arm64")).unwrap();
    assert_eq!(published["outcome"], "published");
    assert!(aliases(&published).iter().all(|[_, outcome, _]| *outcome == "pending"), "{published:#}");

    bed.ecr.faults().clear();
    bed.function = bed.function.with_remaining_time(Duration::from_mins(2));
    let swept = bed.sweep(&json!({"repositories": ["app"]}));
    assert_eq!((&swept["aliases_moved"], &swept["complete"]), (&json!(3), &json!(true)));
    assert_named(&bed, &[("1.2", "1.2.3"), ("1", "1.2.3"), ("latest", "1.2.3")]);
}

#[test]
fn event_among_many_images_leaves_aliases_to_the_sweep() {
    check_images(10_000);
}

#[test]
#[ignore = "takes half a minute: cargo test --test it aliases::cost -- --ignored"]
fn event_among_100_000_images_leaves_aliases_to_the_sweep() {
    check_images(100_000);
}
