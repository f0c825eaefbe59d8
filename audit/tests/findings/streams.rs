//! Streams: which are guessed from tags, and which aliases fell behind in them.

use ecr_multiarch_core::Settings;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{self, Scan, at};

/// Versions of two platforms with lists, each with its aliases, a day apart.
fn versions(versions: &[(&str, &str)]) -> Scan {
    (1..).zip(versions).fold(Scan::new(), |scan, (day, (version, aliases))| {
        let scan = scan.images(version, day, &["amd64", "arm64"]).lists(&[(version, day)]);
        scan.alias(version, aliases)
    })
}

/// What is guessed: the value of the setting, what speaks for each stream, and the warnings.
fn guessed(scan: &Scan) -> (Option<String>, Vec<String>, Vec<String>) {
    let report = support::report(&[("app", scan)], at(100));
    let guess = &report.repositories[0].guess;
    let evidence = guess.streams.iter().map(|stream| stream.evidence.clone()).collect();
    let setting = report.settings.get("STREAMS").or_else(|| report.settings.get("ALIASES"));
    (setting.cloned(), evidence, guess.warnings.clone())
}

/// Checks that one stream is guessed, and nothing else.
#[track_caller]
fn check(of: &[(&str, &str)], releases: &str, aliases: &str, evidence: &str) {
    let scan = versions(of);
    scan.check(&[]);
    let streams = json!([{"releases": releases, "aliases": aliases}]);
    let (found, speaks, warnings) = guessed(&scan);
    let found: Value = serde_json::from_str(&found.unwrap_or_default()).unwrap_or_default();
    assert_eq!((found, speaks, warnings), (streams, vec![evidence.to_owned()], vec![]));
}

/// Checks that only aliases of three numbers are guessed, or none.
#[track_caller]
fn check_none(scan: &Scan, aliases: Option<&str>) {
    let (setting, evidence, _) = guessed(scan);
    assert_eq!((setting.as_deref(), evidence), (aliases, vec![]));
}

const TRUNK: [(&str, &str); 4] =
    [("main-98-3f9c2d1", ""), ("main-99-1234567", ""), ("main-100-0a1b2c3", ""), ("main-101-7654321", "main edge")];

#[test]
fn builds_of_a_trunk_are_followed_by_its_name() {
    check(
        &TRUNK,
        r"main-(?<build>\d+)-[0-9a-f]{7,40}",
        "edge,main",
        "4 tags such as main-101-7654321, pushed in the order of their numbers, and edge names the highest",
    );
    let order = |tag: &str, alias| {
        format!("3 tags such as {tag}, pushed in the order of their numbers, and {alias} names the highest")
    };
    let numbered = [("main-8", ""), ("main-9", ""), ("main-10", "main latest")];
    check(&numbered, r"main-(?<build>\d+)", "latest,main", &order("main-10", "latest"));
    let builds = [("build.8", ""), ("build.9", ""), ("build.10", "latest")];
    check(&builds, r"build\.(?<build>\d+)", "latest", &order("build.10", "latest"));
}

#[test]
fn builds_of_a_day_are_numbered() {
    check(
        &[("20261128.1", "20261128"), ("20261129.2", ""), ("20261129.10", "latest 20261129")],
        r"(?<date>\d+)\.(?<build>\d+)",
        "{date},latest",
        "3 tags such as 20261129.10, pushed in the order of their numbers, and 20261128 names the highest of its line",
    );
}

#[test]
fn flavours_are_streams_beside_releases() {
    let scan = versions(&[
        ("1.1.9", "1.1"),
        ("1.1.9-alpine", "1.1-alpine"),
        ("1.2.2", ""),
        ("1.2.2-alpine", ""),
        ("1.2.3", "1.2 latest"),
        ("1.2.3-alpine", "1.2-alpine latest-alpine alpine"),
    ]);
    scan.check(&[]);
    let streams = concat!(
        r#"[{"aliases":"{major}.{minor},latest"},{"#,
        r#""releases":"(?<major>\\d+)\\.(?<minor>\\d+)\\.(?<patch>\\d+)-alpine","#,
        r#""aliases":"{major}.{minor}-alpine,alpine,latest-alpine"}]"#
    );
    let evidence = "3 tags such as 1.2.3-alpine, pushed in the order of their numbers, and 1.1-alpine names the \
                    highest of its line";
    assert_eq!(guessed(&scan), (Some(streams.to_owned()), vec![evidence.to_owned()], vec![]));
}

#[test]
fn four_numbers_are_followed_by_three() {
    let four = [("1.2.3.4", "1.2.3"), ("1.2.4.1", ""), ("1.2.4.2", ""), ("1.2.4.10", "1.2.4 1.2 1 latest")];
    check(
        &four,
        r"(?<major>\d+)\.(?<minor>\d+)\.(?<patch>\d+)\.(?<build>\d+)",
        "{major}.{minor}.{patch},{major}.{minor},{major},latest",
        "4 tags such as 1.2.4.10, pushed in the order of their numbers, and 1.2.3 names the highest of its line",
    );
}

#[test]
fn dates_are_followed_by_their_month() {
    check(
        &[("2026-10-31", "2026-10"), ("2026-11-02", ""), ("2026-11-29", "2026-11 latest")],
        r"(?<year>\d+)-(?<month>\d+)-(?<day>\d+)",
        "{year}-{month},latest",
        "3 tags such as 2026-11-29, pushed in the order of their numbers, and 2026-10 names the highest of its line",
    );
    let of_three = versions(&[("2026.10.1", "2026.10"), ("2026.11.1", ""), ("2026.11.2", "2026.11 latest")]);
    check_none(&of_three, Some("{major}.{minor},latest"));
}

#[test]
fn lines_of_two_numbers_are_maintained_side_by_side() {
    check(
        &[("16.1", ""), ("15.5", ""), ("14.10", ""), ("16.2", "16 latest"), ("15.6", "15"), ("14.11", "14")],
        r"(?<major>\d+)\.(?<minor>\d+)",
        "{major},latest",
        "6 tags such as 16.2, pushed in the order of their numbers within each {major}, and 14 names the highest of \
         its line",
    );
}

#[test]
fn builds_of_branches_are_followed_by_their_names() {
    let scan = versions(&[
        ("feature-x-10", ""),
        ("feature-y-11", ""),
        ("feature-x-12", ""),
        ("feature-y-13", ""),
        ("feature-x-14", "feature-x"),
        ("feature-y-15", "feature-y"),
    ]);
    scan.check(&[]);
    let streams = concat!(
        r#"[{"releases":"feature-x-(?<build>\\d+)","aliases":"feature-x"},"#,
        r#"{"releases":"feature-y-(?<build>\\d+)","aliases":"feature-y"}]"#
    );
    let evidence = ["x", "y"].map(|name| {
        let build = if name == "x" { 14 } else { 15 };
        format!(
            "3 tags such as feature-{name}-{build}, pushed in the order of their numbers, and feature-{name} names the \
             highest"
        )
    });
    let (setting, mut speaks, warnings) = guessed(&scan);
    speaks.sort();
    assert_eq!((speaks, warnings), (evidence.to_vec(), vec![]));
    let sorted = |text: &str| {
        let mut streams: Vec<_> =
            serde_json::from_str::<Vec<Value>>(text).unwrap().iter().map(Value::to_string).collect();
        streams.sort();
        streams
    };
    assert_eq!(sorted(&setting.unwrap()), sorted(streams));
}

#[test]
fn alias_of_a_trunk_that_fell_behind_is_found() {
    let scan = versions(&TRUNK).alias("main-99-1234567", "main");
    scan.check(&["alias-behind main: names main-99-1234567; the highest is main-101-7654321"]);
    let finding = scan.finding();
    assert_eq!(finding["request"], json!({"action": "assemble", "repository": "app", "version": "main-101-7654321"}));
    let scan = scan.alias("main-99-1234567", "edge");
    let evidence = "4 tags such as main-101-7654321, pushed in the order of their numbers, and edge names \
                    main-99-1234567, a lower one";
    assert_eq!(guessed(&scan).1, [evidence]);
    let remedy = scan.report()["kinds"][0]["remedy"].clone();
    assert!(remedy.as_str().unwrap().contains("STREAMS"), "{remedy}");
}

#[test]
fn build_that_another_one_overtook_is_behind() {
    let order = [("main-8", 1), ("main-9", 2), ("main-10", 3), ("main-12", 4), ("main-11", 4)];
    let scan = order.iter().fold(Scan::new(), |scan, (tag, day)| scan.images(tag, *day, &["amd64", "arm64"]));
    let scan = order.iter().fold(scan, |scan, (tag, day)| scan.lists(&[(tag, *day)]));
    let late = scan.later("main-11", 120).alias("main-11", "main");
    late.check(&["alias-behind main: names main-11; the highest is main-12"]);
    let next_day = late.later("main-11", 24 * 3_600);
    next_day.check(&[]);
    check_none(&next_day, None);
}

#[test]
fn numbers_that_do_not_follow_pushes_are_not_a_stream() {
    check_none(&versions(&[("job-7", ""), ("job-3", ""), ("job-9", ""), ("job-1", ""), ("job-12", "latest")]), None);
    check_none(&versions(&[("main-7", ""), ("main-9", "main")]), None);
}

#[test]
fn commits_and_dates_are_not_aliases() {
    let commits = [("sha-3f9c2d1", ""), ("sha-1234567", ""), ("sha-7654321", ""), ("sha-a1b2c3d", "latest sha")];
    check_none(&versions(&commits), None);
    let dates = [("main-7", "2026-11-27"), ("main-8", "2026-11-28"), ("main-9", "2026-11-29")];
    check_none(&versions(&dates), None);
    let commits = [("main-7", "3f9c2d1"), ("main-8", "main-3f9c2d2"), ("main-9", "sha-3f9c2d3")];
    check_none(&versions(&commits), None);
}

#[test]
fn tag_that_a_person_may_move_is_not_an_alias() {
    check_none(&versions(&[("main-7", ""), ("main-8", "dev"), ("main-9", "stable prod release-candidate")]), None);
}

#[test]
fn releases_of_three_numbers_keep_their_aliases() {
    let scan = versions(&[("1.1.0", "1.1 1.1.0-7"), ("1.2.0", "1.2.0-8"), ("1.3.0", "1.3 1 latest 1.3.0-9")]);
    let (setting, evidence, warnings) = guessed(&scan);
    assert_eq!((setting.as_deref(), evidence), (Some("{major}.{minor},{major},latest"), vec![]));
    let warning = "With {major}.{minor} in ALIASES, the function adds tags that do not exist: 1.2.";
    assert_eq!(warnings, [warning]);
    let builds = [("1.1.0-7", "1.1.0 1.1"), ("1.2.0-8", "1.2.0 1.2"), ("1.3.0-9", "1.3.0 1.3 latest")];
    check_none(&versions(&builds), Some("{major}.{minor},latest"));
    check_none(&versions(&[("1.1.0-rc1", ""), ("1.2.0-rc1", ""), ("1.3.0-rc1", "latest")]), None);
}

#[test]
fn alias_that_is_a_version_is_not_followed() {
    let scan = versions(&[("main-7", ""), ("main-8", ""), ("main-9", "main"), ("main", "")]);
    check_none(&scan.alias("main-9", "main"), None);
}

#[test]
fn digits_of_a_commit_are_not_a_build() {
    let scan = versions(&[("main-7", ""), ("main-8", ""), ("main-9", "main")]);
    let scan = scan.lists(&[("main-3f9c2d1", 1), ("main-9999999", 2)]);
    scan.check(&[]);
    let streams = r#"[{"releases":"main-(?<build>\\d{1,6})","aliases":"main"}]"#;
    assert_eq!(guessed(&scan).0.as_deref(), Some(streams));
}

#[test]
fn rule_has_the_streams_of_its_repository() {
    let (one, other) = (versions(&TRUNK), versions(&[("1.0.0", "latest")]));
    let report = support::report(&[("team/a", &other), ("team/b", &other), ("team/c", &one)], at(100));
    let rules = concat!(
        r#"[{"repositories":["team/c"],"#,
        r#""streams":[{"releases":"main-(?<build>\\d+)-[0-9a-f]{7,40}","aliases":"edge,main"}]}]"#
    );
    assert_eq!((report.settings["ALIASES"].as_str(), report.settings["RULES"].as_str()), ("latest", rules));
    let settings = Settings::from_lookup(|name| report.settings.get(name).cloned()).unwrap();
    let of_trunk = settings.for_repository(&"team/c".parse().unwrap()).unwrap();
    let release = of_trunk.release(&"main-7-abcdef0".parse().unwrap()).unwrap();
    let aliases: Vec<_> = of_trunk.aliases(&release).into_iter().map(|alias| alias.unwrap().to_string()).collect();
    assert_eq!(aliases, ["edge", "main"]);
}

#[test]
fn dot_of_a_tag_is_only_a_dot() {
    let scan = versions(&[("app.v8", ""), ("app.v9", ""), ("app.v10", "latest")]).lists(&[("appxv11", 20)]);
    scan.check(&[]);
    let streams = r#"[{"releases":"app\\.v(?<build>\\d+)","aliases":"latest"}]"#;
    assert_eq!(guessed(&scan).0.as_deref(), Some(streams));
}

#[test]
fn of_many_branches_some_are_guessed() {
    let branches: Vec<_> = (b'a'..=b'p').map(char::from).collect();
    let builds = (1..=3).flat_map(|build| branches.iter().map(move |branch| (format!("{branch}x-{build}"), *branch)));
    let builds: Vec<_> = builds.map(|(build, branch)| (build, format!("{branch}x"))).collect();
    let scan = versions(&builds.iter().map(|(build, branch)| (build.as_str(), branch.as_str())).collect::<Vec<_>>());
    scan.check(&[]);
    let (setting, evidence, warnings) = guessed(&scan);
    let streams: Vec<Value> = serde_json::from_str(&setting.unwrap()).unwrap();
    assert_eq!((streams.len(), evidence.len(), warnings), (8, 8, vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever tags there are, the function accepts what is suggested, as a whole.
    #[test]
    fn function_accepts_every_suggestion(
        images in vec(vec("(main-|v|)D([.-][0-9]{1,2}){0,3}(-alpine|-3f9c2d[0-9]|)|latest|main|alpine|D", 1..4), 3..24),
    ) {
        // The first number is that of the day, so that there are streams.
        let push = |scan: Scan, (day, tags): (u32, &Vec<String>)| {
            let tags: Vec<_> = tags.iter().map(|tag| tag.replace('D', &day.to_string())).collect();
            let versions = tags.iter().filter(|tag| tag.len() > 4);
            let scan = versions.fold(scan, |scan, tag| scan.images(tag, day, &["amd64", "arm64"]));
            scan.lists(&[(&tags.join(" "), day)])
        };
        let scan = (1..).zip(&images).fold(Scan::new(), push);
        let report = support::report(&[("app", &scan)], at(100));
        let settings = Settings::from_lookup(|name| report.settings.get(name).cloned());
        prop_assert!(report.settings.is_empty() || settings.is_ok(), "{settings:?}");
        let warnings = &report.repositories[0].guess.warnings;
        prop_assert!(!warnings.iter().any(|warning| warning.contains("does not accept")), "{warnings:?}");
    }
}
