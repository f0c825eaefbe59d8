//! The bytes that a registry holds in the end, beside those that the docker tools wrote from the same images.

use local_ecr::media_type::OCI_MANIFEST;

use super::site::Site;
use crate::function::push_event;
use crate::golden::{Input, inputs};

/// Stores an input in `app`. Its layers are not at hand, and nobody reads them.
fn store(input: &Input, site: &Site, tag: Option<&str>) {
    for child in &input.children {
        store(child, site, None);
    }
    if let Some(config) = &input.config {
        site.registry.store_blob("app", config.clone(), None);
    }
    let media_type = input.media_type.as_deref().unwrap_or(OCI_MANIFEST);
    site.registry.store_raw("app", tag, media_type, input.manifest.clone(), None);
}

/// Publishes these images, of each platform one, and compares the list with a tool's.
#[track_caller]
fn check(images: [(&str, &str); 2], golden: &str) {
    let inputs = inputs();
    let platforms = images.map(|(_, platform)| platform).join(",");
    let mut site = Site::of(&platforms);
    for (name, platform) in images {
        let tag = format!("1-{}", platform.trim_start_matches("linux/"));
        store(&inputs[name], &site, Some(&tag));
        site.announce(&push_event("app", &tag));
    }
    assert_eq!(String::from_utf8(site.manifest("1")).unwrap(), golden);
    assert_eq!(site.settle().len(), 1, "the function's own push is the only one that was announced");
}

#[test]
fn docker_images_are_joined_as_docker_manifest_joins_them() {
    check(
        [("dkr-amd64", "linux/amd64"), ("dkr-arm64", "linux/arm64")],
        include_str!("../../golden/docker-manifest.a1.json"),
    );
}

#[test]
fn one_oci_image_makes_the_index_of_imagetools() {
    check(
        [("oci-amd64", "linux/amd64"), ("dkr-arm64", "linux/arm64")],
        include_str!("../../golden/buildx-imagetools.b2.json"),
    );
}

#[test]
fn attested_images_are_joined_as_imagetools_joins_them() {
    check(
        [("att-amd64", "linux/amd64"), ("att-arm64", "linux/arm64")],
        include_str!("../../golden/buildx-imagetools.b3.json"),
    );
    check(
        [("art-amd64", "linux/amd64"), ("art-arm64", "linux/arm64")],
        include_str!("../../golden/buildx-imagetools.b4.json"),
    );
}
