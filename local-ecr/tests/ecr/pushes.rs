//! `PutImage`.

use crate::client::{call, error_code, post, start};
use local_ecr::image::{Entry, Image, Index, ToArtifact};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{LocalEcr, Mutability, Options, RepushError, digest_of};
use serde_json::{Value, json};

fn put(tag: Option<&str>, manifest: &str) -> Value {
    json!({"repositoryName": "app", "imageManifest": manifest, "imageTag": tag})
}

fn text(content: &impl ToArtifact) -> String {
    String::from_utf8(content.to_artifact().manifest.to_vec()).unwrap()
}

#[test]
fn put_is_answered_with_the_image() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", None, &image);
    let answer = call(&ecr, "PutImage", &put(Some("a"), &text(&image)));
    assert_eq!(answer["image"]["imageId"], json!({"imageDigest": image.digest(), "imageTag": "a"}));
    assert_eq!(answer["image"]["imageManifest"], text(&image));
}

#[test]
fn moved_tag_leaves_the_old_image_untagged() {
    let ecr = start();
    let home = ecr.home();
    let new = Image::oci("linux/amd64").content("new");
    let old = home.push("app", Some("a"), &Image::oci("linux/amd64").content("old"));
    home.push("app", None, &new);
    call(&ecr, "PutImage", &put(Some("a"), &text(&new)));
    assert_eq!(home.tag("app", "a"), Some(new.digest()));
    assert!(home.manifest("app", &old).is_some());
    let row = call(&ecr, "DescribeImages", &json!({"repositoryName": "app", "imageIds": [{"imageDigest": old}]}));
    assert_eq!(row["imageDetails"][0]["imageTags"], Value::Null);
}

/// A server whose tag `a` names the first image; if it is immutable, pushing the image again fails with `repush_error`.
fn with_tag(repush_error: RepushError, mutability: Mutability, images: &[Image; 2]) -> LocalEcr {
    let ecr = LocalEcr::start(Options { repush_error, ..Options::default() }).unwrap();
    ecr.home().push("app", Some("a"), &images[0]);
    ecr.home().push("app", None, &images[1]);
    ecr.home().set_mutability("app", mutability);
    ecr
}

fn two_images() -> [Image; 2] {
    ["one", "other"].map(|content| Image::oci("linux/amd64").content(content))
}

const REPUSH_ERRORS: [(RepushError, &str); 2] = [
    (RepushError::ImageAlreadyExists, "ImageAlreadyExistsException"),
    (RepushError::ImageTagAlreadyExists, "ImageTagAlreadyExistsException"),
];

#[test]
fn same_image_under_a_mutable_tag_already_exists() {
    let images = two_images();
    for (repush_error, _) in REPUSH_ERRORS {
        let ecr = with_tag(repush_error, Mutability::Mutable, &images);
        assert_eq!(error_code(&ecr, "PutImage", &put(Some("a"), &text(&images[0]))), "ImageAlreadyExistsException");
    }
}

#[test]
fn same_image_under_an_immutable_tag_fails_as_configured() {
    let images = two_images();
    for (repush_error, code) in REPUSH_ERRORS {
        let ecr = with_tag(repush_error, Mutability::Immutable, &images);
        assert_eq!(error_code(&ecr, "PutImage", &put(Some("a"), &text(&images[0]))), code);
    }
}

#[test]
fn immutable_tag_does_not_move() {
    let images = two_images();
    for (repush_error, _) in REPUSH_ERRORS {
        let ecr = with_tag(repush_error, Mutability::Immutable, &images);
        assert_eq!(error_code(&ecr, "PutImage", &put(Some("a"), &text(&images[1]))), "ImageTagAlreadyExistsException");
    }
}

#[test]
fn tag_excluded_from_immutability_moves() {
    let images = two_images();
    for (repush_error, _) in REPUSH_ERRORS {
        let ecr = with_tag(repush_error, Mutability::ImmutableWithExclusion(vec!["a*".into()]), &images);
        call(&ecr, "PutImage", &put(Some("a"), &text(&images[1])));
    }
}

#[test]
fn image_without_its_layers_is_rejected() {
    let ecr = start();
    ecr.home().create("app");
    let manifest = text(&Image::oci("linux/amd64"));
    assert_eq!(error_code(&ecr, "PutImage", &put(None, &manifest)), "LayersNotFoundException");
}

#[test]
fn list_with_images_of_another_repository_is_rejected() {
    let ecr = start();
    ecr.home().create("app");
    let image = Image::oci("linux/amd64");
    ecr.home().push("other", None, &image);
    let list = text(&Index::oci([Entry::new(&image)]));
    let response = post(&ecr, "PutImage", put(Some("1"), &list).to_string().as_bytes()).unwrap();
    assert_eq!(response.json()["__type"], "ReferencedImagesNotFoundException");
    assert_eq!(
        response.json()["message"],
        format!(
            "Images with digests '[{}]' required for pushing image into repository with name 'app' in the registry with id '123456789012' do not exist",
            image.digest()
        )
    );
}

#[test]
fn list_with_images_of_its_repository_is_stored() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", None, &image);
    call(&ecr, "PutImage", &put(Some("1"), &text(&Index::oci([Entry::new(&image)]))));
}

/// A server with an image, a list of it that could be put, and the list without its media type.
fn with_list() -> (LocalEcr, String, String) {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", None, &image);
    let list = text(&Index::oci([Entry::new(&image)]));
    let untyped = list.replace(&format!("\"mediaType\": \"{OCI_INDEX}\",\n  "), "");
    assert_ne!(list, untyped);
    (ecr, list, untyped)
}

#[test]
fn manifest_outside_the_schema_is_rejected() {
    let (ecr, list, untyped) = with_list();
    for invalid in [
        "not json".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        untyped,
        list.replace("\"os\": \"linux\"", "\"os\": \"linux\", \"os.features\": [\"x\"]"),
        list.replace("\"os\": \"linux\"", "\"os\": \"linux\", \"features\": [\"x\"]"),
        list.replace("\"schemaVersion\": 2", "\"schemaVersion\": 1"),
        list.replace(OCI_INDEX, "application/json"),
        list.replace(OCI_INDEX, OCI_MANIFEST),
        list.replace("sha256:", "sha512:"),
        list.replace("\"size\": ", "\"size\": -"),
        list.replace("\"manifests\"", "\"layers\": [], \"manifests\""),
    ] {
        let response = post(&ecr, "PutImage", put(Some("1"), &invalid).to_string().as_bytes()).unwrap();
        assert_eq!(response.json()["__type"], "InvalidParameterException", "{invalid}");
        assert!(response.json()["message"].as_str().unwrap().contains("'Invalid JSON syntax'"));
    }
}

#[test]
fn media_type_may_be_a_parameter_alone() {
    let (ecr, _, untyped) = with_list();
    let mut request = put(Some("1"), &untyped);
    request["imageManifestMediaType"] = json!(OCI_INDEX);
    call(&ecr, "PutImage", &request);
}

#[test]
fn media_type_that_contradicts_the_manifest_is_rejected() {
    let (ecr, list, _) = with_list();
    let mut request = put(Some("1"), &list);
    request["imageManifestMediaType"] = json!(DOCKER_LIST);
    assert_eq!(error_code(&ecr, "PutImage", &request), "InvalidParameterException");
}

#[test]
fn digest_parameter_must_be_that_of_the_manifest() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", None, &image);
    let mut request = put(Some("a"), &text(&image));
    request["imageDigest"] = json!(digest_of(b"something else"));
    assert_eq!(error_code(&ecr, "PutImage", &request), "ImageDigestDoesNotMatchException");
    request["imageDigest"] = json!(image.digest());
    call(&ecr, "PutImage", &request);
}
