//! Layers and configs: uploads in parts, presigned downloads, raw content.

use crate::client::{Response, call, error_code, send, start};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local_ecr::image::{Image, ToArtifact as _};
use local_ecr::media_type::{OCI_CONFIG, OCI_MANIFEST};
use local_ecr::{LocalEcr, digest_of};
use serde_json::{Value, json};
use std::time::Duration;

/// A server with an image, and the presigned URL of its config.
fn presigned_config() -> (LocalEcr, Image, String) {
    let ecr = start();
    let image = Image::oci("linux/arm64").revision("abc");
    ecr.home().push("app", Some("a"), &image);
    let url = presigned_url(&ecr, &digest_of(&image.config()));
    (ecr, image, url)
}

fn presigned_url(ecr: &LocalEcr, digest: &str) -> String {
    let request = json!({"repositoryName": "app", "layerDigest": digest});
    let answer = call(ecr, "GetDownloadUrlForLayer", &request);
    assert_eq!(answer["layerDigest"], digest);
    answer["downloadUrl"].as_str().unwrap().to_owned()
}

fn get(url: &str) -> Response {
    send(url, "GET", &[], b"").unwrap()
}

#[test]
fn presigned_url_serves_the_config() {
    let (ecr, image, url) = presigned_config();
    let response = get(&url);
    assert_eq!((response.status, response.body), (200, image.config().to_vec()));
    let call = &ecr.journal()[1];
    assert_eq!((call.operation.as_str(), call.repository.as_deref()), ("Blob", Some("app")));
    assert!(!call.authorized && call.took_effect);
}

#[test]
fn presigned_url_is_for_its_blob_and_an_hour_alone() {
    let (ecr, _, url) = presigned_config();
    let response = send(&url, "GET", &[("authorization", "Bearer x")], b"").unwrap();
    assert_eq!(response.status, 400);
    assert!(String::from_utf8_lossy(&response.body).contains("<Code>InvalidArgument</Code>"));
    assert_eq!(get(&url.replace("Signature=", "Signature=0")).status, 403);
    assert_eq!(get(&url.replace("/app/", "/other/")).status, 403);
    ecr.clock().advance(Duration::from_secs(3601));
    assert_eq!(get(&url).status, 403);
}

#[test]
fn digest_that_no_image_names_as_a_blob_has_no_url() {
    let ecr = start();
    let manifest = ecr.home().push("app", Some("a"), &Image::oci("linux/arm64"));
    let unreferenced = ecr.home().store_blob("app", "unreferenced", None);
    for digest in [manifest, unreferenced, digest_of(b"nothing")] {
        let request = json!({"repositoryName": "app", "layerDigest": digest});
        assert_eq!(error_code(&ecr, "GetDownloadUrlForLayer", &request), "LayersNotFoundException");
    }
}

#[test]
fn corrupt_blob_is_served_as_stored() {
    let (ecr, image, _) = presigned_config();
    let digest = digest_of(&image.config());
    ecr.home().store_blob("app", "corrupt", Some(&digest));
    assert_eq!(get(&presigned_url(&ecr, &digest)).body, b"corrupt");
}

#[test]
fn layer_is_uploaded_in_parts() {
    let ecr = start();
    ecr.home().create("app");
    let begin = || call(&ecr, "InitiateLayerUpload", &json!({"repositoryName": "app"}))["uploadId"].clone();
    let part = |upload: &Value, first: usize, bytes: &[u8]| {
        json!({
            "repositoryName": "app", "uploadId": upload, "partFirstByte": first,
            "partLastByte": first + bytes.len() - 1, "layerPartBlob": STANDARD.encode(bytes),
        })
    };
    let completion =
        |upload: &Value, digest: &str| json!({"repositoryName": "app", "uploadId": upload, "layerDigests": [digest]});
    let digest = digest_of(b"first second");
    let availability = || {
        let request = json!({"repositoryName": "app", "layerDigests": [digest]});
        call(&ecr, "BatchCheckLayerAvailability", &request)["layers"][0]["layerAvailability"].clone()
    };
    let error = |operation, request: &Value| error_code(&ecr, operation, request);

    let upload = begin();
    assert_eq!(availability(), "UNAVAILABLE");
    call(&ecr, "UploadLayerPart", &part(&upload, 0, b"first "));
    assert_eq!(error("UploadLayerPart", &part(&upload, 7, b"second")), "InvalidLayerPartException", "after a gap");
    call(&ecr, "UploadLayerPart", &part(&upload, 6, b"second"));
    assert_eq!(error("CompleteLayerUpload", &completion(&upload, &digest_of(b"else"))), "InvalidLayerException");
    call(&ecr, "CompleteLayerUpload", &completion(&upload, &digest));
    assert_eq!(availability(), "AVAILABLE");
    assert_eq!(ecr.home().blob("app", &digest).unwrap(), "first second");
    assert_eq!(error("CompleteLayerUpload", &completion(&upload, &digest)), "UploadNotFoundException");

    let again = begin();
    call(&ecr, "UploadLayerPart", &part(&again, 0, b"first second"));
    assert_eq!(error("CompleteLayerUpload", &completion(&again, &digest)), "LayerAlreadyExistsException");
}

#[test]
fn raw_manifest_is_stored_under_its_claimed_digest() {
    let ecr = start();
    let claimed = Image::oci("linux/arm64").digest();
    assert_eq!(ecr.home().store_raw("app", Some("a"), OCI_MANIFEST, "{broken", Some(&claimed)), claimed);
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    let image = &call(&ecr, "BatchGetImage", &request)["images"][0];
    assert_eq!(image["imageManifest"], "{broken");
    assert_eq!(image["imageId"]["imageDigest"], claimed);
}

#[test]
fn raw_manifest_gives_access_to_its_blobs() {
    let ecr = start();
    let config = ecr.home().store_blob("app", "not a config", None);
    let manifest = json!({
        "schemaVersion": 2,
        "config": {"mediaType": OCI_CONFIG, "digest": config, "size": 12},
        "layers": [],
    });
    ecr.home().store_raw("app", Some("a"), OCI_MANIFEST, manifest.to_string(), None);
    assert_eq!(get(&presigned_url(&ecr, &config)).body, b"not a config");
}
