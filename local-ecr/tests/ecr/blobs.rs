//! Layers in and out.

use crate::client::{call, refusal, send};
use local_ecr::image::{Image, ToArtifact as _};
use local_ecr::media_type::{OCI_CONFIG, OCI_MANIFEST};
use local_ecr::{LocalEcr, Options, digest_of};
use serde_json::json;
use std::time::Duration;

fn presigned(ecr: &LocalEcr, digest: &str) -> String {
    let request = json!({"repositoryName": "app", "layerDigest": digest});
    let answer = call(ecr, "GetDownloadUrlForLayer", &request);
    assert_eq!(answer["layerDigest"], digest);
    answer["downloadUrl"].as_str().unwrap().to_owned()
}

#[test]
fn a_config_comes_from_a_presigned_url() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let image = Image::oci("linux/arm64").revision("abc");
    ecr.home().push("app", Some("a"), &image);
    let url = presigned(&ecr, &digest_of(&image.config()));
    let answer = send(&url, "GET", &[], b"").unwrap();
    assert_eq!((answer.status, answer.body), (200, image.config().to_vec()));
    let signed = send(&url, "GET", &[("authorization", "Bearer x")], b"").unwrap();
    assert_eq!(signed.status, 400);
    assert!(String::from_utf8_lossy(&signed.body).contains("<Code>InvalidArgument</Code>"));
    let forged = url.replace("Signature=", "Signature=0");
    assert_eq!(send(&forged, "GET", &[], b"").unwrap().status, 403);
    let elsewhere = url.replace("/app/", "/other/");
    assert_eq!(send(&elsewhere, "GET", &[], b"").unwrap().status, 403);
    ecr.clock().advance(Duration::from_secs(3601));
    assert_eq!(send(&url, "GET", &[], b"").unwrap().status, 403);
    let call = &ecr.journal()[1];
    assert_eq!((call.operation.as_str(), call.repository.as_deref()), ("Blob", Some("app")));
    assert!(!call.authorized && call.took_effect);
}

#[test]
fn only_what_an_image_names_has_a_url() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let image = Image::oci("linux/arm64");
    let manifest = ecr.home().push("app", Some("a"), &image);
    let loose = ecr.home().store_blob("app", "loose", None);
    for digest in [manifest, loose, digest_of(b"nothing")] {
        let request = json!({"repositoryName": "app", "layerDigest": digest});
        assert_eq!(refusal(&ecr, "GetDownloadUrlForLayer", &request), "LayersNotFoundException");
    }
    let config = digest_of(&image.config());
    ecr.home().store_blob("app", "corrupt", Some(&config));
    let answer = send(&presigned(&ecr, &config), "GET", &[], b"").unwrap();
    assert_eq!(answer.body, b"corrupt");
}

#[test]
fn layers_arrive_in_parts() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    ecr.home().create("app");
    let config = Image::oci("linux/arm64").config();
    let digest = digest_of(&config);
    let check = json!({"repositoryName": "app", "layerDigests": [digest]});
    let availability = || call(&ecr, "BatchCheckLayerAvailability", &check)["layers"][0]["layerAvailability"].clone();
    assert_eq!(availability(), "UNAVAILABLE");
    let begun = call(&ecr, "InitiateLayerUpload", &json!({"repositoryName": "app"}));
    let part = |first: usize, bytes: &[u8]| {
        json!({
            "repositoryName": "app", "uploadId": begun["uploadId"], "partFirstByte": first,
            "partLastByte": first + bytes.len() - 1, "layerPartBlob": base64(bytes),
        })
    };
    call(&ecr, "UploadLayerPart", &part(0, &config[..10]));
    assert_eq!(refusal(&ecr, "UploadLayerPart", &part(11, &config[11..])), "InvalidLayerPartException");
    call(&ecr, "UploadLayerPart", &part(10, &config[10..]));
    let complete =
        |digest: &str| json!({"repositoryName": "app", "uploadId": begun["uploadId"], "layerDigests": [digest]});
    let wrong = complete(&digest_of(b"else"));
    assert_eq!(refusal(&ecr, "CompleteLayerUpload", &wrong), "InvalidLayerException");
    call(&ecr, "CompleteLayerUpload", &complete(&digest));
    assert_eq!(availability(), "AVAILABLE");
    assert_eq!(refusal(&ecr, "CompleteLayerUpload", &complete(&digest)), "UploadNotFoundException");
}

#[test]
fn raw_bytes_are_stored_as_they_are() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let image = Image::oci("linux/arm64");
    let claimed = image.digest();
    let digest = ecr.home().store_raw("app", Some("a"), OCI_MANIFEST, "{broken", Some(&claimed));
    assert_eq!(digest, claimed);
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    let answer = call(&ecr, "BatchGetImage", &request);
    assert_eq!(answer["images"][0]["imageManifest"], "{broken");
    assert_eq!(answer["images"][0]["imageId"]["imageDigest"], claimed);
    // A manifest that can be read gives access to its blobs.
    let config = ecr.home().store_blob("app", "not a config", None);
    let manifest = json!({
        "schemaVersion": 2,
        "config": {"mediaType": OCI_CONFIG, "digest": config, "size": 12},
        "layers": [],
    });
    ecr.home().store_raw("app", Some("b"), OCI_MANIFEST, manifest.to_string(), None);
    assert_eq!(send(&presigned(&ecr, &config), "GET", &[], b"").unwrap().body, b"not a config");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
