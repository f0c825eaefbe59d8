//! The indexes and manifests that tools push under platform tags, and the lists that they leave under a version's.

use std::time::Duration;

use local_ecr::image::{Artifact, Entry, Image, Index, ToArtifact, chart};
use local_ecr::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX};
use local_ecr::{Mutability, digest_of};
use serde_json::{Value, json};

use super::{edited, push_announced, push_both};
use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::test_bed::TestBed;

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

fn oci() -> [Image; 2] {
    PLATFORMS.map(Image::oci)
}

fn docker() -> [Image; 2] {
    PLATFORMS.map(Image::docker)
}

/// Asserts that these sources are published as an index of exactly these entries, in the bytes of imagetools: indented
/// by two spaces, with the fields of Go's order.
#[track_caller]
fn check_bytes(sources: &[impl ToArtifact; 2], expected: impl IntoIterator<Item = Entry>) {
    let bed = TestBed::new();
    push_both(&bed, &sources[0], &sources[1]);
    assert_outcome(&bed.assemble("1"), "published");
    let (_, bytes) = bed.registry.manifest("app", "1").unwrap();
    let expected = Index::oci(expected).to_artifact().manifest;
    assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&expected));
}

/// What `soci convert` makes of an image: the entry of the image, whose manifest is written anew, and that of its
/// index.
fn converted(image: &Image) -> [Entry; 2] {
    let key = "com.amazon.soci.index-digest";
    let index = image.soci_index();
    let image = image.clone().annotation(key, &index.digest());
    let index = index.annotation("com.amazon.soci.image-manifest-digest", &image.digest());
    [Entry::new(&image).annotation(key, &index.digest()), index]
}

/// Row 02. An attestation loses its annotations in a conversion.
#[test]
fn converted_tags_keep_soci_indexes_byte_for_byte() {
    let plain = oci().each_ref().map(converted);
    check_bytes(&plain.clone().map(Index::oci), plain.into_iter().flatten());
    let attested = oci().map(|image| {
        let [converted, index] = converted(&image);
        [converted, image.attestation().without_annotations(), index]
    });
    check_bytes(&attested.clone().map(Index::oci), attested.into_iter().flatten());
}

/// Row 02: the whole list is converted, all SOCI indexes at its end.
#[test]
fn published_list_that_soci_converts_stays() {
    let bed = TestBed::new();
    let images = oci();
    push_both(&bed, &images[0].attested(), &images[1].attested());
    assert_outcome(&bed.assemble("1"), "published");
    bed.ecr.clock().advance(Duration::from_mins(1));
    let (indexes, rest): (Vec<_>, Vec<_>) =
        images.each_ref().map(converted).into_iter().flat_map(|[image, index]| [(index, image)]).unzip();
    let attestations = images.each_ref().map(|image| image.attestation().without_annotations());
    let digest = bed.registry.push("app", Some("1"), &Index::oci(rest.into_iter().chain(attestations).chain(indexes)));
    assert_outcome(&bed.assemble("1"), "unchanged");
    assert_eq!(bed.sweep(&json!({"deep": true}))["unchanged"], 1);
    assert_eq!(bed.digest("1"), Some(digest));
}

/// Row 05: the entry of an image that is compressed with zstd, beside that with gzip. Both have one config.
fn zstd(image: &Image) -> Entry {
    let layer_type = "application/vnd.oci.image.layer.v1.tar+zstd";
    let zstd = edited(image, |manifest| manifest["layers"][0]["mediaType"] = layer_type.into());
    Entry::new(&zstd).annotation("io.github.containers.compression.zstd", "true")
}

/// Row 05.
#[test]
fn two_compressions_under_a_tag_are_refused_with_advice() {
    let bed = TestBed::new();
    let [amd64, arm64] = &oci();
    push_both(&bed, &Index::oci([Entry::new(amd64), zstd(amd64)]), arm64);
    let parts = ["app:1-amd64", "2 images of linux/amd64", "push that one under the platform tag"];
    assert_failure(&bed.assemble("1"), "UnsupportedImage", &parts);
    bed.registry.push("app", Some("1-amd64"), amd64);
    assert_outcome(&bed.assemble("1"), "published");
    let both = Index::oci([Entry::new(amd64), Entry::new(arm64), zstd(amd64), zstd(arm64)]);
    let digest = bed.registry.push("app", Some("1"), &both);
    assert_outcome(&bed.assemble("1"), "unchanged");
    assert_eq!(bed.digest("1"), Some(digest), "a list of both compressions is right");
}

/// Row 18: the manifest of an old image. Its digest is that of the text without the signatures.
#[test]
fn schema_1_manifest_is_refused_with_advice() {
    let unsigned = json!({
        "schemaVersion": 1, "name": "etcd", "tag": "v3.3", "architecture": "amd64",
        "fsLayers": [{"blobSum": digest_of(b"layer")}], "history": [{"v1Compatibility": "{\"os\":\"linux\"}"}],
    });
    let mut signed = unsigned.clone();
    signed["signatures"] = json!([{"header": {"alg": "ES256"}, "signature": "c2ln", "protected": "e30"}]);
    let digest = digest_of(unsigned.to_string().as_bytes());
    let docker = "application/vnd.docker.distribution.manifest";
    for media_type in [&format!("{docker}.v1+prettyjws"), &format!("{docker}.v1+json"), "", DOCKER_MANIFEST] {
        for both in [false, true] {
            let bed = TestBed::with_images();
            bed.registry.store_raw("app", Some("1-amd64"), media_type, signed.to_string(), Some(&digest));
            if both {
                bed.registry.retag("app", "1-arm64", &digest);
            }
            let parts = ["app:1-amd64", "schema 1", "pull the image and push it again with a current client"];
            assert_failure(&bed.assemble("1"), "UnsupportedImage", &parts);
        }
    }
}

/// Row 22: a list of one image, as `imagetools` makes it of an image, and `docker manifest create` with one argument.
#[test]
fn lists_of_one_image_are_flattened() {
    check_bytes(&oci().map(|image| Index::oci([Entry::new(&image)])), oci().iter().map(Entry::new));
    let mixed = [Index::docker([Entry::new(&docker()[0])]), Index::oci([Entry::new(&oci()[1])])];
    check_bytes(&mixed, [Entry::new(&docker()[0]), Entry::new(&oci()[1])]);
    let bed = TestBed::new();
    let [amd64, arm64] = docker().map(|image| Index::docker([Entry::new(&image)]));
    push_both(&bed, &amd64, &arm64);
    assert_eq!(bed.assemble("1").unwrap()["media_type"], DOCKER_LIST);
    let list = Index::docker(docker().iter().map(Entry::new)).to_artifact();
    assert_eq!(bed.digest("1"), Some(list.digest()));
}

/// Row 22: `docker manifest create --amend` keeps the images of the list that it had made before.
#[test]
fn amended_list_with_an_earlier_image_is_replaced() {
    let bed = TestBed::new();
    let [amd64, arm64] = docker();
    let earlier = Image::docker("linux/arm64").content("earlier");
    bed.registry.push("app", Some("1"), &Index::docker([Entry::new(&amd64), Entry::new(&earlier)]));
    push_both(&bed, &amd64, &arm64);
    assert_outcome(&bed.deliver_event("1-arm64"), "published");
    assert_eq!(bed.list("1")["manifests"][1]["digest"], arm64.digest());
}

/// Row 23: every job of the matrix built all platforms, each on its own.
#[test]
fn each_platform_tag_gives_its_platform_of_a_whole_index() {
    let bed = TestBed::new();
    let build = |job: &str| PLATFORMS.map(|platform| Image::oci(platform).content(job));
    let (first, second) = (build("first"), build("second"));
    push_both(&bed, &Index::oci(first.iter().map(Entry::new)), &Index::oci(second.iter().map(Entry::new)));
    assert_outcome(&bed.assemble("1"), "published");
    let listed = [0, 1].map(|at| bed.list("1")["manifests"][at]["digest"].clone());
    assert_eq!(listed, [first[0].digest(), second[1].digest()].map(Value::from));
}

/// Row 26: attestations as BuildKit writes them with `oci-artifact=true`, and a Nydus image that names the platform.
#[test]
fn attestations_as_artifacts_are_kept_byte_for_byte_or_dropped() {
    let nydus = |image: &Image| {
        let nydus = image.clone().annotation("nydus", "true");
        Entry::new(&nydus).artifact_type("application/vnd.nydus.image.manifest.v1+json")
    };
    let unannotated = |image: &Image| {
        let artifact_type = "application/vnd.docker.attestation.manifest.v1+json";
        image.attestation_as_artifact().without_annotations().artifact_type(artifact_type)
    };
    let attached: [&dyn Fn(&Image) -> Entry; 3] = [&Image::attestation_as_artifact, &unannotated, &nydus];
    for attached in attached {
        let entries = oci().map(|image| [Entry::new(&image), attached(&image)]);
        let sources = entries.clone().map(Index::oci);
        check_bytes(&sources, entries.into_iter().flatten());
        let bed = TestBed::with(|function| function.env("ATTESTATIONS", "drop"));
        push_both(&bed, &sources[0], &sources[1]);
        assert_outcome(&bed.assemble("1"), "published");
        assert_eq!(bed.digest("1"), Some(Index::oci(oci().iter().map(Entry::new)).digest()));
    }
}

/// Row 27: entries as oras, regctl, podman and merge scripts write them.
#[test]
fn entries_without_a_platform_take_that_of_the_config() {
    let [amd64, arm64] = &oci();
    for entry in [
        json!({}),
        json!({"platform": null}),
        json!({"platform": {}}),
        json!({"platform": {"architecture": "", "os": ""}}),
        json!({"platform": null, "annotations": {"key": null}, "urls": null, "size": 1}),
    ] {
        let bed = TestBed::new();
        push_both(&bed, amd64, arm64);
        let full = Index::oci([Entry::new(arm64).without_platform()]);
        let index = edited(&full, |index| {
            index["manifests"][0].as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
        });
        let text = index.manifest;
        bed.registry.store_raw("app", Some("1-arm64"), OCI_INDEX, text, None);
        assert_outcome(&bed.assemble("1"), "published");
        let arm64 = &bed.list("1")["manifests"][1];
        assert_eq!(arm64["platform"], json!({"architecture": "arm64", "os": "linux"}), "{entry}");
    }
}

/// Row 27: `podman manifest add` of a list, and `crane index append --flatten=false`.
#[test]
fn index_within_an_index_is_refused_with_advice() {
    let bed = TestBed::new();
    let [amd64, arm64] = &oci();
    push_both(&bed, amd64, &Index::oci([Entry::new(&Index::oci([Entry::new(arm64)]))]));
    assert_failure(&bed.assemble("1"), "UnsupportedImage", &["another index", "push the image, or an index of images"]);
}

/// Row 33: kaniko makes Docker images, with alpine's variant on arm64; buildx makes an attested index.
#[test]
fn kaniko_beside_buildx_has_the_bytes_of_imagetools() {
    let (kaniko, buildx) = (Image::docker("linux/amd64").to_artifact(), Image::oci("linux/arm64"));
    let attested = buildx.attested().to_artifact();
    check_bytes(&[kaniko.clone(), attested], [Entry::new(&kaniko), Entry::new(&buildx), buildx.attestation()]);
    let (buildx, kaniko) = (Image::oci("linux/amd64"), Image::docker("linux/arm64/v8").to_artifact());
    let attested = buildx.attested().to_artifact();
    let arm64 = Entry::new(&kaniko).platform("linux/arm64");
    check_bytes(&[attested, kaniko], [Entry::new(&buildx), buildx.attestation(), arm64]);
}

/// Row 36, where tags are immutable: the images of an attested list get their platform tags afterwards.
#[test]
fn attested_list_under_an_immutable_tag_stays() {
    let bed = TestBed::new();
    bed.registry.set_mutability("app", Mutability::Immutable);
    let [amd64, arm64] = &oci();
    let attested = Index::oci([Entry::new(amd64), Entry::new(arm64), amd64.attestation(), arm64.attestation()]);
    let digest = bed.registry.push("app", Some("1"), &attested);
    push_both(&bed, amd64, arm64);
    assert_eq!(bed.deliver_event("1-arm64").unwrap()["digest"], json!(digest));
    assert!(bed.calls("PutImage").is_empty());
}

/// Row 38: what a source index states of itself is not about the list.
#[test]
fn source_index_with_a_subject_is_published() {
    let bed = TestBed::new();
    let [amd64, arm64] = &oci();
    let index = edited(&amd64.attested().annotation("org.opencontainers.image.title", "app"), |index| {
        index["artifactType"] = "application/vnd.example.build".into();
        index["subject"] = json!({"mediaType": OCI_INDEX, "digest": arm64.digest(), "size": 1});
    });
    let repository = format!("team/{}", "nested/".repeat(35)) + "image";
    assert!(repository.len() > 250);
    bed.registry.push(&repository, Some("1-amd64"), &index);
    bed.registry.push(&repository, Some("1-arm64"), arm64);
    assert_outcome(
        &bed.function.invoke(&json!({"action": "assemble", "repository": repository, "version": "1"})),
        "published",
    );
    let (_, bytes) = bed.registry.manifest(&repository, "1").unwrap();
    let list = Index::oci([Entry::new(amd64), amd64.attestation(), Entry::new(arm64)]).to_artifact();
    assert_eq!(bytes, list.manifest);
}

/// An artifact in the form of an image, by the media type of its config.
fn artifact(config_type: &str) -> Artifact {
    edited(&chart("artifact"), |manifest| manifest["config"]["mediaType"] = config_type.into())
}

/// Rows 01, 19 and 38.
#[test]
fn artifacts_under_platform_tags_are_ignored_without_a_call() {
    for config_type in [
        "application/vnd.buildkit.cacheconfig.v0",
        "application/vnd.docker.plugin.v1+json",
        "application/vnd.wasm.config.v0+json",
        "application/vnd.cncf.helm.config.v1+json",
    ] {
        let bed = TestBed::new();
        for tag in ["buildcache-amd64", "buildcache-arm64"] {
            let ignored = push_announced(&bed, "app", Some(tag), &artifact(config_type)).unwrap();
            assert_eq!(ignored["outcome"], "ignored");
            assert_contains(ignored["reason"].as_str().unwrap(), &[config_type]);
        }
        assert!(bed.operations().is_empty());
        let swept = bed.sweep(&json!({}));
        let totals = ["failed_total", "incomplete_total", "ignored_total"].map(|total| swept[total].clone());
        assert_eq!(totals, [0, 0, 0].map(Value::from), "{swept}");
        // Where ECR does not state the media type.
        assert_failure(&bed.deliver_event("buildcache-arm64"), "UnsupportedImage", &[config_type, "an artifact"]);
    }
}
