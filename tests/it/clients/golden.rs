//! The bytes of published lists, compared with those that the docker tools wrote from the same images.

#[path = "../../../core/tests/golden/inputs.rs"]
mod inputs;

use local_ecr::media_type::OCI_MANIFEST;

use super::live_registry::LiveRegistry;
use crate::support::input::push_event;
use inputs::{Input, inputs};

/// Stores an input in `app`, without its layers: neither the function nor the comparison reads them.
fn store(input: &Input, live: &LiveRegistry, tag: Option<&str>) {
    for child in &input.children {
        store(child, live, None);
    }
    if let Some(config) = &input.config {
        live.registry.store_blob("app", config.clone(), None);
    }
    let media_type = input.media_type.as_deref().unwrap_or(OCI_MANIFEST);
    live.registry.store_raw("app", tag, media_type, input.manifest.clone(), None);
}

/// Publishes the list of these images, one per platform, and asserts that it has the bytes of the golden file.
#[track_caller]
fn check(images: [(&str, &str); 2], golden: &str) {
    let inputs = inputs();
    let platforms = images.map(|(_, platform)| platform).join(",");
    let mut live = LiveRegistry::new(&platforms);
    for (name, platform) in images {
        let tag = format!("1-{}", platform.trim_start_matches("linux/"));
        store(&inputs[name], &live, Some(&tag));
        live.deliver(&push_event("app", &tag));
    }
    assert_eq!(String::from_utf8(live.manifest("1")).unwrap(), golden);
    // Stored images send no events.
    assert_eq!(live.deliver_events().len(), 1, "the function pushes one list");
}

#[test]
fn docker_images_have_the_bytes_of_docker_manifest() {
    check(
        [("dkr-amd64", "linux/amd64"), ("dkr-arm64", "linux/arm64")],
        include_str!("../../../core/tests/golden/docker-manifest.a1.json"),
    );
}

#[test]
fn mixed_images_have_the_bytes_of_imagetools() {
    check(
        [("oci-amd64", "linux/amd64"), ("dkr-arm64", "linux/arm64")],
        include_str!("../../../core/tests/golden/buildx-imagetools.b2.json"),
    );
}

#[test]
fn attested_images_have_the_bytes_of_imagetools() {
    check(
        [("att-amd64", "linux/amd64"), ("att-arm64", "linux/arm64")],
        include_str!("../../../core/tests/golden/buildx-imagetools.b3.json"),
    );
}

#[test]
fn attestation_artifacts_have_the_bytes_of_imagetools() {
    check(
        [("art-amd64", "linux/amd64"), ("art-arm64", "linux/arm64")],
        include_str!("../../../core/tests/golden/buildx-imagetools.b4.json"),
    );
}
