//! What pipelines do one after the other: retag, delete, sign, promote, and race with the function or with themselves.

use std::time::{Duration, SystemTime};

use local_ecr::Mutability;
use local_ecr::image::{Artifact, Entry, Image, Index, ToArtifact};
use serde_json::{Value, json};

use super::{edited, entry, push_announced};
use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::input::{push_event, with_fields, yank_request};
use crate::support::test_bed::TestBed;

const HOUR: Duration = Duration::from_hours(1);

/// Pushes both images of a version, of one build, with their events. Returns the digest of its list.
fn publish(bed: &TestBed, version: &str, build: &str) -> Option<String> {
    bed.push(&format!("{version}-amd64"), &Image::oci("linux/amd64").content(build)).unwrap();
    bed.push(&format!("{version}-arm64"), &Image::oci("linux/arm64").content(build)).unwrap();
    bed.digest(version)
}

/// A test bed with two builds of `prod`, hours apart, and the digests of their lists.
fn bed_with_two_builds() -> (TestBed, [String; 2]) {
    let bed = TestBed::new();
    let lists = [("old", 3), ("new", 2)].map(|(build, hours)| {
        bed.ecr.clock().set(SystemTime::now() - HOUR * hours);
        bed.registry.push("app", Some("prod-amd64"), &Image::oci("linux/amd64").content(build));
        bed.registry.push("app", Some("prod-arm64"), &Image::oci("linux/arm64").content(build));
        assert_outcome(&bed.assemble("prod"), "published");
        bed.digest("prod").unwrap()
    });
    bed.ecr.clock().set(SystemTime::now());
    (bed, lists)
}

/// Row 07.
#[test]
fn list_put_back_alone_is_replaced_and_logged() {
    let (bed, [old, new]) = bed_with_two_builds();
    bed.registry.retag("app", "prod", &old);
    assert_eq!(bed.sweep(&json!({}))["published"], 1);
    assert_eq!(bed.digest("prod").as_ref(), Some(&new));
    bed.registry.retag("app", "prod", &old);
    assert_outcome(&bed.deliver_event("prod-arm64"), "published");
    let lines = bed.function.final_log_lines();
    let line = lines.iter().rev().find(|line| line["outcome"] == "published").unwrap();
    assert_eq!(line["replaced"], json!(old));
}

/// Row 07: the way that the documents name.
#[test]
fn platform_tags_put_back_bring_their_list_back() {
    let (bed, [old, _]) = bed_with_two_builds();
    for platform in ["amd64", "arm64"] {
        let image = Image::oci(&format!("linux/{platform}")).content("old");
        bed.registry.retag("app", &format!("prod-{platform}"), &image.digest());
        bed.deliver_event(&format!("prod-{platform}")).unwrap();
    }
    assert_eq!(bed.digest("prod"), Some(old));
}

/// Row 24.
#[test]
fn version_without_platform_tags_is_served_as_before() {
    let bed = TestBed::with(|function| function.env("ALIASES", "latest"));
    let lists = ["1.0.0", "1.1.0"].map(|version| publish(&bed, version, version));
    for tag in ["1.0.0-arm64", "1.1.0-amd64", "1.1.0-arm64", "1.0.0-amd64"] {
        bed.registry.untag("app", tag);
        let deleted = with_fields(push_event("app", tag)["detail"].clone(), &json!({"action-type": "DELETE"}));
        let deleted = with_fields(push_event("app", tag), &json!({"detail": deleted}));
        assert_outcome(&bed.function.invoke(&deleted), "ignored");
        let swept = bed.sweep(&json!({}));
        let totals = ["published", "failed_total", "incomplete_total", "aliases_moved", "alias_conflicts_total"];
        assert_eq!(totals.map(|total| swept[total].clone()), [0; 5].map(Value::from), "{swept}");
    }
    let waited = bed.assemble_with("1.1.0", &json!({"wait_seconds": 60})).unwrap();
    assert_eq!((&waited["outcome"], &waited["digest"]), (&json!("unchanged"), &json!(lists[1])));
    assert_eq!(bed.digest("latest"), lists[1]);
    assert_outcome(&bed.function.invoke(&yank_request("app", "1.1.0")), "yanked");
    assert_eq!(bed.digest("latest"), lists[0]);
}

/// What signs, attests or describes an image: cosign's tags and its referrer, and the index of referrers.
fn attachments(image: &impl ToArtifact) -> Vec<(Option<String>, Artifact)> {
    let digest = image.digest().replace(':', "-");
    let signature = edited(&Image::oci("linux/amd64").without_platform(), |manifest| {
        manifest["layers"][0]["mediaType"] = "application/vnd.dev.cosign.simplesigning.v1+json".into();
    });
    let image = image.to_artifact();
    let referrer = edited(&signature, |manifest| {
        manifest["artifactType"] = "application/vnd.dev.sigstore.bundle.v0.3+json".into();
        let size = image.manifest.len();
        manifest["subject"] = json!({"mediaType": image.media_type, "digest": image.digest(), "size": size});
    });
    let fallback = Index::oci([Entry::new(&referrer).without_platform()]).to_artifact();
    let tagged = ["sig", "att", "sbom"].map(|kind| (Some(format!("{digest}.{kind}")), signature.clone()));
    tagged.into_iter().chain([(None, referrer), (Some(digest), fallback)]).collect()
}

/// Row 31.
#[test]
fn signatures_and_referrers_are_ignored_without_a_call() {
    for (template, tag) in [("{version}-{platform}", "1-amd64"), ("{platform}-{version}", "amd64-1")] {
        let bed = TestBed::with(|function| function.env("TAG_TEMPLATE", template));
        for platform in ["amd64", "arm64"] {
            bed.registry.push("app", Some(&tag.replace("amd64", platform)), &Image::oci(&format!("linux/{platform}")));
        }
        assert_outcome(&bed.assemble("1"), "published");
        let list = bed.digest("1");
        bed.ecr.clear_journal();
        for (tag, artifact) in attachments(&Image::oci("linux/amd64")) {
            assert_outcome(&push_announced(&bed, "app", tag.as_deref(), &artifact), "ignored");
        }
        assert!(bed.operations().is_empty());
        let swept = bed.sweep(&json!({"deep": true}));
        assert_eq!((&swept["versions"], &swept["unchanged"]), (&json!(1), &json!(1)), "{swept}");
        assert_eq!(bed.digest("1"), list);
    }
}

/// Row 34: the tags of a version with what each names, its list first.
fn promoted() -> [(&'static str, Artifact); 3] {
    let [amd64, arm64] = ["linux/amd64", "linux/arm64"].map(Image::oci);
    let list = [&amd64, &arm64].map(|image| [Entry::new(image), image.attestation()]);
    let list = Index::oci(list.into_iter().flatten()).to_artifact();
    [("1.0", list), ("1.0-amd64", amd64.attested().to_artifact()), ("1.0-arm64", arm64.attested().to_artifact())]
}

/// Row 34.
#[test]
fn promoted_version_has_its_digest_in_any_order_of_copies() {
    let bed = TestBed::new();
    let promoted = promoted();
    for (number, order) in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].into_iter().enumerate() {
        let repository = format!("prod-{number}");
        bed.registry.create(&repository);
        bed.registry.set_mutability(&repository, Mutability::Immutable);
        for (tag, artifact) in order.map(|at| &promoted[at]) {
            bed.registry.push(&repository, Some(tag), artifact);
            bed.function.invoke(&push_event(&repository, tag)).unwrap();
        }
        assert_eq!(bed.registry.tag(&repository, "1.0"), Some(promoted[0].1.digest()), "{order:?}");
        let swept = bed.sweep(&json!({"repositories": [repository]}));
        assert_eq!((&swept["unchanged"], &swept["failed_total"]), (&json!(1), &json!(0)), "{swept}");
    }
}

/// Row 34: `docker pull`, `tag` and `push` copy the image of one platform under the version's tag.
#[test]
fn promotion_of_one_platform_is_a_conflict_beside_platform_tags() {
    let bed = TestBed::new();
    let amd64 = Image::oci("linux/amd64");
    assert_outcome(&push_announced(&bed, "app", Some("1.0"), &amd64), "ignored");
    let [_, rest @ ..] = promoted();
    for (tag, artifact) in rest {
        bed.registry.push("app", Some(tag), &artifact);
    }
    assert_failure(
        &bed.deliver_event("1.0-arm64"),
        "TagConflict",
        &["app:1.0", &amd64.digest(), "not a manifest list"],
    );
    assert_eq!(bed.digest("1.0"), Some(amd64.digest()));
}

/// Row 42: the merge job makes a list of the same images with an annotation.
#[test]
fn first_of_function_and_merge_job_has_an_immutable_tag() {
    let list = |bed: &TestBed| {
        let images = ["linux/amd64", "linux/arm64"].map(|platform| Entry::new(&Image::oci(platform).content("1")));
        let list = Index::oci(images).annotation("org.opencontainers.image.title", "app");
        bed.registry.try_push("app", Some("1"), &list)
    };
    let bed = TestBed::with_images();
    bed.registry.set_mutability("app", Mutability::Immutable);
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
    assert_contains(&list(&bed).unwrap_err().to_string(), &["ImageTagAlreadyExistsException"]);
    let bed = TestBed::with_images();
    bed.registry.set_mutability("app", Mutability::Immutable);
    let digest = list(&bed).unwrap();
    assert_eq!(bed.deliver_event("1-arm64").unwrap()["digest"], json!(digest));
    assert!(bed.calls("PutImage").is_empty());
}

/// Row 47: two commits build `latest`, and the arm64 build of the first is the slowest. Pushes all four images, and
/// returns the last answer.
fn interleave(bed: &TestBed, label: bool) -> Value {
    let push = |commit: &str, platform: &str| {
        let image = Image::oci(&format!("linux/{platform}")).content(commit);
        bed.push(&format!("latest-{platform}"), &if label { image.revision(commit) } else { image }).unwrap()
    };
    push("a", "amd64");
    push("b", "amd64");
    assert_eq!(push("b", "arm64")["outcome"], "published");
    push("a", "arm64")
}

/// Row 47.
#[test]
fn slow_build_of_an_earlier_commit_is_held_back_by_its_label() {
    let bed = TestBed::new();
    bed.ecr.clock().set(SystemTime::now() - HOUR * 2);
    let last = interleave(&bed, true);
    let newest = ["linux/amd64", "linux/arm64"].map(|platform| Image::oci(platform).content("b").revision("b"));
    let newest = Some(Index::oci(newest.iter().map(Entry::new)).digest());
    assert_eq!((&last["outcome"], bed.digest("latest")), (&json!("waiting"), newest.clone()));
    bed.ecr.clock().set(SystemTime::now());
    let swept = bed.sweep(&json!({}));
    let parts = ["linux/amd64 from b", "linux/arm64 from a"];
    assert_contains(entry(&swept, "incomplete", "latest")["reason"].as_str().unwrap(), &parts);
    assert_eq!(bed.digest("latest"), newest);
    let bed = TestBed::new();
    assert_eq!(interleave(&bed, false)["outcome"], "published", "without labels, the list is what the tags name");
}

/// Row 48.
#[test]
fn deleted_list_is_published_again_while_its_images_are_young() {
    let bed = TestBed::new();
    let list = publish(&bed, "1", "1");
    bed.registry.delete("app", list.as_ref().unwrap());
    assert_eq!(bed.sweep(&json!({"max_age": "30d"}))["published"], 1);
    assert_eq!(bed.digest("1"), list);
    for tag in ["1", "1-amd64", "1-arm64"] {
        bed.registry.untag("app", tag);
    }
    assert_eq!(bed.sweep(&json!({"max_age": "30d"}))["published"], 0);
    assert_eq!(bed.digest("1"), None);
}
