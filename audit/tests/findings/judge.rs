//! What the function would do with a version decides whether a request fixes it: in its own words.

use std::collections::BTreeMap;

use ecr_multiarch_core::reconcile::manifest_list::{Origin, SourceImage};
use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use ecr_multiarch_core::settings::{Attestations, ListAnnotations};
use ecr_multiarch_core::{Digest, ManifestList};
use serde_json::{Value, json};

use crate::support::{Scan, config, entry};

/// What the function says of images of two revisions.
/// What the function says of two revisions that this place states.
fn differing(place: &str) -> String {
    format!(
        "the platforms were built from different revisions: linux/amd64 from r1 ({place}), linux/arm64 from r2 ({place}); \
         push them from the same one, or set REVISIONS to any"
    )
}

/// Version 1.0.0 without a list, where the tag of amd64 names an index with these entries, of its image.
fn with_index(entries: impl Fn(&Value) -> Vec<Value>) -> Scan {
    let scan = Scan::new().built("1.0.0", 1, "r1").alias("1.0.0-amd64", "image");
    let image = scan.descriptor("image", &entry("image", "amd64").1);
    scan.index("1.0.0-amd64", 1, &json!({"manifests": entries(&image)}).to_string()).untag("image").read()
}

/// An attestation of an image.
fn attestation(image: &Value, platform: Option<&Value>) -> Value {
    let annotations =
        json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image["digest"]});
    let digest = Digest::sha256("attestation");
    json!({"mediaType": image["mediaType"], "size": 1, "digest": digest, "annotations": annotations, "platform": platform})
}

/// Compares the obstacle of the only finding, which is that the list is missing.
#[track_caller]
fn check(scan: &Scan, obstacle: &str) {
    scan.check(&["list-missing 1.0.0: names nothing, beside 1.0.0-amd64, 1.0.0-arm64"]);
    let finding = scan.finding();
    assert_eq!((&finding["request"], finding["obstacle"].as_str()), (&Value::Null, Some(obstacle)));
}

#[test]
fn index_of_an_image_and_its_attestation_is_published() {
    let scan = with_index(|image| vec![image.clone(), attestation(image, None)]);
    assert_eq!(scan.finding()["request"]["version"], "1.0.0");
}

#[test]
fn attestation_that_states_a_platform_is_an_obstacle() {
    let scan = with_index(|image| vec![image.clone(), attestation(image, Some(&image["platform"]))]);
    let obstacle = format!(
        "app:1.0.0-amd64 cannot go into a manifest list: its entry {} is annotated as an attestation but states a \
         platform, so clients would take it for an image; an attestation has none, or unknown/unknown",
        Digest::sha256("attestation")
    );
    check(&scan, &obstacle);
}

#[test]
fn entry_of_an_unknown_media_type_is_no_image() {
    let scan = with_index(|image| {
        let mut other = image.clone();
        other["mediaType"] = json!("application/vnd.example");
        vec![other]
    });
    let obstacle = "app:1.0.0-amd64 cannot go into a manifest list: it is an index without an image of linux/amd64";
    check(&scan, obstacle);
}

#[test]
fn image_that_was_not_read_is_an_obstacle() {
    check(&Scan::new().built("1.0.0", 1, "r1").refuse("1.0.0-arm64").read(), "1.0.0-arm64 was not read");
}

#[test]
fn index_of_a_deleted_image_is_an_obstacle() {
    let scan = Scan::new().built("1.0.0", 1, "r1").alias("1.0.0-amd64", "image").listed("1.0.0", 1);
    let entries = [scan.descriptor("image", &entry("image", "amd64").1)];
    let scan = scan.index("1.0.0-amd64", 1, &json!({ "manifests": entries }).to_string()).delete("image").read();
    let finding = scan.finding();
    assert_eq!((&finding["kind"], &finding["request"]), (&json!("image-gone"), &Value::Null));
    assert!(finding["obstacle"].as_str().unwrap().contains("its list is right"), "{finding}");
}

/// The list of a version on amd64 and arm64, as the function assembles it.
fn assembled(scan: Scan, version: &str, day: u32) -> Scan {
    let source = |part| {
        let platform: ConfiguredPlatform = format!("linux/{part}").parse().unwrap();
        let image = scan.descriptor(&format!("{version}-{part}"), &entry("", part).1);
        let origin = Origin { image: serde_json::from_value(image).unwrap(), is_index: false, attached: Vec::new() };
        SourceImage {
            config_platform: platform.platform().clone(),
            platform,
            revision: None,
            taken_over: BTreeMap::new(),
            origin,
        }
    };
    let list = ManifestList::assemble(&["amd64", "arm64"].map(source), Attestations::Keep, &ListAnnotations::default());
    let list = list.unwrap();
    scan.index(version, day, &list.text)
}

#[test]
fn list_that_the_function_would_leave_has_no_request() {
    let scan = (0..6).fold(Scan::new(), |scan, day| {
        let version = format!("1.{day}.0");
        assembled(scan.built(&version, day, "r1"), &version, day)
    });
    let scan = scan.config_image("1.5.0-s390x", 5, &config("s390x", "r1")).read();
    scan.check(&["list-differs-from-tags 1.5.0: does not have the image of 1.5.0-s390x"]);
    assert_eq!(scan.finding()["obstacle"], "with the suggested settings, its list is right and stays");
}

#[test]
fn version_that_would_be_held_back_has_no_request() {
    for (config_of_arm64, kind) in
        [(config("arm64", "r2"), "mixed-revisions"), (config("amd64", "r1 "), "platform-mismatch")]
    {
        let scan = Scan::new()
            .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
            .config_image("1.0.0-arm64", 1, &config_of_arm64)
            .read();
        let report = scan.report();
        let kinds = report["findings"].as_array().unwrap().iter().map(|finding| &finding["kind"]);
        assert!(kinds.clone().any(|found| found == kind) && kinds.clone().any(|found| found == "list-missing"));
        assert!(report["findings"].as_array().unwrap().iter().all(|finding| finding["request"].is_null()));
    }
}

#[test]
fn list_whose_platform_tag_was_removed_has_no_request() {
    let mut scan = Scan::new();
    for (version, day) in [("1.0.0", 1), ("1.1.0", 2)] {
        let entries = ["amd64", "arm64", "s390x"].map(|part| (format!("{version}-{part}"), part));
        for (tag, part) in &entries {
            scan = scan.config_image(tag, day, &config(part, version));
        }
        scan = scan.list(version, day, &entries.map(|(tag, part)| entry(&tag, part)));
    }
    let scan = scan.untag("1.1.0-s390x").config_image("1.1.0-arm64", 3, &config("arm64", "1.1.0")).read();
    scan.check(&["list-differs-from-tags 1.1.0: has an image of linux/s390x, which no tag names"]);
    let scan = scan.config_image("1.1.0-arm64", 3, &config("arm64", "1.1.0 ")).read();
    let finding = scan.finding();
    assert_eq!(finding["kind"], "list-differs-from-tags");
    assert_eq!(finding["request"], Value::Null);
}

#[test]
fn version_is_not_held_back_while_a_revision_is_not_known() {
    let scan = Scan::new()
        .built("1.0.0", 1, "r1")
        .config_image("1.0.0-arm64", 1, &config("arm64", "r2"))
        .config_image("1.0.0-s390x", 1, &config("s390x", ""))
        .read();
    let finding = scan.finding();
    assert_eq!((&finding["kind"], &finding["request"]["action"]), (&"list-missing".into(), &"assemble".into()));
}

#[test]
fn revision_of_an_index_is_that_of_its_image() {
    let mut scan = Scan::new();
    for (part, revision) in [("amd64", "r1"), ("arm64", "r2")] {
        let image = format!("{part} of {revision}").replace(' ', "-");
        scan = scan.config_image(&image, 1, &config(part, ""));
        let entries = [scan.descriptor(&image, &entry(&image, part).1)];
        let annotations = json!({"org.opencontainers.image.revision": revision});
        let index = json!({"manifests": entries, "annotations": annotations}).to_string();
        scan = scan.index(&format!("1.0.0-{part}"), 1, &index).untag(&image);
    }
    let scan = scan.read();
    scan.check(&[
        "list-missing 1.0.0: names nothing, beside 1.0.0-amd64, 1.0.0-arm64",
        "mixed-revisions 1.0.0: linux/amd64 is built from r1, linux/arm64 is built from r2",
    ]);
    assert_eq!(scan.finding()["obstacle"], differing("annotation of its index"));
}

#[test]
fn list_of_a_platform_without_settings_has_no_request() {
    let mut scan = Scan::new();
    for day in 0..6 {
        let version = format!("1.{day}.0");
        let (amd64, arm64, other) = (format!("{version}-amd64"), format!("{version}-arm64"), format!("x{day}"));
        scan = scan
            .built(&version, day, &version)
            .config_image(&other, day, &config("s390x", &version))
            .list(&version, day, &[entry(&amd64, "amd64"), entry(&arm64, "arm64"), entry(&other, "s390x")])
            .untag(&other);
    }
    let finding = scan.config_image("1.5.0-arm64", 7, &config("arm64", "")).read().finding();
    assert_eq!((&finding["kind"], &finding["request"]), (&json!("list-differs-from-tags"), &Value::Null));
    let obstacle = finding["obstacle"].as_str().unwrap();
    assert!(obstacle.contains("with linux/s390x, which is not a configured platform; add it to PLATFORMS"));
}

#[test]
fn revisions_of_platform_tags_differ_also_beside_a_list() {
    let scan = Scan::new()
        .config_image("1.0.0-amd64", 1, &config("amd64", "r1"))
        .config_image("old", 1, &config("arm64", "r1"))
        .list("1.0.0", 1, &[entry("1.0.0-amd64", "amd64"), entry("old", "arm64")])
        .untag("old")
        .config_image("1.0.0-arm64", 2, &config("arm64", "r2"))
        .read();
    scan.check(&[
        "list-differs-from-tags 1.0.0: does not have the image of 1.0.0-arm64",
        "mixed-revisions 1.0.0: linux/amd64 is built from r1, linux/arm64 is built from r2",
    ]);
    let finding = scan.finding();
    assert_eq!((&finding["request"], &finding["obstacle"]), (&Value::Null, &json!(differing("label of its config"))));
}
