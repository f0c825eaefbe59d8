//! Archived images: how they are read and pushed.

use crate::client::{call, error_code, send};
use local_ecr::image::{Image, ToArtifact as _};
use local_ecr::{ArchivedAnswer, LocalEcr, Mutability, Options};
use serde_json::{Value, json};

fn image() -> Image {
    Image::oci("linux/amd64")
}

/// A server with an archived image under the tag `a`.
fn archived(archived: ArchivedAnswer) -> LocalEcr {
    let ecr = LocalEcr::start(Options { archived, ..Options::default() }).unwrap();
    ecr.home().push("app", Some("a"), &image());
    assert!(ecr.home().archive("app", "a"));
    ecr
}

fn put(tag: Option<&str>) -> Value {
    let manifest = String::from_utf8(image().to_artifact().manifest.to_vec()).unwrap();
    json!({"repositoryName": "app", "imageManifest": manifest, "imageTag": tag})
}

/// The failure codes of a read by tag and of one by digest; none if the image is found.
fn failures(ecr: &LocalEcr) -> [Option<String>; 2] {
    [json!({"imageTag": "a"}), json!({"imageDigest": image().digest()})].map(|id| {
        let answer = call(ecr, "BatchGetImage", &json!({"repositoryName": "app", "imageIds": [id]}));
        answer["failures"][0]["failureCode"].as_str().map(str::to_owned)
    })
}

#[test]
fn read_of_an_archived_image_fails_as_the_options_say() {
    for (answer, code) in [
        (ArchivedAnswer::default(), "ImageInaccessible"),
        (ArchivedAnswer::Inaccessible, "ImageInaccessible"),
        (ArchivedAnswer::NotFound, "ImageNotFound"),
        (ArchivedAnswer::AlreadyExists, "ImageNotFound"),
    ] {
        let ecr = archived(answer);
        assert_eq!(failures(&ecr), [Some(code.to_owned()), Some(code.to_owned())], "{answer:?}");
    }
}

#[test]
fn pull_of_an_archived_image_fails() {
    for answer in [ArchivedAnswer::Inaccessible, ArchivedAnswer::NotFound, ArchivedAnswer::AlreadyExists] {
        let ecr = archived(answer);
        for (method, reference) in [("GET", "a"), ("HEAD", "a"), ("GET", &*image().digest())] {
            let url = format!("{}/v2/app/manifests/{reference}", ecr.url());
            assert_eq!(send(&url, method, &[], &[]).unwrap().status, 404, "{answer:?} {method} {reference}");
        }
    }
}

#[test]
fn push_restores_an_archived_image() {
    for answer in [ArchivedAnswer::Inaccessible, ArchivedAnswer::NotFound] {
        for tag in [Some("a"), Some("b"), None] {
            let ecr = archived(answer);
            call(&ecr, "PutImage", &put(tag));
            assert_eq!(failures(&ecr), [None, None], "{answer:?} {tag:?}");
            assert_eq!(error_code(&ecr, "PutImage", &put(tag)), "ImageAlreadyExistsException");
        }
    }
}

#[test]
fn push_of_an_archived_image_that_exists_does_not_restore_it() {
    let ecr = archived(ArchivedAnswer::AlreadyExists);
    let before = failures(&ecr);
    for tag in [Some("a"), Some("b"), None] {
        assert_eq!(error_code(&ecr, "PutImage", &put(tag)), "ImageAlreadyExistsException", "{tag:?}");
    }
    assert_eq!(failures(&ecr), before);
    assert_eq!(ecr.home().tags("app"), ["a"]);
}

#[test]
fn immutable_tag_of_another_image_outranks_the_archive() {
    let ecr = archived(ArchivedAnswer::AlreadyExists);
    ecr.home().push("app", Some("b"), &image().content("other"));
    ecr.home().set_mutability("app", Mutability::Immutable);
    assert_eq!(error_code(&ecr, "PutImage", &put(Some("b"))), "ImageTagAlreadyExistsException");
}

#[test]
fn registry_push_of_what_exists_succeeds_under_its_tag_alone() {
    let ecr = archived(ArchivedAnswer::AlreadyExists);
    let artifact = image().to_artifact();
    for (reference, status) in [("a", 201), (&*artifact.digest(), 201), ("b", 400)] {
        let url = format!("{}/v2/app/manifests/{reference}", ecr.url());
        let response = send(&url, "PUT", &[("content-type", &artifact.media_type)], &artifact.manifest).unwrap();
        assert_eq!(response.status, status, "{reference}");
    }
    assert_eq!(ecr.home().push("app", Some("a"), &image()), artifact.digest());
    let error = ecr.home().try_push("app", Some("b"), &image()).unwrap_err();
    assert_eq!(error.code, "ImageAlreadyExistsException");
}
