//! What the sweep does about aliases.

use std::time::Duration;

use local_ecr::image::Image;
use local_ecr::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{alias_bed, assert_named, bed_with_releases};
use crate::support::function::{ACCOUNT, REGION};
use crate::support::test_bed::{TestBed, push_images};

/// How many aliases a sweep moved, and how many it left alone.
fn counts(swept: &Value) -> [u64; 2] {
    ["aliases_moved", "alias_conflicts_total"].map(|key| swept[key].as_u64().unwrap())
}

/// A test bed with published releases whose versions and aliases have settled. The journal is empty.
fn settled_bed() -> TestBed {
    let bed = bed_with_releases(&["1.2.3", "1.2.4"]);
    bed.ecr.clock().advance(Duration::from_secs(2));
    bed
}

#[test]
fn sweep_publishes_releases_and_moves_their_aliases() {
    let bed = alias_bed();
    bed.store_all_images(&["1.2.3", "1.1.9", "2.0.0-rc.1"]);
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["published"], counts(&swept)), (&json!(3), [4, 0]));
    assert_named(&bed, &[("1.2", "1.2.3"), ("1.1", "1.1.9"), ("1", "1.2.3"), ("latest", "1.2.3")]);
    assert_eq!(counts(&bed.sweep(&json!({}))), [0, 0]);
}

#[test]
fn sweep_mends_an_alias_of_settled_releases() {
    let bed = settled_bed();
    bed.registry.retag("app", "latest", &bed.digest("1.2.3").unwrap());
    assert_eq!(counts(&bed.sweep(&json!({}))), [1, 0]);
    assert_named(&bed, &[("latest", "1.2.4")]);
}

#[test]
fn sweep_finds_a_marker_whose_event_was_lost() {
    let bed = settled_bed();
    bed.registry.retag("app", "yanked-1.2.4", &bed.digest("1.2.4").unwrap());
    assert_eq!(counts(&bed.sweep(&json!({}))), [3, 0]);
    assert_named(&bed, &[("latest", "1.2.3")]);
}

#[test]
fn sweep_reports_conflicts_and_not_as_failures() {
    let bed = settled_bed();
    bed.registry.untag("app", "1");
    bed.registry.push("app", Some("latest"), &Image::oci("linux/amd64").content("plain"));
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["failed_total"], &swept["complete"], counts(&swept)), (&json!(0), &json!(true), [1, 1]));
    let row = &swept["alias_conflicts"][0];
    let reason = row["reason"].as_str().unwrap();
    assert!(reason.contains("not a manifest list"), "{reason}");
    let since = &row["since"];
    let expected = json!({
        "account": ACCOUNT, "region": REGION, "repository": "app", "tag": "latest", "reason": reason, "since": since,
    });
    assert!(since.is_string(), "{row}");
    assert_eq!(row, &expected);
    let lines = bed.function.final_log_lines();
    let metrics = lines.iter().rfind(|line| line.get("_aws").is_some()).unwrap();
    assert_eq!((&metrics["AliasesMoved"], &metrics["AliasConflicts"]), (&json!(1), &json!(1)));
}

#[test]
fn conflict_entries_are_cut_at_one_hundred() {
    let bed = alias_bed();
    for minor in 0..130 {
        let image = Image::oci("linux/amd64").content(&minor.to_string());
        bed.registry.push("app", Some(&format!("1.{minor}")), &image);
    }
    let swept = bed.sweep(&json!({}));
    assert_eq!((counts(&swept), swept["alias_conflicts"].as_array().unwrap().len()), ([0, 130], 100));
    assert!(swept.to_string().len() < 128 << 10);
}

#[test]
fn dry_sweep_moves_no_alias() {
    let bed = settled_bed();
    bed.registry.untag("app", "latest");
    let swept = bed.sweep(&json!({"dry_run": true}));
    assert_eq!(counts(&swept), [0, 0]);
    assert_eq!((bed.digest("latest"), bed.calls("PutImage").len()), (None, 0));
}

#[test]
fn failing_alias_is_one_failed_entry() {
    let bed = settled_bed();
    bed.registry.untag("app", "latest");
    let denied = FaultKind::client_error("AccessDeniedException", "not authorized");
    bed.ecr.faults().add(Fault::on("PutImage", denied));
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["failed_total"], &swept["failed"][0]["error"]), (&json!(1), &json!("AccessDenied")));
    assert!(swept["failed"][0]["message"].as_str().unwrap().contains("app:latest"), "{swept:#}");
}

/// A scan that takes so long that too little time is left for the one that would confirm a write.
#[test]
fn aliases_without_time_are_left_for_the_next_sweep() {
    let mut bed = settled_bed();
    bed.registry.untag("app", "latest");
    bed.function = bed.function.with_remaining_time(Duration::from_secs(4));
    bed.ecr.faults().add(Fault::on("DescribeImages", FaultKind::Latency(Duration::from_millis(1_500))));
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["complete"], &swept["unfinished"]), (&json!(false), &json!(["app"])));
    assert_eq!((&swept["failed_total"], counts(&swept)), (&json!(0), [0, 0]));
    assert_eq!(bed.digest("latest"), None);
}

#[test]
fn only_repositories_with_aliases_get_them_from_a_sweep() {
    let rules = r#"[{"repositories": ["app"], "aliases": "latest"}]"#;
    let bed = TestBed::with(|function| function.env("RULES", rules).env("SWEEP_PUTS_PER_SECOND", "1000"));
    bed.store_images("1.2.3");
    push_images(&bed.registry, "base", "1.2.3");
    assert_eq!(counts(&bed.sweep(&json!({}))), [1, 0]);
    assert_eq!(bed.registry.tags("base"), ["1.2.3", "1.2.3-amd64", "1.2.3-arm64"]);
}

#[test]
fn alias_versions_of_ci_are_not_published_by_the_sweep() {
    let bed = settled_bed();
    bed.store_images("latest");
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["versions"], &swept["published"]), (&json!(2), &json!(0)));
    assert_named(&bed, &[("latest", "1.2.4")]);
}

#[test]
fn without_aliases_the_answer_has_no_field_of_them() {
    let swept = TestBed::new().sweep(&json!({}));
    for field in ["aliases_moved", "alias_conflicts", "alias_conflicts_total"] {
        assert!(swept.get(field).is_none(), "{field}");
    }
}
