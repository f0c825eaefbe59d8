//! Versions, by their scans: platforms that they lack, their lists, and tags that are not versions.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Scan, at};

#[test]
fn version_lacks_a_platform_of_its_siblings() {
    let scan = Scan::new()
        .images("1.0.0", 1, &["amd64", "arm64"])
        .images("1.1.0", 2, &["amd64"])
        .images("1.2.0", 3, &["amd64", "arm64"])
        .lists(&[("1.0.0", 1), ("1.2.0", 3)]);
    scan.check(&["missing-platform 1.1.0: has linux/amd64, but not linux/arm64"]);
}

#[test]
fn platform_is_not_missing_before_it_is_added_or_after_its_end() {
    for is_added in [true, false] {
        let mut scan = Scan::new();
        for day in 1..=20 {
            let version = format!("1.{day}.0");
            let has_both = (day > 10) == is_added;
            scan = scan.images(&version, day, if has_both { &["amd64", "arm64"] } else { &["amd64"] });
            if has_both {
                scan = scan.lists(&[(&version, day)]);
            }
        }
        scan.check(&[]);
    }
}

#[test]
fn newest_version_without_a_platform_lacks_it() {
    let scan = Scan::new()
        .images("1.0.0", 0, &["amd64", "arm64"])
        .images("1.1.0", 1, &["amd64"])
        .lists(&[("1.0.0", 0)])
        .alias("1.0.0", "latest");
    scan.check(&["missing-platform 1.1.0: has linux/amd64, but not linux/arm64"]);
}

#[test]
fn platform_of_a_single_version_is_not_missing_elsewhere() {
    let mut scan = Scan::new().images("1.3.0", 3, &["s390x"]);
    for day in 1..=6 {
        let version = format!("1.{day}.0");
        scan = scan.images(&version, day, &["amd64", "arm64"]).lists(&[(&version, day)]);
    }
    scan.check(&[]);
}

#[test]
fn versions_of_another_shape_are_not_siblings() {
    let mut scan = Scan::new();
    for day in 1..=6 {
        let (main, release) = (format!("main-{day}a2b3c4"), format!("1.{day}.0"));
        for version in [&main, &release] {
            scan = scan.images(version, day, &["amd64", "arm64"]).lists(&[(version, day)]);
        }
        if day % 3 == 0 {
            scan = scan.images(&format!("pr-{day}"), day, &["amd64"]);
            scan = scan.images(&format!("{release}-alpine"), day, &["amd64"]);
        }
    }
    scan.check(&[]);
}

#[test]
fn releases_are_compared_within_their_major_line() {
    let mut scan = Scan::new();
    for day in 1..=6 {
        let version = format!("2.{day}.0");
        scan = scan.images(&version, 2 * day, &["amd64", "arm64"]).lists(&[(&version, 2 * day)]);
        if day < 5 {
            scan = scan.images(&format!("1.9.{day}"), 2 * day + 1, &["amd64"]);
        }
    }
    scan.images("3.0.0", 20, &["amd64"]).check(&["missing-platform 3.0.0: has linux/amd64, but not linux/arm64"]);
}

#[test]
fn two_spellings_are_one_platform() {
    Scan::new().images("1.0.0", 1, &["arm64", "aarch64"]).check(&[]);
}

#[test]
fn version_without_a_list_is_found_once_it_is_complete() {
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]);
    scan.check(&["list-missing 1.0.0: names nothing, beside 1.0.0-amd64, 1.0.0-arm64"]);
    let report = scan.report();
    assert_eq!(
        report["findings"][0]["request"],
        json!({"action": "assemble", "repository": "app", "version": "1.0.0"})
    );
    assert_eq!(report["repositories"][0]["request"], json!({"action": "sweep", "repositories": ["app"]}));
}

#[test]
fn version_that_was_just_pushed_is_not_judged() {
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]);
    for (after, expected) in [(Duration::ZERO, 0), (Duration::from_mins(59), 0), (Duration::from_hours(1), 1)] {
        let report = scan.report_at(at(1) + after);
        assert_eq!(report["findings"].as_array().unwrap().len(), expected, "{after:?}");
        assert_eq!(report["totals"]["recent"], 1 - expected, "{after:?}");
    }
    assert_eq!(scan.report_at(at(0))["findings"].as_array().unwrap().len(), 0);
}

#[test]
fn single_image_beside_platform_tags_is_replaced_by_force() {
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]).image("1.0.0", 1);
    scan.check(&["single-image 1.0.0: names a single image, beside 1.0.0-amd64, 1.0.0-arm64"]);
    let report = scan.report();
    assert_eq!(report["findings"][0]["request"]["force"], true);
    assert_eq!(report["repositories"][0]["request"], Value::Null, "a sweep replaces no image");
}

#[test]
fn single_image_that_cannot_be_replaced_yet_has_no_request() {
    let scan = Scan::new()
        .images("1.0.0", 1, &["amd64", "arm64"])
        .lists(&[("1.0.0", 1)])
        .images("1.1.0", 2, &["amd64"])
        .image("1.1.0", 2);
    scan.check(&[
        "missing-platform 1.1.0: has linux/amd64, but not linux/arm64",
        "single-image 1.1.0: names a single image, beside 1.1.0-amd64",
    ]);
    let report = scan.report();
    assert!(report["findings"].as_array().unwrap().iter().all(|finding| finding["request"].is_null()));
}

#[test]
fn single_image_of_a_repository_with_one_platform_is_right() {
    Scan::new().images("1.0.0", 1, &["amd64"]).image("1.0.0", 1).images("1.1.0", 2, &["amd64"]).check(&[]);
}

#[test]
fn list_that_was_pushed_before_an_image_is_old() {
    let scan = Scan::new().images("1.0.0", 2, &["amd64", "arm64"]).lists(&[("1.0.0", 1)]);
    scan.check(&["list-older-than-image 1.0.0: was pushed at 2026-01-02T00:00:00Z, and 1.0.0-amd64, 1.0.0-arm64 at \
         2026-01-03T00:00:00Z"]);
}

#[test]
fn archived_image_is_found_by_scan() {
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]).lists(&[("1.0.0", 1)]);
    let scan = scan.archive("1.0.0-arm64");
    scan.check(&["image-archived 1.0.0: 1.0.0-arm64 is archived"]);
    scan.archive("1.0.0-amd64").check(&["image-archived 1.0.0: 1.0.0-amd64, 1.0.0-arm64 are archived"]);
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]).archive("1.0.0-arm64");
    scan.check(&["image-archived 1.0.0: 1.0.0-arm64 is archived"]);
}

#[test]
fn version_that_was_archived_as_a_whole_is_not_judged() {
    let scan = Scan::new()
        .images("1.0.0", 1, &["amd64", "arm64"])
        .lists(&[("1.0.0", 0)])
        .images("1.1.0", 2, &["amd64"])
        .images("1.2.0", 3, &["amd64", "arm64"])
        .lists(&[("1.2.0", 3)]);
    let tags = ["1.0.0-amd64", "1.0.0-arm64", "1.0.0", "1.1.0-amd64"];
    let scan = tags.iter().fold(scan, |scan, tag| scan.archive(tag));
    scan.check(&[]);
    assert_eq!(scan.report()["totals"]["archived"], 2);
}

#[test]
fn artifact_is_neither_a_version_nor_a_vote() {
    let chart = "application/vnd.cncf.helm.config.v1+json";
    let scan = Scan::new()
        .image("1.0.0-amd64", 1)
        .image("1.0.0-arm64", 1)
        .image("2.0.0", 1)
        .artifact("1.0.0-amd64", chart)
        .artifact("1.0.0-arm64", chart)
        .artifact("2.0.0", chart);
    scan.check(&[]);
    let report = scan.report();
    assert_eq!(report["totals"]["versions"], 0);
    assert_eq!(report["repositories"][0]["guess"]["tag_template"], Value::Null);
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]);
    let config = "application/vnd.oci.image.config.v1+json";
    let scan = scan.artifact("1.0.0-amd64", config).image("1.0.0", 1).artifact("1.0.0", chart);
    assert_eq!(scan.finding()["kind"], "artifact-in-place-of-list");
    assert_eq!(scan.report()["repositories"][0]["versions"][0]["names"], "other");
}

#[test]
fn index_of_soci_is_an_attachment() {
    for tags in [["1.0.0-amd64", "1.0.0-arm64"], ["amd64-1.0.0", "arm64-1.0.0"]] {
        let mut scan = Scan::new().lists(&[("1.0.0", 2)]).image("1.0.0-soci", 2);
        for tag in tags {
            scan = scan.image(tag, 1).image(&format!("{tag}-soci"), 1);
        }
        scan.check(&[]);
        let report = scan.report();
        assert_eq!(
            (&report["totals"]["versions"], &report["repositories"][0]["guess"]["tags"]),
            (&1.into(), &3.into())
        );
    }
    assert_eq!(Scan::new().image("1.0.0-soci", 1).report()["totals"]["versions"], 1);
}

#[test]
fn index_of_one_platform_is_a_single_image() {
    let scan = Scan::new().lists(&[("1.0.0-amd64", 1), ("1.0.0-arm64", 1)]).alias("1.0.0-amd64", "1.0.0");
    scan.check(&["single-image 1.0.0: names a single image, beside 1.0.0-amd64, 1.0.0-arm64"]);
    assert_eq!(scan.finding()["request"]["action"], "assemble");
    assert_eq!(scan.finding()["request"].get("force"), None, "an index needs none");
    assert_eq!(scan.report()["repositories"][0]["request"]["deep"], true, "to a scan, it is a list");
}

#[test]
fn platform_beside_a_list_that_was_not_read_has_no_tag() {
    let scan = Scan::new()
        .images("1.0.0", 1, &["amd64", "arm64"])
        .images("1.1.0", 2, &["amd64"])
        .lists(&[("1.0.0", 1), ("1.1.0", 2)]);
    scan.check(&["missing-platform 1.1.0: has no tag for linux/arm64, and its list was not read"]);
}

#[test]
fn list_of_a_single_architecture_repository_is_not_judged() {
    let scan = Scan::new().lists(&[("main", 1), ("1.0.0 latest 1 1.0", 1)]);
    scan.check(&[]);
    let report = scan.report();
    assert_eq!(report["repositories"][0]["guess"]["tag_template"], Value::Null);
    assert_eq!(report["repositories"][0]["versions"][0]["platforms"], Value::Null);
}

#[test]
fn findings_are_ordered_by_kind_and_newest_first() {
    let mut scan = Scan::new();
    for day in 1..=3 {
        scan = scan.images(&format!("1.{day}.0"), day, &["amd64", "arm64"]);
    }
    scan.images("1.4.0", 4, &["amd64"]).check(&[
        "missing-platform 1.4.0: has linux/amd64, but not linux/arm64",
        "list-missing 1.3.0: names nothing, beside 1.3.0-amd64, 1.3.0-arm64",
        "list-missing 1.2.0: names nothing, beside 1.2.0-amd64, 1.2.0-arm64",
        "list-missing 1.1.0: names nothing, beside 1.1.0-amd64, 1.1.0-arm64",
    ]);
}

#[test]
fn chart_under_the_tag_of_a_version_is_found() {
    let scan = Scan::new().images("1.0.0", 0, &["amd64", "arm64"]).image("1.0.0", 1);
    let scan = scan.artifact("1.0.0", "application/vnd.cncf.helm.config.v1+json");
    let message = "names an artifact, application/vnd.cncf.helm.config.v1+json, beside 1.0.0-amd64, 1.0.0-arm64";
    scan.check(&[&format!("artifact-in-place-of-list 1.0.0: {message}")]);
}

#[test]
fn image_of_one_platform_under_the_plain_tag_is_found() {
    let mut scan = Scan::new();
    for minor in 0..3 {
        scan = scan.image(&format!("1.{minor}.0"), minor).image(&format!("1.{minor}.0-arm64"), minor);
    }
    let expected = |minor| format!("single-image 1.{minor}.0: names a single image, beside 1.{minor}.0-arm64");
    scan.check(&[&expected(2), &expected(1), &expected(0)]);
}
