//! Aliases and yanks: which tags follow a release, which are left alone, and how many calls that takes.

// How many calls and how much time aliases take.
mod cost;
// Aliases in repositories with immutable tags.
mod immutable;
// Releases whose lists lack a platform.
mod incomplete;
// Streams: several numberings, and the settings of docs/aliases.md.
mod streams;
// What the sweep does about aliases.
mod sweep;
// Requests to yank and to unyank, and markers that are pushed by hand.
mod yank;

use local_ecr::image::{Entry, Image, Index};
use local_ecr::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::function::{ACCOUNT, REGION};
use crate::support::test_bed::TestBed;

/// The usual aliases.
const ALIASES: &str = "{major}.{minor},{major},latest";

/// A test bed with the usual aliases.
fn alias_bed() -> TestBed {
    alias_bed_with(ALIASES)
}

/// A test bed with these alias templates.
fn alias_bed_with(templates: &str) -> TestBed {
    TestBed::with(|function| function.env("ALIASES", templates).env("SWEEP_PUTS_PER_SECOND", "1000"))
}

/// A test bed with the usual aliases and these releases, published in this order. The journal is empty.
fn bed_with_releases(releases: &[&str]) -> TestBed {
    let bed = alias_bed();
    for release in releases {
        publish(&bed, release);
    }
    bed.ecr.clear_journal();
    bed
}

/// Pushes both images of a version, and publishes it.
#[track_caller]
fn publish(bed: &TestBed, version: &str) -> Value {
    bed.store_images(version);
    bed.assemble(version).unwrap()
}

/// The aliases of an answer: tag, outcome and release.
#[track_caller]
fn aliases(answer: &Value) -> Vec<[&str; 3]> {
    let rows = answer["aliases"].as_array().unwrap().iter();
    rows.map(|row| ["tag", "outcome", "release"].map(|key| row[key].as_str().unwrap_or("none"))).collect()
}

/// The reason of an alias of an answer.
#[track_caller]
fn reason(answer: &Value, alias: &str) -> String {
    let row = answer["aliases"].as_array().unwrap().iter().find(|row| row["tag"] == alias).unwrap();
    row["reason"].as_str().unwrap().to_owned()
}

/// Asserts that these aliases name the lists of these releases.
#[track_caller]
fn assert_named(bed: &TestBed, expected: &[(&str, &str)]) {
    for (alias, release) in expected {
        assert!(bed.digest(release).is_some(), "{release}");
        assert_eq!(bed.digest(alias), bed.digest(release), "{alias} {release}");
    }
}

/// A list of a platform that is not configured.
fn foreign_list() -> Index {
    Index::oci([Entry::new(&Image::oci("linux/s390x")).platform("linux/s390x")])
}

#[test]
fn published_release_takes_its_aliases_along() {
    let bed = alias_bed();
    let published = publish(&bed, "1.2.3");
    assert_eq!(published["outcome"], "published");
    assert_eq!(aliases(&published), [["1.2", "moved", "1.2.3"], ["1", "moved", "1.2.3"], ["latest", "moved", "1.2.3"]]);
    let expected = json!({"tag": "latest", "outcome": "moved", "release": "1.2.3", "reason": null});
    assert_eq!(published["aliases"][2], expected);
    assert_named(&bed, &[("1.2", "1.2.3"), ("1", "1.2.3"), ("latest", "1.2.3")]);
    let again = bed.assemble("1.2.3").unwrap();
    assert_eq!(again["outcome"], "unchanged");
    assert!(aliases(&again).iter().all(|[_, outcome, release]| [*outcome, *release] == ["unchanged", "1.2.3"]));
}

#[test]
fn backport_moves_only_its_line() {
    let bed = bed_with_releases(&["1.1.8", "1.2.0"]);
    let backport = publish(&bed, "1.1.9");
    assert_eq!(
        aliases(&backport),
        [["1.1", "moved", "1.1.9"], ["1", "unchanged", "1.2.0"], ["latest", "unchanged", "1.2.0"]]
    );
    assert_named(&bed, &[("1.1", "1.1.9"), ("1", "1.2.0"), ("latest", "1.2.0")]);
}

#[test]
fn pre_release_touches_no_alias() {
    let bed = bed_with_releases(&["1.2.3"]);
    let published = publish(&bed, "2.0.0-rc.1");
    assert_eq!(published["outcome"], "published");
    assert!(published.get("aliases").is_none(), "{published:#}");
    assert_named(&bed, &[("latest", "1.2.3")]);
    assert_eq!(bed.digest("2"), None);
}

#[test]
fn waiting_release_has_no_aliases() {
    let bed = alias_bed();
    let waiting = bed.push("1.2.3-amd64", &Image::oci("linux/amd64")).unwrap();
    assert_eq!(waiting["outcome"], "waiting");
    assert!(waiting.get("aliases").is_none(), "{waiting:#}");
}

#[test]
fn rule_gives_a_repository_aliases_of_its_own() {
    let rules = r#"[{"repositories": ["app"], "aliases": "stable"}]"#;
    let bed = TestBed::with(|function| function.env("RULES", rules));
    assert_eq!(aliases(&publish(&bed, "1.2.3")), [["stable", "moved", "1.2.3"]]);
}

/// Checks that an alias that names this conflicts, for a reason with these words, and that its release is published.
#[track_caller]
fn check_conflict(bed: &TestBed, words: &[&str]) {
    let before = bed.digest("latest");
    let published = publish(bed, "1.2.3");
    assert_eq!(published["outcome"], "published");
    assert_eq!(aliases(&published)[2], ["latest", "conflict", "1.2.3"]);
    assert_contains(&reason(&published, "latest"), words);
    assert_eq!(bed.digest("latest"), before);
    assert_named(bed, &[("1", "1.2.3")]);
}

#[test]
fn plain_image_under_an_alias_is_a_conflict() {
    let bed = alias_bed();
    bed.registry.push("app", Some("latest"), &Image::oci("linux/amd64").content("plain"));
    check_conflict(&bed, &["not a manifest list", "force"]);
}

#[test]
fn foreign_platform_under_an_alias_is_a_conflict() {
    let bed = alias_bed();
    bed.registry.push("app", Some("latest"), &foreign_list());
    check_conflict(&bed, &["linux/s390x", "force"]);
}

#[test]
fn force_replaces_what_conflicts() {
    let bed = alias_bed();
    bed.registry.push("app", Some("latest"), &Image::oci("linux/amd64").content("plain"));
    bed.registry.push("app", Some("1"), &foreign_list());
    bed.store_images("1.2.3");
    let forced = bed.assemble_with("1.2.3", &json!({"force": true})).unwrap();
    assert!(aliases(&forced).iter().all(|[_, outcome, _]| *outcome == "moved"), "{forced:#}");
    assert_named(&bed, &[("latest", "1.2.3"), ("1", "1.2.3")]);
}

#[test]
fn aliases_are_logged_and_counted_by_outcome() {
    let bed = alias_bed();
    bed.registry.push("app", Some("latest"), &Image::oci("linux/amd64"));
    publish(&bed, "1.2.3");
    let lines = bed.function.final_log_lines();
    let warning = lines.iter().find(|line| line["level"] == "WARN").unwrap();
    assert_eq!((&warning["alias"], &warning["repository"]), (&json!("latest"), &json!("app")));
    assert_eq!((&warning["account"], &warning["region"]), (&json!(ACCOUNT), &json!(REGION)));
    let line = lines.iter().find(|line| line["outcome"] == "published").unwrap();
    assert_eq!((&line["aliases_moved"], &line["alias_conflicts"]), (&json!("1.2,1"), &json!("latest")));
    let metrics = lines.iter().find(|line| line.get("_aws").is_some()).unwrap();
    assert_eq!((&metrics["AliasesMoved"], &metrics["AliasConflicts"]), (&json!(2), &json!(1)));
}

#[test]
fn push_of_an_alias_by_ci_is_ignored_with_the_alias() {
    let bed = bed_with_releases(&["1.2.3"]);
    bed.store_images("latest");
    bed.ecr.clear_journal();
    let ignored = bed.deliver_event("latest-amd64").unwrap();
    assert_eq!(ignored["outcome"], "ignored");
    assert_contains(ignored["reason"].as_str().unwrap(), &["latest is an alias"]);
    assert!(bed.ecr.journal().is_empty());
}

#[test]
fn request_for_an_alias_is_ignored_with_the_alias() {
    let bed = alias_bed();
    for (version, template) in
        [("latest", "latest"), ("1.2", "{major}.{minor}"), ("2026", "{major}"), ("v7", "{major}")]
    {
        let ignored = bed.assemble(version).unwrap();
        assert_eq!(ignored["outcome"], "ignored", "{version}");
        assert_contains(ignored["reason"].as_str().unwrap(), &[version, &format!("\"{template}\"")]);
    }
}

#[test]
fn dry_run_says_which_aliases_would_move() {
    let bed = bed_with_releases(&["1.2.3"]);
    bed.store_images("1.3.0");
    let dry = bed.assemble_with("1.3.0", &json!({"dry_run": true})).unwrap();
    assert_eq!(dry["outcome"], "would_publish");
    assert_eq!(
        aliases(&dry),
        [["1.3", "would_move", "1.3.0"], ["1", "would_move", "1.3.0"], ["latest", "would_move", "1.3.0"]]
    );
    assert_named(&bed, &[("1", "1.2.3"), ("latest", "1.2.3")]);
    assert_eq!(bed.calls("PutImage").len(), 0);
}

#[test]
fn higher_release_that_appears_meanwhile_takes_the_alias() {
    let bed = bed_with_releases(&["1.2.3"]);
    let higher = publish(&bed, "1.3.0")["digest"].as_str().unwrap().to_owned();
    for tag in ["1.3.0", "1.3", "1", "latest"] {
        bed.registry.untag("app", tag);
    }
    bed.store_images("1.2.4");
    // After the first scan, and before the writes that it leads to.
    bed.ecr.on_call(move |call, ecr| {
        if call.operation == "PutImage" && call.request["imageTag"] == "latest" {
            ecr.home().retag("app", "1.3.0", &higher);
        }
    });
    let published = bed.assemble("1.2.4").unwrap();
    assert_eq!(aliases(&published)[2], ["latest", "moved", "1.3.0"]);
    assert_named(&bed, &[("latest", "1.3.0"), ("1.2", "1.2.4")]);
}

#[test]
fn failing_scan_fails_a_release_that_is_published() {
    let bed = alias_bed();
    let denied = FaultKind::client_error("AccessDeniedException", "not authorized");
    bed.ecr.faults().add(Fault::on("DescribeImages", denied));
    bed.store_images("1.2.3");
    let failure = bed.assemble("1.2.3");
    assert_failure(&failure, "AccessDenied", &["app:1.2.3 names its manifest list", "aliases", "ecr:DescribeImages"]);
    assert!(bed.digest("1.2.3").is_some());
    assert_eq!(bed.digest("latest"), None);
}

#[test]
fn failing_write_of_an_alias_fails_the_invocation() {
    let bed = alias_bed();
    let denied = FaultKind::client_error("AccessDeniedException", "not authorized");
    bed.ecr.faults().add(Fault::on("PutImage", denied).skip(1));
    bed.store_images("1.2.3");
    let failure = bed.assemble("1.2.3");
    assert_failure(&failure, "AccessDenied", &["app:1.2.3 names its manifest list", "ecr:PutImage"]);
}

#[test]
fn failed_alias_is_mended_by_the_next_event() {
    let bed = alias_bed();
    let fault = FaultKind::client_error("AccessDeniedException", "not authorized");
    bed.ecr.faults().add(Fault::on("DescribeImages", fault).times(1));
    bed.store_images("1.2.3");
    bed.deliver_event("1.2.3-amd64").unwrap_err();
    assert_outcome(&bed.deliver_event("1.2.3-amd64"), "unchanged");
    assert_named(&bed, &[("latest", "1.2.3")]);
}
