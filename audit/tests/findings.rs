//! Each finding, from the smallest scan that has it; and what is not a finding.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test exports nothing")]

mod support;

use std::time::Duration;

use support::{Scan, at};

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
fn platform_that_was_added_is_not_missing_before() {
    let mut scan = Scan::new();
    for day in 1..=20 {
        let version = format!("1.{day}.0");
        let platforms: &[_] = if day <= 10 { &["amd64"] } else { &["amd64", "arm64"] };
        scan = scan.images(&version, day, platforms);
        if day > 10 {
            scan = scan.lists(&[(&version, day)]);
        }
    }
    scan.check(&[]);
}

#[test]
fn platform_that_was_dropped_is_not_missing_after() {
    let mut scan = Scan::new();
    for day in 1..=20 {
        let version = format!("1.{day}.0");
        let platforms: &[_] = if day <= 10 { &["amd64", "arm64"] } else { &["amd64"] };
        scan = scan.images(&version, day, platforms);
        if day <= 10 {
            scan = scan.lists(&[(&version, day)]);
        }
    }
    scan.check(&[]);
}

#[test]
fn first_versions_without_a_later_platform_lack_nothing() {
    let mut scan = Scan::new().images("1.0.0", 0, &["amd64"]);
    for day in 1..=6 {
        let version = format!("1.{day}.0");
        scan = scan.images(&version, day, &["amd64", "arm64"]).lists(&[(&version, day)]);
    }
    scan.check(&[]);
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
fn releases_and_other_versions_are_not_siblings() {
    let mut scan = Scan::new();
    for day in 1..=6 {
        let version = format!("1.{day}.0");
        scan = scan.images(&version, day, &["amd64", "arm64"]).lists(&[(&version, day)]);
        scan = scan.images(&format!("sha-{day}"), day, &["amd64"]);
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
fn settings_spell_platforms_as_the_newest_versions_do() {
    let mut scan = Scan::new();
    for day in 1..=20 {
        let parts = if day <= 15 { ["amd64", "arm64"] } else { ["amd64", "aarch64"] };
        scan = scan.images(&format!("1.{day}.0"), day, &parts);
    }
    assert_eq!(scan.report()["settings"]["PLATFORMS"], "linux/amd64,linux/arm64=aarch64");
    let report = scan.image("amd64-2.0.0", 30).report();
    let doubts = report["repositories"][0]["guess"]["doubts"].as_array().unwrap();
    let doubt = "The newest platform tag, amd64-2.0.0, follows {platform}-{version}: the settings do not serve it.";
    assert!(doubts.contains(&doubt.into()), "{doubts:?}");
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
        serde_json::json!({"action": "assemble", "repository": "app", "version": "1.0.0"})
    );
    assert_eq!(report["repositories"][0]["request"], serde_json::json!({"action": "sweep", "repositories": ["app"]}));
}

#[test]
fn version_that_was_just_pushed_is_not_judged() {
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]);
    for (after, expected) in [(Duration::ZERO, 0), (Duration::from_mins(59), 0), (Duration::from_hours(1), 1)] {
        let report = scan.report_at(at(1) + after);
        assert_eq!(report["findings"].as_array().unwrap().len(), expected, "{after:?}");
        assert_eq!(report["totals"]["settling"], 1 - expected, "{after:?}");
    }
    assert_eq!(scan.report_at(at(0))["findings"].as_array().unwrap().len(), 0);
}

#[test]
fn single_image_beside_platform_tags_is_replaced_by_force() {
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]).image("1.0.0", 1);
    scan.check(&["single-image 1.0.0: names a single image, beside 1.0.0-amd64, 1.0.0-arm64"]);
    let report = scan.report();
    assert_eq!(report["findings"][0]["request"]["force"], true);
    assert_eq!(report["repositories"][0]["request"], serde_json::Value::Null, "a sweep replaces no image");
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

/// Releases of two platforms with lists, each with its aliases, a day apart.
fn releases(releases: &[(&str, &str)]) -> Scan {
    (1..).zip(releases).fold(Scan::new(), |scan, (day, (release, aliases))| {
        let scan = scan.images(release, day, &["amd64", "arm64"]).lists(&[(release, day)]);
        scan.alias(release, aliases)
    })
}

/// The aliases of the suggested settings, and the doubts.
fn aliases(scan: &Scan) -> (Option<String>, Vec<String>) {
    let report = support::report(&[("app", scan)], at(100));
    (report.settings.get("ALIASES").cloned(), report.repositories[0].guess.doubts.clone())
}

#[test]
fn tags_that_follow_releases_are_guessed_as_aliases() {
    let scan = releases(&[("1.1.0", "1.1"), ("1.2.0", "1.2 1"), ("2.0.0", "2.0 2 latest")]);
    scan.check(&[]);
    let guess = &scan.report()["repositories"][0]["guess"];
    let counts = [("{major}.{minor}", 3), ("{major}", 2), ("latest", 1)];
    let counts = counts.map(|(template, tags)| serde_json::json!({"template": template, "tags": tags}));
    assert_eq!(guess["aliases"], serde_json::json!(counts));
    assert_eq!(aliases(&scan), (Some("{major}.{minor},{major},latest".to_owned()), vec![]));
    assert_eq!(aliases(&releases(&[("v1.1.0", "v1.1 latest")])).0.unwrap(), "{major}.{minor},latest");
}

#[test]
fn repository_without_aliases_gets_none() {
    assert_eq!(aliases(&releases(&[("1.1.0", ""), ("1.2.0", "stable")])), (None, vec![]));
    let report = support::report(
        &[("with", &releases(&[("1.0.0", "latest")])), ("without", &releases(&[("1.0.0", "")]))],
        at(100),
    );
    assert_eq!(report.settings.get("ALIASES"), None);
    assert_eq!(report.settings["RULES"], r#"[{"repositories":["with"],"aliases":"latest"}]"#);
}

#[test]
fn alias_that_is_behind_is_guessed_all_the_same() {
    let scan = releases(&[("1.1.0", "latest"), ("1.2.0", "")]);
    scan.check(&["alias-behind latest: names 1.1.0; the highest is 1.2.0"]);
    assert_eq!(aliases(&scan), (Some("latest".to_owned()), vec![]));
    assert_eq!(scan.report()["findings"][0]["request"]["version"], "1.2.0");
}

#[test]
fn alias_of_something_else_is_left_out() {
    let scan = releases(&[("1.1.0", "1.1")]).lists(&[("latest", 9)]);
    let doubt = "ALIASES leaves latest out: latest names no release.";
    assert_eq!(aliases(&scan), (Some("{major}.{minor}".to_owned()), vec![doubt.to_owned()]));
    let scan = releases(&[("1.1.0", "1.1"), ("1.2.0", "1.2"), ("1.3.0", "")]).lists(&[("1.3", 9)]);
    let doubt = "With {major}.{minor} in ALIASES, the function takes over tags that name no release now: 1.3.";
    assert_eq!(aliases(&scan), (Some("{major}.{minor}".to_owned()), vec![doubt.to_owned()]), "one of three");
    let scan = scan.lists(&[("1.2", 9)]);
    let doubt = "ALIASES leaves {major}.{minor} out: 1.2 names no release.";
    assert_eq!(aliases(&scan), (None, vec![doubt.to_owned()]), "two of three");
}

#[test]
fn build_of_a_branch_before_a_release_is_left_out() {
    let scan = releases(&[("1.1.0", ""), ("1.2.0", "")]).lists(&[("latest", 0)]);
    let doubt = "ALIASES leaves latest out: latest names no release.";
    assert_eq!(aliases(&scan), (None, vec![doubt.to_owned()]));
    assert_eq!(scan.report()["findings"][0]["obstacle"], "the suggested ALIASES do not give latest");
}

#[test]
fn tags_that_an_alias_would_add_are_told() {
    let doubt = "With {major}.{minor} in ALIASES, the function adds tags that do not exist: 1.2 and 1 more.";
    let scan = releases(&[("1.1.0", "1.1"), ("1.2.0", ""), ("1.3.0", "")]);
    assert_eq!(aliases(&scan), (Some("{major}.{minor}".to_owned()), vec![doubt.to_owned()]));
}

#[test]
fn alias_that_could_be_a_platform_tag_is_left_out() {
    let scan = Scan::new().image("1.0.0.amd64", 1).image("1.0.0.386", 1).lists(&[("1.0.0 1.0", 1), ("1.1.0", 2)]);
    let (aliases, doubts) = aliases(&scan);
    assert_eq!(aliases, None);
    assert!(!doubts.iter().any(|doubt| doubt.starts_with("With {major}.{minor}")), "{doubts:?}");
    let reason = "ALIASES leaves {major}.{minor} out: ";
    assert!(doubts.iter().any(|doubt| doubt.starts_with(reason) && doubt.contains("platform tag")), "{doubts:?}");
    assert!(scan.report()["settings"]["PLATFORMS"].is_string());
}

#[test]
fn alias_that_follows_pushes_is_left_out() {
    let (aliases, doubts) = aliases(&releases(&[("2024.12.1", "2024"), ("1.0.0", "1 latest")]));
    assert_eq!(aliases.unwrap(), "{major}");
    let doubt = "ALIASES leaves latest out: latest follows pushes, and the function follows the highest number.";
    assert!(doubts.contains(&doubt.to_owned()), "{doubts:?}");
}

#[test]
fn alias_that_is_a_version_elsewhere_is_left_out() {
    let scan = releases(&[("1.1.0", "1.1 latest"), ("1.2", "")]);
    let doubt = "ALIASES leaves {major}.{minor} out: 1.2 has platform tags of its own.";
    assert_eq!(aliases(&scan), (Some("latest".to_owned()), vec![doubt.to_owned()]));
}

#[test]
fn alias_that_is_left_out_has_no_request() {
    let both = ["amd64", "arm64"];
    let scan = releases(&[("1.1.0", "1.1 latest"), ("1.2.0", "")]).images("1.3", 9, &both).lists(&[("1.3", 9)]);
    let scan = scan.lists(&[("1.2", 1)]);
    scan.check(&[
        "alias-behind 1.2: names no release, and is older than 1.2.0, the highest",
        "alias-behind latest: names 1.1.0; the highest is 1.2.0",
    ]);
    let findings = &scan.report()["findings"];
    assert_eq!(findings[0]["obstacle"], "the suggested ALIASES do not give 1.2");
    assert_eq!(findings[1]["request"]["version"], "1.2.0");
}

#[test]
fn alias_of_an_older_release_is_behind() {
    let scan =
        Scan::new().images("1.10.0", 2, &["amd64", "arm64"]).lists(&[("1.2.0 1.2 latest", 1), ("1.10.0 1.10 1", 2)]);
    scan.check(&["alias-behind latest: names 1.2.0; the highest is 1.10.0"]);
    assert_eq!(scan.report()["findings"][0]["request"]["version"], "1.10.0");
}

#[test]
fn alias_has_no_request_where_the_release_cannot_be_assembled() {
    let scan = Scan::new().lists(&[("1.2.0 1.2 latest", 1), ("1.10.0 1.10 1", 2)]);
    scan.check(&["alias-behind latest: names 1.2.0; the highest is 1.10.0"]);
    assert_eq!(scan.report()["findings"][0]["request"], serde_json::Value::Null);
}

#[test]
fn alias_of_a_branch_is_behind_only_if_it_is_older() {
    Scan::new()
        .lists(&[("latest", 1), ("1.0.0", 2)])
        .check(&["alias-behind latest: names no release, and is older than 1.0.0, the highest"]);
    Scan::new().lists(&[("latest", 3), ("1.0.0", 2)]).check(&[]);
}

#[test]
fn alias_of_a_yanked_release_is_expected_to_step_back() {
    Scan::new().lists(&[("1.0.0 latest 1 1.0", 1), ("1.0.1 yanked-1.0.1", 2)]).check(&[]);
}

#[test]
fn backport_leaves_the_higher_line_alone() {
    Scan::new().lists(&[("1.2.0 1.2 1 latest", 1), ("1.1.9 1.1", 2)]).check(&[]);
}

#[test]
fn alias_that_names_an_image_beside_lists_is_found() {
    Scan::new()
        .lists(&[("1.0.0", 1)])
        .image("latest", 2)
        .check(&["single-image latest: names a single image, while release 1.0.0 is a manifest list"]);
}

#[test]
fn alias_that_names_an_image_is_moved_by_force() {
    let lists = [("1.0.0", 1)];
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]).lists(&lists).image("latest", 2);
    scan.check(&["single-image latest: names a single image, while release 1.0.0 is a manifest list"]);
    let report = scan.report();
    assert_eq!(report["findings"][0]["request"]["force"], true);
    assert_eq!(report["repositories"][0]["request"], serde_json::Value::Null);
    let scan = Scan::new().images("1.0.0", 2, &["amd64", "arm64"]).lists(&[("1.0.0", 2)]).image("latest", 1);
    scan.check(&["alias-behind latest: names no release, and is older than 1.0.0, the highest"]);
    assert_eq!(scan.report()["findings"][0]["request"]["force"], true);
    assert_eq!(scan.report()["repositories"][0]["request"], serde_json::Value::Null);
}

#[test]
fn tag_with_platform_tags_of_its_own_is_no_alias() {
    let both = ["amd64", "arm64"];
    let scan = Scan::new().images("1.2", 1, &both).lists(&[("1.2", 1)]).images("1.2.1", 2, &both);
    scan.lists(&[("1.2.1", 2)]).check(&[]);
}

#[test]
fn alias_that_left_a_higher_release_of_before_is_a_doubt() {
    let scan = Scan::new().lists(&[("2024.12.1", 1), ("1.0.0 latest 1 1.0", 9)]);
    scan.check(&[]);
    assert_eq!(
        scan.report()["repositories"][0]["guess"]["doubts"],
        serde_json::json!([
            "latest names 1.0.0, which was pushed after 2024.12.1, the highest release: is the order of releases \
             another one?"
        ])
    );
}

#[test]
fn request_needs_each_tag_of_the_suggested_settings() {
    let scan = Scan::new()
        .images("1.0.0", 1, &["amd64", "arm64"])
        .images("1.1.0", 2, &["amd64", "arm64"])
        .images("1.2.0", 3, &["amd64", "aarch64"])
        .lists(&[("1.0.0", 1), ("1.1.0", 2)]);
    scan.check(&["list-missing 1.2.0: names nothing, beside 1.2.0-amd64, 1.2.0-aarch64"]);
    let finding = &scan.report()["findings"][0];
    assert_eq!(finding["request"], serde_json::Value::Null);
    assert_eq!(finding["obstacle"], "it has no tag 1.2.0-arm64");
}

#[test]
fn repository_without_suggested_settings_has_no_request() {
    let mut scan = Scan::new().images("1.0.0", 0, &["amd64", "arm64"]);
    for day in 1..=6 {
        scan = scan.images(&format!("1.{day}.0"), day, &["amd64"]);
    }
    scan.check(&["list-missing 1.0.0: names nothing, beside 1.0.0-amd64, 1.0.0-arm64"]);
    let finding = &scan.report()["findings"][0];
    assert_eq!(finding["request"], serde_json::Value::Null);
    assert_eq!(finding["obstacle"], "the audit suggests no settings for its repository");
}

#[test]
fn immutable_tag_that_exists_has_no_request() {
    let scan = || Scan::new().images("1.0.0", 2, &["amd64", "arm64"]);
    for (scan, obstacle) in [
        (scan().lists(&[("1.0.0", 1)]), "the tag 1.0.0 is immutable: delete it first"),
        (scan().image("1.0.0", 1), "the tag 1.0.0 is immutable: delete it first"),
        (scan().lists(&[("1.0.0", 2), ("0.9.0 latest", 1)]), "the tag latest is immutable: delete it first"),
    ] {
        let finding = scan.immutable(&[]).report()["findings"][0].clone();
        assert_eq!((&finding["request"], &finding["obstacle"]), (&().into(), &obstacle.into()));
    }
    let moved = [
        scan().immutable(&[]),
        scan().lists(&[("1.0.0", 1)]).immutable(&["1.*"]),
        scan().lists(&[("1.0.0", 2), ("0.9.0 latest", 1)]).immutable(&["l*st"]),
    ];
    for scan in moved {
        assert_eq!(scan.report()["findings"][0]["request"]["action"], "assemble");
    }
}

#[test]
fn artifact_is_no_version_and_no_vote() {
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
    assert_eq!(report["repositories"][0]["guess"]["tag_template"], serde_json::Value::Null);
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]);
    let config = "application/vnd.oci.image.config.v1+json";
    let scan = scan.artifact("1.0.0-amd64", config).image("1.0.0", 1).artifact("1.0.0", chart);
    scan.check(&[]);
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
fn index_of_one_platform_under_a_version_is_a_single_image() {
    let scan = Scan::new().lists(&[("1.0.0-amd64", 1), ("1.0.0-arm64", 1)]).alias("1.0.0-amd64", "1.0.0");
    scan.check(&["single-image 1.0.0: names a single image, beside 1.0.0-amd64, 1.0.0-arm64"]);
    assert_eq!(scan.report()["findings"][0]["request"]["action"], "assemble");
    assert_eq!(scan.report()["findings"][0]["request"].get("force"), None, "an index needs none");
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
fn number_without_releases_is_no_alias() {
    Scan::new().lists(&[("1.0.0 1.0 1 latest", 1), ("2026", 1), ("20260101", 1)]).check(&[]);
}

#[test]
fn list_of_a_single_architecture_repository_is_not_judged() {
    let scan = Scan::new().lists(&[("main", 1), ("1.0.0 latest 1 1.0", 1)]);
    scan.check(&[]);
    let report = scan.report();
    assert_eq!(report["repositories"][0]["guess"]["tag_template"], serde_json::Value::Null);
    assert_eq!(report["repositories"][0]["versions"][0]["platforms"], serde_json::Value::Null);
}

#[test]
fn settings_are_those_of_the_newest_versions() {
    let mut scan = Scan::new();
    for day in 1..=15 {
        let platforms: &[_] = if day < 5 { &["amd64", "s390x"] } else { &["amd64", "aarch64"] };
        scan = scan.images(&format!("1.{day}.0"), day, platforms);
    }
    let report = scan.report();
    assert_eq!(
        report["settings"],
        serde_json::json!({"PLATFORMS": "linux/amd64,linux/arm64=aarch64", "TAG_TEMPLATE": "{version}-{platform}"})
    );
}

#[test]
fn repositories_without_settings_are_left_out_of_the_suggestion() {
    let multi = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]);
    let batch = Scan::new().images("1.0.0", 1, &["amd64"]);
    let settings = |repositories: &[(&str, &Scan)]| {
        let report = support::report(repositories, at(100));
        (report.settings.get("REPOSITORIES").cloned(), report.settings_doubts)
    };
    assert_eq!(settings(&[("shop/b", &multi), ("shop/a", &multi)]), (None, vec![]));
    let of_three = settings(&[("shop/b", &multi), ("data/batch", &batch), ("shop/a", &multi)]);
    assert_eq!(of_three, (Some("shop/a,shop/b".to_owned()), vec![]));
    let names: Vec<_> = (0..400).map(|index| format!("shop/team-{index}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), &multi)).chain([("data/batch", &batch)]).collect();
    let (_, doubts) = settings(&many);
    assert!(doubts.len() == 1 && doubts[0].contains("4,096") && doubts[0].contains("globs"), "{doubts:?}");
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

mod deep {
    use super::support::{Scan, config, entry, windows_config, windows_entry};

    /// A version with two platforms whose list is right.
    fn right() -> Scan {
        Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
            .config_image("1.0.0-arm64", 1, &config("arm64", "r1"))
            .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("1.0.0-arm64", "arm64")])
            .read()
    }

    #[test]
    fn list_that_is_right_has_no_finding() {
        right().check(&[]);
    }

    #[test]
    fn list_of_the_same_images_is_right_though_it_is_older() {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 2, &config("amd64", "r1"))
            .config_image("1.0.0-arm64", 2, &config("arm64", "r1"))
            .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("1.0.0-arm64", "arm64")]);
        scan.read().check(&[]);
    }

    #[test]
    fn list_without_the_image_of_a_tag_differs() {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
            .config_image("1.0.0-arm64", 1, &config("arm64", "r1"))
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
            serde_json::json!({"action": "sweep", "repositories": ["app"], "deep": true})
        );
    }

    #[test]
    fn image_of_another_platform_than_its_tag_is_found_once() {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
            .config_image("1.0.0-arm64", 1, &config("amd64", "r1 of arm64"))
            .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("1.0.0-arm64", "arm64")])
            .read();
        scan.check(&[
            "platform-mismatch 1.0.0: 1.0.0-arm64 says linux/arm64, and the image is for linux/amd64",
            "mixed-revisions 1.0.0: linux/amd64 is built from r1, linux/amd64 is built from r1 of arm64",
        ]);
    }

    #[test]
    fn entry_of_another_platform_than_its_image_is_found() {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
            .config_image("1.0.0-arm64", 1, &config("arm64", "r1"))
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
            .config_image("1.0.0-amd64", 1, &config("amd64", ""))
            .config_image("1.0.0-arm64", 1, &config("arm64", ""))
            .config_image("other", 1, &config("arm64", " "))
            .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("1.0.0-arm64", "arm64"), entry("other", "arm64")])
            .untag("other")
            .read();
        let report = scan.report();
        assert_eq!(report["findings"][0]["kind"], "duplicate-platform");
        assert_eq!(report["findings"][0]["message"], "has 2 entries of linux/arm64");
    }

    #[test]
    fn image_that_was_deleted_is_gone() {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", ""))
            .config_image("1.0.0-arm64", 1, &config("arm64", ""))
            .config_image("old", 1, &config("arm64", "old"))
            .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("old", "arm64")])
            .delete("old")
            .read();
        let report = scan.report();
        assert_eq!(report["findings"][0]["kind"], "image-gone");
        assert!(report["findings"][0]["message"].as_str().unwrap().ends_with(" of linux/arm64"));
        assert_eq!(report["findings"][0]["request"]["action"], "assemble");
    }

    #[test]
    fn archived_image_of_a_list_is_found() {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", ""))
            .config_image("1.0.0-arm64", 1, &config("arm64", ""))
            .config_image("old", 1, &config("arm64", "old"))
            .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("old", "arm64")])
            .archive("old")
            .untag("old")
            .read();
        let report = scan.report();
        assert_eq!(report["findings"][0]["kind"], "image-archived");
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

    #[test]
    fn version_that_the_function_would_hold_back_has_no_request() {
        for (config_of_arm64, kind) in
            [(config("arm64", "r2"), "mixed-revisions"), (config("amd64", "r1 "), "platform-mismatch")]
        {
            let scan = Scan::new()
                .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
                .config_image("1.0.0-arm64", 1, &config_of_arm64)
                .read();
            let report = scan.report();
            let kinds = report["findings"].as_array().unwrap().iter().map(|finding| &finding["kind"]);
            assert!(kinds.clone().any(|found| found == kind) && kinds.clone().any(|found| found == "list-missing"));
            assert!(report["findings"].as_array().unwrap().iter().all(|finding| finding["request"].is_null()));
        }
    }

    #[test]
    fn list_whose_platform_tag_was_removed_has_no_request() {
        let mut scan = Scan::new();
        for (version, day) in [("1.0.0", 1), ("1.1.0", 2)] {
            let entries = ["amd64", "arm64", "s390x"].map(|part| (format!("{version}-{part}"), part));
            for (tag, part) in &entries {
                scan = scan.config_image(tag, day, &config(part, version));
            }
            scan = scan.list(version, day, &entries.map(|(tag, part)| entry(&tag, part)));
        }
        let scan = scan.untag("1.1.0-s390x").config_image("1.1.0-arm64", 3, &config("arm64", "1.1.0")).read();
        scan.check(&["list-differs-from-tags 1.1.0: has an image of linux/s390x, which no tag names"]);
        let scan = scan.config_image("1.1.0-arm64", 3, &config("arm64", "1.1.0 ")).read();
        let report = scan.report();
        assert_eq!(report["findings"][0]["kind"], "list-differs-from-tags");
        assert_eq!(report["findings"][0]["request"], serde_json::Value::Null);
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
        assert_eq!(report["repositories"][0]["platforms"], serde_json::json!(platforms));
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
    fn list_with_an_image_whose_tag_is_gone_differs() {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
            .config_image("1.0.0-arm64", 1, &config("arm64", "r1"))
            .config_image("old", 1, &config("s390x", "r1"))
            .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("1.0.0-arm64", "arm64"), entry("old", "s390x")])
            .untag("old")
            .read();
        scan.check(&["list-differs-from-tags 1.0.0: has an image of linux/s390x, which no tag names"]);
    }

    #[test]
    fn list_of_one_image_beside_several_tags_is_a_single_image() {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
            .config_image("1.0.0-arm64", 1, &config("arm64", "r1"))
            .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64")])
            .read();
        scan.check(&["single-image 1.0.0: names a single image, beside 1.0.0-amd64, 1.0.0-arm64"]);
        assert_eq!(scan.report()["findings"][0]["request"].get("force"), None);
    }

    #[test]
    fn version_is_not_held_back_while_a_revision_is_not_known() {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
            .config_image("1.0.0-arm64", 1, &config("arm64", "r2"))
            .config_image("1.0.0-s390x", 1, &config("s390x", ""))
            .read();
        let finding = scan.report()["findings"][0].clone();
        assert_eq!((&finding["kind"], &finding["request"]["action"]), (&"list-missing".into(), &"assemble".into()));
    }

    #[test]
    fn revision_of_an_index_is_that_of_its_image() {
        let mut scan = Scan::new();
        for (part, revision) in [("amd64", "r1"), ("arm64", "r2")] {
            let image = format!("{part} of {revision}").replace(' ', "-");
            scan = scan.config_image(&image, 1, &config(part, "")).index_of(&image, part, revision).untag(&image);
        }
        let scan = scan.read();
        scan.check(&[
            "list-missing 1.0.0: names nothing, beside 1.0.0-amd64, 1.0.0-arm64",
            "mixed-revisions 1.0.0: linux/amd64 is built from r1, linux/arm64 is built from r2",
        ]);
        assert_eq!(scan.report()["findings"][0]["obstacle"], "its images are built from different revisions");
    }

    #[test]
    fn list_of_a_platform_without_settings_has_no_request() {
        let mut scan = Scan::new();
        for day in 0..6 {
            let version = format!("1.{day}.0");
            let (amd64, arm64, other) = (format!("{version}-amd64"), format!("{version}-arm64"), format!("x{day}"));
            scan = scan
                .config_image(&amd64, day, &config("amd64", &version))
                .config_image(&arm64, day, &config("arm64", &version))
                .config_image(&other, day, &config("s390x", &version))
                .list(&version, day, &[entry(&amd64, "amd64"), entry(&arm64, "arm64"), entry(&other, "s390x")])
                .untag(&other);
        }
        let report = scan.config_image("1.5.0-arm64", 7, &config("arm64", "")).read().report();
        let finding = &report["findings"][0];
        assert_eq!((&finding["kind"], &finding["request"]), (&"list-differs-from-tags".into(), &().into()));
        let obstacle = "its list has linux/s390x, which the suggested settings do not serve";
        assert_eq!(finding["obstacle"], obstacle);
    }

    #[test]
    fn revisions_of_platform_tags_differ_also_beside_a_list() {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
            .config_image("old", 1, &config("arm64", "r1"))
            .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("old", "arm64")])
            .untag("old")
            .config_image("1.0.0-arm64", 2, &config("arm64", "r2"))
            .read();
        scan.check(&[
            "list-differs-from-tags 1.0.0: does not have the image of 1.0.0-arm64",
            "mixed-revisions 1.0.0: linux/amd64 is built from r1, linux/arm64 is built from r2",
        ]);
        let finding = &scan.report()["findings"][0];
        assert_eq!(finding["request"], serde_json::Value::Null);
        assert_eq!(finding["obstacle"], "its images are built from different revisions");
    }

    #[test]
    fn chart_is_a_problem_only_beside_platform_tags() {
        let chart = |size: u32| {
            let config = serde_json::json!({
                "mediaType": "application/vnd.cncf.helm.config.v1+json", "size": size,
                "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            });
            serde_json::json!({ "config": config }).to_string()
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
}
