//! The revisions of a version's images: what base images leave in them, and how pipelines spell one commit.

use local_ecr::image::{Entry, Image, Index};
use serde_json::{Value, json};

use super::push_both;
use crate::support::assertions::{assert_contains, assert_outcome};
use crate::support::test_bed::TestBed;

const REVISION: &str = "org.opencontainers.image.revision";
const COMMIT: &str = "3f9c2d1aa0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5";

/// The images of both platforms, with labels that they have from their base images.
fn inherited() -> [Image; 2] {
    [Image::oci("linux/amd64").revision("base-of-amd64"), Image::oci("linux/arm64").revision("base-of-arm64")]
}

/// Row 11.
#[test]
fn inherited_labels_are_told_from_own_annotations() {
    let bed = TestBed::new();
    let [amd64, arm64] = &inherited();
    push_both(&bed, amd64, arm64);
    let waiting = bed.assemble("1").unwrap();
    let parts = ["linux/amd64 from base-of-amd64 (label of its config)", "base-of-arm64 (label of its config)"];
    assert_contains(waiting["reason"].as_str().unwrap(), &parts);
    let of_manifests = || inherited().map(|image| Index::oci([Entry::new(&image.annotation(REVISION, COMMIT))]));
    let of_entries = || inherited().map(|image| Index::oci([Entry::new(&image).annotation(REVISION, COMMIT)]));
    let of_indexes = || inherited().map(|image| image.attested().annotation(REVISION, COMMIT));
    for [amd64, arm64] in [of_manifests(), of_entries(), of_indexes()] {
        let bed = TestBed::new();
        push_both(&bed, &amd64, &arm64);
        assert_outcome(&bed.assemble("1"), "published");
    }
}

/// The outcome of images whose labels state these revisions; an empty one stands for a label without a value.
fn outcome(amd64: Option<&str>, arm64: Option<&str>) -> Value {
    let bed = TestBed::new();
    let image = |platform: &str, revision: Option<&str>| match revision {
        Some(revision) => Image::docker(platform).revision(revision),
        None => Image::docker(platform),
    };
    push_both(&bed, &image("linux/amd64", amd64), &image("linux/arm64", arm64));
    bed.assemble("1").unwrap()
}

/// Row 32.
#[test]
fn one_commit_is_recognized_in_each_spelling_of_pipelines() {
    let (newline, upper) = (format!("{COMMIT}\n"), COMMIT.to_uppercase());
    for (other, expected) in [
        (Some(COMMIT), "published"),
        (Some("3f9c2d1"), "published"),
        (Some("3f9c2d1a"), "published"),
        (Some(newline.as_str()), "published"),
        (Some(upper.as_str()), "published"),
        // An ARG that was not passed, or a label that a dirty tree does not get.
        (Some(""), "published"),
        (None, "published"),
        (Some("3f9c2d1-dirty"), "waiting"),
        (Some("0c0ffee"), "waiting"),
    ] {
        assert_eq!(outcome(Some(COMMIT), other)["outcome"], expected, "{other:?}");
    }
}

/// Row 32: a newline in an answer would break the line of a log or a terminal.
#[test]
fn differing_revision_is_shown_escaped() {
    let waiting = outcome(Some(COMMIT), Some("3f9c2d1\n-dirty\n"));
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!([])));
    let reason = waiting["reason"].as_str().unwrap();
    assert_contains(reason, &["3f9c2d1\\n-dirty (label of its config)"]);
    assert!(!reason.contains('\n'), "{reason}");
}
