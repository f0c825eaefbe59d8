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

/// The digest that is read under the tag `a`.
fn visible(ecr: &LocalEcr) -> Value {
    get(ecr, &json!([{"imageTag": "a"}]), &ALL)["images"][0]["imageId"]["imageDigest"].clone()
}

#[test]
fn image_has_the_bytes_that_were_pushed() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("a"), &Image::docker("linux/arm64/v8"));
    let answer = get(&ecr, &json!([{"imageTag": "a"}]), &ALL);
    let image = &answer["images"][0];
    assert_eq!(image["imageManifestMediaType"], DOCKER_MANIFEST);
    assert_eq!(image["registryId"], "123456789012");
    assert_eq!(image["repositoryName"], "app");
    assert_eq!(digest_of(image["imageManifest"].as_str().unwrap().as_bytes()), digest);
}

#[test]
fn image_has_the_tag_of_the_request() {
    let ecr = start();
    let image = Image::docker("linux/arm64/v8");
    ecr.home().push("app", Some("a"), &image);
    ecr.home().push("app", Some("b"), &image);
    let answer = get(&ecr, &json!([{"imageTag": "b"}]), &ALL);
    assert_eq!(answer["images"][0]["imageId"], json!({"imageDigest": image.digest(), "imageTag": "b"}));
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
fn failing_image_has_its_failure_code_until_it_recovers() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    ecr.home().fail("app", "a", "KmsError");
    assert_eq!(failure(&ecr, &json!({"imageTag": "a"})), "KmsError");
    ecr.home().recover("app");
    assert_eq!(visible(&ecr), json!(digest));
}

#[test]
fn image_is_read_by_tag_with_digest() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    let ids = json!([{"imageTag": "a", "imageDigest": digest}]);
    assert_eq!(get(&ecr, &ids, &ALL)["images"][0]["imageId"], ids[0]);
}

#[test]
fn unknown_repository_fails_the_call() {
    let request = json!({"repositoryName": "nowhere", "imageIds": [{"imageTag": "a"}]});
    assert_eq!(error_code(&start(), "BatchGetImage", &request), "RepositoryNotFoundException");
}

#[test]
fn image_of_another_type_is_converted_by_tag() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("oci"), &Image::oci("linux/amd64"));
    let answer = get(&ecr, &json!([{"imageTag": "oci"}]), &[DOCKER_MANIFEST]);
    let image = &answer["images"][0];
    assert_eq!(image["imageManifestMediaType"], DOCKER_MANIFEST);
    assert_eq!(image["imageId"]["imageDigest"], digest);
    let bytes = image["imageManifest"].as_str().unwrap();
    assert_ne!(digest_of(bytes.as_bytes()), digest);
    assert!(bytes.contains(DOCKER_MANIFEST) && !bytes.contains("oci"));
}

#[test]
fn image_of_another_type_is_not_converted_by_digest() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("oci"), &Image::oci("linux/amd64"));
    let answer = get(&ecr, &json!([{"imageDigest": digest}]), &[DOCKER_MANIFEST]);
    assert_eq!(answer["images"][0]["imageManifestMediaType"], OCI_MANIFEST);
}

/// A server with a list of two platforms under the tag `1`. Also returns the list's digest.
fn with_list(amd64: &Image) -> (LocalEcr, String) {
    let ecr = start();
    let list = Index::docker([Entry::new(&Image::docker("linux/arm64")), Entry::new(amd64)]);
    let digest = ecr.home().push("app", Some("1"), &list);
    (ecr, digest)
}

#[test]
fn client_that_names_no_types_gets_the_amd64_image() {
    let amd64 = Image::docker("linux/amd64");
    let (ecr, digest) = with_list(&amd64);
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "1"}]});
    let image = &call(&ecr, "BatchGetImage", &request)["images"][0];
    let bytes = image["imageManifest"].as_str().unwrap().as_bytes();
    assert_eq!(digest_of(bytes), amd64.digest());
    assert_eq!(image["imageId"]["imageDigest"], digest);
}

#[test]
fn client_that_accepts_lists_gets_the_list() {
    let (ecr, _) = with_list(&Image::docker("linux/amd64"));
    let answer = get(&ecr, &json!([{"imageTag": "1"}]), &ALL);
    assert_eq!(answer["images"][0]["imageManifestMediaType"], DOCKER_LIST);
}

/// A server whose tag `a` has moved from one image to another. Also returns both digests.
fn with_moved_tag() -> (LocalEcr, String, String) {
    let ecr = start();
    let old = ecr.home().push("app", Some("a"), &Image::oci("linux/amd64").content("old"));
    let new = ecr.home().push("app", Some("a"), &Image::oci("linux/amd64").content("new"));
    (ecr, old, new)
}

#[test]
fn stale_read_gives_the_previous_image() {
    let (ecr, old, new) = with_moved_tag();
    ecr.home().stale("app", "a", 1);
    assert_eq!([visible(&ecr), visible(&ecr)], [json!(old), json!(new)]);
}

#[test]
fn hidden_tag_is_not_found_for_some_reads() {
    let (ecr, _, new) = with_moved_tag();
    ecr.home().hide("app", "a", 2);
    assert_eq!(failure(&ecr, &json!({"imageTag": "a"})), "ImageNotFound");
    assert_eq!(failure(&ecr, &json!({"imageTag": "a"})), "ImageNotFound");
    assert_eq!(visible(&ecr), json!(new));
}

#[test]
fn hidden_digest_is_not_found() {
    let (ecr, _, new) = with_moved_tag();
    ecr.home().hide("app", &new, 1);
    assert_eq!(failure(&ecr, &json!({"imageDigest": new})), "ImageNotFound");
}

#[test]
fn history_has_every_digest_of_a_tag() {
    let (ecr, old, new) = with_moved_tag();
    assert_eq!(ecr.home().history("app", "a"), [old, new]);
}

#[test]
fn account_of_the_request_chooses_the_registry() {
    let ecr = start();
    ecr.registry("999999999999", "eu-central-1").push("app", Some("a"), &Image::oci("linux/amd64"));
    let mut request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    assert_eq!(error_code(&ecr, "BatchGetImage", &request), "RepositoryNotFoundException");
    request["registryId"] = json!("999999999999");
    assert_eq!(call(&ecr, "BatchGetImage", &request)["images"][0]["registryId"], "999999999999");
}

#[test]
fn region_of_the_signature_chooses_the_registry() {
    let ecr = LocalEcr::start(Options { region: "us-east-1".into(), ..Options::default() }).unwrap();
    ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    // The client signs for eu-central-1.
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    assert_eq!(error_code(&ecr, "BatchGetImage", &request), "RepositoryNotFoundException");
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
