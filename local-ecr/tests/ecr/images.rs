//! `BatchGetImage`.

use crate::client::{call, error_code, start};
use local_ecr::image::{Entry, Image, Index, ToArtifact as _};
use local_ecr::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{LocalEcr, Options, digest_of};
use serde_json::{Value, json};

const ALL: [&str; 4] = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];

fn get(ecr: &LocalEcr, ids: &Value, accepted: &[&str]) -> Value {
    let request = json!({"repositoryName": "app", "imageIds": ids, "acceptedMediaTypes": accepted});
    call(ecr, "BatchGetImage", &request)
}

fn failure(ecr: &LocalEcr, id: &Value) -> String {
    let answer = get(ecr, &json!([id]), &ALL);
    assert_eq!(answer["images"], json!([]));
    assert_eq!(answer["failures"][0]["imageId"], *id);
    answer["failures"][0]["failureCode"].as_str().unwrap().to_owned()
}

#[test]
fn images_are_never_in_the_order_of_the_request() {
    let ecr = start();
    for tag in ["a", "b", "c"] {
        ecr.home().push("app", Some(tag), &Image::oci("linux/amd64").content(tag));
    }
    for tags in [["a", "b", "c"], ["b", "a", "c"], ["c", "b", "a"]] {
        let ids: Vec<Value> = tags.iter().map(|tag| json!({"imageTag": tag})).collect();
        let answer = get(&ecr, &json!(ids), &ALL);
        let order: Vec<&str> = answer["images"]
            .as_array()
            .unwrap()
            .iter()
            .map(|image| image["imageId"]["imageTag"].as_str().unwrap())
            .collect();
        assert_eq!(order.len(), 3);
        assert_ne!(order, tags);
    }
}

#[test]
fn failure_code_names_the_cause() {
    let ecr = start();
    ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    let other = digest_of(b"other");
    for (id, code) in [
        (json!({"imageTag": "none"}), "ImageNotFound"),
        (json!({"imageDigest": other}), "ImageNotFound"),
        (json!({"imageTag": "bad tag/!"}), "InvalidImageTag"),
        (json!({"imageDigest": "sha256:12"}), "InvalidImageDigest"),
        (json!({"imageTag": "a", "imageDigest": other}), "ImageTagDoesNotMatchDigest"),
        (json!({}), "MissingDigestAndTag"),
    ] {
        assert_eq!(failure(&ecr, &id), code);
    }
}

#[test]
fn tags_of_an_image_are_merged_on_request() {
    let ids = json!([{"imageTag": "a"}, {"imageTag": "b"}, {"imageTag": "c"}]);
    for (merge_tags_of_an_image, expected) in [(false, 3), (true, 2)] {
        let ecr = LocalEcr::start(Options { merge_tags_of_an_image, ..Options::default() }).unwrap();
        for (tag, platform) in [("a", "linux/amd64"), ("b", "linux/amd64"), ("c", "linux/arm64")] {
            ecr.home().push("app", Some(tag), &Image::oci(platform));
        }
        let answer = get(&ecr, &ids, &ALL);
        assert_eq!((answer["images"].as_array().unwrap().len(), &answer["failures"]), (expected, &json!([])));
    }
}

/// The first image of the answer to a read of one image.
fn one(ecr: &LocalEcr, id: &Value, accepted: &[&str]) -> Value {
    get(ecr, &json!([id]), accepted)["images"][0].clone()
}

#[test]
fn image_has_the_pushed_bytes_under_the_requested_tag() {
    let ecr = start();
    let image = Image::docker("linux/arm64/v8");
    let digest = ecr.home().push("app", Some("a"), &image);
    ecr.home().push("app", Some("b"), &image);
    for id in [json!({"imageTag": "b", "imageDigest": digest}), json!({"imageTag": "b"})] {
        let found = one(&ecr, &id, &ALL);
        assert_eq!(found["imageId"], json!({"imageDigest": digest, "imageTag": "b"}));
        assert_eq!((&found["registryId"], &found["repositoryName"]), (&json!("123456789012"), &json!("app")));
        assert_eq!(found["imageManifestMediaType"], DOCKER_MANIFEST);
        assert_eq!(digest_of(found["imageManifest"].as_str().unwrap().as_bytes()), digest);
    }
}

#[test]
fn image_of_another_type_is_converted_by_tag_alone() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("oci"), &Image::oci("linux/amd64"));
    let image = one(&ecr, &json!({"imageTag": "oci"}), &[DOCKER_MANIFEST]);
    assert_eq!(
        (&image["imageManifestMediaType"], &image["imageId"]["imageDigest"]),
        (&json!(DOCKER_MANIFEST), &json!(digest))
    );
    let bytes = image["imageManifest"].as_str().unwrap();
    assert_ne!(digest_of(bytes.as_bytes()), digest);
    assert!(bytes.contains(DOCKER_MANIFEST) && !bytes.contains("oci"));
    let image = one(&ecr, &json!({"imageDigest": digest}), &[DOCKER_MANIFEST]);
    assert_eq!(image["imageManifestMediaType"], OCI_MANIFEST);
}

#[test]
fn list_is_answered_with_its_amd64_image_unless_accepted() {
    let ecr = start();
    let amd64 = Image::docker("linux/amd64");
    let list = Index::docker([Entry::new(&Image::docker("linux/arm64")), Entry::new(&amd64)]);
    let digest = ecr.home().push("app", Some("1"), &list);
    assert_eq!(one(&ecr, &json!({"imageTag": "1"}), &ALL)["imageManifestMediaType"], DOCKER_LIST);
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "1"}]});
    let image = &call(&ecr, "BatchGetImage", &request)["images"][0];
    assert_eq!(digest_of(image["imageManifest"].as_str().unwrap().as_bytes()), amd64.digest());
    assert_eq!(image["imageId"]["imageDigest"], digest);
}

#[test]
fn scripted_image_is_hidden_or_fails() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    let (by_tag, by_digest) = (json!({"imageTag": "a"}), json!({"imageDigest": digest}));
    ecr.home().hide("app", "a", 2);
    ecr.home().hide("app", &digest, 1);
    assert_eq!([&by_tag, &by_tag, &by_digest].map(|id| failure(&ecr, id)), ["ImageNotFound"; 3]);
    assert_eq!([&by_tag, &by_digest].map(|id| one(&ecr, id, &ALL)["imageId"]["imageDigest"].clone()), [&*digest; 2]);
    ecr.home().fail("app", "a", "KmsError");
    assert_eq!(failure(&ecr, &by_tag), "KmsError");
}

#[test]
fn account_and_signed_region_choose_the_registry() {
    let ecr = LocalEcr::start(Options { region: "us-east-1".into(), ..Options::default() }).unwrap();
    let mut request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    // The client signs for eu-central-1.
    assert_eq!(error_code(&ecr, "BatchGetImage", &request), "RepositoryNotFoundException");
    ecr.registry("999999999999", "eu-central-1").push("app", Some("a"), &Image::oci("linux/amd64"));
    assert_eq!(error_code(&ecr, "BatchGetImage", &request), "RepositoryNotFoundException");
    request["registryId"] = json!("999999999999");
    assert_eq!(call(&ecr, "BatchGetImage", &request)["images"][0]["registryId"], "999999999999");
}
