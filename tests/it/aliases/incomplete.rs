//! Releases whose lists lack a platform, as CI makes them that forgets a suffix: no alias is moved to them.

use std::time::{Duration, SystemTime};

use local_ecr::image::{Entry, Image, Index, ToArtifact};
use serde_json::json;

use super::{alias_bed, aliases, assert_named, bed_with_releases, foreign_list, publish, reason};
use crate::support::assertions::assert_contains;
use crate::support::test_bed::TestBed;

/// What one job of CI pushes: an index of one image, with its attestation.
fn index_of_one_platform() -> Index {
    Image::oci("linux/amd64").content("2.0.0").attested()
}

/// A test bed with 1.9.0 and its aliases, and 2.0.0 under which CI has pushed this list.
fn bed_with_incomplete_release(list: &impl ToArtifact) -> TestBed {
    let bed = bed_with_releases(&["1.9.0"]);
    bed.registry.push("app", Some("2.0.0"), list);
    bed
}

#[test]
fn forgotten_suffix_does_not_move_latest() {
    let bed = bed_with_incomplete_release(&index_of_one_platform());
    let swept = bed.sweep(&json!({}));
    assert_named(&bed, &[("latest", "1.9.0"), ("1", "1.9.0")]);
    // `2` and `2.0` have no other release.
    assert_eq!((&swept["aliases_moved"], &swept["alias_conflicts_total"]), (&json!(0), &json!(2)));
    assert_eq!((bed.digest("2"), bed.digest("2.0")), (None, None));
    assert_contains(swept["alias_conflicts"][0]["reason"].as_str().unwrap(), &["2.0.0", "lacks linux/arm64"]);

    let published = publish(&bed, "1.9.1");
    assert_eq!(aliases(&published)[2], ["latest", "moved", "1.9.1"]);
    assert_contains(&reason(&published, "latest"), &["2.0.0 is passed over", "linux/arm64"]);
}

#[test]
fn one_job_that_forgets_its_suffix_does_not_move_latest() {
    let bed = bed_with_incomplete_release(&index_of_one_platform());
    bed.ecr.clock().set(SystemTime::now() - Duration::from_hours(2));
    bed.registry.push("app", Some("2.0.0-arm64"), &Image::oci("linux/arm64").content("2.0.0"));
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["aliases_moved"], &swept["incomplete"][0]["version"]), (&json!(0), &json!("2.0.0")));
    assert_named(&bed, &[("latest", "1.9.0")]);

    // The missing tag completes the release, and its aliases follow.
    bed.registry.push("app", Some("2.0.0-amd64"), &index_of_one_platform());
    assert_eq!(bed.sweep(&json!({}))["published"], json!(1));
    assert_named(&bed, &[("latest", "2.0.0"), ("2", "2.0.0"), ("2.0", "2.0.0")]);
}

#[test]
fn list_of_other_platforms_gets_no_alias() {
    let bed = bed_with_incomplete_release(&foreign_list());
    bed.store_images("2.0.0");
    let swept = bed.sweep(&json!({}));
    assert_eq!(swept["failed"][0]["error"], json!("TagConflict"));
    assert_named(&bed, &[("latest", "1.9.0")]);

    bed.registry.untag("app", "2.0.0");
    bed.sweep(&json!({}));
    let published = publish(&bed, "2.0.1");
    assert!(aliases(&published).iter().all(|[_, outcome, release]| [*outcome, *release] == ["moved", "2.0.1"]));
}

#[test]
fn alias_that_ci_pushed_with_a_release_of_one_platform_is_a_conflict() {
    let bed = bed_with_incomplete_release(&index_of_one_platform());
    bed.registry.push("app", Some("latest"), &index_of_one_platform());
    let swept = bed.sweep(&json!({}));
    let conflicts = swept["alias_conflicts"].as_array().unwrap();
    let latest = conflicts.iter().find(|conflict| conflict["tag"] == "latest").unwrap();
    assert_contains(latest["reason"].as_str().unwrap(), &["2.0.0", "linux/arm64", "yank"]);
    assert_named(&bed, &[("latest", "2.0.0")]);

    bed.function.invoke(&json!({"action": "yank", "repository": "app", "version": "2.0.0"})).unwrap();
    assert_named(&bed, &[("latest", "1.9.0")]);
}

#[test]
fn whole_list_without_platform_tags_gets_its_aliases() {
    let entries = ["linux/amd64", "linux/arm64"].map(|platform| Entry::new(&Image::oci(platform)).platform(platform));
    let bed = alias_bed();
    bed.registry.push("app", Some("2.0.0"), &Index::oci(entries));
    assert_eq!(bed.sweep(&json!({}))["aliases_moved"], json!(3));
    assert_named(&bed, &[("latest", "2.0.0"), ("2", "2.0.0"), ("2.0", "2.0.0")]);
    bed.ecr.clear_journal();
    assert_eq!(bed.sweep(&json!({}))["aliases_moved"], json!(0));
    // One read tells that the list, of which no platform tag exists, still has all platforms.
    assert_eq!(bed.calls("BatchGetImage").len(), 1);
}

#[test]
fn large_lists_are_read_in_parts() {
    let bed = bed_with_releases(&["1.0.0"]);
    for minor in 1..=6 {
        let padding = "x".repeat(600 << 10);
        let list = foreign_list().annotation("padding", &padding).annotation("minor", &minor.to_string());
        bed.registry.push("app", Some(&format!("1.{minor}.0")), &list);
    }
    bed.ecr.clear_journal();
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["alias_conflicts_total"], &swept["failed_total"]), (&json!(6), &json!(0)));
    assert_named(&bed, &[("latest", "1.0.0"), ("1", "1.0.0")]);
}

/// Its platform tags do not vouch for a list that the function must not replace.
#[test]
fn alias_of_a_list_that_is_a_conflict_itself_is_one_too() {
    let bed = bed_with_incomplete_release(&foreign_list());
    bed.store_images("2.0.0");
    bed.registry.push("app", Some("latest"), &foreign_list());
    let swept = bed.sweep(&json!({}));
    assert_eq!(swept["failed"][0]["error"], json!("TagConflict"));
    let conflicts = swept["alias_conflicts"].as_array().unwrap();
    let latest = conflicts.iter().find(|conflict| conflict["tag"] == "latest").expect("latest");
    assert_contains(latest["reason"].as_str().unwrap(), &["2.0.0", "linux/arm64", "yank"]);
    assert_named(&bed, &[("latest", "2.0.0")]);
}
