//! Other writers between two calls of one reconciliation: the tag ends on the list of the current images.

use std::sync::atomic::{AtomicU32, Ordering};

use local_ecr::image::Image;
use local_ecr::{CallInfo, LocalEcr, Mutability, Options, RepushError};
use serde_json::json;

use crate::support::assertions::{assert_failure, assert_outcome};
use crate::support::test_bed::TestBed;

/// Runs `act` at the first writes of the function, with the number of writes that are left.
fn at_writes(writes: u32, act: impl Fn(&LocalEcr, u32) + Send + Sync + 'static) -> impl Fn(&CallInfo, &LocalEcr) {
    let left = AtomicU32::new(writes);
    move |call, ecr| {
        let is_write = call.operation == "PutImage";
        if is_write && let Ok(now) = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            act(ecr, now);
        }
    }
}

/// Pushes another arm64 image before each of the first writes.
fn push_before_writes(bed: &TestBed, writes: u32) {
    bed.ecr.on_call(at_writes(writes, |ecr, left| {
        ecr.home().push("app", Some("1-arm64"), &Image::oci("linux/arm64").content(&left.to_string()));
    }));
}

/// Removes the list from its tag, and puts it back before the next write, as another process may.
fn publish_before_write(bed: &TestBed) {
    let list = bed.digest("1").unwrap();
    bed.registry.untag("app", "1");
    bed.ecr.on_call(at_writes(1, move |ecr, _| {
        ecr.home().retag("app", "1", &list);
    }));
}

#[test]
fn push_before_write_ends_in_newer_list() {
    let bed = TestBed::with_images();
    push_before_writes(&bed, 2);
    let published = bed.deliver_event("1-arm64").unwrap();
    assert_eq!(published["outcome"], "published");
    assert_eq!(published["digest"], json!(bed.digest("1")));
    assert_eq!(bed.list("1")["manifests"][1]["digest"], json!(bed.digest("1-arm64")));
    assert_eq!(bed.calls("PutImage").len(), 3);
}

#[test]
fn constant_pushes_are_contended_until_they_end() {
    let bed = TestBed::with_images();
    push_before_writes(&bed, u32::MAX);
    assert_failure(&bed.deliver_event("1-arm64"), "Contended", &["app:1", "5"]);
    assert_eq!(bed.calls("PutImage").len(), 5);
    bed.ecr.clear_hooks();
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
}

#[test]
fn same_list_by_another_writer_is_published() {
    for repush_error in [RepushError::ImageAlreadyExists, RepushError::ImageTagAlreadyExists] {
        for mutability in [Mutability::Mutable, Mutability::Immutable] {
            let bed = TestBed::start(Options { repush_error, ..Options::default() }, |function| function);
            bed.store_images("1");
            let first = bed.deliver_event("1-arm64").unwrap();
            bed.registry.set_mutability("app", mutability);
            publish_before_write(&bed);
            let second = bed.deliver_event("1-arm64").unwrap();
            assert_eq!((&second["outcome"], &second["digest"]), (&json!("published"), &first["digest"]));
        }
    }
}

#[test]
fn list_overwritten_before_confirmation_is_written_again() {
    let bed = TestBed::with_images();
    bed.deliver_event("1-arm64").unwrap();
    let old = bed.digest("1").unwrap();
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").content("new"));
    bed.ecr.after_call(at_writes(1, move |ecr, _| {
        ecr.home().retag("app", "1", &old);
    }));
    let published = bed.deliver_event("1-arm64").unwrap();
    assert_eq!(published["digest"], json!(bed.digest("1")));
    assert_eq!(bed.list("1")["manifests"][1]["digest"], json!(bed.digest("1-arm64")));
}

#[test]
fn image_pushed_over_list_before_confirmation_conflicts() {
    let bed = TestBed::with_images();
    bed.ecr.after_call(|call: &CallInfo, ecr: &LocalEcr| {
        if call.operation == "PutImage" {
            ecr.home().push("app", Some("1"), &Image::oci("linux/s390x"));
        }
    });
    assert_failure(&bed.deliver_event("1-arm64"), "TagConflict", &["app:1"]);
}

#[test]
fn tag_never_names_partial_list() {
    let bed = TestBed::new();
    for content in ["a", "b", "c"] {
        for platform in ["amd64", "arm64"] {
            let image = Image::oci(&format!("linux/{platform}")).content(content);
            bed.push(&format!("1-{platform}"), &image).unwrap();
        }
    }
    let history = bed.registry.history("app", "1");
    assert_eq!(history.len(), 5);
    for digest in history {
        assert_eq!(bed.list(&digest)["manifests"].as_array().unwrap().len(), 2);
    }
}
