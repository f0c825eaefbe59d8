//! What a run reaches, where the next one goes on, and what happens after the stop.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use local_ecr::{Fault, FaultKind};
use serde_json::json;

use super::{counts, fast_bed, remaining, sweep_to_the_end};
use crate::support::test_bed::{TestBed, push_images};

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];
/// How many repositories may be begun and unfinished at the time of a stop, and so scanned again: four scans, eight
/// repositories that wait for their first turn, and four batches.
const MAX_SCANNED_AGAIN: usize = 16;

/// A test bed whose runs have little time, and write at this rate.
fn bed_with_short_runs(seconds: u64, puts_per_second: &str) -> TestBed {
    let mut bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", puts_per_second));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(seconds));
    bed
}

/// Three runs or more over ninety repositories, of three versions each.
#[test]
fn runs_that_follow_next_reach_every_version() {
    let bed = bed_with_short_runs(4, "25");
    let repositories: Vec<_> = (0..90).map(|index| format!("r{index:02}")).collect();
    for repository in &repositories {
        bed.registry.fill(repository, 3, &PLATFORMS).unwrap();
    }
    let answers = sweep_to_the_end(&bed);
    let (last, earlier) = answers.split_last().unwrap();
    assert_eq!((&last["complete"], last.get("next"), last.get("unfinished")), (&json!(true), None, None));
    for answer in &answers {
        let is_complete = answer.get("next").is_none() && answer.get("unfinished").is_none();
        assert_eq!(answer["complete"], is_complete, "{answer}");
    }
    assert!(answers.iter().all(|answer| answer["failed_total"] == 0), "{answers:?}");
    let starts: Vec<_> = answers.iter().filter_map(|answer| answer["next"].as_str()).collect();
    assert!(starts.is_sorted() && starts.len() > 1, "{starts:?}");
    for (repository, version) in repositories.iter().flat_map(|name| (0..3).map(move |version| (name, version))) {
        assert!(bed.registry.tag(repository, &format!("1.0.{version}")).is_some(), "{repository} {version}");
    }
    let scans: Vec<_> = bed.calls("DescribeImages").into_iter().filter_map(|call| call.repository).collect();
    let unfinished: BTreeSet<_> = answers.iter().flat_map(remaining).collect();
    check_order(scans.iter().filter(|name| !unfinished.contains(name.as_str())));
    assert_eq!(scans.iter().collect::<BTreeSet<_>>().len(), 91);
    assert!(scans.len() - 91 <= MAX_SCANNED_AGAIN * earlier.len(), "{scans:?}");
}

/// Checks that repositories are scanned once and in ascending order.
#[track_caller]
fn check_order<'a>(scans: impl Iterator<Item = &'a String>) {
    let scans: Vec<_> = scans.collect();
    let mut sorted = scans.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), scans.len(), "{scans:?}");
    for (rank, name) in sorted.iter().enumerate() {
        // Four calls are in flight, and may arrive in any order.
        let place = scans.iter().position(|scanned| scanned == name).unwrap();
        assert!(place.abs_diff(rank) < 4, "{name} was the {place}. of {scans:?}");
    }
}

#[test]
fn sweep_begins_at_the_requested_name() {
    let bed = fast_bed();
    for repository in ["bb", "cc"] {
        push_images(&bed.registry, repository, "1");
    }
    let cases: [(_, &[&str]); 4] = [("bb", &["bb", "cc"]), ("ab", &["app", "bb", "cc"]), ("bbb", &["cc"]), ("zz", &[])];
    for (from, expected) in cases {
        bed.ecr.clear_journal();
        assert_eq!(bed.sweep(&json!({"from": from}))["complete"], true);
        let scanned: BTreeSet<_> = bed.calls("DescribeImages").into_iter().filter_map(|call| call.repository).collect();
        assert_eq!(scanned.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn backlogs_of_three_repositories_starve_no_other() {
    let bed = bed_with_short_runs(6, "10");
    for repository in ["aaa", "aab", "aac"] {
        bed.registry.fill(repository, 300, &PLATFORMS).unwrap();
    }
    for index in 0..8 {
        bed.registry.create(&format!("empty-{index}"));
    }
    push_images(&bed.registry, "zzz", "1");
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["complete"], remaining(&swept)), (&json!(false), vec!["aaa", "aab", "aac"]));
    assert_eq!(swept.get("next"), None);
    assert!(bed.registry.tag("zzz", "1").is_some(), "{swept}");
}

/// A run over 10,000 repositories that are named one by one, which ends long before it has scanned them.
#[test]
fn no_call_is_begun_after_the_stop() {
    let bed = bed_with_short_runs(2, "10");
    let names: Vec<_> = (0..10_000).map(|index| format!("many/{index:05}")).collect();
    for name in &names {
        bed.registry.create(name);
    }
    bed.ecr.faults().add(Fault::on("DescribeImages", FaultKind::Latency(Duration::from_millis(20))));
    let start = Instant::now();
    let swept = bed.sweep(&json!({"repositories": names}));
    let duration = start.elapsed();
    assert!(duration < Duration::from_secs(2), "{duration:?}");
    assert_eq!((&swept["complete"], &swept["failed_total"]), (&json!(false), &json!(0)));
    let scanned = swept["repositories"].as_u64().unwrap();
    assert!(swept["next"].as_str().unwrap() <= format!("many/{:05}", scanned + 4).as_str(), "{swept}");
    let calls = bed.ecr.journal();
    let span = calls.last().unwrap().started - calls[0].started;
    assert!(calls.len() < 1_000 && span < Duration::from_millis(1_700), "{} calls in {span:?}", calls.len());
    let begun = bed.function.final_log_lines().iter().find_map(|line| line.get("ecr_calls")?.as_u64()).unwrap();
    assert!(begun <= calls.len() as u64 + 4, "{begun} calls were begun, and {} reached ECR", calls.len());
}

#[test]
fn no_write_is_begun_after_the_stop() {
    let bed = bed_with_short_runs(4, "0.8");
    bed.registry.fill("app", 10, &PLATFORMS).unwrap();
    // Writes are due at 0, 1.25, 2.5 and 3.75 seconds, and the stop is after 3 seconds.
    assert_eq!(counts(&bed.sweep(&json!({}))), [10, 3, 0, 0, 0]);
    assert_eq!(bed.calls("PutImage").len(), 3);
}

#[test]
fn writes_of_the_last_moment_are_confirmed() {
    let bed = bed_with_short_runs(7, "1000");
    bed.registry.fill("app", 4, &PLATFORMS).unwrap();
    // The writes are answered after the stop, at 5.25 seconds, and before the deadline.
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::Latency(Duration::from_millis(5_350))));
    assert_eq!(counts(&bed.sweep(&json!({}))), [4, 4, 0, 0, 0]);
}
