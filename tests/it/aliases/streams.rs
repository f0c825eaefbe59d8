//! Streams: releases of several numberings, and the aliases that follow each of them.

// The settings of docs/aliases.md, each with the versions and aliases that the document shows.
mod documented;

use local_ecr::image::Image;
use serde_json::{Value, json};

use super::{aliases, assert_named, publish, reason};
use crate::support::assertions::{assert_contains, assert_outcome};
use crate::support::function::{ACCOUNT, FunctionBuilder, REGION};
use crate::support::input::{batch, push_event, yank_request};
use crate::support::test_bed::TestBed;

/// Builds of a trunk beside releases of three numbers.
const TRUNK_AND_RELEASES: &str =
    r#"[{"releases":"main-(?<build>[0-9]+)-[0-9a-f]{7,40}","aliases":"main,edge"},{"aliases":"{major},latest"}]"#;

/// A test bed with these streams.
fn stream_bed(streams: &str) -> TestBed {
    TestBed::with(|function| function.env("STREAMS", streams).env("SWEEP_PUTS_PER_SECOND", "1000"))
}

#[test]
fn yank_of_a_build_steps_back_to_the_one_before() {
    let bed = stream_bed(TRUNK_AND_RELEASES);
    for version in ["main-98-c0ffee1", "main-412-3f9c2d1", "main-413-c0ffee1", "1.2.3"] {
        publish(&bed, version);
    }
    let yanked = bed.function.invoke(&yank_request("app", "main-413-c0ffee1")).unwrap();
    assert_eq!((&yanked["outcome"], &yanked["tag"]), (&json!("yanked"), &json!("yanked-main-413-c0ffee1")));
    assert_eq!(aliases(&yanked), ["main", "edge"].map(|alias| [alias, "moved", "main-412-3f9c2d1"]));
    assert_named(&bed, &[("main", "main-412-3f9c2d1"), ("edge", "main-412-3f9c2d1"), ("latest", "1.2.3")]);
}

#[test]
fn yank_of_what_no_stream_orders_names_the_streams() {
    let bed = stream_bed(r#"[{"releases":"main-(?<build>[0-9]+)","aliases":"main"}]"#);
    for version in ["1.2.3", "main-x"] {
        let ignored = bed.function.invoke(&yank_request("app", version)).unwrap();
        assert_eq!(ignored["outcome"], "ignored");
        assert_contains(ignored["reason"].as_str().unwrap(), &[version, "not a release", "STREAMS"]);
    }
}

#[test]
fn batch_of_two_streams_moves_the_aliases_of_both() {
    let bed = stream_bed(TRUNK_AND_RELEASES);
    let versions = ["main-98-c0ffee1", "1.2.3", "main-412-3f9c2d1", "0.9.0"];
    bed.store_all_images(&versions);
    let events = versions.map(|version| push_event("app", &format!("{version}-arm64")));
    assert_eq!(bed.function.invoke(&batch(&events)).unwrap(), json!({"batchItemFailures": []}));
    assert_named(&bed, &[("main", "main-412-3f9c2d1"), ("edge", "main-412-3f9c2d1")]);
    assert_named(&bed, &[("0", "0.9.0"), ("1", "1.2.3"), ("latest", "1.2.3")]);
}

#[test]
fn rule_gives_a_repository_streams_of_its_own() {
    let rules = format!(r#"[{{"repositories":["app"],"streams":{TRUNK_AND_RELEASES}}}]"#);
    let bed = TestBed::with(|function| function.env("RULES", &rules).env("ALIASES", "stable"));
    assert_eq!(aliases(&publish(&bed, "main-7-c0ffee1"))[0], ["main", "moved", "main-7-c0ffee1"]);
    assert_eq!(aliases(&publish(&bed, "1.2.3")).len(), 2);
}

/// The numbers of a new CI system begin anew, and its builds have another prefix.
#[test]
fn excluded_builds_leave_their_alias_to_lower_ones() {
    let streams = |prefix: &str| format!(r#"[{{"releases":"{prefix}-(?<build>[0-9]+)","aliases":"main"}}]"#);
    for (prefix, pattern) in [("trunk", ""), ("(main|trunk)", "trunk-.*")] {
        let mut bed = stream_bed(&streams("main"));
        publish(&bed, "main-412");
        let function = FunctionBuilder::new(&bed.ecr).env("STREAMS", &streams(prefix));
        bed.function = function.env("VERSION_PATTERN", pattern).start();
        assert_eq!(aliases(&publish(&bed, "trunk-1")), [["main", "moved", "trunk-1"]], "{prefix}");
        assert_named(&bed, &[("main", "trunk-1")]);
    }
}

/// What templates give and cannot be an alias, by streams with a version, and the words of the reason.
const OTHER_MEANINGS: [(&str, &str, &str, &str); 5] = [
    (
        r#"[{"releases":"(?<branch>[a-z-]+[a-z0-9-]*)-(?<build>[0-9]+)","aliases":"{branch},b"}]"#,
        "a-1-2",
        "a-1",
        "itself a release",
    ),
    (
        r#"[{"releases":"(?<branch>.+)-(?<build>[0-9]+)","aliases":"{branch},b"}]"#,
        "x-amd64-7",
        "x-amd64",
        "a platform tag",
    ),
    (
        r#"[{"releases":"(?<branch>[a-z-]+|r.*)-(?<build>[0-9]+)","aliases":"yanked-{branch},b"}]"#,
        "r-1-2",
        "yanked-r-1",
        "a yank marker",
    ),
    (r#"[{"releases":"(?<build>[0-9]+)(?<t>-.*)","aliases":"{t},b{t}"}]"#, "7--x", "--x", "not a legal tag"),
    (
        r#"[{"aliases":"{major},latest"},{"releases":"nightly-(?<date>[0-9]+)-x","aliases":"{date},nightly"}]"#,
        "nightly-20261129-x",
        "20261129",
        r#"an earlier stream, whose alias template "{major}""#,
    ),
];

#[test]
fn alias_of_another_meaning_is_a_conflict_of_a_published_release() {
    for (streams, version, alias, words) in OTHER_MEANINGS {
        let bed = stream_bed(streams);
        let published = publish(&bed, version);
        assert_eq!(published["outcome"], "published", "{version}");
        assert_eq!(aliases(&published).iter().find(|row| row[0] == alias).unwrap()[1..], ["conflict", version]);
        assert_contains(&reason(&published, alias), &[words]);
        assert_eq!(bed.digest(alias), None, "{alias}");
    }
}

#[test]
fn sweep_reports_aliases_of_another_meaning() {
    for (streams, version, alias, words) in OTHER_MEANINGS {
        let bed = stream_bed(streams);
        bed.store_images(version);
        let swept = bed.sweep(&json!({}));
        assert_eq!((&swept["published"], &swept["failed_total"]), (&json!(1), &json!(0)), "{swept:#}");
        let [row] = swept["alias_conflicts"].as_array().unwrap().as_slice() else { panic!("{swept:#}") };
        assert_contains(row["reason"].as_str().unwrap(), &[words]);
        let (reason, since) = (&row["reason"], &row["since"]);
        let expected = json!({
            "account": ACCOUNT, "region": REGION, "repository": "app", "tag": alias, "reason": reason, "since": since,
        });
        assert_eq!(row, &expected);
    }
}

#[test]
fn image_under_the_alias_of_a_build_is_a_conflict() {
    let bed = stream_bed(TRUNK_AND_RELEASES);
    bed.registry.push("app", Some("main"), &Image::oci("linux/amd64").content("plain"));
    let published = publish(&bed, "main-7-c0ffee1");
    assert_eq!(aliases(&published), [["main", "conflict", "main-7-c0ffee1"], ["edge", "moved", "main-7-c0ffee1"]]);
    assert_contains(&reason(&published, "main"), &["not a manifest list", "force"]);
}

/// Asserts that a version is ignored with the template that gives it, by request, event and sweep.
#[track_caller]
fn assert_is_alias(bed: &TestBed, version: &str, template: &str) {
    let is_ignored = |answer: &Value| {
        assert_eq!(answer["outcome"], "ignored", "{answer:#}");
        assert_contains(answer["reason"].as_str().unwrap(), &[version, "is an alias", &format!("\"{template}\"")]);
    };
    bed.store_images(version);
    is_ignored(&bed.assemble(version).unwrap());
    is_ignored(&bed.deliver_event(&format!("{version}-amd64")).unwrap());
    let swept = bed.sweep(&json!({}));
    let row = swept["ignored"].as_array().unwrap().iter().find(|row| row["version"] == version);
    assert_contains(row.unwrap()["reason"].as_str().unwrap(), &["is an alias"]);
    assert_eq!(bed.digest(version), None);
}

#[test]
fn version_named_like_an_alias_of_a_stream_is_ignored() {
    let bed = stream_bed(TRUNK_AND_RELEASES);
    assert_is_alias(&bed, "edge", "edge");
    assert_is_alias(&bed, "2026", "{major}");
    let branches = stream_bed(r#"[{"releases":"(?<branch>[a-z]+)-(?<build>[0-9]+)","aliases":"at-{branch}"}]"#);
    assert_is_alias(&branches, "at-nowhere", "at-{branch}");
}

#[test]
fn stream_without_aliases_claims_its_versions() {
    let bed = stream_bed(r#"[{"aliases":"{major},latest"},{"releases":"(?<commit>[0-9]{7,40})"}]"#);
    let published = publish(&bed, "1234567");
    assert_eq!(published["outcome"], "published", "{published:#}");
    assert_is_alias(&bed, "123456", "{major}");
    publish(&bed, "1234567.0.0");
    assert_eq!(bed.digest("1234567"), published["digest"].as_str().map(str::to_owned), "it is not moved");
    assert_named(&bed, &[("latest", "1234567.0.0")]);
    assert_outcome(&bed.function.invoke(&yank_request("app", "1234567")), "yanked");
}
