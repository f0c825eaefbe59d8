//! The sweep's rate of writes, its reads before them, its deadline, and ECR's throttling.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use local_ecr::image::Image;
use local_ecr::{CallInfo, Fault, FaultKind, LocalEcr};
use serde_json::{Value, json};

use super::{counts, fast_bed};
use crate::support::test_bed::TestBed;

/// A test bed with this number of unpublished versions, whose sweep writes at this rate.
fn bed_with_rate(puts_per_second: u32, versions: u32) -> TestBed {
    let bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", &puts_per_second.to_string()));
    for version in 0..versions {
        bed.store_images(&version.to_string());
    }
    bed
}

/// When the sweep made each of 13 writes, at 4 a second.
fn write_times() -> Vec<Instant> {
    let bed = bed_with_rate(4, 13);
    assert_eq!(bed.sweep(&json!({}))["published"], 13);
    bed.calls("PutImage").iter().map(|call| call.started).collect()
}

#[test]
fn writes_are_spread_evenly() {
    for second in write_times().windows(5) {
        let span = second[4] - second[0];
        assert!(span >= Duration::from_millis(950), "5 writes within {span:?}");
    }
}

#[test]
fn writes_reach_the_rate() {
    let times = write_times();
    let duration = times[12] - times[0];
    assert!(duration < Duration::from_millis(12 * 250 * 3 / 2), "13 writes at 4 a second took {duration:?}");
}

/// Sweeps 30 versions at 10 a second, of which all arm64 images are replaced at the first write.
fn sweep_with_repushes() -> TestBed {
    let bed = bed_with_rate(10, 30);
    let is_first = AtomicBool::new(true);
    bed.ecr.on_call(move |call: &CallInfo, ecr: &LocalEcr| {
        if call.operation == "PutImage" && is_first.swap(false, Ordering::SeqCst) {
            for version in 0..30 {
                let image = Image::oci("linux/arm64").content(&format!("{version} fixed"));
                ecr.home().push("app", Some(&format!("{version}-arm64")), &image);
            }
        }
    });
    assert_eq!(bed.sweep(&json!({}))["published"], 30);
    bed
}

#[test]
fn repush_during_sweep_ends_in_newer_lists() {
    let bed = sweep_with_repushes();
    for version in 0..30 {
        let list = bed.list(&version.to_string());
        assert_eq!(list["manifests"][1]["digest"], json!(bed.digest(&format!("{version}-arm64"))));
    }
}

#[test]
fn delayed_write_is_preceded_by_new_read() {
    // Without it, nearly all of the 30 lists would be written twice.
    assert!(sweep_with_repushes().calls("PutImage").len() < 50);
}

/// A test bed with far more to write than the first sweep had time for, and the answer of that sweep.
fn bed_after_short_sweep() -> (TestBed, Value) {
    const DEADLINE: Duration = Duration::from_secs(4);
    let mut bed = bed_with_rate(10, 60);
    bed.function = bed.function.with_remaining_time(DEADLINE);
    let start = Instant::now();
    let swept = bed.sweep(&json!({}));
    assert!(start.elapsed() < DEADLINE);
    bed.function = bed.function.with_remaining_time(Duration::from_mins(1));
    bed.ecr.clear_journal();
    (bed, swept)
}

#[test]
fn sweep_answers_before_deadline() {
    let (_, swept) = bed_after_short_sweep();
    assert_eq!(swept["complete"], false);
    assert_eq!(swept["failed"], json!([]));
    let published = swept["published"].as_u64().unwrap();
    assert!((10..60).contains(&published), "{published}");
}

#[test]
fn next_sweep_completes_the_rest() {
    let (bed, first) = bed_after_short_sweep();
    let second = bed.sweep(&json!({}));
    let [published, unchanged] = ["published", "unchanged"].map(|key| second[key].as_u64().unwrap());
    assert_eq!(second["complete"], true);
    assert_eq!(published + unchanged, 60);
    assert!(unchanged >= first["published"].as_u64().unwrap(), "{unchanged} are unchanged");
    assert_eq!(bed.calls("PutImage").len() as u64, published);
}

#[test]
fn throttled_calls_do_not_fail_the_sweep() {
    let bed = fast_bed();
    for version in 0..20 {
        bed.store_images(&version.to_string());
    }
    for operation in ["DescribeRepositories", "DescribeImages", "BatchGetImage", "PutImage"] {
        bed.ecr.faults().add(Fault::on(operation, FaultKind::Throttle).times(2));
    }
    assert_eq!(counts(&bed.sweep(&json!({}))), [20, 20, 0, 0, 0]);
}

/// Sweeps 6 versions at 4 a second, where three writes are throttled.
fn sweep_with_throttled_writes() -> TestBed {
    let bed = bed_with_rate(4, 6);
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::Throttle).skip(1).times(3));
    assert_eq!(counts(&bed.sweep(&json!({}))), [6, 6, 0, 0, 0]);
    bed
}

#[test]
fn throttled_writes_are_repeated() {
    assert_eq!(sweep_with_throttled_writes().calls("PutImage").len(), 9);
}

#[test]
fn repeated_writes_keep_the_rate() {
    for pair in sweep_with_throttled_writes().calls("PutImage").windows(2) {
        let gap = pair[1].started - pair[0].started;
        assert!(gap >= Duration::from_millis(230), "two writes within {gap:?}");
    }
}
