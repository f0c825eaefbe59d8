//! `PutImage` and `BatchDeleteImage`.

use crate::client::{call, post, refusal};
use local_ecr::image::{Entry, Image, Index, ToArtifact as _};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{LocalEcr, Mutability, Options, RepushError, digest_of};
use serde_json::{Value, json};

fn start() -> LocalEcr {
    LocalEcr::start(Options::default()).unwrap()
}

fn put(tag: Option<&str>, manifest: &str) -> Value {
    json!({"repositoryName": "app", "imageManifest": manifest, "imageTag": tag})
}

fn text(content: &impl local_ecr::image::ToArtifact) -> String {
    String::from_utf8(content.to_artifact().manifest.to_vec()).unwrap()
}

#[test]
fn a_tag_moves_and_leaves_the_old_image_untagged() {
    let ecr = start();
    let home = ecr.home();
    let old = home.push("app", None, &Image::oci("linux/amd64").content("old"));
    let (old_text, new) = (text(&Image::oci("linux/amd64").content("old")), Image::oci("linux/amd64").content("new"));
    let answer = call(&ecr, "PutImage", &put(Some("a"), &old_text));
    assert_eq!(answer["image"]["imageId"], json!({"imageDigest": old, "imageTag": "a"}));
    assert_eq!(answer["image"]["imageManifest"], old_text);
    home.push("app", None, &new);
    call(&ecr, "PutImage", &put(Some("a"), &text(&new)));
    assert_eq!(home.tag("app", "a"), Some(new.digest()));
    assert!(home.manifest("app", &old).is_some());
    let row = call(&ecr, "DescribeImages", &json!({"repositoryName": "app", "imageIds": [{"imageDigest": old}]}));
    assert_eq!(row["imageDetails"][0]["imageTags"], Value::Null);
}

#[test]
fn the_same_again_is_refused_and_an_immutable_tag_does_not_move() {
    for (repush_error, again) in [
        (RepushError::ImageAlreadyExists, "ImageAlreadyExistsException"),
        (RepushError::ImageTagAlreadyExists, "ImageTagAlreadyExistsException"),
    ] {
        let ecr = LocalEcr::start(Options { repush_error, ..Options::default() }).unwrap();
        let (one, other) = (Image::oci("linux/amd64").content("one"), Image::oci("linux/amd64").content("other"));
        ecr.home().push("app", Some("a"), &one);
        ecr.home().push("app", None, &other);
        let same = put(Some("a"), &text(&one));
        assert_eq!(refusal(&ecr, "PutImage", &same), "ImageAlreadyExistsException");
        ecr.home().set_mutability("app", Mutability::Immutable);
        assert_eq!(refusal(&ecr, "PutImage", &same), again);
        let moved = put(Some("a"), &text(&other));
        assert_eq!(refusal(&ecr, "PutImage", &moved), "ImageTagAlreadyExistsException");
        ecr.home().set_mutability("app", Mutability::ImmutableWithExclusion(vec!["a*".into()]));
        call(&ecr, "PutImage", &moved);
    }
}

#[test]
fn what_a_manifest_names_has_to_be_there() {
    let ecr = start();
    ecr.home().create("app");
    let image = Image::oci("linux/amd64");
    assert_eq!(refusal(&ecr, "PutImage", &put(None, &text(&image))), "LayersNotFoundException");
    let list = Index::oci([Entry::new(&image)]);
    // In another repository of the same registry it does not count.
    ecr.home().push("other", None, &image);
    let answer = post(&ecr, "PutImage", put(Some("1"), &text(&list)).to_string().as_bytes()).unwrap();
    assert_eq!(answer.json()["__type"], "ReferencedImagesNotFoundException");
    assert_eq!(
        answer.json()["message"],
        format!(
            "Images with digests '[{}]' required for pushing image into repository with name 'app' in the registry with id '123456789012' do not exist",
            image.digest()
        )
    );
    ecr.home().push("app", None, &image);
    call(&ecr, "PutImage", &put(Some("1"), &text(&list)));
}

#[test]
fn manifests_that_the_schema_does_not_know_are_refused() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", None, &image);
    let list = text(&Index::oci([Entry::new(&image)]));
    let untyped = list.replace(&format!("\"mediaType\": \"{OCI_INDEX}\",\n  "), "");
    assert_ne!(list, untyped);
    for bad in [
        "not json".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        untyped.clone(),
        list.replace("\"os\": \"linux\"", "\"os\": \"linux\", \"os.features\": [\"x\"]"),
        list.replace("\"os\": \"linux\"", "\"os\": \"linux\", \"features\": [\"x\"]"),
        list.replace("\"schemaVersion\": 2", "\"schemaVersion\": 1"),
        list.replace(OCI_INDEX, "application/json"),
        list.replace(OCI_INDEX, OCI_MANIFEST),
        list.replace("sha256:", "sha512:"),
        list.replace("\"size\": ", "\"size\": -"),
        list.replace("\"manifests\"", "\"layers\": [], \"manifests\""),
    ] {
        let answer = post(&ecr, "PutImage", put(Some("1"), &bad).to_string().as_bytes()).unwrap();
        assert_eq!(answer.json()["__type"], "InvalidParameterException", "{bad}");
        assert!(answer.json()["message"].as_str().unwrap().contains("'Invalid JSON syntax'"));
    }
    let mut typed = put(Some("1"), &untyped);
    typed["imageManifestMediaType"] = json!(OCI_INDEX);
    call(&ecr, "PutImage", &typed);
    let mut contradicting = put(Some("2"), &list);
    contradicting["imageManifestMediaType"] = json!(DOCKER_LIST);
    assert_eq!(refusal(&ecr, "PutImage", &contradicting), "InvalidParameterException");
}

#[test]
fn a_digest_given_has_to_be_the_manifests() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", None, &image);
    let mut request = put(Some("a"), &text(&image));
    request["imageDigest"] = json!(digest_of(b"something else"));
    assert_eq!(refusal(&ecr, "PutImage", &request), "ImageDigestDoesNotMatchException");
    request["imageDigest"] = json!(image.digest());
    call(&ecr, "PutImage", &request);
}

#[test]
fn fixtures_are_what_ecr_accepts() {
    let ecr = start();
    let windows = Image::oci("windows/amd64").os_version("10.0.20348.2322").os_features(["win32k"]);
    assert!(String::from_utf8_lossy(&windows.config()).contains("win32k"));
    let nested = Index::oci([Entry::new(&windows.attested())]);
    for (tag, index) in
        [("classic", windows.attested()), ("artifact", windows.attested_as_artifact()), ("nested", nested)]
    {
        let digest = ecr.home().push("app", Some(tag), &index);
        assert_eq!(ecr.home().tag("app", tag), Some(digest));
    }
    assert_eq!(windows.attested().digest(), windows.attested().digest());
    assert_ne!(windows.digest(), windows.clone().revision("abc").digest());
    assert_ne!(windows.digest(), windows.clone().content("else").digest());
}

#[test]
fn an_image_that_a_list_names_is_not_deleted_and_the_last_tag_takes_its_image_along() {
    let ecr = start();
    let home = ecr.home();
    let image = Image::oci("linux/amd64");
    let child = home.push("app", Some("1-amd64"), &image);
    home.push("app", Some("again"), &image);
    let list = home.push("app", Some("1"), &Index::oci([Entry::new(&image)]));
    let delete = |id: Value| call(&ecr, "BatchDeleteImage", &json!({"repositoryName": "app", "imageIds": [id]}));
    let refused = delete(json!({"imageDigest": child}));
    assert_eq!(refused["failures"][0]["failureCode"], "ImageReferencedByManifestList");
    let mismatched = delete(json!({"imageTag": "again", "imageDigest": list}));
    assert_eq!(mismatched["failures"][0]["failureCode"], "ImageTagDoesNotMatchDigest");
    assert_eq!(delete(json!({"imageTag": "again"}))["failures"], json!([]));
    assert!(home.tag("app", "again").is_none() && home.tag("app", "1-amd64").is_some());
    assert_eq!(delete(json!({"imageTag": "1"}))["imageIds"][0]["imageDigest"], list);
    assert!(home.manifest("app", &list).is_none());
    delete(json!({"imageTag": "1-amd64"}));
    assert!(home.manifest("app", &child).is_none());
}
