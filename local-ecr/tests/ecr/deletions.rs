//! `BatchDeleteImage`.

use crate::client::{call, start};
use local_ecr::LocalEcr;
use local_ecr::image::{Entry, Image, Index, ToArtifact as _};
use serde_json::{Value, json};

/// A server with an image under two tags, and a list of it under the tag `1`. Also returns both digests.
fn with_list() -> (LocalEcr, String, String) {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", Some("1-amd64"), &image);
    ecr.home().push("app", Some("again"), &image);
    let list = ecr.home().push("app", Some("1"), &Index::oci([Entry::new(&image)]));
    (ecr, image.digest(), list)
}

fn delete(ecr: &LocalEcr, id: &Value) -> Value {
    call(ecr, "BatchDeleteImage", &json!({"repositoryName": "app", "imageIds": [id]}))
}

#[test]
fn tag_of_another_digest_is_not_deleted() {
    let (ecr, _, list) = with_list();
    let answer = delete(&ecr, &json!({"imageTag": "again", "imageDigest": list}));
    assert_eq!(answer["failures"][0]["failureCode"], "ImageTagDoesNotMatchDigest");
}

#[test]
fn one_of_several_tags_is_deleted_without_its_image() {
    let (ecr, _, _) = with_list();
    assert_eq!(delete(&ecr, &json!({"imageTag": "again"}))["failures"], json!([]));
    assert!(ecr.home().tag("app", "again").is_none() && ecr.home().tag("app", "1-amd64").is_some());
}

#[test]
fn last_tag_is_deleted_with_its_image() {
    let (ecr, image, list) = with_list();
    assert_eq!(delete(&ecr, &json!({"imageTag": "1"}))["imageIds"][0]["imageDigest"], list);
    assert!(ecr.home().manifest("app", &list).is_none());
    delete(&ecr, &json!({"imageTag": "again"}));
    delete(&ecr, &json!({"imageTag": "1-amd64"}));
    assert!(ecr.home().manifest("app", &image).is_none());
}
