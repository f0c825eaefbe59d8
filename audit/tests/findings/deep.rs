//! What only manifests and configs show.

use serde_json::json;

use crate::support::{Scan, config, entry, windows_config, windows_entry};

/// A version with two platforms whose list is right.
fn right() -> Scan {
    Scan::new().built("1.0.0", 1, "r1").listed("1.0.0", 1).read()
}

#[test]
fn list_of_the_same_images_is_right_though_it_is_older() {
    let scan = Scan::new().built("1.0.0", 2, "r1").listed("1.0.0", 1);
    scan.read().check(&[]);
}

#[test]
fn list_without_the_image_of_a_tag_differs() {
    let scan = Scan::new()
        .built("1.0.0", 1, "r1")
        .config_image("old", 1, &config("arm64", "r1 of before"))
        .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("old", "arm64")])
        .untag("old")
        .read();
    scan.check(&[
        "list-differs-from-tags 1.0.0: does not have the image of 1.0.0-arm64",
        "mixed-revisions 1.0.0: linux/amd64 is built from r1, linux/arm64 is built from r1 of before",
    ]);
    assert_eq!(
        scan.report()["repositories"][0]["request"],
        json!({"action": "sweep", "repositories": ["app"], "deep": true})
    );
}

#[test]
fn image_of_another_platform_than_its_tag_is_found_once() {
    let scan = Scan::new()
        .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
        .config_image("1.0.0-arm64", 1, &config("amd64", "r1 of arm64"))
        .listed("1.0.0", 1)
        .read();
    scan.check(&[
        "platform-mismatch 1.0.0: 1.0.0-arm64 says linux/arm64, and the image is for linux/amd64",
        "mixed-revisions 1.0.0: linux/amd64 is built from r1, linux/amd64 is built from r1 of arm64",
    ]);
}

#[test]
fn entry_of_another_platform_than_its_image_is_found() {
    let scan = Scan::new()
        .built("1.0.0", 1, "r1")
        .list("1.0.0", 1, &[entry("1.0.0-amd64", "arm64"), entry("1.0.0-arm64", "amd64")])
        .read();
    let report = scan.report();
    assert_eq!(report["findings"].as_array().unwrap().len(), 2);
    let message = report["findings"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("the entry sha256:") && message.contains("says linux/"), "{message}");
}

#[test]
fn platform_twice_in_a_list_is_found() {
    let scan = Scan::new()
        .built("1.0.0", 1, "")
        .config_image("other", 1, &config("arm64", " "))
        .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("1.0.0-arm64", "arm64"), entry("other", "arm64")])
        .untag("other")
        .read();
    let finding = scan.finding();
    assert_eq!(finding["kind"], "duplicate-platform");
    assert_eq!(finding["message"], "has 2 entries of linux/arm64");
}

#[test]
fn image_that_was_deleted_is_gone() {
    let scan = Scan::new()
        .built("1.0.0", 1, "")
        .config_image("old", 1, &config("arm64", "old"))
        .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("old", "arm64")])
        .delete("old")
        .read();
    let finding = scan.finding();
    assert_eq!(finding["kind"], "image-gone");
    assert!(finding["message"].as_str().unwrap().ends_with(" of linux/arm64"));
    assert_eq!(finding["request"]["action"], "assemble");
}

#[test]
fn archived_image_of_a_list_is_found() {
    let scan = Scan::new()
        .built("1.0.0", 1, "")
        .config_image("old", 1, &config("arm64", "old"))
        .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("old", "arm64")])
        .archive("old")
        .untag("old")
        .read();
    assert_eq!(scan.finding()["kind"], "image-archived");
}

#[test]
fn list_without_platform_tags_is_compared_with_its_siblings() {
    let mut scan = Scan::new();
    for day in 1..=3 {
        let (amd64, arm64) = (format!("x{day}"), format!("y{day}"));
        scan = scan.config_image(&amd64, day, &config("amd64", &amd64)).config_image(
            &arm64,
            day,
            &config("arm64", &amd64),
        );
        let both = [entry(&amd64, "amd64"), entry(&arm64, "arm64")];
        let entries = if day == 2 { &both[..1] } else { &both[..] };
        scan = scan.list(&format!("1.{day}.0"), day, entries).untag(&amd64).untag(&arm64);
    }
    scan.read().check(&["missing-platform 1.2.0: has linux/amd64, but not linux/arm64"]);
}

/// Versions of Linux and two releases of Windows, whose updates change the `os.version` of each version.
fn of_windows() -> Scan {
    let mut scan = Scan::new();
    for day in 0..4 {
        let version = format!("1.{day}.0");
        let tags =
            ["amd64", "windows-ltsc2019-amd64", "windows-ltsc2022-amd64"].map(|part| format!("{version}-{part}"));
        let [old, new] = ["10.0.17763", "10.0.20348"].map(|build| format!("{build}.{}", 1_000 + day));
        scan = scan
            .config_image(&tags[0], day, &config("amd64", &version))
            .config_image(&tags[1], day, &windows_config(&old))
            .config_image(&tags[2], day, &windows_config(&new))
            .list(
                &version,
                day,
                &[entry(&tags[0], "amd64"), windows_entry(&tags[1], &old), windows_entry(&tags[2], &new)],
            );
    }
    scan.read()
}

#[test]
fn updates_of_windows_are_no_other_platforms() {
    let scan = of_windows();
    scan.check(&[]);
    let report = scan.report();
    let platforms = ["linux/amd64", "windows(10.0.17763)/amd64", "windows(10.0.20348)/amd64"];
    assert_eq!(report["repositories"][0]["platforms"], json!(platforms));
    let spelled = "linux/amd64,windows(10.0.17763)/amd64=windows-ltsc2019-amd64,\
                   windows(10.0.20348)/amd64=windows-ltsc2022-amd64";
    assert_eq!(report["settings"]["PLATFORMS"], spelled);
}

#[test]
fn image_of_another_release_of_windows_is_a_mismatch() {
    let scan = of_windows().config_image("1.3.0-windows-ltsc2022-amd64", 4, &windows_config("10.0.17763.9"));
    scan.check(&[
        "platform-mismatch 1.3.0: 1.3.0-windows-ltsc2022-amd64 says windows(10.0.20348)/amd64, and the image is \
         for windows(10.0.17763.9)/amd64",
        "list-differs-from-tags 1.3.0: does not have the image of 1.3.0-windows-ltsc2022-amd64",
    ]);
    let report = scan.untag("1.3.0-windows-ltsc2022-amd64").report();
    let message = "has an image of windows(10.0.20348.1003)/amd64, which no tag names";
    assert_eq!(report["findings"][0]["message"], message);
}

#[test]
fn list_of_one_image_beside_several_tags_is_a_single_image() {
    let scan = Scan::new().built("1.0.0", 1, "r1").list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64")]).read();
    scan.check(&["single-image 1.0.0: names a single image, beside 1.0.0-amd64, 1.0.0-arm64"]);
    assert_eq!(scan.finding()["request"].get("force"), None);
}

#[test]
fn chart_is_a_problem_only_beside_platform_tags() {
    let chart = |size: u32| {
        let config = json!({
            "mediaType": "application/vnd.cncf.helm.config.v1+json", "size": size,
            "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        });
        json!({ "config": config }).to_string()
    };
    right().raw("2.0.0", 2, &chart(1)).read().check(&[]);
    let report = right().raw("2.0.0-amd64", 2, &chart(1)).raw("2.0.0-arm64", 2, &chart(2)).read().report();
    assert_eq!(report["findings"].as_array().unwrap().len(), 3);
    assert_eq!(report["findings"][1]["kind"], "unreadable");
}

#[test]
fn what_cannot_be_read_is_named() {
    let scan = right().raw("1.1.0-amd64", 2, "{").raw("1.1.0-arm64", 2, "{ ").read();
    let report = scan.report();
    let kinds: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|finding| finding["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["list-missing", "unreadable", "unreadable"]);
}

/// A version with platform tags that were pushed on day 0, and a list of other images of this day.
fn list_of_others(day: u32, revision: &str) -> Scan {
    let scan = Scan::new().built("1.0.0", 10, "tagged");
    let other = |scan: Scan, part| scan.config_image(&format!("other-{part}"), day, &config(part, revision));
    let scan = ["amd64", "arm64"].into_iter().fold(scan, other);
    let scan = scan.list("1.0.0", day, &[entry("other-amd64", "amd64"), entry("other-arm64", "arm64")]);
    scan.untag("other-amd64").untag("other-arm64").read()
}

#[test]
fn platform_tags_that_were_left_behind_are_stale() {
    let scan = list_of_others(20, "newer");
    let message = "has newer images than 1.0.0-amd64, 1.0.0-arm64, which nothing pushes any more";
    scan.check(&[&format!("stale-platform-tags 1.0.0: {message}")]);
    assert_eq!(scan.finding()["request"], serde_json::Value::Null);
    assert_eq!(list_of_others(5, "older").finding()["kind"], "list-differs-from-tags");
}

#[test]
fn list_of_conversions_is_no_finding() {
    // The same configs in other manifests.
    list_of_others(20, "tagged").check(&[]);
}

#[test]
fn images_that_would_get_an_image_tag_are_counted() {
    let scan = Scan::new()
        .built("1.0.0", 1, "r1")
        .listed("1.0.0", 1)
        .built("1.1.0", 2, "r2")
        .listed("1.1.0", 2)
        .alias("1.1.0-arm64", "1.1.0_arm64")
        .config_image("a", 2, &config("amd64", "r3"))
        .config_image("b", 2, &config("arm64", "r3"))
        .list("1.2.0", 3, &[entry("a", "amd64"), entry("b", "arm64")])
        .untag("a")
        .untag("b");
    assert_eq!(scan.report()["repositories"][0].get("listed_images"), None);
    let report = scan.read().report();
    assert_eq!(report["repositories"][0]["listed_images"], json!({"would_be_tagged": 5, "untagged": 2}));
}

#[test]
fn image_tags_are_not_findings() {
    let mut scan = Scan::new();
    for version in ["1.0.0", "1.1.0"] {
        scan = scan.built(version, 1, version).listed(version, 1);
        for part in ["amd64", "arm64"] {
            scan = scan.alias(&format!("{version}-{part}"), &format!("{version}_{part}"));
        }
    }
    scan.read().check(&[]);
}
