//! Lists that others made, in the shapes in which people report them: which the function leaves alone, and which it mends.

use std::time::{Duration, SystemTime};

use local_ecr::image::{Entry, Image, Index, ToArtifact, chart};
use local_ecr::{Mutability, Options};
use serde_json::json;

use crate::support::assertions::{assert_failure, assert_outcome};
use crate::support::input::{batch, push_event_of_age};
use crate::support::test_bed::TestBed;

const DAY: Duration = Duration::from_hours(24);

/// The images of both platforms, of one build.
fn images(content: &str) -> [Image; 2] {
    ["linux/amd64", "linux/arm64"].map(|platform| Image::oci(platform).content(content))
}

/// A list of these images in the order of another tool, with an annotation.
fn list_of(images: &[Image; 2]) -> Index {
    let [amd64, arm64] = images;
    Index::oci([Entry::new(arm64), Entry::new(amd64)]).annotation("org.opencontainers.image.title", "app")
}

/// Pushes the images of both platforms under the tags of version 1, without their events.
fn push_tags(bed: &TestBed, [amd64, arm64]: &[impl ToArtifact; 2]) {
    bed.registry.push("app", Some("1-amd64"), amd64);
    bed.registry.push("app", Some("1-arm64"), arm64);
}

/// A test bed whose platform tags were pushed long before the list of other images that version 1 names.
fn stale_bed() -> TestBed {
    let bed = TestBed::with(|function| function.env("SWEEP_PUTS_PER_SECOND", "1000"));
    bed.ecr.clock().set(SystemTime::now() - DAY * 400);
    push_tags(&bed, &images("old"));
    bed.ecr.clock().set(SystemTime::now() - Duration::from_mins(10));
    bed.registry.push("app", Some("1"), &list_of(&images("new")));
    bed.ecr.clock().set(SystemTime::now());
    bed
}

#[test]
fn list_of_the_same_images_is_left_alone() {
    for mutability in [Mutability::Mutable, Mutability::Immutable] {
        let bed = TestBed::new();
        bed.registry.set_mutability("app", mutability);
        push_tags(&bed, &images("new"));
        let digest = bed.registry.push("app", Some("1"), &list_of(&images("new")));
        bed.ecr.clear_journal();
        let unchanged = bed.deliver_event("1-arm64").unwrap();
        assert_eq!((&unchanged["outcome"], &unchanged["digest"]), (&json!("unchanged"), &json!(digest)));
        assert_eq!(bed.operations(), ["BatchGetImage"]);
        let swept = bed.sweep(&json!({"deep": true}));
        assert_eq!(
            (&swept["published"], &swept["unchanged"], &swept["failed_total"]),
            (&json!(0), &json!(1), &json!(0))
        );
    }
}

#[test]
fn attested_list_whose_images_are_tagged_afterwards_stays() {
    let bed = TestBed::new();
    let [amd64, arm64] = &images("new");
    let attested = Index::oci([Entry::new(amd64), Entry::new(arm64), amd64.attestation(), arm64.attestation()]);
    let digest = bed.registry.push("app", Some("1"), &attested);
    for (tag, image) in [("1-amd64", amd64), ("1-arm64", arm64)] {
        assert_outcome(&bed.push(tag, image), "unchanged");
    }
    assert_eq!(bed.digest("1"), Some(digest));
}

#[test]
fn list_stays_right_when_its_platform_tags_are_deleted() {
    let bed = TestBed::new();
    push_tags(&bed, &images("new"));
    let published = bed.assemble("1").unwrap();
    for remaining in [1, 0] {
        bed.registry.untag("app", ["1-amd64", "1-arm64"][1 - remaining]);
        let unchanged = bed.assemble("1").unwrap();
        assert_eq!((&unchanged["outcome"], &unchanged["digest"]), (&json!("unchanged"), &published["digest"]));
        assert_eq!(unchanged["missing"], json!([]));
        let tags = unchanged["platforms"].as_array().unwrap().iter().filter(|platform| platform["tag"].is_string());
        assert_eq!(tags.count(), remaining);
    }
}

#[test]
fn overdue_version_with_a_right_list_is_not_incomplete() {
    let bed = TestBed::new();
    bed.ecr.clock().set(SystemTime::now() - Duration::from_hours(2));
    push_tags(&bed, &images("new"));
    bed.registry.push("app", Some("1"), &list_of(&images("new")));
    bed.registry.untag("app", "1-arm64");
    bed.registry.push("app", Some("2-amd64"), &images("new")[0]);
    bed.registry.push("app", Some("2"), &Index::oci([Entry::new(&images("new")[0])]));
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["unchanged"], &swept["incomplete_total"]), (&json!(1), &json!(1)), "{swept}");
    assert_eq!(swept["incomplete"][0]["version"], "2");
}

#[test]
fn stale_platform_tags_do_not_move_a_list_back() {
    let bed = stale_bed();
    let newer = bed.digest("1");
    let swept = bed.sweep(&json!({}));
    assert_eq!(
        (&swept["published"], &swept["failed_total"], &swept["ignored_total"]),
        (&json!(0), &json!(0), &json!(1))
    );
    let reason = swept["ignored"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("Delete the platform tags"), "{reason}");
    let dry_run = bed.sweep(&json!({"dry_run": true}));
    assert_eq!((&dry_run["would_publish"], &dry_run["ignored_total"]), (&json!(0), &json!(1)));
    assert_failure(&bed.assemble("1"), "TagConflict", &["stale", "force"]);
    assert_eq!(bed.digest("1"), newer);
}

#[test]
fn forced_list_replaces_a_newer_one_and_says_so() {
    let bed = stale_bed();
    let newer = bed.digest("1").unwrap();
    let published = bed.assemble_with("1", &json!({"force": true})).unwrap();
    assert_eq!(published["outcome"], "published");
    assert!(published["reason"].as_str().unwrap().contains(&newer), "{published}");
}

#[test]
fn push_after_a_list_of_newer_images_replaces_it() {
    let bed = stale_bed();
    // Both tags are moved back to images that were pushed before.
    bed.registry.push("app", Some("1-amd64"), &images("old")[0]);
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
    assert_eq!(bed.architectures("1"), ["amd64", "arm64"]);
}

#[test]
fn converted_list_is_left_alone() {
    let bed = TestBed::new();
    let [amd64, arm64] = images("new");
    bed.ecr.clock().set(SystemTime::now() - Duration::from_hours(1));
    push_tags(&bed, &[amd64.clone(), arm64.clone()]);
    assert_outcome(&bed.assemble("1"), "published");
    bed.ecr.clock().set(SystemTime::now());
    let converted = [amd64, arm64].map(|image| image.annotation("com.amazon.soci.index-digest", "sha256:0"));
    let entries = [Entry::new(&converted[0]), Entry::new(&converted[1]), converted[0].soci_index()];
    let digest = bed.registry.push("app", Some("1"), &Index::oci(entries));
    for _ in 0..2 {
        assert_outcome(&bed.assemble("1"), "unchanged");
        assert_eq!(bed.sweep(&json!({}))["unchanged"], 1);
    }
    assert_eq!(bed.digest("1"), Some(digest));
}

#[test]
fn ecr_that_takes_no_filter_beside_ids_is_understood() {
    let options = Options { refuses_filter_with_image_ids: true, ..Options::default() };
    let bed = TestBed::start(options, |function| function);
    bed.ecr.clock().set(SystemTime::now());
    push_tags(&bed, &images("old"));
    bed.registry.push("app", Some("1"), &Index::oci(images("new").each_ref().map(Entry::new)));
    assert_outcome(&bed.assemble("1"), "published");
}

#[test]
fn soci_indexes_stay_with_their_images() {
    let bed = TestBed::new();
    let sources = images("new").map(|image| Index::oci([Entry::new(&image), image.soci_index()]));
    push_tags(&bed, &sources);
    assert_outcome(&bed.assemble("1"), "published");
    let list = bed.list("1");
    let types: Vec<_> =
        list["manifests"].as_array().unwrap().iter().map(|entry| !entry["artifactType"].is_null()).collect();
    assert_eq!(types, [false, true, false, true]);
    assert_outcome(&bed.deliver_event("1-arm64"), "unchanged");
}

#[test]
fn chart_under_the_version_tag_is_never_replaced() {
    let bed = TestBed::new();
    push_tags(&bed, &images("new"));
    let digest = bed.registry.push("app", Some("1"), &chart("app"));
    for fields in [json!({}), json!({"force": true})] {
        let failure = bed.assemble_with("1", &fields);
        assert_failure(&failure, "TagConflict", &["artifact", "helm", "repository of their own"]);
        assert!(!failure.unwrap_err().message.contains("suffix"));
    }
    assert_eq!(bed.digest("1"), Some(digest));
}

#[test]
fn older_layout_is_named_where_a_version_waits() {
    let bed = TestBed::new();
    let [amd64, arm64] = images("new");
    bed.registry.push("app", Some("1"), &amd64);
    let waiting = bed.push("1-arm64", &arm64).unwrap();
    assert_eq!((&waiting["outcome"], &waiting["expected_tags"]), (&json!("waiting"), &json!(["1-amd64"])));
    assert!(waiting["reason"].as_str().unwrap().contains("names a single image"), "{waiting}");
}

#[test]
fn log_line_names_what_was_replaced() {
    let bed = TestBed::new();
    push_tags(&bed, &images("old"));
    let first = bed.assemble("1").unwrap();
    push_tags(&bed, &images("new"));
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
    let lines = bed.function.final_log_lines();
    let line = lines.iter().rev().find(|line| line["outcome"] == "published").unwrap();
    assert_eq!(line["replaced"], first["digest"]);
}

#[test]
fn aliases_name_the_list_that_others_made() {
    for request in ["event", "sweep"] {
        let bed = TestBed::with(|function| function.env("ALIASES", "latest"));
        for (part, image) in ["amd64", "arm64"].into_iter().zip(images("new")) {
            bed.registry.push("app", Some(&format!("1.0.0-{part}")), &image);
        }
        let digest = bed.registry.push("app", Some("1.0.0"), &list_of(&images("new")));
        if request == "event" {
            let unchanged = bed.deliver_event("1.0.0-arm64").unwrap();
            assert_eq!(
                (&unchanged["outcome"], &unchanged["aliases"][0]["outcome"]),
                (&json!("unchanged"), &json!("moved"))
            );
        } else {
            assert_eq!(bed.sweep(&json!({}))["aliases_moved"], 1);
        }
        assert_eq!(bed.digest("latest").as_ref(), Some(&digest));
        let yanked = bed.function.invoke(&json!({"action": "yank", "repository": "app", "version": "1.0.0"})).unwrap();
        assert_eq!((&yanked["outcome"], &yanked["digest"]), (&json!("yanked"), &json!(digest)));
    }
}

#[test]
fn only_an_event_with_a_later_time_replaces_a_list_of_newer_images() {
    let event = |age: Option<Duration>| {
        let mut event = push_event_of_age("app", "1-arm64", age.unwrap_or_default());
        if age.is_none() {
            event.as_object_mut().unwrap().remove("time");
        }
        event
    };
    // The list was pushed ten minutes ago.
    let (before, after) = (Duration::from_mins(20), Duration::from_mins(8));
    for (age, expected) in [(None, "TagConflict"), (Some(before), "TagConflict"), (Some(after), "published")] {
        let bed = stale_bed();
        let answer = bed.function.invoke(&event(age));
        match answer {
            Ok(answer) => assert_eq!(answer["outcome"], expected, "{age:?}"),
            Err(failure) => assert_eq!(failure.error_type, expected, "{age:?}"),
        }
    }
    let bed = stale_bed();
    let response = bed.function.invoke(&batch(&[event(Some(after)), event(Some(before))])).unwrap();
    assert_eq!(response, json!({"batchItemFailures": []}));
    assert_eq!(bed.architectures("1"), ["amd64", "arm64"], "the later event of joined records counts");
}

#[test]
fn force_over_a_right_list_of_an_immutable_tag_is_a_conflict() {
    let bed = TestBed::new();
    push_tags(&bed, &images("new"));
    bed.registry.push("app", Some("1"), &list_of(&images("new")));
    bed.registry.set_mutability("app", Mutability::Immutable);
    // The list that is there is right, so the refused write changes nothing for those who pull.
    assert_failure(&bed.assemble_with("1", &json!({"force": true})), "TagConflict", &["immutable"]);
}
