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

/// Publishes the list of these images, of amd64 and arm64, and asserts that it has the bytes of the golden file.
#[track_caller]
fn check(sources: [&str; 2], annotations: &str, golden: &str) {
    let inputs = inputs();
    let mut live = LiveRegistry::with(|function| function.env("ANNOTATIONS", annotations));
    for (name, tag) in sources.into_iter().zip(["1-amd64", "1-arm64"]) {
        store(&inputs[name], &live, Some(tag));
        live.deliver(&push_event("app", tag));
    }
    assert_eq!(String::from_utf8(live.manifest("1")).unwrap(), golden);
    // Stored images send no events.
    assert_eq!(live.deliver_events().len(), 1, "the function pushes one list");
}

#[test]
fn lists_have_the_bytes_of_the_docker_tools() {
    for (sources, golden) in [
        (["dkr-amd64", "dkr-arm64"], include_str!("../../../core/tests/golden/docker-manifest.a1.json")),
        (["oci-amd64", "dkr-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.b2.json")),
        (["att-amd64", "att-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.b3.json")),
        (["art-amd64", "art-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.b4.json")),
    ] {
        check(sources, "", golden);
    }
}

#[test]
fn annotated_lists_have_the_bytes_of_the_tools() {
    let annotations = r"org.opencontainers.image.vendor=Example\, Inc.,org.opencontainers.image.title,
        org.opencontainers.image.source=https://example.com/team-a/app?a=1&b=<2>";
    for (sources, golden) in [
        (["oci-amd64", "oci-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.ann_oci.json")),
        (["oci-amd64", "dkr-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.ann_mixed.json")),
        (["att-amd64", "att-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.ann_attested.json")),
        (["dkr-amd64", "dkr-arm64"], include_str!("../../../core/tests/golden/manifest-tool.ann_dkr.json")),
    ] {
        check(sources, annotations, golden);
    }
}
