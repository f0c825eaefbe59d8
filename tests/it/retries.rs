//! Temporary faults: what an invocation retries and waits for, and which errors make Lambda retry it.

use std::thread;
use std::time::{Duration, Instant};

use local_ecr::image::{Entry, Image};
use local_ecr::{ANY, BLOB, Fault, FaultKind};

use crate::support::assertions::{assert_failure, assert_outcome};
use crate::support::test_bed::TestBed;

/// Runs the check with each operation and each transient fault, in parallel.
fn for_each_transient_fault(check: impl Fn(&str, &FaultKind) + Sync) {
    let faults = [
        FaultKind::Throttle,
        FaultKind::server_error(),
        FaultKind::Status(503),
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
    ];
    let check = &check;
    thread::scope(|scope| {
        for fault in &faults {
            for operation in ["BatchGetImage", "GetDownloadUrlForLayer", BLOB, "PutImage"] {
                scope.spawn(move || check(operation, fault));
            }
        }
    });
}

#[test]
fn single_transient_fault_is_retried() {
    for_each_transient_fault(|operation, fault| {
        let bed = TestBed::with_images();
        bed.ecr.faults().add(Fault::on(operation, fault.clone()).times(1));
        assert_outcome(&bed.deliver_event("1-arm64"), "published");
    });
}

#[test]
fn lasting_fault_is_registry_unavailable_until_it_ends() {
    for_each_transient_fault(|operation, fault| {
        let mut bed = TestBed::with_images();
        if *fault == FaultKind::Throttle {
            // Throttled calls are repeated until shortly before the deadline.
            bed.function = bed.function.with_remaining_time(Duration::from_secs(3));
        }
        bed.ecr.faults().add(Fault::on(operation, fault.clone()));
        let action = if operation == BLOB { "ecr:GetDownloadUrlForLayer" } else { operation };
        assert_failure(&bed.deliver_event("1-arm64"), "RegistryUnavailable", &[action, "app"]);
        bed.ecr.faults().clear();
        // If the fault cut off only the responses, the list was written.
        let answer = bed.deliver_event("1-arm64");
        let outcome = &answer.as_ref().unwrap()["outcome"];
        assert!(*outcome == "published" || *outcome == "unchanged", "{fault:?} of {operation}: {outcome}");
    });
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

#[test]
fn late_tag_is_awaited() {
    let bed = TestBed::with_images();
    bed.registry.hide("app", "1-arm64", 2);
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
}

#[test]
fn late_child_of_index_is_awaited() {
    let bed = TestBed::new();
    let arm64 = Image::oci("linux/arm64");
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    bed.registry.push("app", Some("1-arm64"), &arm64.attested());
    bed.registry.hide("app", &Entry::new(&arm64).digest(), 2);
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
}

#[test]
fn late_child_of_list_is_awaited() {
    let bed = TestBed::with_images();
    bed.ecr.faults().add(references_not_found().times(1));
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
}

#[test]
fn late_list_is_written_once() {
    let bed = TestBed::with_images();
    bed.registry.hide("app", "1", 2);
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
    assert_eq!(bed.calls("PutImage").len(), 1);
}

/// ECR's error for a list whose images it does not find.
fn references_not_found() -> Fault {
    Fault::on("PutImage", FaultKind::client_error("ReferencedImagesNotFoundException", "said ECR"))
}

/// Asserts that the invocation waits for about three seconds for the image that `hide` hides, and names it.
#[track_caller]
fn check_never_visible(name: &str, hide: impl FnOnce(&TestBed)) {
    let bed = TestBed::with_images();
    hide(&bed);
    let start = Instant::now();
    assert_failure(&bed.deliver_event("1-arm64"), "NotYetVisible", &[name, "retry"]);
    let waited = start.elapsed();
    assert!(Duration::from_millis(2_900) < waited && waited < Duration::from_secs(6), "{waited:?}");
}

#[test]
fn hidden_tag_is_not_yet_visible() {
    check_never_visible("app:1-arm64", |bed| bed.registry.hide("app", "1-arm64", u32::MAX));
}

#[test]
fn missing_child_of_index_is_not_yet_visible() {
    check_never_visible("app@sha256:", |bed| {
        let arm64 = Image::oci("linux/arm64");
        bed.registry.push("app", Some("1-arm64"), &arm64.attested());
        bed.registry.delete("app", &Entry::new(&arm64).digest());
    });
}

#[test]
fn missing_child_of_list_is_not_yet_visible() {
    check_never_visible("app:1", |bed| bed.ecr.faults().add(references_not_found()));
}

#[test]
fn missing_platform_is_not_awaited() {
    let bed = TestBed::new();
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    assert_eq!(bed.calls("BatchGetImage").len(), 1);
}
