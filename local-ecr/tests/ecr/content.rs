//! Images, lists and artifacts to push: what their manifests say, and that ECR accepts them.

use crate::client::{call, start};
use local_ecr::LocalEcr;
use local_ecr::image::{Entry, Image, Index, ToArtifact, chart};
use local_ecr::media_type::OCI_MANIFEST;
use serde_json::{Value, json};

const SOCI: &str = "application/vnd.amazon.soci.index.v2+json";

fn manifest(content: &impl ToArtifact) -> Value {
    serde_json::from_slice(&content.to_artifact().manifest).unwrap()
}

#[test]
fn annotation_changes_an_image_but_not_its_config() {
    let (plain, annotated) = (Image::oci("linux/amd64"), Image::oci("linux/amd64").annotation("built", "today"));
    assert_ne!(plain.digest(), annotated.digest());
    assert_eq!(manifest(&plain)["config"], manifest(&annotated)["config"]);
}

#[test]
fn entry_states_its_artifact_type_for_any_content() {
    let image = Image::oci("linux/amd64");
    for entry in [Entry::new(&image), Entry::new(&image.attested()), image.attestation()] {
        assert_eq!(manifest(&Index::oci([entry.clone()]))["manifests"][0]["artifactType"], Value::Null);
        let list = Index::oci([entry.artifact_type("application/x")]);
        assert_eq!(manifest(&list)["manifests"][0]["artifactType"], "application/x");
        start().home().push("app", Some("1"), &list);
    }
}

#[test]
fn attestation_may_lose_the_annotations_of_its_entry() {
    let image = Image::oci("linux/amd64");
    for attestation in [image.attestation(), image.attestation_as_artifact()] {
        let entry = &manifest(&Index::oci([attestation.clone()]))["manifests"][0];
        assert_eq!(entry["annotations"]["vnd.docker.reference.digest"], image.digest());
        let bare = &manifest(&Index::oci([attestation.without_annotations()]))["manifests"][0];
        assert_eq!((&bare["digest"], &bare["annotations"]), (&entry["digest"], &Value::Null));
        assert_eq!(bare["platform"], json!({"architecture": "unknown", "os": "unknown"}));
    }
}

/// The row of `DescribeImages` of one image.
fn row(ecr: &LocalEcr, digest: &str) -> Value {
    let request = json!({"repositoryName": "app", "imageIds": [{"imageDigest": digest}]});
    call(ecr, "DescribeImages", &request)["imageDetails"][0].clone()
}

#[test]
fn soci_index_has_the_platform_of_its_image() {
    let ecr = start();
    let image = Image::oci("linux/arm64/v8");
    let list = Index::oci([Entry::new(&image), image.soci_index()]);
    ecr.home().push("app", Some("1"), &list);
    let entries = &manifest(&list)["manifests"];
    assert_eq!(entries[1]["mediaType"], OCI_MANIFEST);
    assert_eq!(entries[1]["artifactType"], SOCI);
    assert_eq!(entries[1]["platform"], entries[0]["platform"]);
    assert_eq!(entries[1]["annotations"], json!({"com.amazon.soci.image-manifest-digest": image.digest()}));
    let digest = image.soci_index().digest();
    let (_, bytes) = ecr.home().manifest("app", &digest).unwrap();
    let stored: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((&stored["artifactType"], &stored["config"]["mediaType"]), (&Value::Null, &json!(SOCI)));
    assert_eq!(ecr.home().blob("app", stored["config"]["digest"].as_str().unwrap()).unwrap(), "{}");
    assert_eq!(row(&ecr, &digest)["artifactMediaType"], SOCI);
}

#[test]
fn chart_is_told_by_the_media_type_of_its_config() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("1.0.0"), &chart("app"));
    assert_ne!(chart("other").digest(), digest);
    let row = row(&ecr, &digest);
    assert_eq!(row["imageManifestMediaType"], OCI_MANIFEST);
    assert_eq!(row["artifactMediaType"], "application/vnd.cncf.helm.config.v1+json");
}
