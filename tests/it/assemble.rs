//! From pushes to lists: what is published, when, and the content of lists.

use local_ecr::image::{Entry, Image, Index, ToArtifact as _};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{Mutability, digest_of};
use serde_json::{Value, json};

use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::function::{ACCOUNT, Failure, REGION};
use crate::support::input::{push_event, with_fields};
use crate::support::test_bed::{TestBed, push_images};

const REVISION: &str = "org.opencontainers.image.revision";

/// A test bed in which the list of version `1` is published.
fn published() -> TestBed {
    let bed = TestBed::with_images();
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
    bed
}

/// Pushes both images with their events and returns the last answer.
fn push_both(bed: &TestBed, amd64: &Image, arm64: &Image) -> Result<Value, Failure> {
    bed.push("1-amd64", amd64).unwrap();
    bed.push("1-arm64", arm64)
}

#[test]
fn platform_missing_waits() {
    let bed = TestBed::new();
    let waiting = bed.push("1.2.3-amd64", &Image::docker("linux/amd64")).unwrap();
    assert_eq!(
        waiting,
        json!({"outcome": "waiting", "account": ACCOUNT, "region": REGION, "repository": "app", "version": "1.2.3",
               "tag": "1.2.3", "digest": null, "media_type": null, "missing": ["linux/arm64"],
               "expected_tags": ["1.2.3-arm64"], "reason": null,
               "platforms": [{"platform": "linux/amd64", "tag": "1.2.3-amd64", "digest": bed.digest("1.2.3-amd64")}]})
    );
    assert_eq!(bed.digest("1.2.3"), None);
}

#[test]
fn last_platform_publishes() {
    let bed = TestBed::new();
    bed.push("1.2.3-amd64", &Image::docker("linux/amd64")).unwrap();
    let published = bed.push("1.2.3-arm64", &Image::docker("linux/arm64/v8")).unwrap();
    assert_eq!(
        published,
        json!({"outcome": "published", "account": ACCOUNT, "region": REGION, "repository": "app",
        "version": "1.2.3", "tag": "1.2.3",
        "digest": bed.digest("1.2.3"), "media_type": DOCKER_LIST, "missing": [], "reason": null,
        "platforms": [
            {"platform": "linux/amd64", "tag": "1.2.3-amd64", "digest": bed.digest("1.2.3-amd64")},
            {"platform": "linux/arm64", "tag": "1.2.3-arm64", "digest": bed.digest("1.2.3-arm64")},
        ]})
    );
    assert_eq!(bed.list("1.2.3")["manifests"][1]["platform"]["variant"], "v8");
}

#[test]
fn repeated_events_cost_one_read_each() {
    let bed = published();
    bed.ecr.clear_journal();
    for tag in ["1-amd64", "1-arm64", "1-arm64"] {
        assert_outcome(&bed.deliver_event(tag), "unchanged");
    }
    assert_eq!(bed.operations(), ["BatchGetImage"; 3], "the configs are cached");
}

#[test]
fn waiting_version_costs_one_read() {
    let bed = TestBed::new();
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    assert_eq!(bed.operations(), ["BatchGetImage"]);
}

#[test]
fn new_list_costs_two_reads_one_write() {
    let bed = published();
    let mut operations = bed.operations();
    operations.sort();
    assert_eq!(
        operations,
        [
            "BatchGetImage",
            "BatchGetImage",
            "Blob",
            "Blob",
            "GetDownloadUrlForLayer",
            "GetDownloadUrlForLayer",
            "PutImage"
        ]
    );
}

#[test]
fn every_read_accepts_four_media_types() {
    let reads = published().calls("BatchGetImage");
    assert_eq!(reads.len(), 2);
    for read in reads {
        assert_eq!(read.request["acceptedMediaTypes"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn blobs_are_fetched_without_authorization() {
    let blobs = published().calls("Blob");
    assert_eq!(blobs.len(), 2);
    assert!(blobs.iter().all(|call| !call.authorized && call.status == Some(200)));
}

#[test]
fn write_states_tag_media_type_digest() {
    let puts = published().calls("PutImage");
    let [put] = puts.as_slice() else { panic!("{puts:?}") };
    assert_eq!(put.request["imageTag"], "1");
    assert_eq!(put.request["imageManifestMediaType"], OCI_INDEX);
    assert_eq!(put.request["imageDigest"], digest_of(put.request["imageManifest"].as_str().unwrap().as_bytes()));
    assert_eq!(put.request["registryId"], "123456789012");
}

#[test]
fn attestations_drop_leaves_them_out() {
    let bed = TestBed::with(|function| function.env("ATTESTATIONS", "drop"));
    bed.push("1-amd64", &Image::oci("linux/amd64").attested()).unwrap();
    bed.push("1-arm64", &Image::oci("linux/arm64").attested()).unwrap();
    assert_eq!(bed.architectures("1"), ["amd64", "arm64"]);
}

#[test]
fn answers_name_images_rather_than_indexes() {
    let bed = TestBed::new();
    let images = [Image::oci("linux/amd64"), Image::oci("linux/arm64")];
    let digests = images.each_ref().map(|image| Entry::new(image).digest());
    let waiting = bed.push("1-amd64", &images[0].attested()).unwrap();
    let published = bed.push("1-arm64", &images[1].attested_as_artifact()).unwrap();
    assert_eq!((&waiting["outcome"], &published["outcome"]), (&json!("waiting"), &json!("published")));
    assert_eq!(waiting["platforms"][0]["digest"], digests[0]);
    assert_eq!([0, 1].map(|platform| published["platforms"][platform]["digest"].clone()), digests);
}

#[test]
fn one_index_serves_both_platform_tags() {
    let bed = TestBed::new();
    let both = Index::oci([
        Entry::new(&Image::oci("linux/amd64")).platform("linux/amd64"),
        Entry::new(&Image::oci("linux/arm64")).platform("linux/arm64"),
    ]);
    bed.push("1-amd64", &both).unwrap();
    assert_outcome(&bed.push("1-arm64", &both), "published");
    assert_eq!(bed.architectures("1"), ["amd64", "arm64"]);
}

#[test]
fn entry_without_platform_takes_that_of_config() {
    let bed = TestBed::new();
    let index = |platform| Index::oci([Entry::new(&Image::oci(platform)).without_platform()]);
    bed.push("1-amd64", &index("linux/amd64")).unwrap();
    assert_outcome(&bed.push("1-arm64", &index("linux/arm64/v8")), "published");
    for (entry, architecture) in ["amd64", "arm64"].into_iter().enumerate() {
        let expected = json!({"architecture": architecture, "os": "linux"});
        assert_eq!(bed.list("1")["manifests"][entry]["platform"], expected, "the default variant is left out");
    }
}

#[test]
fn wrong_size_in_index_is_corrected() {
    let bed = TestBed::new();
    bed.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let arm64 = Image::oci("linux/arm64");
    bed.registry.push("app", None, &arm64);
    let index = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [{"mediaType": OCI_MANIFEST, "digest": arm64.digest(), "size": 7,
                       "platform": {"architecture": "arm64", "os": "linux"}}],
    });
    bed.registry.store_raw("app", Some("1-arm64"), OCI_INDEX, index.to_string(), None);
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
    let (_, bytes) = bed.registry.manifest("app", &arm64.digest()).unwrap();
    assert_eq!(bed.list("1")["manifests"][1]["size"], bytes.len());
}

#[test]
fn windows_entry_has_os_version_without_features() {
    for image in [Image::docker, Image::oci] {
        let bed = TestBed::with(|function| function.env("PLATFORMS", "linux/amd64,windows(10.0.20348)/amd64=ltsc2022"));
        let windows = image("windows/amd64").os_version("10.0.20348.2322").os_features(["win32k"]);
        bed.push("1-amd64", &image("linux/amd64")).unwrap();
        assert_outcome(&bed.push("1-ltsc2022", &windows), "published");
        assert_eq!(
            bed.list("1")["manifests"][1]["platform"],
            json!({"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2322"})
        );
    }
}

#[test]
fn differing_revisions_wait_until_they_agree() {
    let bed = TestBed::new();
    let arm64 = Image::oci("linux/arm64").annotation(REVISION, "def");
    let waiting = push_both(&bed, &Image::oci("linux/amd64").revision("abc"), &arm64).unwrap();
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!([])));
    let parts = ["linux/amd64 from abc (label of its config)", "linux/arm64 from def (annotation of its manifest)"];
    assert_contains(waiting["reason"].as_str().unwrap(), &parts);
    assert_eq!(bed.digest("1"), None);
    assert_outcome(&bed.push("1-amd64", &Image::oci("linux/amd64").revision("def")), "published");
}

#[test]
fn commit_and_its_abbreviation_are_one_revision() {
    let bed = TestBed::new();
    let inherited = Image::oci("linux/amd64").revision("of-the-base-image").annotation(REVISION, "3f9c2d1\n");
    let arm64 = Image::oci("linux/arm64").revision("3F9C2D1AA0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5");
    assert_outcome(&push_both(&bed, &inherited, &arm64), "published");
}

#[test]
fn image_without_revision_publishes() {
    let bed = TestBed::new();
    let amd64 = Image::oci("linux/amd64").revision("abc");
    assert_outcome(&push_both(&bed, &amd64, &Image::oci("linux/arm64")), "published");
}

#[test]
fn revisions_any_publishes_differing_revisions() {
    let bed = TestBed::with(|function| function.env("REVISIONS", "any"));
    bed.push("1-amd64", &Image::oci("linux/amd64").revision("abc").attested()).unwrap();
    assert_outcome(&bed.push("1-arm64", &Image::oci("linux/arm64").revision("def")), "published");
}

#[test]
fn dry_run_answers_what_would_be_written() {
    let bed = TestBed::with_images();
    let dry_run = || bed.assemble_with("1", &json!({"dry_run": true})).unwrap();
    let dry = dry_run();
    assert_eq!((&dry["outcome"], &dry["reason"]), (&json!("would_publish"), &Value::Null));
    assert_eq!(bed.calls("PutImage").len(), 0);
    let published = bed.assemble("1").unwrap();
    assert_eq!((&published["outcome"], published.get("manifest")), (&json!("published"), None));
    assert_eq!(published["digest"], dry["digest"]);
    let (_, bytes) = bed.registry.manifest("app", "1").unwrap();
    assert_eq!(dry["manifest"].as_str().unwrap().as_bytes(), bytes);
    assert_eq!(dry_run()["outcome"], "unchanged");
}

#[test]
fn request_without_any_image_waits_for_all() {
    let waiting = TestBed::new().assemble("1").unwrap();
    assert_eq!((&waiting["outcome"], &waiting["platforms"]), (&json!("waiting"), &json!([])));
    assert_eq!(waiting["missing"].as_array().unwrap().len(), 2);
}

#[test]
fn list_with_fewer_platforms_is_replaced() {
    let bed = TestBed::new();
    let amd64 = Image::oci("linux/amd64");
    bed.registry.push("app", Some("1"), &Index::oci([Entry::new(&amd64).platform("linux/amd64")]));
    assert_outcome(&push_both(&bed, &amd64, &Image::oci("linux/arm64")), "published");
}

/// A dry run does not ask ECR whether tags are immutable, which takes another permission.
#[test]
fn immutable_tag_keeps_its_list_despite_force() {
    let bed = published();
    let list = bed.digest("1").unwrap();
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").content("fixed"));
    bed.registry.set_mutability("app", Mutability::Immutable);
    let dry = bed.assemble_with("1", &json!({"dry_run": true})).unwrap();
    assert_eq!(dry["outcome"], "would_publish");
    assert_contains(dry["reason"].as_str().unwrap(), &["TagConflict", "immutable", &list]);
    assert_failure(&bed.deliver_event("1-arm64"), "TagConflict", &["app:1", "immutable", &list]);
    assert_failure(&bed.assemble_with("1", &json!({"force": true})), "TagConflict", &["immutable"]);
    assert_eq!(bed.digest("1"), Some(list));
}

#[test]
fn settings_and_rules_name_platform_tags_and_versions() {
    let rules = r#"[{"repositories":["other"],"platforms":"linux/s390x","tag_template":"{version}-{platform}"}]"#;
    let bed = TestBed::with(|function| {
        function.env("TAG_TEMPLATE", "{platform}_v{version}").env("VERSION_PATTERN", r"\d+").env("RULES", rules)
    });
    bed.push("amd64_v1", &Image::oci("linux/amd64")).unwrap();
    assert_outcome(&bed.push("arm64_v1", &Image::oci("linux/arm64")), "published");
    let ignored = bed.push("arm64_vx", &Image::oci("linux/arm64")).unwrap();
    assert_eq!((&ignored["outcome"], &ignored["version"]), (&json!("ignored"), &json!("x")));
    bed.registry.push("other", Some("1-s390x"), &Image::oci("linux/s390x"));
    assert_outcome(&bed.function.invoke(&push_event("other", "1-s390x")), "published");
}

#[test]
fn events_and_requests_select_the_registry() {
    let (account, region) = ("210987654321", "us-west-2");
    let bed = TestBed::with(|function| function.env("ACCOUNTS", account).env("REGIONS", region));
    let (other, fields) = (bed.ecr.registry(account, region), json!({"account": account, "region": region}));
    push_images(&other, "app", "1");
    assert_outcome(&bed.function.invoke(&with_fields(push_event("app", "1-arm64"), &fields)), "published");
    assert_outcome(&bed.assemble_with("1", &fields), "unchanged");
    assert!(other.tag("app", "1").is_some() && bed.digest("1").is_none());
}
