//! The sweep's rate of writes, its reads before them, its deadline, and ECR's throttling.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use local_ecr::image::Image;
use local_ecr::{CallInfo, Fault, FaultKind, LocalEcr};
use serde_json::json;

use super::{counts, fast_bed};
use crate::support::function::{FunctionBuilder, REGION};
use crate::support::input::sweep_request;
use crate::support::test_bed::{TestBed, push_images};

/// A test bed with this number of unpublished versions, whose sweep writes at this rate.
fn bed_with_rate(puts_per_second: u32, versions: u32) -> TestBed {
    let bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", &puts_per_second.to_string()));
    (0..versions).for_each(|version| bed.store_images(&version.to_string()));
    bed
}

#[test]
fn writes_are_spread_evenly_at_the_rate() {
    let bed = bed_with_rate(4, 13);
    assert_eq!(bed.sweep(&json!({}))["published"], 13);
    let times: Vec<_> = bed.calls("PutImage").iter().map(|call| call.started).collect();
    for second in times.windows(5) {
        let span = second[4] - second[0];
        assert!(span >= Duration::from_millis(950), "5 writes within {span:?}");
    }
    let duration = times[12] - times[0];
    assert!(duration < Duration::from_millis(12 * 250 * 3 / 2), "13 writes at 4 a second took {duration:?}");
}

/// Sweeps 30 versions at 10 a second, of which all arm64 images are replaced at the first write.
#[test]
fn delayed_write_is_preceded_by_new_read() {
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
    for version in 0..30 {
        let list = bed.list(&version.to_string());
        assert_eq!(list["manifests"][1]["digest"], json!(bed.digest(&format!("{version}-arm64"))));
    }
    // Without it, nearly all of the 30 lists would be written twice.
    assert!(bed.calls("PutImage").len() < 50);
}

/// There is far more to write than the first sweep has time for.
#[test]
fn sweep_answers_before_deadline_and_the_next_completes_it() {
    const DEADLINE: Duration = Duration::from_secs(4);
    let mut bed = bed_with_rate(10, 60);
    bed.function = bed.function.with_remaining_time(DEADLINE);
    let start = Instant::now();
    let first = bed.sweep(&json!({}));
    assert!(start.elapsed() < DEADLINE);
    assert_eq!((&first["complete"], &first["failed"]), (&json!(false), &json!([])));
    let written = first["published"].as_u64().unwrap();
    assert!((10..60).contains(&written), "{written}");

    bed.function = bed.function.with_remaining_time(Duration::from_mins(1));
    bed.ecr.clear_journal();
    let second = bed.sweep(&json!({}));
    let [published, unchanged] = ["published", "unchanged"].map(|key| second[key].as_u64().unwrap());
    assert_eq!((&second["complete"], published + unchanged), (&json!(true), 60));
    assert!(unchanged >= written, "{unchanged} are unchanged");
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
#[test]
fn throttled_writes_are_repeated_at_the_rate() {
    let bed = bed_with_rate(4, 6);
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::Throttle).skip(1).times(3));
    assert_eq!(counts(&bed.sweep(&json!({}))), [6, 6, 0, 0, 0]);
    let puts = bed.calls("PutImage");
    assert_eq!(puts.len(), 9);
    let span = puts[8].started - puts[0].started;
    assert!(span >= Duration::from_millis(8 * 230), "nine writes within {span:?}");
}

/// The state machines sweep eight registries at a time, each in a process of its own. If ECR counts the calls of the
/// account that calls, they share one quota, here an eighth of the rate at which they would write.
#[test]
fn sweeps_that_share_a_quota_lose_nothing() {
    const QUOTA: FaultKind = FaultKind::RateLimit { per_second: 10.0, burst: 10.0 };
    let bed = fast_bed();
    let accounts: Vec<_> = (1..=8).map(|account| format!("{account:012}")).collect();
    for account in &accounts {
        (0..5).for_each(|version| push_images(&bed.ecr.registry(account, REGION), "app", &version.to_string()));
    }
    bed.ecr.faults().add(Fault::on("PutImage", QUOTA));
    thread::scope(|scope| {
        for account in &accounts {
            let sweeper = FunctionBuilder::new(&bed.ecr).env("ACCOUNTS", "*").env("SWEEP_PUTS_PER_SECOND", "10");
            scope.spawn(move || {
                let sweeper = sweeper.start();
                let swept = sweeper.invoke(&sweep_request(&json!({"account": account}))).unwrap();
                assert_eq!((counts(&swept), &swept["complete"]), ([5, 5, 0, 0, 0], &json!(true)));
            });
        }
    });
    let puts = bed.calls("PutImage");
    let throttled = puts.iter().filter(|call| call.status == Some(400)).count();
    assert!(throttled <= 40, "{throttled} of {} calls were throttled for 40 lists", puts.len());
}
