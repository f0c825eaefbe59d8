//! From pushes to lists: what is published, when, and the content of lists.

use local_ecr::image::{Entry, Image, Index, ToArtifact as _};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{Mutability, RegistryHandle, digest_of};
use serde_json::{Value, json};

use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::function::{ACCOUNT, Failure, FunctionBuilder, REGION};
use crate::support::input::push_event;
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
               "tag": "1.2.3", "digest": null, "media_type": null, "missing": ["linux/arm64"], "reason": null,
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
}

#[test]
fn docker_list_keeps_variant() {
    let bed = TestBed::new();
    push_both(&bed, &Image::docker("linux/amd64"), &Image::docker("linux/arm64/v8")).unwrap();
    assert_eq!(bed.list("1")["manifests"][1]["platform"]["variant"], "v8");
}

#[test]
fn repeated_events_write_nothing() {
    let bed = published();
    for tag in ["1-amd64", "1-arm64", "1-arm64"] {
        assert_outcome(&bed.deliver_event(tag), "unchanged");
    }
    assert_eq!(bed.calls("PutImage").len(), 1);
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
fn configs_are_cached_while_environment_is_warm() {
    let bed = published();
    bed.ecr.clear_journal();
    bed.deliver_event("1-arm64").unwrap();
    assert_eq!(bed.operations(), ["BatchGetImage"]);
}

/// A test bed in which the list of a Docker image and an attested OCI image is published.
fn published_of_both_formats() -> TestBed {
    let bed = TestBed::new();
    bed.push("1-amd64", &Image::oci("linux/amd64").attested()).unwrap();
    assert_outcome(&bed.push("1-arm64", &Image::docker("linux/arm64")), "published");
    bed
}

#[test]
fn every_read_accepts_four_media_types() {
    let reads = published_of_both_formats().calls("BatchGetImage");
    assert!(!reads.is_empty());
    for read in reads {
        assert_eq!(read.request["acceptedMediaTypes"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn blobs_are_fetched_without_authorization() {
    let blobs = published_of_both_formats().calls("Blob");
    assert!(!blobs.is_empty());
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
fn repushed_platform_replaces_list() {
    let bed = TestBed::new();
    let first = push_both(&bed, &Image::oci("linux/amd64"), &Image::oci("linux/arm64")).unwrap();
    let second = bed.push("1-arm64", &Image::oci("linux/arm64").content("fixed")).unwrap();
    assert_eq!(second["outcome"], "published");
    assert_ne!(first["digest"], second["digest"]);
    assert_eq!(bed.list("1")["manifests"][1]["digest"], json!(bed.digest("1-arm64")));
}

/// Publishes attested images, and asserts that the list has each image and then its attestation.
#[track_caller]
fn check_flattened(attest: fn(&Image) -> Index) {
    let bed = TestBed::new();
    let amd64 = Image::oci("linux/amd64");
    bed.push("1-amd64", &attest(&amd64)).unwrap();
    let published = bed.push("1-arm64", &attest(&Image::oci("linux/arm64"))).unwrap();
    assert_eq!(published["outcome"], "published");
    assert_eq!(bed.architectures("1"), ["amd64", "unknown", "arm64", "unknown"]);
    assert_eq!(published["platforms"][0]["digest"], json!(Entry::new(&amd64).digest()));
}

#[test]
fn attested_indexes_are_flattened() {
    check_flattened(Image::attested);
}

#[test]
fn indexes_with_attestation_artifacts_are_flattened() {
    check_flattened(Image::attested_as_artifact);
}

#[test]
fn attestations_drop_leaves_them_out() {
    let bed = TestBed::with(|function| function.env("ATTESTATIONS", "drop"));
    bed.push("1-amd64", &Image::oci("linux/amd64").attested()).unwrap();
    bed.push("1-arm64", &Image::oci("linux/arm64").attested()).unwrap();
    assert_eq!(bed.architectures("1"), ["amd64", "arm64"]);
}

#[test]
fn waiting_answer_names_image_rather_than_index() {
    let bed = TestBed::new();
    let amd64 = Image::oci("linux/amd64");
    let waiting = bed.push("1-amd64", &amd64.attested()).unwrap();
    assert_eq!(waiting["outcome"], "waiting");
    assert_eq!(waiting["platforms"][0]["digest"], json!(Entry::new(&amd64).digest()));
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

/// A test bed with the list of two indexes whose entries state no platform.
fn published_of_entries_without_platform() -> TestBed {
    let bed = TestBed::new();
    let index = |platform| Index::oci([Entry::new(&Image::oci(platform)).without_platform()]);
    bed.push("1-amd64", &index("linux/amd64")).unwrap();
    assert_outcome(&bed.push("1-arm64", &index("linux/arm64/v8")), "published");
    bed
}

#[test]
fn entry_without_platform_takes_that_of_config() {
    assert_eq!(published_of_entries_without_platform().architectures("1"), ["amd64", "arm64"]);
}

#[test]
fn default_variant_of_config_is_left_out() {
    let list = published_of_entries_without_platform().list("1");
    assert_eq!(list["manifests"][1]["platform"].get("variant"), None);
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

/// Publishes a Windows image, and asserts that its entry has the version of the os and no features.
#[track_caller]
fn check_windows(image: fn(&str) -> Image) {
    let bed = TestBed::with(|function| function.env("PLATFORMS", "linux/amd64,windows(10.0.20348)/amd64=ltsc2022"));
    let windows = image("windows/amd64").os_version("10.0.20348.2322").os_features(["win32k"]);
    bed.push("1-amd64", &image("linux/amd64")).unwrap();
    assert_outcome(&bed.push("1-ltsc2022", &windows), "published");
    assert_eq!(
        bed.list("1")["manifests"][1]["platform"],
        json!({"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2322"})
    );
}

#[test]
fn windows_entry_of_docker_list_has_version_alone() {
    check_windows(Image::docker);
}

#[test]
fn windows_entry_of_oci_index_has_version_alone() {
    check_windows(Image::oci);
}

/// A test bed with images of revisions `abc` and `def`, and the last answer.
fn push_differing_revisions() -> (TestBed, Value) {
    let bed = TestBed::new();
    let arm64 = Image::oci("linux/arm64").annotation(REVISION, "def");
    let answer = push_both(&bed, &Image::oci("linux/amd64").revision("abc"), &arm64).unwrap();
    (bed, answer)
}

#[test]
fn differing_revisions_wait() {
    let (bed, waiting) = push_differing_revisions();
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!([])));
    assert_eq!(bed.digest("1"), None);
}

#[test]
fn differing_revisions_are_named() {
    let (_, waiting) = push_differing_revisions();
    assert_contains(waiting["reason"].as_str().unwrap(), &["linux/amd64 from abc", "linux/arm64 from def"]);
}

#[test]
fn agreeing_revisions_publish() {
    let (bed, _) = push_differing_revisions();
    assert_outcome(&bed.push("1-amd64", &Image::oci("linux/amd64").revision("def")), "published");
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
fn dry_run_writes_nothing() {
    let bed = TestBed::with_images();
    assert_outcome(&bed.assemble_with("1", &json!({"dry_run": true})), "would_publish");
    assert_eq!(bed.calls("PutImage").len(), 0);
}

#[test]
fn dry_run_answers_exact_bytes() {
    let bed = TestBed::with_images();
    let dry = bed.assemble_with("1", &json!({"dry_run": true})).unwrap();
    let published = bed.assemble("1").unwrap();
    assert_eq!(published["digest"], dry["digest"]);
    let (_, bytes) = bed.registry.manifest("app", "1").unwrap();
    assert_eq!(dry["manifest"].as_str().unwrap().as_bytes(), bytes);
}

#[test]
fn only_dry_run_answers_manifest() {
    let published = TestBed::with_images().assemble("1").unwrap();
    assert_eq!(published["outcome"], "published");
    assert_eq!(published.get("manifest"), None);
}

#[test]
fn dry_run_of_published_version_is_unchanged() {
    assert_outcome(&published().assemble_with("1", &json!({"dry_run": true})), "unchanged");
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

/// A test bed whose version tag names a plain image, and its digest.
fn tag_names_image() -> (TestBed, String) {
    let bed = TestBed::with_images();
    let digest = bed.registry.push("app", Some("1"), &Image::oci("linux/s390x"));
    (bed, digest)
}

/// A test bed whose version tag names a list with a platform that is not configured, and its digest.
fn tag_names_foreign_list() -> (TestBed, String) {
    let bed = TestBed::with_images();
    let list = Index::oci([Entry::new(&Image::oci("linux/s390x")).platform("linux/s390x")]);
    let digest = bed.registry.push("app", Some("1"), &list);
    (bed, digest)
}

#[test]
fn plain_image_under_version_tag_conflicts() {
    let (bed, image) = tag_names_image();
    assert_failure(&bed.assemble("1"), "TagConflict", &["app:1", &image, "force"]);
    assert_eq!(bed.calls("PutImage").len(), 0);
}

#[test]
fn dry_run_shows_conflict() {
    let (bed, image) = tag_names_image();
    let conflict = bed.assemble_with("1", &json!({"dry_run": true}));
    assert_failure(&conflict, "TagConflict", &["app:1", &image, "force"]);
    assert_eq!(bed.calls("PutImage").len(), 0);
}

#[test]
fn list_with_other_platform_conflicts() {
    let (bed, list) = tag_names_foreign_list();
    assert_failure(&bed.deliver_event("1-arm64"), "TagConflict", &["app:1", &list, "linux/s390x", "force"]);
    assert_eq!(bed.calls("PutImage").len(), 0);
}

#[test]
fn force_replaces_plain_image() {
    assert_outcome(&tag_names_image().0.assemble_with("1", &json!({"force": true})), "published");
}

#[test]
fn force_replaces_list_with_other_platform() {
    assert_outcome(&tag_names_foreign_list().0.assemble_with("1", &json!({"force": true})), "published");
}

/// A dry run does not ask ECR whether tags are immutable, which takes another permission.
#[test]
fn dry_run_says_that_an_immutable_tag_would_conflict() {
    let (bed, list) = out_of_date_under_immutable_tag();
    let dry = bed.assemble_with("1", &json!({"dry_run": true}));
    assert_outcome(&dry, "would_publish");
    let reason = dry.unwrap()["reason"].as_str().unwrap().to_owned();
    assert_contains(&reason, &["TagConflict", "immutable", &list]);
}

#[test]
fn dry_run_of_a_new_tag_has_no_reason() {
    let bed = TestBed::with_images();
    assert_eq!(bed.assemble_with("1", &json!({"dry_run": true})).unwrap()["reason"], Value::Null);
}

#[test]
fn forced_dry_run_would_publish() {
    let (bed, _) = tag_names_foreign_list();
    assert_outcome(&bed.assemble_with("1", &json!({"force": true, "dry_run": true})), "would_publish");
    assert_eq!(bed.calls("PutImage").len(), 0);
}

/// A test bed whose list is out of date under an immutable tag, and the list's digest.
fn out_of_date_under_immutable_tag() -> (TestBed, String) {
    let bed = published();
    let list = bed.digest("1").unwrap();
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").content("fixed"));
    bed.registry.set_mutability("app", Mutability::Immutable);
    (bed, list)
}

#[test]
fn immutable_tag_with_other_list_conflicts() {
    let (bed, list) = out_of_date_under_immutable_tag();
    assert_failure(&bed.deliver_event("1-arm64"), "TagConflict", &["app:1", "immutable", &list]);
    assert_eq!(bed.digest("1"), Some(list));
}

#[test]
fn force_leaves_immutable_tag_alone() {
    let (bed, list) = out_of_date_under_immutable_tag();
    assert_failure(&bed.assemble_with("1", &json!({"force": true})), "TagConflict", &["immutable"]);
    assert_eq!(bed.digest("1"), Some(list));
}

/// A test bed with a tag template, a version pattern, and a rule for the repository `other`.
fn bed_with_tag_settings() -> TestBed {
    TestBed::with(|function| {
        function.env("TAG_TEMPLATE", "{platform}_v{version}").env("VERSION_PATTERN", r"\d+").env(
            "RULES",
            r#"[{"repositories":["other"],"platforms":"linux/s390x","tag_template":"{version}-{platform}"}]"#,
        )
    })
}

#[test]
fn tag_template_names_platform_tags() {
    let bed = bed_with_tag_settings();
    bed.push("amd64_v1", &Image::oci("linux/amd64")).unwrap();
    assert_outcome(&bed.push("arm64_v1", &Image::oci("linux/arm64")), "published");
}

#[test]
fn version_outside_pattern_is_ignored() {
    let ignored = bed_with_tag_settings().push("arm64_vx", &Image::oci("linux/arm64")).unwrap();
    assert_eq!((&ignored["outcome"], &ignored["version"]), (&json!("ignored"), &json!("x")));
}

#[test]
fn rule_overrides_settings() {
    let bed = bed_with_tag_settings();
    bed.registry.push("other", Some("1-s390x"), &Image::oci("linux/s390x"));
    assert_outcome(&bed.function.invoke(&push_event("other", "1-s390x")), "published");
}

#[test]
fn endpoint_of_all_services_is_used() {
    let bed = TestBed::with_images();
    let url = bed.ecr.url();
    let function = FunctionBuilder::new(&bed.ecr).env_remove("AWS_ENDPOINT_URL_ECR").env("AWS_ENDPOINT_URL", &url);
    assert_outcome(&function.start().invoke(&push_event("app", "1-arm64")), "published");
}

/// A test bed with both images in the registry of another account and Region.
fn images_in_other_registry() -> (TestBed, RegistryHandle) {
    let bed = TestBed::with(|function| function.env("ACCOUNTS", "210987654321").env("REGIONS", "us-west-2"));
    let other = bed.ecr.registry("210987654321", "us-west-2");
    push_images(&other, "app", "1");
    (bed, other)
}

#[test]
fn event_selects_registry() {
    let (bed, other) = images_in_other_registry();
    let mut event = push_event("app", "1-arm64");
    event["account"] = json!("210987654321");
    event["region"] = json!("us-west-2");
    assert_outcome(&bed.function.invoke(&event), "published");
    assert!(other.tag("app", "1").is_some() && bed.digest("1").is_none());
}

#[test]
fn request_selects_registry() {
    let (bed, other) = images_in_other_registry();
    let request = json!({"account": "210987654321", "region": "us-west-2"});
    assert_outcome(&bed.assemble_with("1", &request), "published");
    assert_outcome(&bed.assemble_with("1", &request), "unchanged");
    assert!(other.tag("app", "1").is_some() && bed.digest("1").is_none());
}
