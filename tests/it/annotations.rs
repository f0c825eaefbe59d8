//! Annotations of manifest lists by `ANNOTATIONS`: which a list gets, from where, and when it is written anew.

use local_ecr::image::{Entry, Image, Index, ToArtifact};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX};
use serde_json::{Value, json};

use crate::support::assertions::assert_outcome;
use crate::support::function::FunctionBuilder;
use crate::support::test_bed::{TestBed, push_images};

const SOURCE: &str = "org.opencontainers.image.source";

/// A test bed whose function has this value of `ANNOTATIONS`.
fn annotating(annotations: &str) -> TestBed {
    TestBed::with(|function| function.env("ANNOTATIONS", annotations))
}

/// The annotations and the media type of the list that is published of these images.
#[track_caller]
fn published(bed: &TestBed, amd64: &impl ToArtifact, arm64: &impl ToArtifact) -> (Value, Value) {
    bed.registry.push("app", Some("1-amd64"), amd64);
    bed.registry.push("app", Some("1-arm64"), arm64);
    let published = bed.assemble("1").unwrap();
    assert_eq!(published["outcome"], "published", "{published}");
    (bed.list("1")["annotations"].clone(), published["media_type"].clone())
}

/// An image of each platform whose label states this source, as that of a base image does.
fn inherited() -> [Image; 2] {
    ["linux/amd64", "linux/arm64"].map(|platform| Image::oci(platform).label(SOURCE, "base"))
}

#[test]
fn annotated_list_is_published_once() {
    let bed = annotating(&format!("{SOURCE},org.opencontainers.image.vendor=Example\\, Inc."));
    let [amd64, arm64] = inherited();
    let (annotations, media_type) = published(&bed, &amd64, &arm64);
    assert_eq!(annotations, json!({SOURCE: "base", "org.opencontainers.image.vendor": "Example, Inc."}));
    assert_eq!(media_type, OCI_INDEX);
    assert_outcome(&bed.deliver_event("1-arm64"), "unchanged");
    assert_outcome(&bed.assemble_with("1", &json!({"force": true})), "unchanged");
}

#[test]
fn docker_images_give_an_index_where_an_annotation_results() {
    let image = |platform: &str, source: &str| Image::docker(platform).label(SOURCE, source);
    let bed = annotating(SOURCE);
    let (annotations, media_type) = published(&bed, &image("linux/amd64", "a"), &image("linux/arm64/v8", "a"));
    assert_eq!((annotations, media_type), (json!({SOURCE: "a"}), json!(OCI_INDEX)));
    assert_eq!(bed.list("1")["manifests"][1]["platform"]["variant"], "v8", "as the config states it");
    let bed = annotating(SOURCE);
    let (annotations, media_type) = published(&bed, &image("linux/amd64", "a"), &image("linux/arm64", "b"));
    assert_eq!((annotations, media_type), (Value::Null, json!(DOCKER_LIST)));
}

#[test]
fn value_that_images_do_not_share_is_left_out() {
    let stating = |image: Image, source: &str| image.annotation(SOURCE, source);
    let long = "x".repeat((1 << 10) + 1);
    for (one, other, expected) in [
        (Some("a"), Some("a"), json!({"key": "v", SOURCE: "a"})),
        (Some("a"), Some("b"), json!({"key": "v"})),
        (Some("a"), Some("a\n"), json!({"key": "v"})),
        (Some(long.as_str()), Some(long.as_str()), json!({"key": "v"})),
        // One that states nothing itself has the value of its base image.
        (Some("base"), Some(" "), json!({"key": "v", SOURCE: "base"})),
        (None, None, json!({"key": "v", SOURCE: "base"})),
        (Some("a"), None, json!({"key": "v"})),
    ] {
        let [amd64, arm64] = inherited();
        let amd64 = if let Some(source) = one { stating(amd64, source) } else { amd64 };
        let arm64 = if let Some(source) = other { stating(arm64, source) } else { arm64 };
        let bed = annotating(&format!("{SOURCE},key=v"));
        assert_eq!(published(&bed, &amd64, &arm64).0, expected, "{one:.20?} {other:.20?}");
    }
    let (bed, [amd64, _]) = (annotating(SOURCE), inherited());
    assert_eq!(published(&bed, &amd64, &Image::oci("linux/arm64")).0, Value::Null);
}

#[test]
fn index_precedes_manifest_and_manifest_precedes_label() {
    let of_manifests = || inherited().map(|image| image.annotation(SOURCE, "manifest"));
    let of_indexes = || of_manifests().map(|image| image.attested().annotation(SOURCE, "index"));
    let of_entries = || {
        of_manifests()
            .map(|image| Index::oci([Entry::new(&image).annotation(SOURCE, "entry")]).annotation(SOURCE, "index"))
    };
    let source = |[amd64, arm64]: [&dyn ToArtifact; 2]| {
        let bed = annotating(SOURCE);
        published(&bed, &amd64.to_artifact(), &arm64.to_artifact()).0[SOURCE].clone()
    };
    let ([amd64, arm64], [index_amd64, index_arm64]) = (of_manifests(), of_indexes());
    assert_eq!(source([&amd64, &arm64]), "manifest");
    assert_eq!(source([&index_amd64, &index_arm64]), "index");
    let [entry_amd64, entry_arm64] = of_entries();
    assert_eq!(source([&entry_amd64, &entry_arm64]), "entry");
}

#[test]
fn changed_setting_leaves_a_list_until_it_is_forced() {
    let mut bed = TestBed::with_images();
    assert_outcome(&bed.assemble("1"), "published");
    let plain = bed.digest("1");
    bed.function = FunctionBuilder::new(&bed.ecr).env("ANNOTATIONS", "key=value").start();
    assert_outcome(&bed.deliver_event("1-arm64"), "unchanged");
    let swept = bed.sweep(&json!({"deep": true}));
    assert_eq!((&swept["published"], &swept["unchanged"]), (&json!(0), &json!(1)));
    assert_eq!(bed.digest("1"), plain);
    assert_outcome(&bed.assemble_with("1", &json!({"force": true})), "published");
    assert_eq!(bed.list("1")["annotations"], json!({"key": "value"}));
    bed.function = FunctionBuilder::new(&bed.ecr).start();
    assert_outcome(&bed.assemble("1"), "unchanged");
    assert_outcome(&bed.assemble_with("1", &json!({"force": true})), "published");
    assert_eq!(bed.digest("1"), plain);
}

#[test]
fn repositories_of_several_rules_share_the_config_of_an_image() {
    let rules = r#"[{"repositories":["other"],"annotations":"b"},{"repositories":["plain"],"annotations":""}]"#;
    let bed = TestBed::with(|function| function.env("ANNOTATIONS", "a").env("RULES", rules));
    let annotations = ["app", "other", "plain"].map(|repository| {
        for platform in ["amd64", "arm64"] {
            let image = Image::oci(&format!("linux/{platform}")).label("a", "1").label("b", "2");
            bed.registry.push(repository, Some(&format!("1-{platform}")), &image);
        }
        let request = crate::support::input::assemble_request(repository, "1");
        assert_outcome(&bed.function.invoke(&request), "published");
        let (_, bytes) = bed.registry.manifest(repository, "1").unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()["annotations"].clone()
    });
    assert_eq!(annotations, [json!({"a": "1"}), json!({"b": "2"}), Value::Null]);
    assert_eq!(bed.calls(local_ecr::BLOB).len(), 2, "the config of each platform is read once");
}

/// The calls, and the bytes, of a version whose lists have no annotations.
#[test]
fn without_the_setting_nothing_differs() {
    let [plain, empty] = [TestBed::new(), annotating("")].map(|bed| {
        push_images(&bed.registry, "app", "1");
        assert_outcome(&bed.assemble("1"), "published");
        (bed.digest("1"), bed.operations())
    });
    assert_eq!(plain, empty);
}
