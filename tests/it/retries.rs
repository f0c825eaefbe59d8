//! Temporary faults: what an invocation retries and waits for, and which errors make Lambda retry it.

use std::thread;
use std::time::{Duration, Instant};

use local_ecr::image::{Entry, Image, Index};
use local_ecr::{ANY, BLOB, Fault, FaultKind, Options};
use serde_json::json;

use crate::support::assertions::{assert_failure, assert_outcome};
use crate::support::input::push_event_of_age;
use crate::support::test_bed::TestBed;

/// Checks that the version fails while each call of the operation has the fault, and not after that.
fn check_lasting_fault(operation: &str, fault: &FaultKind) {
    let mut bed = TestBed::with_images();
    if *fault == FaultKind::Throttle {
        // Throttled calls are repeated until shortly before the deadline.
        bed.function = bed.function.with_remaining_time(Duration::from_secs(3));
    }
    bed.ecr.faults().add(Fault::on(operation, fault.clone()));
    let action = if operation == BLOB { "ecr:GetDownloadUrlForLayer" } else { operation };
    assert_failure(&bed.deliver_event("1-arm64"), "RegistryUnavailable", &[action, "app"]);
    bed.ecr.faults().clear();
    bed.function = bed.function.with_remaining_time(Duration::from_secs(30));
    // If the fault cut off only the responses, the list was written.
    let answer = bed.deliver_event("1-arm64");
    let outcome = &answer.as_ref().unwrap()["outcome"];
    assert!(*outcome == "published" || *outcome == "unchanged", "{fault:?} of {operation}: {outcome}");
}

#[test]
fn lasting_fault_is_registry_unavailable_until_it_ends() {
    let faults = [
        FaultKind::Throttle,
        FaultKind::server_error(),
        FaultKind::Status(503),
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
    ];
    thread::scope(|scope| {
        for fault in &faults {
            for operation in ["BatchGetImage", "GetDownloadUrlForLayer", BLOB, "PutImage"] {
                scope.spawn(move || check_lasting_fault(operation, fault));
            }
        }
    });
}

/// An ECR that answers two tags of one image with one entry.
fn merging_ecr() -> TestBed {
    let bed = TestBed::start(Options { merge_tags_of_an_image: true, ..Options::default() }, |function| function);
    let index = Index::oci(["linux/amd64", "linux/arm64"].map(|platform| Entry::new(&Image::oci(platform))));
    for tag in ["1-amd64", "1-arm64", "2-amd64", "2-arm64"] {
        bed.registry.push("app", Some(tag), &index);
    }
    bed
}

#[test]
fn image_that_the_response_leaves_out_is_asked_for_by_itself() {
    let bed = merging_ecr();
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
    assert_eq!(bed.architectures("1"), ["amd64", "arm64"]);
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["published"], &swept["failed_total"]), (&json!(1), &json!(0)));
}

#[test]
fn unavailable_upstream_is_registry_unavailable() {
    for code in ["UpstreamUnavailable", "UpstreamTooManyRequests"] {
        let bed = TestBed::with_images();
        bed.registry.fail("app", "1-amd64", code);
        assert_failure(&bed.deliver_event("1-arm64"), "RegistryUnavailable", &[code]);
    }
}

#[test]
fn hanging_call_is_answered_before_deadline() {
    const DEADLINE: Duration = Duration::from_secs(4);
    let check = |operation| {
        let mut bed = TestBed::with_images();
        bed.function = bed.function.with_remaining_time(DEADLINE);
        bed.ecr.faults().add(Fault::on(operation, FaultKind::Hang));
        let start = Instant::now();
        let failure = bed.deliver_event("1-arm64");
        assert!(start.elapsed() < DEADLINE, "{operation}");
        assert_failure(&failure, "RegistryUnavailable", &["app:1", "deadline"]);
    };
    thread::scope(|scope| {
        for operation in [ANY, "GetDownloadUrlForLayer", BLOB, "PutImage"] {
            scope.spawn(move || check(operation));
        }
    });
}

/// Asserts that the version is published with so many writes, although `hide` hides an image from some calls.
#[track_caller]
fn check_late(writes: usize, hide: impl FnOnce(&TestBed)) {
    let bed = TestBed::with_images();
    hide(&bed);
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
    assert_eq!(bed.calls("PutImage").len(), writes);
}

#[test]
fn late_images_are_awaited_without_another_write() {
    check_late(1, |bed| bed.registry.hide("app", "1", 2));
    check_late(1, |bed| bed.registry.hide("app", "1-arm64", 2));
    check_late(1, |bed| bed.registry.hide("app", &push_attested(bed), 2));
    check_late(2, |bed| bed.ecr.faults().add(references_not_found().times(1)));
}

/// ECR's error for a list whose images it does not find.
fn references_not_found() -> Fault {
    Fault::on("PutImage", FaultKind::client_error("ReferencedImagesNotFoundException", "said ECR"))
}

/// Pushes an index of an image and its attestation under the arm64 tag. Returns the digest of the image.
fn push_attested(bed: &TestBed) -> String {
    let arm64 = Image::oci("linux/arm64").content("attested");
    bed.registry.push("app", Some("1-arm64"), &arm64.attested());
    Entry::new(&arm64).digest()
}

/// Asserts that the invocation waits for about three seconds for the image that `hide` hides, and names it. That takes so
/// many calls of the operation.
#[track_caller]
fn check_never_visible(name: &str, (operation, calls): (&str, usize), hide: impl FnOnce(&TestBed)) {
    let bed = TestBed::with_images();
    hide(&bed);
    let start = Instant::now();
    assert_failure(&bed.deliver_event("1-arm64"), "NotYetVisible", &[name, "retry"]);
    assert!(start.elapsed() > Duration::from_millis(2_900), "{:?}", start.elapsed());
    assert_eq!(bed.calls(operation).len(), calls);
}

#[test]
fn image_that_stays_hidden_is_not_yet_visible() {
    check_never_visible("app:1", ("PutImage", 6), |bed| bed.ecr.faults().add(references_not_found()));
    // Six reads of the tags, and six of the images of the index.
    check_never_visible("app@sha256:", ("BatchGetImage", 12), |bed| {
        bed.registry.delete("app", &push_attested(bed));
    });
}

#[test]
fn deleted_tag_of_old_event_is_a_missing_platform() {
    for minutes in [6, 60 * 24 * 365] {
        let bed = TestBed::with_images();
        bed.registry.untag("app", "1-arm64");
        let answer = bed.function.invoke(&push_event_of_age("app", "1-arm64", Duration::from_mins(minutes)));
        assert_outcome(&answer, "waiting");
        assert_eq!((&answer.unwrap()["missing"], bed.calls("BatchGetImage").len()), (&json!(["linux/arm64"]), 1));
    }
}

#[test]
fn deleted_tag_of_recent_event_is_awaited() {
    let bed = TestBed::with_images();
    bed.registry.untag("app", "1-arm64");
    let answer = bed.function.invoke(&push_event_of_age("app", "1-arm64", Duration::from_mins(4)));
    assert_failure(&answer, "NotYetVisible", &["app:1-arm64"]);
    assert_eq!(bed.calls("BatchGetImage").len(), 6);
}

#[test]
fn old_event_publishes_what_is_there() {
    let bed = TestBed::with_images();
    let event = push_event_of_age("app", "1-arm64", Duration::from_hours(30));
    assert_outcome(&bed.function.invoke(&event), "published");
}
