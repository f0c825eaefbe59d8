//! Names of branches, commits and releases, and the spellings of platform tags.

use std::time::{Duration, SystemTime};

use local_ecr::image::{Entry, Image, Index};
use serde_json::{Value, json};

use super::{bed_for, entry};
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

/// Row 09: of seven hexadecimal digits, all are decimal in one of 27 commits.
#[test]
fn commit_of_decimal_digits_is_ignored_with_a_reason() {
    let bed = TestBed::with(|function| function.env("ALIASES", "{major}.{minor},{major},latest"));
    for version in ["1234567", "12345678"] {
        bed.store_images(version);
        let event = bed.deliver_event(&format!("{version}-arm64")).unwrap();
        for ignored in [event, bed.assemble_with(version, &json!({"force": true})).unwrap()] {
            assert_eq!(ignored["outcome"], "ignored");
            assert_contains(ignored["reason"].as_str().unwrap(), &[version, "{major}", "another name"]);
        }
        assert_contains(entry(&bed.sweep(&json!({})), "ignored", version)["reason"].as_str().unwrap(), &["{major}"]);
    }
    for version in ["0c0ffee", "sha-1234567"] {
        bed.store_images(version);
        assert_outcome(&bed.deliver_event(&format!("{version}-arm64")), "published");
    }
}

/// Row 28: a tag has at most 128 characters.
#[test]
fn name_that_leaves_no_room_for_a_platform_is_ignored() {
    let bed = bed_for("linux/amd64,linux/ppc64le");
    let version = |length: usize| "b".repeat(length);
    for (length, expected) in [(120, "published"), (121, "ignored"), (122, "ignored")] {
        let version = version(length);
        bed.registry.push("app", Some(&format!("{version}-amd64")), &Image::oci("linux/amd64"));
        if expected == "published" {
            bed.registry.push("app", Some(&format!("{version}-ppc64le")), &Image::oci("linux/ppc64le"));
        }
        let answer = bed.deliver_event(&format!("{version}-amd64")).unwrap();
        assert_eq!(answer["outcome"], expected, "{length}");
        if expected == "ignored" {
            let parts = ["tag for linux/ppc64le", "128 characters"];
            assert_contains(answer["reason"].as_str().unwrap(), &parts);
            assert_contains(bed.assemble(&version).unwrap()["reason"].as_str().unwrap(), &parts);
        }
    }
}

/// Row 29.
#[test]
fn latest_names_the_highest_release_of_a_numbering() {
    for (versions, expected) in [
        ("2025.11.1 2026.02.0", "2026.02.0"),
        ("v2026.0123.0 v2026.0124.0 v2026.0099.7", "v2026.0124.0"),
        ("2.3.8 2.3.8_fork.1 2.3.9-fork.1", "2.3.8"),
        ("1.2.3 1.2.3.4 2026-11-29 v2026-11-29-1", "1.2.3"),
        ("1.9.0 v1.9.9 1.10.0", "1.10.0"),
        ("1.0.9 1.0.99999999999999999999999999999", "1.0.99999999999999999999999999999"),
        ("1.02.0 1.2.0", "1.2.0"),
        ("2025.11.1 1.0.0", "2025.11.1"),
    ] {
        let mut versions: Vec<_> = versions.split(' ').collect();
        for _ in 0..2 {
            versions.reverse();
            let bed = TestBed::with(|function| function.env("ALIASES", "latest"));
            for version in &versions {
                bed.store_images(version);
                assert_outcome(&bed.assemble(version), "published");
            }
            assert_eq!(bed.digest("latest"), bed.digest(expected), "{versions:?}");
        }
    }
}

/// Row 41: settings, and the tags of version `1.0` that pipelines push.
const SPELLINGS: [(&str, &str, [&str; 2]); 12] = [
    ("{version}-{platform}", "linux/amd64,linux/arm64", ["1.0-amd64", "1.0-arm64"]),
    ("{version}-{platform}", "linux/amd64=x86_64,linux/arm64=aarch64", ["1.0-x86_64", "1.0-aarch64"]),
    (
        "{version}-{platform}",
        "linux/amd64=x86_64-linux,linux/arm64=aarch64-linux",
        ["1.0-x86_64-linux", "1.0-aarch64-linux"],
    ),
    ("{version}-{platform}", "linux/amd64=x64,linux/arm64=arm64v8", ["1.0-x64", "1.0-arm64v8"]),
    ("{version}-{platform}", "linux/amd64,linux/arm64/v8", ["1.0-amd64", "1.0-arm64v8"]),
    ("{version}-{platform}", "linux/amd64=X64,linux/arm64=ARM64", ["1.0-X64", "1.0-ARM64"]),
    ("{version}-{platform}", "linux/amd64=amd,linux/arm64=arm", ["1.0-amd", "1.0-arm"]),
    ("{version}-linux-{platform}", "linux/amd64,linux/arm/v7=arm-v7", ["1.0-linux-amd64", "1.0-linux-arm-v7"]),
    ("{version}_linux_{platform}", "linux/amd64,linux/arm64", ["1.0_linux_amd64", "1.0_linux_arm64"]),
    ("{platform}-{version}", "linux/amd64,linux/s390x=s309x", ["amd64-1.0", "s309x-1.0"]),
    ("{platform}-ubi-{version}", "linux/amd64=x86_64,linux/arm64=aarch64", ["x86_64-ubi-1.0", "aarch64-ubi-1.0"]),
    ("v{version}.{platform}", "linux/amd64,linux/arm64", ["v1.0.amd64", "v1.0.arm64"]),
];

/// Row 41.
#[test]
fn spellings_of_real_pipelines_are_settings() {
    for (template, platforms, tags) in SPELLINGS {
        let bed = TestBed::with(|function| function.env("PLATFORMS", platforms).env("TAG_TEMPLATE", template));
        let configs = platforms.split(',').map(|platform| platform.split('=').next().unwrap());
        let pushed: Vec<_> = configs.zip(tags).map(|(config, tag)| bed.push(tag, &Image::oci(config))).collect();
        assert_eq!(pushed[0].as_ref().unwrap()["expected_tags"], json!([tags[1]]));
        assert_outcome(&pushed[1], "published");
        assert!(bed.digest("1.0").is_some(), "{template} {platforms}");
    }
}

/// Row 41: a tag that only names a platform is of no version.
#[test]
fn tag_of_another_spelling_is_ignored_and_the_expected_named() {
    let bed = bed_for("linux/amd64,linux/arm64/v8");
    let ignored = bed.push("1.0-arm64", &Image::oci("linux/arm64")).unwrap();
    assert_eq!(ignored["outcome"], "ignored");
    assert_contains(ignored["reason"].as_str().unwrap(), &["1.0-arm64 is not the tag of a configured platform"]);
    let bare = bed.push("arm64v8", &Image::oci("linux/arm64")).unwrap();
    assert_eq!(bare["outcome"], "ignored");
    let waiting: Value = bed.push("1.0-amd64", &Image::oci("linux/amd64")).unwrap();
    assert_eq!((&waiting["missing"], &waiting["expected_tags"]), (&json!(["linux/arm64/v8"]), &json!(["1.0-arm64v8"])));
}
