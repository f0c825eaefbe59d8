//! From pushes to lists: what is published, when, and what it is made of.

use local_ecr::image::{Content as _, Entry, Image, Index};
use local_ecr::{Mutability, digest_of};
use serde_json::json;

use crate::function::{Setup, push_event};
use crate::world::{World, architectures, assert_failure, assert_outcome};

const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const REVISION: &str = "org.opencontainers.image.revision";

#[test]
fn the_last_platform_publishes_the_list() {
    let world = World::new();
    let amd64 = Image::docker("linux/amd64");
    let waiting = world.push("1.2.3-amd64", &amd64).unwrap();
    assert_eq!(
        waiting,
        json!({"outcome": "waiting", "repository": "app", "version": "1.2.3", "tag": "1.2.3", "digest": null,
               "media_type": null, "missing": ["linux/arm64"], "reason": null,
               "platforms": [{"platform": "linux/amd64", "tag": "1.2.3-amd64",
                              "digest": world.registry.tag("app", "1.2.3-amd64")}]})
    );
    assert_eq!(world.registry.tag("app", "1.2.3"), None);

    let published = world.push("1.2.3-arm64", &Image::docker("linux/arm64/v8")).unwrap();
    assert_eq!(
        published,
        json!({"outcome": "published", "repository": "app", "version": "1.2.3", "tag": "1.2.3",
        "digest": world.registry.tag("app", "1.2.3"),
        "media_type": "application/vnd.docker.distribution.manifest.list.v2+json",
        "missing": [], "reason": null,
        "platforms": [
            {"platform": "linux/amd64", "tag": "1.2.3-amd64", "digest": world.registry.tag("app", "1.2.3-amd64")},
            {"platform": "linux/arm64", "tag": "1.2.3-arm64", "digest": world.registry.tag("app", "1.2.3-arm64")},
        ]})
    );
    assert_eq!(world.list("1.2.3")["manifests"][1]["platform"]["variant"], "v8");
}

#[test]
fn a_second_event_finds_the_list_there_and_writes_nothing() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    assert_outcome(&world.push("1-arm64", &Image::oci("linux/arm64")), "published");
    for tag in ["1-amd64", "1-arm64", "1-arm64"] {
        assert_outcome(&world.announce(tag), "unchanged");
    }
    assert_eq!(world.calls("PutImage").len(), 1);
}

#[test]
fn a_version_costs_one_read_while_it_waits_and_two_reads_and_one_write_when_it_is_complete() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let operations = |world: &World| {
        let calls: Vec<_> = world.ecr.journal().into_iter().map(|call| call.operation).collect();
        world.ecr.clear_journal();
        calls
    };
    assert_eq!(operations(&world), ["BatchGetImage"]);
    world.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    let mut complete = operations(&world);
    complete.sort();
    assert_eq!(
        complete,
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
    world.announce("1-arm64").unwrap();
    assert_eq!(operations(&world), ["BatchGetImage"], "configs are remembered while the environment is warm");
}

#[test]
fn every_read_accepts_all_four_media_types_and_every_blob_is_fetched_without_authorization() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64").attested()).unwrap();
    assert_outcome(&world.push("1-arm64", &Image::docker("linux/arm64")), "published");
    for call in world.calls("BatchGetImage") {
        assert_eq!(call.request["acceptedMediaTypes"].as_array().unwrap().len(), 4);
    }
    assert!(world.calls("Blob").iter().all(|call| !call.authorized && call.status == Some(200)));
}

#[test]
fn the_one_write_gives_tag_media_type_and_digest() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    world.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    let puts = world.calls("PutImage");
    let [put] = puts.as_slice() else { panic!("{puts:?}") };
    assert_eq!(put.request["imageTag"], "1");
    assert_eq!(put.request["imageManifestMediaType"], "application/vnd.oci.image.index.v1+json");
    assert_eq!(put.request["imageDigest"], digest_of(put.request["imageManifest"].as_str().unwrap().as_bytes()));
    assert_eq!(put.request["registryId"], "123456789012");
}

#[test]
fn a_platform_pushed_again_replaces_the_list() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let first = world.push("1-arm64", &Image::oci("linux/arm64")).unwrap();
    let second = world.push("1-arm64", &Image::oci("linux/arm64").content("mended")).unwrap();
    assert_eq!(second["outcome"], "published");
    assert_ne!(first["digest"], second["digest"]);
    assert_eq!(world.list("1")["manifests"][1]["digest"], json!(world.registry.tag("app", "1-arm64")));
}

#[test]
fn attested_images_are_flattened_and_their_attestations_follow_them() {
    for attested in [Image::attested, Image::attested_as_artifact] {
        let world = World::new();
        let amd64 = Image::oci("linux/amd64");
        world.push("1-amd64", &attested(&amd64)).unwrap();
        let published = world.push("1-arm64", &attested(&Image::oci("linux/arm64"))).unwrap();
        assert_eq!(published["outcome"], "published");
        assert_eq!(architectures(&world.list("1")), ["amd64", "unknown", "arm64", "unknown"]);
        assert_eq!(published["platforms"][0]["digest"], json!(Entry::of(&amd64).digest()));
    }
}

#[test]
fn attestations_are_dropped_on_request() {
    let world = World::with(|setup| setup.set("ATTESTATIONS", "drop"));
    world.push("1-amd64", &Image::oci("linux/amd64").attested()).unwrap();
    world.push("1-arm64", &Image::oci("linux/arm64").attested()).unwrap();
    assert_eq!(architectures(&world.list("1")), ["amd64", "arm64"]);
}

#[test]
fn the_record_of_an_attested_version_that_waits_names_the_image_and_not_the_index() {
    let world = World::new();
    let amd64 = Image::oci("linux/amd64");
    let waiting = world.push("1-amd64", &amd64.attested()).unwrap();
    assert_eq!(waiting["outcome"], "waiting");
    assert_eq!(waiting["platforms"][0]["digest"], json!(Entry::of(&amd64).digest()));
}

#[test]
fn one_index_of_both_platforms_may_stand_under_both_tags() {
    let world = World::new();
    let both = Index::of([
        Entry::of(&Image::oci("linux/amd64")).platform("linux/amd64"),
        Entry::of(&Image::oci("linux/arm64")).platform("linux/arm64"),
    ]);
    world.push("1-amd64", &both).unwrap();
    assert_outcome(&world.push("1-arm64", &both), "published");
    assert_eq!(architectures(&world.list("1")), ["amd64", "arm64"]);
}

#[test]
fn an_index_entry_without_a_platform_gets_that_of_its_config() {
    let world = World::new();
    let bare = |platform| Index::of([Entry::of(&Image::oci(platform)).without_platform()]);
    world.push("1-amd64", &bare("linux/amd64")).unwrap();
    assert_outcome(&world.push("1-arm64", &bare("linux/arm64/v8")), "published");
    assert_eq!(architectures(&world.list("1")), ["amd64", "arm64"]);
    assert_eq!(world.list("1")["manifests"][1]["platform"].get("variant"), None);
}

#[test]
fn the_size_in_the_list_is_that_of_the_image_whatever_an_index_says() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    let arm64 = Image::oci("linux/arm64");
    world.registry.push("app", None, &arm64);
    let index = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [{"mediaType": OCI_IMAGE, "digest": arm64.digest(), "size": 7,
                       "platform": {"architecture": "arm64", "os": "linux"}}],
    });
    world.registry.store_raw("app", Some("1-arm64"), OCI_INDEX, index.to_string(), None);
    assert_outcome(&world.announce("1-arm64"), "published");
    let (_, bytes) = world.registry.manifest("app", &arm64.digest()).unwrap();
    assert_eq!(world.list("1")["manifests"][1]["size"], bytes.len());
}

#[test]
fn windows_keeps_its_version_and_loses_its_features() {
    let world = World::with(|setup| setup.set("PLATFORMS", "linux/amd64,windows(10.0.20348)/amd64=ltsc2022"));
    let windows = |image: Image| image.os_version("10.0.20348.2322").os_features(["win32k"]);
    for (version, linux, windows) in [
        ("1", Image::docker("linux/amd64"), windows(Image::docker("windows/amd64"))),
        ("2", Image::oci("linux/amd64"), windows(Image::oci("windows/amd64"))),
    ] {
        world.push(&format!("{version}-amd64"), &linux).unwrap();
        assert_outcome(&world.push(&format!("{version}-ltsc2022"), &windows), "published");
        assert_eq!(
            world.list(version)["manifests"][1]["platform"],
            json!({"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2322"})
        );
    }
}

#[test]
fn differing_revisions_hold_a_version_back_until_they_agree() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64").revision("abc")).unwrap();
    let waiting = world.push("1-arm64", &Image::oci("linux/arm64").annotation(REVISION, "def")).unwrap();
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!([])));
    let reason = waiting["reason"].as_str().unwrap();
    assert!(reason.contains("linux/amd64 from abc") && reason.contains("linux/arm64 from def"), "{reason}");
    assert_eq!(world.registry.tag("app", "1"), None);
    assert_outcome(&world.push("1-amd64", &Image::oci("linux/amd64").revision("def")), "published");
}

#[test]
fn differing_revisions_are_published_where_any_will_do_or_where_one_is_silent() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64").revision("abc")).unwrap();
    assert_outcome(&world.push("1-arm64", &Image::oci("linux/arm64")), "published");

    let world = World::with(|setup| setup.set("REVISIONS", "any"));
    world.push("1-amd64", &Image::oci("linux/amd64").revision("abc").attested()).unwrap();
    assert_outcome(&world.push("1-arm64", &Image::oci("linux/arm64").revision("def")), "published");
}

#[test]
fn a_dry_run_gives_the_exact_bytes_and_writes_nothing() {
    let world = World::new();
    world.registry.push("app", Some("1-amd64"), &Image::oci("linux/amd64"));
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
    let dry = world.assemble_with("1", &json!({"dry_run": true})).unwrap();
    assert_eq!(dry["outcome"], "would_publish");
    assert_eq!(world.calls("PutImage").len(), 0);

    let published = world.assemble("1").unwrap();
    assert_eq!(published["digest"], dry["digest"]);
    assert_eq!(published.get("manifest"), None);
    let (_, bytes) = world.registry.manifest("app", "1").unwrap();
    assert_eq!(dry["manifest"].as_str().unwrap().as_bytes(), bytes);
    assert_outcome(&world.assemble_with("1", &json!({"dry_run": true})), "unchanged");
}

#[test]
fn a_request_for_a_version_without_any_platform_waits_for_all() {
    let world = World::new();
    let waiting = world.assemble("1").unwrap();
    assert_eq!((&waiting["outcome"], &waiting["platforms"]), (&json!("waiting"), &json!([])));
    assert_eq!(waiting["missing"].as_array().unwrap().len(), 2);
}

#[test]
fn a_list_of_fewer_configured_platforms_is_replaced() {
    let world = World::new();
    let amd64 = Image::oci("linux/amd64");
    world.registry.push("app", Some("1"), &Index::of([Entry::of(&amd64).platform("linux/amd64")]));
    world.push("1-amd64", &amd64).unwrap();
    assert_outcome(&world.push("1-arm64", &Image::oci("linux/arm64")), "published");
}

#[test]
fn what_is_not_this_functions_to_replace_is_a_conflict_until_forced() {
    let world = World::new();
    world.registry.push("app", Some("1-amd64"), &Image::oci("linux/amd64"));
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
    let s390x = Image::oci("linux/s390x");
    let plain = world.registry.push("app", Some("1"), &s390x);
    for dry_run in [false, true] {
        let conflict = world.assemble_with("1", &json!({"dry_run": dry_run}));
        assert_failure(&conflict, "TagConflict", &["app:1", &plain, "force"]);
    }
    let foreign = world.registry.push("app", Some("1"), &Index::of([Entry::of(&s390x).platform("linux/s390x")]));
    assert_failure(&world.announce("1-arm64"), "TagConflict", &["app:1", &foreign, "linux/s390x", "force"]);
    assert_eq!(world.calls("PutImage").len(), 0);

    assert_outcome(&world.assemble_with("1", &json!({"force": true, "dry_run": true})), "would_publish");
    assert_outcome(&world.assemble_with("1", &json!({"force": true})), "published");
}

#[test]
fn an_immutable_tag_is_written_once_and_then_a_conflict_that_force_does_not_help() {
    let world = World::new();
    world.push("1-amd64", &Image::oci("linux/amd64")).unwrap();
    assert_outcome(&world.push("1-arm64", &Image::oci("linux/arm64")), "published");
    let first = world.registry.tag("app", "1").unwrap();
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").content("mended"));
    world.registry.set_mutability("app", Mutability::Immutable);
    assert_failure(&world.announce("1-arm64"), "TagConflict", &["app:1", "immutable", &first]);
    assert_failure(&world.assemble_with("1", &json!({"force": true})), "TagConflict", &["immutable"]);
    assert_eq!(world.registry.tag("app", "1"), Some(first));
}

#[test]
fn templates_rules_and_patterns_name_versions_as_they_say() {
    let world = World::with(|setup| {
        setup.set("TAG_TEMPLATE", "{platform}_v{version}").set("VERSION_PATTERN", r"\d+").set(
            "RULES",
            r#"[{"repositories":["other"],"platforms":"linux/s390x","tag_template":"{version}-{platform}"}]"#,
        )
    });
    world.push("amd64_v1", &Image::oci("linux/amd64")).unwrap();
    assert_outcome(&world.push("arm64_v1", &Image::oci("linux/arm64")), "published");
    let ignored = world.push("arm64_vx", &Image::oci("linux/arm64")).unwrap();
    assert_eq!((&ignored["outcome"], &ignored["version"]), (&json!("ignored"), &json!("x")));

    world.registry.push("other", Some("1-s390x"), &Image::oci("linux/s390x"));
    let other = world.function.invoke(&push_event("other", "1-s390x"));
    assert_outcome(&other, "published");
}

#[test]
fn the_endpoint_may_be_given_for_ecr_or_for_all_services() {
    let world = World::new();
    world.registry.push("app", Some("1-amd64"), &Image::oci("linux/amd64"));
    world.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
    let url = world.ecr.url();
    let function = Setup::with(&world.ecr).unset("AWS_ENDPOINT_URL_ECR").set("AWS_ENDPOINT_URL", &url).start();
    assert_outcome(&function.invoke(&push_event("app", "1-arm64")), "published");
}

#[test]
fn account_and_region_of_the_registry_are_the_events() {
    let world = World::with(|setup| setup.set("ACCOUNTS", "210987654321"));
    let there = world.ecr.registry("210987654321", "us-west-2");
    there.push("app", Some("1-amd64"), &Image::oci("linux/amd64"));
    there.push("app", Some("1-arm64"), &Image::oci("linux/arm64"));
    let mut event = push_event("app", "1-arm64");
    event["account"] = json!("210987654321");
    event["region"] = json!("us-west-2");
    assert_outcome(&world.function.invoke(&event), "published");
    assert!(there.tag("app", "1").is_some() && world.registry.tag("app", "1").is_none());

    let answer = world.assemble_with("1", &json!({"account": "210987654321", "region": "us-west-2"}));
    assert_outcome(&answer, "unchanged");
}
