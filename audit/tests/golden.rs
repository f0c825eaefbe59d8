//! The JSON of a report: its fields are an interface, and stay as they are in `golden/report.json`.
//!
//! `GOLDEN=write cargo test -p ecr-multiarch-audit --test golden` writes the file anew.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test exports nothing")]
#![allow(dead_code, reason = "other tests use the rest of the builder")]

#[path = "../examples/fixture/demonstration.rs"]
mod demonstration;
mod support;

use ecr_multiarch_audit::problem::Kind;
use ecr_multiarch_audit::report::Report;
use support::{Scan, at, config, entry};

/// A report with every kind of finding.
fn report() -> Report {
    let app = Scan::new()
        .config_image("1.0.0-amd64", 0, &config("amd64", "one"))
        .config_image("1.0.0-arm64", 0, &config("arm64", "two"))
        .list(
            "1.0.0",
            0,
            &[entry("1.0.0-amd64", "amd64"), entry("1.0.0-arm64", "arm64"), entry("1.0.0-arm64", "arm64")],
        )
        .alias("1.0.0", "latest")
        .config_image("1.1.0-amd64", 30, &config("amd64", "three"))
        .config_image("1.1.0-arm64", 30, &config("amd64", "three"))
        .list("1.1.0", 29, &[entry("1.1.0-amd64", "amd64")])
        .config_image("1.2.0-amd64", 60, &config("amd64", "four"))
        .config_image("1.2.0", 60, &config("amd64", "five"))
        .raw("1.3.0-amd64", 90, "{")
        .raw("1.3.0-arm64", 100, "{ ")
        .read();
    let web = Scan::new()
        .images("2.0", 0, &["x86_64", "aarch64"])
        .image("aarch64-2.1", 2)
        .images("2.2", 200, &["x86_64"])
        .lists(&[("2.3", 5)])
        .lists(&[("2.4", 6)])
        .images("2.4", 7, &["x86_64", "aarch64"]);
    let jobs = Scan::new()
        .config_image("3.0.0-amd64", 10, &config("amd64", "six"))
        .config_image("old", 10, &config("arm64", "six"))
        .list("3.0.0", 10, &[entry("3.0.0-amd64", "amd64"), entry("old", "arm64")])
        .delete("old")
        .config_image("3.0.0-arm64", 11, &config("arm64", "six of the next day"))
        .config_image("3.1.0-amd64", 12, &config("amd64", "seven"))
        .config_image("3.1.0-arm64", 12, &config("arm64", "seven"))
        .list("3.1.0", 12, &[entry("3.1.0-amd64", "amd64"), entry("3.1.0-arm64", "arm64")])
        .archive("3.1.0-arm64")
        .built("3.2.0", 13, "eight")
        .config_image("other-amd64", 20, &config("amd64", "nine"))
        .config_image("other-arm64", 20, &config("arm64", "nine"))
        .list("3.2.0", 20, &[entry("other-amd64", "amd64"), entry("other-arm64", "arm64")])
        .untag("other-amd64")
        .untag("other-arm64")
        .built("3.3.0", 14, "ten")
        .raw("3.3.0", 14, r#"{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","size":2}}"#)
        .artifact("3.3.0", "application/vnd.cncf.helm.config.v1+json")
        .read();
    support::report(&[("team-a/app", &app), ("team-b/web", &web), ("team-c/jobs", &jobs)], at(200))
}

/// The demonstration is what the browser tests and the pictures show.
#[test]
fn reports_have_every_kind_of_finding() {
    for report in [report(), demonstration::report()] {
        let kinds: Vec<_> = report.kinds.iter().map(|found| found.kind).collect();
        assert_eq!(kinds, Kind::ALL);
    }
}

#[test]
fn report_has_the_known_fields() {
    let actual = serde_json::to_string_pretty(&report()).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/report.json");
    if std::env::var_os("GOLDEN").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).unwrap();
        std::fs::write(path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    let difference = actual.lines().zip(expected.lines()).find(|(actual, expected)| actual != expected);
    assert_eq!((difference, actual.len()), (None, expected.len()));
}
