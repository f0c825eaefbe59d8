//! What one repository may take of a run: it keeps no other waiting, and in the end has failed.

use std::time::Duration;

use local_ecr::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{counts, remaining, sweep_to_the_end};
use crate::support::assertions::assert_contains;
use crate::support::function::{ACCOUNT, REGION};
use crate::support::test_bed::{TestBed, push_images};

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// A test bed whose runs begin no more work after three seconds.
fn bed_with_short_runs(puts_per_second: &str) -> TestBed {
    let mut bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", puts_per_second));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(4));
    bed
}

/// Adds a repository of forty versions whose reads take longer than a run.
fn add_slow_repository(bed: &TestBed, name: &str) {
    bed.registry.fill(name, 40, &PLATFORMS).unwrap();
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::Hang).repository(name));
}

/// The answers of a sweep of a hundred and twenty repositories that takes two runs or more, after such preparation.
fn sweep_of_a_large_registry(prepare: impl FnOnce(&TestBed)) -> (TestBed, Vec<Value>) {
    let bed = bed_with_short_runs("1000");
    for index in 0..120 {
        push_images(&bed.registry, &format!("r{index:03}"), "1");
    }
    prepare(&bed);
    bed.ecr.faults().add(Fault::on("DescribeImages", FaultKind::Latency(Duration::from_millis(120))));
    let answers = sweep_to_the_end(&bed);
    for index in 0..120 {
        assert!(bed.registry.tag(&format!("r{index:03}"), "1").is_some(), "{index}: {answers:?}");
    }
    (bed, answers)
}

#[test]
fn repository_that_is_never_finished_keeps_no_other_waiting() {
    let (_, without) = sweep_of_a_large_registry(|_| {});
    let (bed, with) = sweep_of_a_large_registry(|bed| add_slow_repository(bed, "aaa"));
    let runs = |answers: &[Value]| answers.iter().take_while(|answer| answer.get("next").is_some()).count() + 1;
    assert!(runs(&without) > 1 && runs(&with) <= runs(&without) + 1, "{without:?} {with:?}");
    // In each run that follows `next`, it would be scanned again if it were not begun in the first one.
    let scans = bed.calls("DescribeImages").into_iter().filter(|call| call.repository.as_deref() == Some("aaa"));
    assert!(scans.count() <= 1 + with.len() - runs(&with), "{with:?}");
    let last = &with[with.len() - 1];
    assert_eq!((&last["complete"], &last["failed_total"]), (&json!(true), &json!(1)), "{last}");
}

#[test]
fn named_repository_without_progress_is_one_failure() {
    let bed = bed_with_short_runs("1000");
    add_slow_repository(&bed, "aaa");
    let begun = bed.sweep(&json!({}));
    assert_eq!((remaining(&begun), &begun["unfinished_total"]), (vec!["aaa"], &json!(1)));
    assert_eq!((&begun["complete"], &begun["failed_total"]), (&json!(false), &json!(0)));

    let named = bed.sweep(&json!({"repositories": ["aaa"]}));
    assert_eq!((&named["complete"], named.get("unfinished"), counts(&named)), (&json!(true), None, [40, 0, 0, 0, 1]));
    let entry = &named["failed"][0];
    let place = ["account", "region", "repository", "version"].map(|field| &entry[field]);
    assert_eq!(place, [&json!(ACCOUNT), &json!(REGION), &json!("aaa"), &Value::Null]);
    assert_eq!(entry["error"], "RegistryUnavailable");
    assert_contains(entry["message"].as_str().unwrap(), &["share of the time", "40 versions"]);
}

/// It is not named, or its versions would be published.
#[test]
fn repository_that_only_a_glob_or_dry_run_names_has_not_failed() {
    let bed = bed_with_short_runs("1000");
    add_slow_repository(&bed, "aaa");
    for request in [json!({"repositories": ["aa*"]}), json!({"repositories": ["aaa"], "dry_run": true})] {
        let swept = bed.sweep(&request);
        assert_eq!((remaining(&swept), &swept["failed_total"]), (vec!["aaa"], &json!(0)), "{request}");
    }
}

#[test]
fn named_repository_that_gets_ahead_stays_unfinished() {
    let bed = bed_with_short_runs("10");
    bed.registry.fill("aaa", 100, &PLATFORMS).unwrap();
    let swept = bed.sweep(&json!({"repositories": ["aaa"]}));
    assert_eq!((remaining(&swept), &swept["failed_total"]), (vec!["aaa"], &json!(0)), "{swept}");
    assert!((10..100).contains(&swept["published"].as_u64().unwrap()), "{swept}");
}

/// More repositories than batches are reconciled at a time.
#[test]
fn named_repositories_each_have_their_share() {
    let bed = bed_with_short_runs("1000");
    let names = ["a0", "a1", "a2", "a3", "a4", "a5", "zzz"];
    for name in &names[..6] {
        add_slow_repository(&bed, name);
    }
    push_images(&bed.registry, "zzz", "1");
    let swept = bed.sweep(&json!({"repositories": names}));
    assert!(bed.registry.tag("zzz", "1").is_some(), "{swept}");
    assert_eq!(swept.get("next"), None, "{swept}");
    // Those that had their share have failed. A run has room for the shares of all, and may end before the last turns.
    assert_eq!(swept["failed_total"].as_u64().unwrap() + remaining(&swept).len() as u64, 6, "{swept}");
    assert!(swept["failed_total"].as_u64().unwrap() >= 4, "{swept}");
}

/// Each repository has one batch after the other, of which a run of three seconds carries out some fifty.
#[test]
fn answer_names_twenty_unfinished_repositories() {
    let bed = bed_with_short_runs("1000");
    for index in 0..28 {
        bed.registry.fill(&format!("r{index:02}"), 100, &PLATFORMS).unwrap();
    }
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::Latency(Duration::from_millis(200))));
    let swept = bed.sweep(&json!({"dry_run": true}));
    let named = remaining(&swept);
    assert!(named.len() == 20 && named.is_sorted(), "{swept}");
    assert!(swept["unfinished_total"].as_u64().unwrap() > 20, "{swept}");
    let lines = bed.function.final_log_lines();
    let line = lines.iter().find(|line| line["message"] == "swept").unwrap();
    assert_eq!((&line["unfinished"], &line["unfinished_total"]), (&json!(named.join(",")), &swept["unfinished_total"]));
}
