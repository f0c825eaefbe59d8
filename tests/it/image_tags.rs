//! Tags of the images inside lists: for lists of the function and of others, what is left alone, and how many calls that
//! takes.

// What the sweep does about image tags.
mod sweep;

use std::time::Duration;

use local_ecr::image::{Entry, Image, Index, ToArtifact, chart};
use local_ecr::{Fault, FaultKind, Mutability};
use serde_json::{Value, json};

use crate::support::assertions::{assert_failure, assert_outcome};
use crate::support::function::FunctionBuilder;
use crate::support::input::{batch, push_event, push_event_of_age};
use crate::support::test_bed::TestBed;

const TEMPLATE: &str = "{version}_{platform}";

fn with_image_tags(function: FunctionBuilder) -> FunctionBuilder {
    function.env("IMAGE_TAGS", TEMPLATE).env("SWEEP_PUTS_PER_SECOND", "1000")
}

fn image_tag_bed() -> TestBed {
    TestBed::with(with_image_tags)
}

/// The image tags of an answer: tag and outcome.
#[track_caller]
fn image_tags(answer: &Value) -> Vec<[&str; 2]> {
    let rows = answer["image_tags"].as_array().unwrap_or_else(|| panic!("{answer:#}")).iter();
    rows.map(|row| ["tag", "outcome"].map(|key| row[key].as_str().unwrap())).collect()
}

/// Attested images of platforms, as one buildx command pushes them: the list, and its images.
fn attested(platforms: &[&str], content: &str) -> (Index, Vec<Image>) {
    let images: Vec<_> = platforms.iter().map(|platform| Image::oci(platform).content(content)).collect();
    let entries = images.iter().map(Entry::new).chain(images.iter().map(Image::attestation));
    (Index::oci(entries), images)
}

#[track_caller]
fn assert_tagged(bed: &TestBed, version: &str, images: &[Image]) {
    for (image, part) in images.iter().zip(["amd64", "arm64"]) {
        assert_eq!(bed.digest(&format!("{version}_{part}")), Some(image.digest()), "{version} {part}");
    }
}

#[test]
fn images_of_a_published_list_get_tags() {
    let bed = image_tag_bed();
    bed.store_images("1");
    let published = bed.deliver_event("1-arm64").unwrap();
    assert_eq!(published["outcome"], "published");
    assert_eq!(image_tags(&published), [["1_amd64", "moved"], ["1_arm64", "moved"]]);
    assert_eq!(published["image_tags"][1]["platform"], "linux/arm64");
    for part in ["amd64", "arm64"] {
        assert_eq!(bed.digest(&format!("1_{part}")), bed.digest(&format!("1-{part}")));
    }
    bed.ecr.clear_journal();
    let unchanged = bed.deliver_event("1-amd64").unwrap();
    assert_eq!(unchanged["outcome"], "unchanged");
    assert_eq!(image_tags(&unchanged), [["1_amd64", "unchanged"], ["1_arm64", "unchanged"]]);
    assert_eq!(bed.operations(), ["BatchGetImage"; 2]);
}

#[test]
fn attested_platform_tags_lead_to_plain_images() {
    let bed = image_tag_bed();
    for platform in ["amd64", "arm64"] {
        let image = Image::oci(&format!("linux/{platform}")).content("1").attested();
        bed.registry.push("app", Some(&format!("1-{platform}")), &image);
    }
    assert_outcome(&bed.assemble("1"), "published");
    let (_, images) = attested(&["linux/amd64", "linux/arm64"], "1");
    assert_tagged(&bed, "1", &images);
}

#[test]
fn images_of_a_pushed_list_get_tags() {
    let bed = image_tag_bed();
    let (list, images) = attested(&["linux/amd64", "linux/arm64"], "1");
    bed.ecr.clear_journal();
    let tagged = bed.push("1", &list).unwrap();
    assert_eq!((&tagged["outcome"], &tagged["digest"]), (&json!("tagged"), &json!(bed.digest("1"))));
    assert_eq!(image_tags(&tagged), [["1_amd64", "moved"], ["1_arm64", "moved"]]);
    assert_tagged(&bed, "1", &images);
    let expected = ["BatchGetImage", "BatchGetImage", "PutImage", "PutImage", "BatchGetImage"];
    assert_eq!(bed.operations(), expected);
    let unchanged = bed.deliver_event("1").unwrap();
    assert_eq!((&unchanged["outcome"], &unchanged["digest"]), (&json!("unchanged"), &tagged["digest"]));
    // The pushes of the image tags themselves.
    bed.ecr.clear_journal();
    assert_outcome(&bed.deliver_event("1_amd64"), "ignored");
    assert!(bed.operations().is_empty());
}

#[test]
fn images_of_other_platforms_get_tags() {
    let bed = TestBed::with(|function| with_image_tags(function).env("PLATFORMS", "linux/amd64,linux/arm64=aarch64"));
    let platforms = ["linux/amd64", "linux/arm64/v8", "linux/arm/v7", "windows/amd64", "linux/s390x"];
    let mut images = attested(&platforms, "1").1;
    images[3] = Image::oci("windows/amd64").os_version("10.0.20348");
    let list = Index::oci(images.iter().map(Entry::new));
    let tagged = bed.push("1", &list).unwrap();
    // By the tag template, the tag of the Windows image is that of amd64 of version 1_windows.
    let tags = ["1_amd64", "1_aarch64", "1_armv7", "1_windows-amd64", "1_s390x"];
    let outcome = |tag: &str| if tag == "1_windows-amd64" { "conflict" } else { "moved" };
    assert_eq!(image_tags(&tagged), tags.map(|tag| [tag, outcome(tag)]));
    for (tag, image) in tags.into_iter().zip(images) {
        assert_eq!(bed.digest(tag), (outcome(tag) == "moved").then(|| image.digest()), "{tag}");
    }
}

#[test]
fn image_tags_follow_a_list_that_moves() {
    let bed = image_tag_bed();
    for content in ["old", "new"] {
        let (list, images) = attested(&["linux/amd64", "linux/arm64"], content);
        assert_outcome(&bed.push("1", &list), "tagged");
        assert_tagged(&bed, "1", &images);
    }
    let (list, images) = attested(&["linux/amd64"], "newest");
    assert_outcome(&bed.push("1", &list), "tagged");
    assert_tagged(&bed, "1", &images);
    let (_, older) = attested(&["linux/amd64", "linux/arm64"], "new");
    assert_eq!(bed.digest("1_arm64"), Some(older[1].digest()), "the tag of a platform that the list lacks stays");
}

#[test]
fn version_that_looks_like_an_image_tag_is_ignored() {
    let bed = image_tag_bed();
    bed.store_images("1_amd64");
    for answer in [bed.deliver_event("1_amd64-arm64"), bed.assemble("1_amd64")] {
        let answer = answer.unwrap();
        assert_eq!(answer["outcome"], "ignored");
        assert!(
            answer["reason"].as_str().unwrap().contains("IMAGE_TAGS gives it to the linux/amd64 image of version 1")
        );
    }
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["published"], &swept["ignored_total"]), (&json!(0), &json!(1)));
}

#[test]
fn taken_tag_is_a_conflict_unless_forced() {
    let bed = image_tag_bed();
    bed.store_images("1");
    bed.registry.push("app", Some("1_amd64"), &chart("app"));
    bed.registry.push("app", Some("1_arm64"), &attested(&["linux/arm64"], "x").0);
    let published = bed.assemble("1").unwrap();
    assert_eq!(published["outcome"], "published");
    assert_eq!(image_tags(&published), [["1_amd64", "conflict"], ["1_arm64", "conflict"]]);
    let reasons = ["artifact of type application/vnd.cncf.helm", "names the manifest list"];
    for (row, reason) in published["image_tags"].as_array().unwrap().iter().zip(reasons) {
        assert!(row["reason"].as_str().unwrap().contains(reason), "{row}");
    }
    let forced = bed.assemble_with("1", &json!({"force": true})).unwrap();
    assert_eq!(image_tags(&forced), [["1_amd64", "moved"], ["1_arm64", "moved"]]);
}

#[test]
fn immutable_tag_of_another_image_is_a_conflict() {
    let bed = image_tag_bed();
    bed.registry.push("app", Some("1_amd64"), &Image::oci("linux/amd64").content("other"));
    bed.registry.set_mutability("app", Mutability::Immutable);
    bed.store_images("1");
    let published = bed.assemble("1").unwrap();
    assert_eq!((&published["outcome"], image_tags(&published)[0]), (&json!("published"), ["1_amd64", "conflict"]));
    assert_eq!(image_tags(&published)[1], ["1_arm64", "moved"]);
    assert!(published["image_tags"][0]["reason"].as_str().unwrap().contains("immutable"));
}

#[test]
fn tag_of_several_images_is_a_conflict() {
    let bed = image_tag_bed();
    let (_, images) = attested(&["linux/amd64", "linux/arm64"], "1");
    let another = Image::oci("linux/amd64").content("another");
    bed.registry.push("app", None, &another);
    let list = Index::oci([Entry::new(&images[0]), Entry::new(&images[1]), Entry::new(&another)]);
    let tagged = bed.push("1", &list).unwrap();
    assert_eq!(tagged["outcome"], "tagged");
    assert_eq!(image_tags(&tagged), [["1_amd64", "conflict"], ["1_arm64", "moved"], ["1_amd64", "conflict"]]);
    assert_eq!(bed.digest("1_amd64"), None);
}

#[test]
fn list_of_more_images_than_one_read_confirms_is_not_tagged() {
    let bed = image_tag_bed();
    let images: Vec<_> = (0..100).map(|number| Image::oci(&format!("linux/arch{number}")).content("1")).collect();
    let answer = bed.push("1", &Index::oci(images.iter().map(Entry::new))).unwrap();
    assert_eq!(answer["outcome"], "unchanged");
    assert!(image_tags(&answer).iter().all(|[_, outcome]| *outcome == "conflict") && image_tags(&answer).len() == 100);
    assert!(bed.calls("PutImage").is_empty());
}

#[test]
fn dry_run_says_which_tags_would_move() {
    let bed = image_tag_bed();
    bed.store_images("1");
    bed.registry.push("app", Some("1_arm64"), &chart("app"));
    let answer = bed.assemble_with("1", &json!({"dry_run": true})).unwrap();
    assert_eq!(answer["outcome"], "would_publish");
    assert_eq!(image_tags(&answer), [["1_amd64", "would_move"], ["1_arm64", "conflict"]]);
    assert!(bed.calls("PutImage").is_empty());
}

#[test]
fn only_pushes_of_lists_under_versions_are_looked_at() {
    let bed = TestBed::with(|function| with_image_tags(function).env("ALIASES", "latest"));
    let (list, images) = attested(&["linux/amd64", "linux/arm64"], "1");
    for tag in ["latest", "yanked-1.2.3", "1_arm64", "x-amd64"] {
        bed.registry.push("app", Some(tag), &list);
    }
    bed.ecr.clear_journal();
    for tag in ["latest", "yanked-1.2.3", "1_arm64"] {
        assert!(bed.deliver_event(tag).unwrap().get("image_tags").is_none());
    }
    assert_outcome(&bed.deliver_event("x-amd64"), "waiting");
    assert!(bed.calls("PutImage").is_empty());
    // A single image under a version's tag is not looked at if the event says so.
    bed.registry.push("app", Some("2"), &images[0]);
    assert_outcome(&bed.deliver_event("2"), "ignored");
    bed.ecr.clear_journal();
    let mut event = push_event("app", "2");
    event["detail"]["manifest-media-type"] = json!("application/vnd.oci.image.manifest.v1+json");
    assert_outcome(&bed.function.invoke(&event), "ignored");
    assert!(bed.operations().is_empty());
}

#[test]
fn pushed_list_that_is_gone_is_waited_for_or_not() {
    let bed = image_tag_bed();
    assert_failure(&bed.deliver_event("1"), "NotYetVisible", &["app:1"]);
    let old = push_event_of_age("app", "1", Duration::from_mins(6));
    bed.ecr.clear_journal();
    let waiting = bed.function.invoke(&old).unwrap();
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!([])));
    assert!(waiting["reason"].as_str().unwrap().contains("does not exist"));
    assert_eq!(bed.operations(), ["BatchGetImage"]);
}

#[test]
fn records_of_a_version_tag_its_images_once() {
    let bed = image_tag_bed();
    bed.store_images("1");
    let (list, images) = attested(&["linux/amd64", "linux/arm64"], "2");
    bed.registry.push("app", Some("2"), &list);
    bed.ecr.clear_journal();
    let events = ["1-amd64", "1-arm64", "1", "2", "2"].map(|tag| push_event("app", tag));
    let response = bed.function.invoke(&batch(&events)).unwrap();
    assert_eq!(response, json!({"batchItemFailures": []}));
    assert_eq!(bed.calls("PutImage").len(), 1 + 2 + 2);
    assert_tagged(&bed, "2", &images);
}

#[test]
fn failed_image_tag_fails_the_invocation_after_the_publication() {
    let bed = TestBed::with(|function| with_image_tags(function).env("ALIASES", "latest"));
    bed.store_images("1.0.0");
    let refused = FaultKind::client_error("InvalidParameterException", "no");
    bed.ecr.faults().add(Fault::on("PutImage", refused).naming("1.0.0_arm64"));
    let failure = bed.deliver_event("1.0.0-arm64");
    assert_failure(&failure, "RegistryRefused", &["app:1.0.0 names its manifest list", "1.0.0_arm64"]);
    assert_eq!(bed.digest("latest"), bed.digest("1.0.0"), "aliases do not depend on image tags");
    bed.ecr.faults().clear();
    assert_outcome(&bed.deliver_event("1.0.0-arm64"), "unchanged");
    assert_eq!(bed.digest("1.0.0_arm64"), bed.digest("1.0.0-arm64"));
}

#[test]
fn list_that_moves_meanwhile_takes_its_tags_along() {
    let bed = image_tag_bed();
    let (list, _) = attested(&["linux/amd64", "linux/arm64"], "1");
    let (newer, images) = attested(&["linux/amd64", "linux/arm64"], "2");
    bed.registry.push("app", None, &newer);
    let digest = newer.digest();
    bed.ecr.on_call(move |call, ecr| {
        if call.operation == "PutImage" {
            ecr.home().retag("app", "1", &digest);
        }
    });
    assert_outcome(&bed.push("1", &list), "tagged");
    assert_tagged(&bed, "1", &images);
}

#[test]
fn without_the_setting_lists_are_not_looked_at() {
    let bed = TestBed::new();
    let (list, _) = attested(&["linux/amd64", "linux/arm64"], "1");
    bed.ecr.clear_journal();
    let ignored = bed.push("1", &list).unwrap();
    assert_eq!(ignored["outcome"], "ignored");
    assert!(ignored.get("image_tags").is_none() && bed.operations().is_empty());
}
