//! What a run reaches, where the next one goes on, and what happens after the stop.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use local_ecr::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{counts, fast_bed};
use crate::support::test_bed::{TestBed, push_images};

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];
/// How many repositories may be scanned at the time of a stop, and so again by the next run: four scans, eight
/// repositories that wait for their first turn, and four batches.
const MAX_SCANNED_AGAIN: usize = 16;

/// A test bed whose runs have little time, and write at this rate.
fn bed_with_short_runs(seconds: u64, puts_per_second: &str) -> TestBed {
    let mut bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", puts_per_second));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(seconds));
    bed
}

/// Sweeps until nothing is left, each run from the `next` of the one before, and returns the answers.
fn sweep_to_the_end(bed: &TestBed) -> Vec<Value> {
    let mut answers = vec![bed.sweep(&json!({}))];
    while let Some(next) = answers[answers.len() - 1].get("next").cloned() {
        assert!(answers.len() < 20, "{answers:?}");
        answers.push(bed.sweep(&json!({"from": next})));
    }
    answers
}

/// Three runs or more over forty repositories, of three versions each.
#[test]
fn runs_that_follow_next_reach_every_version() {
    let bed = bed_with_short_runs(2, "30");
    let repositories: Vec<_> = (0..40).map(|index| format!("r{index:02}")).collect();
    for repository in &repositories {
        bed.registry.fill(repository, 3, &PLATFORMS).unwrap();
    }
    let answers = sweep_to_the_end(&bed);
    let (last, earlier) = answers.split_last().unwrap();
    assert_eq!((&last["complete"], last.get("next")), (&json!(true), None));
    assert!(earlier.iter().all(|answer| answer["complete"] == false && answer["next"].is_string()), "{earlier:?}");
    assert!(answers.iter().all(|answer| answer["failed_total"] == 0), "{answers:?}");
    let starts: Vec<_> = answers.iter().filter_map(|answer| answer["next"].as_str()).collect();
    assert!(starts.is_sorted() && starts.len() > 1, "{starts:?}");
    for (repository, version) in repositories.iter().flat_map(|name| (0..3).map(move |version| (name, version))) {
        assert!(bed.registry.tag(repository, &format!("1.0.{version}")).is_some(), "{repository} {version}");
    }
    let scans: Vec<_> = bed.calls("DescribeImages").into_iter().filter_map(|call| call.repository).collect();
    check_scans(&scans, earlier.len());
}

/// Checks that the repositories are begun in ascending order, and that those that were finished are not scanned again.
#[track_caller]
fn check_scans(scans: &[String], stops: usize) {
    let mut seen = BTreeSet::new();
    let begun: Vec<_> = scans.iter().filter(|name| seen.insert(*name)).collect();
    for (rank, name) in seen.iter().enumerate() {
        // Four calls are in flight, and may arrive in any order.
        let place = begun.iter().position(|begun| begun == name).unwrap();
        assert!(place.abs_diff(rank) < 4, "{name} was the {place}. of {begun:?}");
    }
    assert_eq!(seen.len(), 41);
    assert!(scans.len() - seen.len() <= MAX_SCANNED_AGAIN * stops, "{scans:?}");
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
    assert_eq!((&swept["complete"], &swept["next"]), (&json!(false), &json!("aaa")));
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
    let begun = bed.function.final_log_lines().iter().find_map(|line| line.get("EcrCalls")?.as_u64()).unwrap();
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
