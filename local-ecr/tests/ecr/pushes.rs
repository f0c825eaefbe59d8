//! `PutImage`.

use crate::client::{call, error_code, post, start};
use local_ecr::image::{Entry, Image, Index, ToArtifact};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{LocalEcr, Mutability, Options, RepushError};
use serde_json::{Value, json};

fn put(tag: Option<&str>, manifest: &str) -> Value {
    json!({"repositoryName": "app", "imageManifest": manifest, "imageTag": tag})
}

fn text(content: &impl ToArtifact) -> String {
    String::from_utf8(content.to_artifact().manifest.to_vec()).unwrap()
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

#[test]
fn repeated_or_moving_push_fails_as_the_tag_is_mutable() {
    use RepushError::{ImageAlreadyExists, ImageTagAlreadyExists};
    let images = ["one", "other"].map(|content| Image::oci("linux/amd64").content(content));
    for (repush_error, mutability, same, other) in [
        (ImageAlreadyExists, Mutability::Mutable, "ImageAlreadyExistsException", None),
        (ImageTagAlreadyExists, Mutability::Mutable, "ImageAlreadyExistsException", None),
        (
            ImageAlreadyExists,
            Mutability::Immutable,
            "ImageAlreadyExistsException",
            Some("ImageTagAlreadyExistsException"),
        ),
        (
            ImageTagAlreadyExists,
            Mutability::Immutable,
            "ImageTagAlreadyExistsException",
            Some("ImageTagAlreadyExistsException"),
        ),
        (
            ImageTagAlreadyExists,
            Mutability::ImmutableWithExclusion(vec!["a*".into()]),
            "ImageAlreadyExistsException",
            None,
        ),
    ] {
        let ecr = LocalEcr::start(Options { repush_error, ..Options::default() }).unwrap();
        ecr.home().push("app", Some("a"), &images[0]);
        ecr.home().push("app", None, &images[1]);
        ecr.home().set_mutability("app", mutability);
        assert_eq!(error_code(&ecr, "PutImage", &put(Some("a"), &text(&images[0]))), same);
        match other {
            Some(code) => assert_eq!(error_code(&ecr, "PutImage", &put(Some("a"), &text(&images[1]))), code),
            None => drop(call(&ecr, "PutImage", &put(Some("a"), &text(&images[1])))),
        }
    }
}

#[test]
fn manifest_without_its_content_in_the_repository_is_rejected() {
    let ecr = start();
    ecr.home().create("app");
    let image = Image::oci("linux/amd64");
    assert_eq!(error_code(&ecr, "PutImage", &put(None, &text(&image))), "LayersNotFoundException");
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
fn every_kind_of_index_is_accepted() {
    let ecr = start();
    let image = Image::oci("windows/amd64").os_version("10.0.20348.2322").os_features(["win32k"]);
    let nested = Index::oci([Entry::new(&image.attested())]);
    for (tag, index) in [("image", image.attested()), ("artifact", image.attested_as_artifact()), ("nested", nested)] {
        let digest = ecr.home().push("app", Some(tag), &index);
        assert_eq!(ecr.home().tag("app", tag), Some(digest));
    }
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
fn media_type_parameter_must_not_contradict_the_manifest() {
    let (ecr, list, untyped) = with_list();
    let mut request = put(Some("1"), &list);
    request["imageManifestMediaType"] = json!(DOCKER_LIST);
    assert_eq!(error_code(&ecr, "PutImage", &request), "InvalidParameterException");
    let mut request = put(Some("1"), &untyped);
    request["imageManifestMediaType"] = json!(OCI_INDEX);
    call(&ecr, "PutImage", &request);
}
