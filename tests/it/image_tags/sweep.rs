//! What the sweep does about image tags.

use std::time::{Duration, SystemTime};

use local_ecr::{Fault, FaultKind};
use serde_json::json;

use super::{assert_tagged, attested, image_tag_bed};

const DAY: Duration = Duration::from_hours(24);

#[test]
fn sweep_tags_the_images_of_young_lists() {
    let bed = image_tag_bed();
    bed.store_images("1");
    let (list, images) = attested(&["linux/amd64", "linux/arm64"], "2");
    bed.registry.push("app", Some("2"), &list);
    let dry_run = bed.sweep(&json!({"dry_run": true}));
    assert_eq!((&dry_run["image_tags_moved"], bed.calls("PutImage").len()), (&json!(0), 0));
    let swept = bed.sweep(&json!({}));
    assert_eq!(
        (&swept["published"], &swept["image_tags_moved"], &swept["image_tag_conflicts_total"], &swept["complete"]),
        (&json!(1), &json!(4), &json!(0), &json!(true))
    );
    assert_tagged(&bed, "2", &images);
    assert_eq!(bed.digest("1_amd64"), bed.digest("1-amd64"));
    bed.ecr.clear_journal();
    assert_eq!(bed.sweep(&json!({}))["image_tags_moved"], 0);
    assert!(bed.calls("PutImage").is_empty());
}

#[test]
fn settled_lists_cost_no_read_unless_deep() {
    let bed = image_tag_bed();
    bed.ecr.clock().set(SystemTime::now() - DAY);
    let (list, images) = attested(&["linux/amd64", "linux/arm64"], "1");
    bed.registry.push("app", Some("1"), &list);
    bed.ecr.clock().set(SystemTime::now());
    bed.ecr.clear_journal();
    assert_eq!(bed.sweep(&json!({}))["image_tags_moved"], 0);
    assert!(bed.calls("BatchGetImage").is_empty());
    assert_eq!(bed.sweep(&json!({"deep": true}))["image_tags_moved"], 2);
    assert_tagged(&bed, "1", &images);
}

#[test]
fn versions_share_the_first_read() {
    let bed = image_tag_bed();
    for version in 0..60 {
        let (list, _) = attested(&["linux/amd64", "linux/arm64"], &version.to_string());
        bed.registry.push("app", Some(&version.to_string()), &list);
    }
    assert_eq!(bed.sweep(&json!({}))["image_tags_moved"], 120);
    bed.ecr.clear_journal();
    assert_eq!(bed.sweep(&json!({}))["image_tags_moved"], 0);
    assert_eq!(bed.calls("BatchGetImage").len(), 2);
}

#[test]
fn repository_that_denies_image_tags_is_left() {
    let bed = image_tag_bed();
    for version in 0..40 {
        let (list, _) = attested(&["linux/amd64", "linux/arm64"], &version.to_string());
        bed.registry.push("app", Some(&version.to_string()), &list);
    }
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error("AccessDeniedException", "no")));
    let swept = bed.sweep(&json!({}));
    assert!(swept["failed_total"].as_u64().unwrap() < 20, "{swept}");
    let last = swept["failed"].as_array().unwrap().last().unwrap();
    assert!(last["version"].is_null() && last["message"].as_str().unwrap().contains("remain for the next sweep"));
}
