//! `BatchGetImage`.

use crate::client::{call, refusal};
use local_ecr::image::{Entry, Image, Index, ToArtifact as _};
use local_ecr::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{LocalEcr, Options, digest_of};
use serde_json::{Value, json};

const ALL: [&str; 4] = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];

fn start() -> LocalEcr {
    LocalEcr::start(Options::default()).unwrap()
}

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
fn images_come_as_pushed_and_under_the_tag_that_was_asked_for() {
    let ecr = start();
    let image = Image::docker("linux/arm64/v8");
    let digest = ecr.home().push("app", Some("a"), &image);
    ecr.home().push("app", Some("b"), &image);
    let answer = get(&ecr, &json!([{"imageTag": "b"}]), &ALL);
    let found = &answer["images"][0];
    assert_eq!(found["imageId"], json!({"imageDigest": digest, "imageTag": "b"}));
    assert_eq!(found["imageManifestMediaType"], DOCKER_MANIFEST);
    assert_eq!(found["registryId"], "123456789012");
    assert_eq!(found["repositoryName"], "app");
    assert_eq!(digest_of(found["imageManifest"].as_str().unwrap().as_bytes()), digest);
}

#[test]
fn answers_are_never_in_the_order_of_the_request() {
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
fn failures_say_what_is_wrong() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
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
    ecr.home().fail("app", "a", "KmsError");
    assert_eq!(failure(&ecr, &json!({"imageTag": "a"})), "KmsError");
    let by_both = json!([{"imageTag": "a", "imageDigest": digest}]);
    ecr.home().recover("app");
    assert_eq!(get(&ecr, &by_both, &ALL)["images"][0]["imageId"], by_both[0]);
    let nowhere = json!({"repositoryName": "nowhere", "imageIds": [{"imageTag": "a"}]});
    assert_eq!(refusal(&ecr, "BatchGetImage", &nowhere), "RepositoryNotFoundException");
}

#[test]
fn what_is_not_accepted_is_converted_by_tag_and_left_alone_by_digest() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("oci"), &Image::oci("linux/amd64"));
    let by_tag = get(&ecr, &json!([{"imageTag": "oci"}]), &[DOCKER_MANIFEST]);
    let image = &by_tag["images"][0];
    assert_eq!(image["imageManifestMediaType"], DOCKER_MANIFEST);
    assert_eq!(image["imageId"]["imageDigest"], digest);
    let bytes = image["imageManifest"].as_str().unwrap();
    assert_ne!(digest_of(bytes.as_bytes()), digest);
    assert!(bytes.contains(DOCKER_MANIFEST) && !bytes.contains("oci"));
    let by_digest = get(&ecr, &json!([{"imageDigest": digest}]), &[DOCKER_MANIFEST]);
    assert_eq!(by_digest["images"][0]["imageManifestMediaType"], OCI_MANIFEST);
}

#[test]
fn a_client_that_names_no_types_gets_the_amd64_image_of_a_list() {
    let ecr = start();
    let amd64 = Image::docker("linux/amd64");
    let list = Index::docker([Entry::new(&Image::docker("linux/arm64")), Entry::new(&amd64)]);
    let digest = ecr.home().push("app", Some("1"), &list);
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "1"}]});
    let image = &call(&ecr, "BatchGetImage", &request)["images"][0];
    let bytes = image["imageManifest"].as_str().unwrap().as_bytes();
    assert_eq!(digest_of(bytes), amd64.digest());
    assert_eq!(image["imageId"]["imageDigest"], digest);
    let as_stored = get(&ecr, &json!([{"imageTag": "1"}]), &ALL);
    assert_eq!(as_stored["images"][0]["imageManifestMediaType"], DOCKER_LIST);
}

#[test]
fn reads_may_be_late_or_stale() {
    let ecr = start();
    let home = ecr.home();
    let old = home.push("app", Some("a"), &Image::oci("linux/amd64").content("old"));
    let new = home.push("app", Some("a"), &Image::oci("linux/amd64").content("new"));
    home.stale("app", "a", 1);
    let read = || get(&ecr, &json!([{"imageTag": "a"}]), &ALL)["images"][0]["imageId"]["imageDigest"].clone();
    assert_eq!([read(), read()], [json!(old), json!(new)]);
    home.hide("app", "a", 2);
    assert_eq!(failure(&ecr, &json!({"imageTag": "a"})), "ImageNotFound");
    assert_eq!(failure(&ecr, &json!({"imageTag": "a"})), "ImageNotFound");
    assert_eq!(read(), json!(new));
    home.hide("app", &new, 1);
    assert_eq!(failure(&ecr, &json!({"imageDigest": new})), "ImageNotFound");
    assert_eq!(home.history("app", "a"), [old, new]);
}

#[test]
fn registries_are_apart() {
    let ecr = start();
    ecr.registry("999999999999", "eu-central-1").push("app", Some("a"), &Image::oci("linux/amd64"));
    let mut request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    assert_eq!(refusal(&ecr, "BatchGetImage", &request), "RepositoryNotFoundException");
    request["registryId"] = json!("999999999999");
    let answer = call(&ecr, "BatchGetImage", &request);
    assert_eq!(answer["images"][0]["registryId"], "999999999999");
    let elsewhere = Options { region: "us-east-1".into(), ..Options::default() };
    let ecr = LocalEcr::start(elsewhere).unwrap();
    ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    // The client signs for eu-central-1.
    request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    assert_eq!(refusal(&ecr, "BatchGetImage", &request), "RepositoryNotFoundException");
}
