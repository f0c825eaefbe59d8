//! Aliases: which are guessed, and which do not name what they should.

use serde_json::{Value, json};

use crate::support::{self, Scan, at};

/// Releases of two platforms with lists, each with its aliases, a day apart.
fn releases(releases: &[(&str, &str)]) -> Scan {
    (1..).zip(releases).fold(Scan::new(), |scan, (day, (release, aliases))| {
        let scan = scan.images(release, day, &["amd64", "arm64"]).lists(&[(release, day)]);
        scan.alias(release, aliases)
    })
}

/// The aliases of the suggested settings, and the warnings.
fn aliases(scan: &Scan) -> (Option<String>, Vec<String>) {
    let report = support::report(&[("app", scan)], at(100));
    (report.settings.get("ALIASES").cloned(), report.repositories[0].guess.warnings.clone())
}

#[test]
fn tags_that_follow_releases_are_guessed_as_aliases() {
    let scan = releases(&[("1.1.0", "1.1"), ("1.2.0", "1.2 1"), ("2.0.0", "2.0 2 latest")]);
    scan.check(&[]);
    let guess = &scan.report()["repositories"][0]["guess"];
    let counts = [("{major}.{minor}", 3), ("{major}", 2), ("latest", 1)];
    let counts = counts.map(|(template, tags)| json!({"template": template, "tags": tags}));
    assert_eq!(guess["aliases"], json!(counts));
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
    let scan = releases(&[("1.2.0", "latest"), ("1.10.0", "")]);
    scan.check(&["alias-behind latest: names 1.2.0; the highest is 1.10.0"]);
    assert_eq!(aliases(&scan), (Some("latest".to_owned()), vec![]));
    assert_eq!(scan.finding()["request"]["version"], "1.10.0");
}

#[test]
fn alias_of_something_else_is_left_out() {
    let scan = releases(&[("1.1.0", "1.1")]).lists(&[("latest", 9)]);
    let warning = "ALIASES leaves latest out: latest names no release.";
    assert_eq!(aliases(&scan), (Some("{major}.{minor}".to_owned()), vec![warning.to_owned()]));
    let scan = releases(&[("1.1.0", "1.1"), ("1.2.0", "1.2"), ("1.3.0", "")]).lists(&[("1.3", 9)]);
    let warning = "With {major}.{minor} in ALIASES, the function takes over tags that name no release now: 1.3.";
    assert_eq!(aliases(&scan), (Some("{major}.{minor}".to_owned()), vec![warning.to_owned()]), "one of three");
    let scan = scan.lists(&[("1.2", 9)]);
    let warning = "ALIASES leaves {major}.{minor} out: 1.2 names no release.";
    assert_eq!(aliases(&scan), (None, vec![warning.to_owned()]), "two of three");
}

#[test]
fn build_of_a_branch_before_a_release_is_left_out() {
    let scan = releases(&[("1.1.0", ""), ("1.2.0", "")]).lists(&[("latest", 0)]);
    let warning = "ALIASES leaves latest out: latest names no release.";
    assert_eq!(aliases(&scan), (None, vec![warning.to_owned()]));
    assert_eq!(scan.finding()["obstacle"], "the suggested ALIASES do not give latest");
}

#[test]
fn tags_that_an_alias_would_add_are_a_warning() {
    let warning = "With {major}.{minor} in ALIASES, the function adds tags that do not exist: 1.2 and 1 more.";
    let scan = releases(&[("1.1.0", "1.1"), ("1.2.0", ""), ("1.3.0", "")]);
    assert_eq!(aliases(&scan), (Some("{major}.{minor}".to_owned()), vec![warning.to_owned()]));
}

#[test]
fn alias_that_could_be_a_platform_tag_is_left_out() {
    let scan = Scan::new().image("1.0.0.amd64", 1).image("1.0.0.386", 1).lists(&[("1.0.0 1.0", 1), ("1.1.0", 2)]);
    let (aliases, warnings) = aliases(&scan);
    assert_eq!(aliases, None);
    assert!(!warnings.iter().any(|warning| warning.starts_with("With {major}.{minor}")), "{warnings:?}");
    let reason = "ALIASES leaves {major}.{minor} out: ";
    assert!(
        warnings.iter().any(|warning| warning.starts_with(reason) && warning.contains("platform tag")),
        "{warnings:?}"
    );
    assert!(scan.report()["settings"]["PLATFORMS"].is_string());
}

#[test]
fn alias_that_follows_pushes_is_left_out() {
    let (aliases, warnings) = aliases(&releases(&[("2024.12.1", "2024"), ("1.0.0", "1 latest")]));
    assert_eq!(aliases.unwrap(), "{major}");
    let warning = "ALIASES leaves latest out: latest follows pushes, and the function follows the highest number.";
    assert!(warnings.contains(&warning.to_owned()), "{warnings:?}");
}

#[test]
fn alias_that_is_a_version_elsewhere_is_left_out() {
    let scan = releases(&[("1.1.0", "1.1 latest"), ("1.2", "")]);
    let warning = "ALIASES leaves {major}.{minor} out: 1.2 has platform tags of its own.";
    assert_eq!(aliases(&scan), (Some("latest".to_owned()), vec![warning.to_owned()]));
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
fn alias_of_a_release_not_assembled_has_no_request() {
    let scan = Scan::new().lists(&[("1.2.0 1.2 latest", 1), ("1.10.0 1.10 1", 2)]);
    scan.check(&["alias-behind latest: names 1.2.0; the highest is 1.10.0"]);
    assert_eq!(scan.finding()["request"], Value::Null);
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
fn alias_that_names_an_image_is_moved_by_force() {
    let lists = [("1.0.0", 1)];
    let scan = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]).lists(&lists).image("latest", 2);
    scan.check(&["single-image latest: names a single image, while release 1.0.0 is a manifest list"]);
    let report = scan.report();
    assert_eq!(report["findings"][0]["request"]["force"], true);
    assert_eq!(report["repositories"][0]["request"], Value::Null);
    let scan = Scan::new().images("1.0.0", 2, &["amd64", "arm64"]).lists(&[("1.0.0", 2)]).image("latest", 1);
    scan.check(&["alias-behind latest: names no release, and is older than 1.0.0, the highest"]);
    assert_eq!(scan.finding()["request"]["force"], true);
    assert_eq!(scan.report()["repositories"][0]["request"], Value::Null);
}

#[test]
fn tag_with_platform_tags_of_its_own_is_no_alias() {
    let both = ["amd64", "arm64"];
    let scan = Scan::new().images("1.2", 1, &both).lists(&[("1.2", 1)]).images("1.2.1", 2, &both);
    scan.lists(&[("1.2.1", 2)]).check(&[]);
}

#[test]
fn alias_that_left_a_higher_release_is_a_warning() {
    let scan = Scan::new().lists(&[("2024.12.1", 1), ("1.0.0 latest 1 1.0", 9)]);
    scan.check(&[]);
    assert_eq!(
        scan.report()["repositories"][0]["guess"]["warnings"],
        json!(["latest names 1.0.0, which was pushed after 2024.12.1, the highest release: is the order of releases \
             another one?"])
    );
}

#[test]
fn number_without_releases_is_no_alias() {
    Scan::new().lists(&[("1.0.0 1.0 1 latest", 1), ("2026", 1), ("20260101", 1)]).check(&[]);
}
