//! Requests that wait for a version: `wait_seconds`.

use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use local_ecr::image::Image;
use local_ecr::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::assertions::{assert_failure, assert_outcome};
use crate::support::function::{Failure, wait_for_response};
use crate::support::input::{assemble_request, with_fields};
use crate::support::runtime_api::Reply;
use crate::support::test_bed::TestBed;

/// The longest pause between two looks, and what a look and its writes take.
const MAX_DELAY: Duration = Duration::from_millis(3_900);

/// A test bed with one of two platforms of version `1`, of revision `a`.
fn bed_with_one_platform() -> TestBed {
    let bed = TestBed::new();
    bed.registry.push("app", Some("1-amd64"), &Image::oci("linux/amd64").revision("a"));
    bed
}

fn request(seconds: u64) -> String {
    with_fields(assemble_request("app", "1"), &json!({"wait_seconds": seconds})).to_string()
}

/// Requests the version in the background and returns once the function has looked at it so many times.
fn wait_in_background(bed: &TestBed, seconds: u64, looks: usize) -> Receiver<Reply> {
    let reply = bed.function.invoke_in_background(&request(seconds));
    let start = Instant::now();
    while bed.calls("BatchGetImage").iter().filter(|call| call.ended.is_some()).count() < looks {
        assert!(start.elapsed() < Duration::from_secs(20), "the function does not look {looks} times");
        thread::sleep(Duration::from_millis(5));
    }
    reply
}

/// Requests the version, and returns the answer with the time that it took.
fn wait(bed: &TestBed, seconds: u64) -> (Result<Value, Failure>, Duration) {
    let start = Instant::now();
    let answer = bed.function.invoke_text(&request(seconds));
    (answer, start.elapsed())
}

#[test]
fn push_that_comes_meanwhile_is_published() {
    let bed = bed_with_one_platform();
    let reply = wait_in_background(&bed, 20, 1);
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").revision("a"));
    let pushed = Instant::now();
    assert_outcome(&wait_for_response(&reply), "published");
    assert!(pushed.elapsed() < MAX_DELAY, "{:?}", pushed.elapsed());
}

#[test]
fn revision_that_comes_meanwhile_is_published() {
    let bed = bed_with_one_platform();
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").revision("b"));
    let reply = wait_in_background(&bed, 20, 1);
    bed.registry.push("app", Some("1-amd64"), &Image::oci("linux/amd64").revision("b"));
    assert_outcome(&wait_for_response(&reply), "published");
}

#[test]
fn push_of_the_last_second_is_published() {
    let bed = bed_with_one_platform();
    // Looks after 0 and 1 seconds, and when the time is up.
    let reply = wait_in_background(&bed, 2, 2);
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").revision("a"));
    assert_outcome(&wait_for_response(&reply), "published");
}

#[test]
fn version_is_waiting_when_the_time_is_up() {
    let (answer, duration) = wait(&bed_with_one_platform(), 2);
    assert_outcome(&answer, "waiting");
    assert_eq!(answer.unwrap()["missing"], json!(["linux/arm64"]));
    assert!((2_000..3_500).contains(&duration.as_millis()), "{duration:?}");
}

#[test]
fn version_without_any_tag_is_waited_for() {
    let (answer, duration) = wait(&TestBed::new(), 1);
    assert_outcome(&answer, "waiting");
    assert!(duration >= Duration::from_secs(1), "{duration:?}");
}

#[test]
fn complete_version_is_published_at_once() {
    let (answer, duration) = wait(&TestBed::with_images(), 20);
    assert_outcome(&answer, "published");
    assert!(duration < Duration::from_secs(3), "{duration:?}");
}

#[test]
fn permanent_error_ends_the_wait() {
    let bed = bed_with_one_platform();
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/amd64").content("wrong").revision("a"));
    let (answer, duration) = wait(&bed, 20);
    assert_failure(&answer, "PlatformMismatch", &[]);
    assert!(duration < Duration::from_secs(3), "{duration:?}");
}

#[test]
fn permanent_error_that_comes_meanwhile_ends_the_wait() {
    let bed = bed_with_one_platform();
    let reply = wait_in_background(&bed, 20, 1);
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/amd64").content("wrong").revision("a"));
    assert_failure(&wait_for_response(&reply), "PlatformMismatch", &[]);
}

/// A test bed whose invocations have this many seconds.
fn bed_with_deadline(seconds: u64) -> TestBed {
    let mut bed = bed_with_one_platform();
    bed.function = bed.function.with_remaining_time(Duration::from_secs(seconds));
    bed
}

#[test]
fn wait_ends_before_the_deadline() {
    let (answer, duration) = wait(&bed_with_deadline(4), 900);
    assert_outcome(&answer, "waiting");
    assert!((3_000..3_900).contains(&duration.as_millis()), "{duration:?}");
}

#[test]
fn wait_for_broken_ecr_ends_before_the_deadline() {
    let bed = bed_with_deadline(4);
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::server_error()));
    let (answer, duration) = wait(&bed, 900);
    assert_failure(&answer, "RegistryUnavailable", &[]);
    assert!(duration < Duration::from_millis(3_900), "{duration:?}");
}

#[test]
fn throttled_wait_ends_when_the_time_is_up() {
    let bed = bed_with_one_platform();
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::Throttle));
    let (answer, duration) = wait(&bed, 2);
    assert_failure(&answer, "RegistryUnavailable", &[]);
    assert!(duration < MAX_DELAY, "{duration:?}");
}

#[test]
fn fault_after_the_first_look_leaves_the_version_waiting() {
    let bed = bed_with_one_platform();
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::Throttle).skip(1));
    assert_outcome(&wait(&bed, 2).0, "waiting");
}

#[test]
fn temporary_fault_does_not_end_the_wait() {
    let bed = TestBed::with_images();
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::server_error()).times(5));
    assert_outcome(&wait(&bed, 20).0, "published");
}
