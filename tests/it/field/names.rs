//! Names of branches, commits and releases, and the spellings of platform tags.

use std::time::{Duration, SystemTime};

use local_ecr::image::{Entry, Image, Index};
use serde_json::json;

use super::entry;
use crate::support::assertions::{assert_contains, assert_outcome};
use crate::support::test_bed::TestBed;

/// What one push of both platforms leaves: an index of the images and their attestations.
fn whole(build: &str) -> Index {
    let images = ["linux/amd64", "linux/arm64"].map(|platform| Image::oci(platform).content(build).revision(build));
    Index::oci(images.iter().map(Entry::new).chain(images.iter().map(Image::attestation)))
}

/// Row 10.
#[test]
fn branch_pushed_whole_under_a_platform_tag_is_explained() {
    let bed = TestBed::new();
    bed.ecr.clock().set(SystemTime::now() - Duration::from_hours(2));
    let waiting = bed.push("feature-arm64", &whole("abc")).unwrap();
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!(["linux/amd64"])));
    let parts = ["feature-arm64 names an index", "linux/amd64", "a version of its own", "another name", "tag part"];
    assert_contains(waiting["reason"].as_str().unwrap(), &parts);
    bed.ecr.clock().set(SystemTime::now());
    let swept = bed.sweep(&json!({}));
    assert_eq!(entry(&swept, "incomplete", "feature")["reason"], waiting["reason"]);
}

/// Row 10: of two such branches, each is taken for one platform of the same version.
#[test]
fn branches_pushed_whole_under_two_platform_tags_are_held_back() {
    let bed = TestBed::new();
    bed.push("feature-arm64", &whole("abc")).unwrap();
    let waiting = bed.push("feature-amd64", &whole("def")).unwrap();
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!([])));
    assert_contains(waiting["reason"].as_str().unwrap(), &["linux/amd64 from def", "linux/arm64 from abc"]);
}

/// Row 10: an attested image is an index as well, of which nothing is to be said.
#[test]
fn attested_image_of_one_platform_waits_without_a_reason() {
    let bed = TestBed::new();
    let waiting = bed.push("1-arm64", &Image::oci("linux/arm64").attested());
    assert_outcome(&waiting, "waiting");
    assert_eq!(waiting.unwrap()["reason"], json!(null));
}
