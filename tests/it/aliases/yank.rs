//! Requests to yank and to unyank a release, and markers that are pushed by hand.

use local_ecr::image::Image;
use local_ecr::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{alias_bed, aliases, assert_named, bed_with_releases, publish};
use crate::support::assertions::{assert_contains, assert_failure};
use crate::support::function::{ACCOUNT, Failure, REGION};
use crate::support::input::{unyank_request, with_fields, yank_request};
use crate::support::test_bed::TestBed;

fn yank(bed: &TestBed, version: &str) -> Result<Value, Failure> {
    bed.function.invoke(&yank_request("app", version))
}

fn unyank(bed: &TestBed, version: &str) -> Result<Value, Failure> {
    bed.function.invoke(&unyank_request("app", version))
}

/// A test bed in which `1.2.4` was yanked, with `1.2.3` left.
fn yanked_bed() -> TestBed {
    let bed = bed_with_releases(&["1.2.3", "1.2.4"]);
    yank(&bed, "1.2.4").unwrap();
    bed
}

#[test]
fn yank_writes_the_marker_and_its_aliases_step_back() {
    let bed = bed_with_releases(&["1.2.3", "1.2.4"]);
    let alias = |tag| json!({"tag": tag, "outcome": "moved", "release": "1.2.3", "reason": null});
    let digest = bed.digest("1.2.4");
    assert_eq!(
        yank(&bed, "1.2.4").unwrap(),
        json!({"outcome": "yanked", "account": ACCOUNT, "region": REGION, "repository": "app", "version": "1.2.4",
               "tag": "yanked-1.2.4", "digest": digest,
               "aliases": [alias("1.2"), alias("1"), alias("latest")], "reason": null})
    );
    assert_named(&bed, &[("1.2", "1.2.3"), ("1", "1.2.3"), ("latest", "1.2.3")]);
    assert!(digest.is_some() && bed.digest("1.2.4") == digest && bed.digest("yanked-1.2.4") == digest);
    let again = yank(&bed, "1.2.4").unwrap();
    assert_eq!((&again["outcome"], &again["digest"]), (&json!("unchanged"), &json!(digest)));
    publish(&bed, "1.2.5");
    assert_named(&bed, &[("1.2", "1.2.5"), ("latest", "1.2.5")]);
}

#[test]
fn yank_of_the_only_release_leaves_its_aliases_as_conflicts() {
    let bed = bed_with_releases(&["1.2.3"]);
    let yanked = yank(&bed, "1.2.3").unwrap();
    assert_eq!(yanked["outcome"], "yanked");
    assert_eq!(aliases(&yanked)[2], ["latest", "conflict", "none"]);
}

#[test]
fn dry_run_of_a_yank_writes_nothing() {
    let bed = bed_with_releases(&["1.2.3", "1.2.4"]);
    let dry = bed.function.invoke(&with_fields(yank_request("app", "1.2.4"), &json!({"dry_run": true}))).unwrap();
    assert_eq!(dry["outcome"], "would_yank");
    assert_eq!(aliases(&dry)[2], ["latest", "would_move", "1.2.3"]);
    assert_eq!(bed.digest("yanked-1.2.4"), None);
    assert_eq!(bed.calls("PutImage").len(), 0);
}

#[test]
fn rebuilt_release_stays_yanked_and_takes_its_marker_along() {
    let bed = yanked_bed();
    bed.registry.push("app", Some("1.2.4-arm64"), &Image::oci("linux/arm64").content("rebuilt"));
    bed.deliver_event("1.2.4-arm64").unwrap();
    assert_eq!(bed.digest("yanked-1.2.4"), bed.digest("1.2.4"));
    assert_named(&bed, &[("latest", "1.2.3")]);
}

#[test]
fn marker_pushed_by_hand_moves_its_aliases() {
    let bed = bed_with_releases(&["1.2.3", "1.2.4"]);
    bed.registry.retag("app", "yanked-1.2.4", &bed.digest("1.2.4").unwrap());
    let answer = bed.deliver_event("yanked-1.2.4").unwrap();
    assert_eq!((&answer["outcome"], &answer["version"]), (&json!("unchanged"), &json!("1.2.4")));
    assert_eq!(aliases(&answer)[0], ["1.2", "moved", "1.2.3"]);
    assert_named(&bed, &[("1.2", "1.2.3"), ("1", "1.2.3"), ("latest", "1.2.3")]);
}

#[test]
fn marker_without_aliases_is_ignored() {
    let bed = TestBed::new();
    let answer = bed.deliver_event("yanked-1.2.4").unwrap();
    assert_eq!(answer["outcome"], "ignored");
    assert!(bed.ecr.journal().is_empty());
}

#[test]
fn unyank_answers_a_command_until_the_marker_is_gone() {
    let bed = yanked_bed();
    bed.ecr.clear_journal();
    let answer = unyank(&bed, "1.2.4").unwrap();
    assert_eq!(answer["outcome"], "unchanged");
    let expected = format!(
        "aws ecr batch-delete-image --region {REGION} --registry-id {ACCOUNT} --repository-name app \
         --image-ids imageTag=yanked-1.2.4"
    );
    assert_eq!(answer["command"], expected);
    assert_contains(answer["reason"].as_str().unwrap(), &["no permission"]);
    assert_eq!(bed.operations(), ["BatchGetImage"]);

    bed.registry.untag("app", "yanked-1.2.4");
    let answer = unyank(&bed, "1.2.4").unwrap();
    assert!(answer.get("command").is_none(), "{answer:#}");
    assert_eq!(aliases(&answer)[2], ["latest", "moved", "1.2.4"]);
    assert_named(&bed, &[("latest", "1.2.4")]);
}

#[test]
fn yank_of_what_is_not_a_release_is_ignored() {
    let bed = bed_with_releases(&["1.2.3"]);
    for version in ["1.2.3-rc.1", "latest", "edge"] {
        let answer = yank(&bed, version).unwrap();
        assert_eq!(answer["outcome"], "ignored", "{version}");
        assert_contains(answer["reason"].as_str().unwrap(), &[version, "release"]);
    }
}

#[test]
fn yank_without_aliases_is_ignored() {
    let bed = TestBed::new();
    let answer = yank(&bed, "1.2.3").unwrap();
    assert_eq!(answer["outcome"], "ignored");
    assert_contains(answer["reason"].as_str().unwrap(), &["ALIASES"]);
}

#[test]
fn yank_of_a_missing_release_waits() {
    let bed = alias_bed();
    let answer = yank(&bed, "1.2.3").unwrap();
    assert_eq!((&answer["outcome"], &answer["digest"]), (&json!("waiting"), &json!(null)));
    assert_contains(answer["reason"].as_str().unwrap(), &["1.2.3"]);
}

#[test]
fn yank_of_an_image_is_a_conflict() {
    let bed = alias_bed();
    bed.registry.push("app", Some("1.2.3"), &Image::oci("linux/amd64"));
    assert_failure(&yank(&bed, "1.2.3"), "TagConflict", &["app:1.2.3"]);
    assert_eq!(bed.digest("yanked-1.2.3"), None);
}

#[test]
fn yank_outside_the_settings_is_ignored() {
    let bed = alias_bed();
    let request = with_fields(yank_request("app", "1.2.3"), &json!({"account": "999999999999"}));
    let answer = bed.function.invoke(&request).unwrap();
    assert_eq!(answer["outcome"], "ignored");
    assert_contains(answer["reason"].as_str().unwrap(), &["ACCOUNTS"]);
}

#[test]
fn yank_whose_aliases_fail_says_that_the_marker_is_written() {
    let bed = bed_with_releases(&["1.2.3", "1.2.4"]);
    let denied = FaultKind::client_error("AccessDeniedException", "not authorized");
    bed.ecr.faults().add(Fault::on("DescribeImages", denied));
    assert_failure(&yank(&bed, "1.2.4"), "AccessDenied", &["app:yanked-1.2.4", "aliases"]);
    assert!(bed.digest("yanked-1.2.4").is_some());
}
