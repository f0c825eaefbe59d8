//! The suggested settings, and requests that need them.

use serde_json::{Value, json};

use crate::support::{self, Scan, at};

#[test]
fn settings_spell_platforms_as_the_newest_versions_do() {
    let mut scan = Scan::new();
    for day in 1..=20 {
        let parts = if day <= 15 { ["amd64", "arm64"] } else { ["amd64", "aarch64"] };
        scan = scan.images(&format!("1.{day}.0"), day, &parts);
    }
    assert_eq!(scan.report()["settings"]["PLATFORMS"], "linux/amd64,linux/arm64=aarch64");
    let report = scan.image("amd64-2.0.0", 30).report();
    let warnings = report["repositories"][0]["guess"]["warnings"].as_array().unwrap();
    let warning = "The newest platform tag, amd64-2.0.0, follows {platform}-{version}: the settings do not serve it.";
    assert!(warnings.contains(&warning.into()), "{warnings:?}");
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
        json!({"PLATFORMS": "linux/amd64,linux/arm64=aarch64", "TAG_TEMPLATE": "{version}-{platform}"})
    );
}

#[test]
fn repositories_without_settings_are_left_out() {
    let multi = Scan::new().images("1.0.0", 1, &["amd64", "arm64"]);
    let batch = Scan::new().images("1.0.0", 1, &["amd64"]);
    let settings = |repositories: &[(&str, &Scan)]| {
        let report = support::report(repositories, at(100));
        (report.settings.get("REPOSITORIES").cloned(), report.settings_warnings)
    };
    assert_eq!(settings(&[("shop/b", &multi), ("shop/a", &multi)]), (None, vec![]));
    let of_three = settings(&[("shop/b", &multi), ("data/batch", &batch), ("shop/a", &multi)]);
    assert_eq!(of_three, (Some("shop/a,shop/b".to_owned()), vec![]));
    let names: Vec<_> = (0..400).map(|index| format!("shop/team-{index}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), &multi)).chain([("data/batch", &batch)]).collect();
    let (_, warnings) = settings(&many);
    assert!(warnings.len() == 1 && warnings[0].contains("4,096") && warnings[0].contains("globs"), "{warnings:?}");
}

#[test]
fn request_needs_each_tag_of_the_suggested_settings() {
    let scan = Scan::new()
        .images("1.0.0", 1, &["amd64", "arm64"])
        .images("1.1.0", 2, &["amd64", "arm64"])
        .images("1.2.0", 3, &["amd64", "aarch64"])
        .lists(&[("1.0.0", 1), ("1.1.0", 2)]);
    scan.check(&["list-missing 1.2.0: names nothing, beside 1.2.0-amd64, 1.2.0-aarch64"]);
    let finding = &scan.finding();
    assert_eq!(finding["request"], Value::Null);
    assert_eq!(finding["obstacle"], "it has no image 1.2.0-arm64");
}

#[test]
fn repository_without_suggested_settings_has_no_request() {
    let mut scan = Scan::new().images("1.0.0", 0, &["amd64", "arm64"]);
    for day in 1..=6 {
        scan = scan.images(&format!("1.{day}.0"), day, &["amd64"]);
    }
    scan.check(&["list-missing 1.0.0: names nothing, beside 1.0.0-amd64, 1.0.0-arm64"]);
    let finding = &scan.finding();
    assert_eq!(finding["request"], Value::Null);
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
        assert_eq!(scan.finding()["request"]["action"], "assemble");
    }
}

/// The tag parts of pipelines that people described in public, before or behind the version, with their settings.
#[test]
fn settings_are_guessed_from_the_spellings_of_pipelines() {
    let (suffix, prefix) = ("{version}-{platform}", "{platform}-{version}");
    for (tags, template, platforms) in [
        (["V-amd64", "V-arm64"], suffix, "linux/amd64,linux/arm64"),
        (["V-x86_64", "V-aarch64"], suffix, "linux/amd64=x86_64,linux/arm64=aarch64"),
        (["V-x86_64-linux", "V-aarch64-linux"], suffix, "linux/amd64=x86_64-linux,linux/arm64=aarch64-linux"),
        (["V-x64", "V-arm64v8"], suffix, "linux/amd64=x64,linux/arm64=arm64v8"),
        (["V-X64", "V-ARM64"], suffix, "linux/amd64=X64,linux/arm64=ARM64"),
        (["V-linux-amd64", "V-linux-arm-v7"], suffix, "linux/amd64=linux-amd64,linux/arm/v7=linux-arm-v7"),
        (["V_linux_amd64", "V_linux_arm64"], "{version}_{platform}", "linux/amd64=linux_amd64,linux/arm64=linux_arm64"),
        (["amd64-V", "s390x-V"], prefix, "linux/amd64,linux/s390x"),
        (["x86_64-V", "aarch64-V"], prefix, "linux/amd64=x86_64,linux/arm64=aarch64"),
    ] {
        let mut scan = Scan::new();
        for day in 1..=5 {
            let version = format!("1.{day}.0");
            scan = tags.iter().fold(scan, |scan, tag| scan.image(&tag.replace('V', &version), day));
            scan = scan.lists(&[(&version, day)]);
        }
        // Beside them, what belongs to no version: caches of the builds, signatures, and the tag of a branch.
        for part in tags.map(|tag| tag.replace('V', "buildcache")) {
            scan = scan.image(&part, 6).artifact(&part, "application/vnd.buildkit.cacheconfig.v0");
        }
        scan = scan.image(&format!("sha256-{}.sig", "0".repeat(64)), 6).lists(&[("main", 6)]);
        scan.check(&[]);
        assert_eq!(scan.report()["settings"], json!({"PLATFORMS": platforms, "TAG_TEMPLATE": template}), "{tags:?}");
    }
}
