//! Published lists, checked against the OCI image specification with the types of the `oci-spec` crate.

use local_ecr::image::{Image, ToArtifact};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX};
use oci_spec::image::{Arch, Descriptor, ImageConfiguration, ImageIndex, ImageManifest, MediaType, Os, SCHEMA_VERSION};
use serde_json::Value;

use super::live_registry::LiveRegistry;

const PLATFORMS: &str = "linux/amd64,linux/arm/v6,linux/arm64,windows(10.0.20348)/amd64=ltsc2022";

/// An image of each platform, in one of the two formats.
fn images(image: fn(&str) -> Image) -> [(&'static str, Image); 4] {
    [
        ("amd64", image("linux/amd64")),
        ("armv6", image("linux/arm/v6")),
        ("arm64", image("linux/arm64/v8")),
        ("ltsc2022", image("windows/amd64").os_version("10.0.20348.2322").os_features(["win32k"])),
    ]
}

/// Publishes the images and asserts that the list conforms to the specification.
#[track_caller]
fn check<C: ToArtifact>(images: impl IntoIterator<Item = (&'static str, C)>, media_type: &str) {
    let mut live = LiveRegistry::new(PLATFORMS);
    for (part, image) in images {
        live.registry.push("app", Some(&format!("1-{part}")), &image);
    }
    let text = String::from_utf8(live.publish("1")).unwrap();
    // Version 0.10 of the crate misspells this one field of a platform, which the specification writes with a dot.
    let text = text.replace("\"os.version\"", "\"os_version\"");
    let index = ImageIndex::from_reader(text.as_bytes()).unwrap();
    assert_eq!(index.schema_version(), SCHEMA_VERSION);
    assert_eq!(index.media_type().as_ref().map(MediaType::as_ref), Some(media_type));
    // The crate drops fields that the specification lacks: an equal document has none.
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_value(&index).unwrap(), document);
    assert!(index.manifests().iter().any(|entry| attests(entry).is_none()));
    for entry in index.manifests() {
        check_entry(&live, entry);
        if let Some(attested) = attests(entry) {
            assert!(index.manifests().iter().any(|entry| entry.digest().as_ref() == attested));
        }
    }
}

/// The digest of the image that an entry attests, if it is an attestation.
fn attests(entry: &Descriptor) -> Option<&str> {
    entry.annotations().as_ref()?.get("vnd.docker.reference.digest").map(String::as_str)
}

/// Asserts that an entry has the type, digest and size of its manifest and the platform of its config.
#[track_caller]
fn check_entry(live: &LiveRegistry, entry: &Descriptor) {
    let bytes = live.manifest(entry.digest().as_ref());
    assert_eq!(local_ecr::digest_of(&bytes), entry.digest().as_ref());
    assert_eq!(entry.size(), bytes.len() as u64);
    let manifest = ImageManifest::from_reader(&*bytes).unwrap();
    assert_eq!(manifest.media_type().as_ref(), Some(entry.media_type()));

    let platform = entry.platform().as_ref().unwrap();
    assert_eq!(platform.os_features(), &None, "ECR refuses them");
    if attests(entry).is_some() {
        return;
    }
    let config = live.registry.blob("app", manifest.config().digest().as_ref()).unwrap();
    let config = ImageConfiguration::from_reader(&*config).unwrap();
    assert_eq!((platform.os(), platform.architecture()), (config.os(), config.architecture()));
    assert_eq!(platform.os_version(), config.os_version());
    assert!(matches!(platform.os(), Os::Linux | Os::Windows), "{platform:?}");
    match (platform.architecture(), platform.variant().as_deref()) {
        (Arch::ARM, Some("v6" | "v7" | "v8")) | (Arch::ARM64, None | Some("v8")) | (Arch::Amd64, None) => {}
        other => panic!("the specification lacks {other:?}"),
    }
}

#[test]
fn docker_list_conforms() {
    check(images(Image::docker), DOCKER_LIST);
}

#[test]
fn oci_index_conforms() {
    check(images(Image::oci), OCI_INDEX);
}

#[test]
fn index_with_attestations_conforms() {
    check(images(Image::oci).map(|(part, image)| (part, image.attested())), OCI_INDEX);
}

#[test]
fn index_with_attestation_artifacts_conforms() {
    check(images(Image::oci).map(|(part, image)| (part, image.attested_as_artifact())), OCI_INDEX);
}
