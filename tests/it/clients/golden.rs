//! The bytes of published lists, compared with those that the docker tools wrote from the same images.

#[path = "../../../core/tests/golden/inputs.rs"]
mod inputs;

use local_ecr::media_type::OCI_MANIFEST;
use serde_json::Value;

use super::go_tools::Client;
use super::live_registry::LiveRegistry;
use crate::support::input::push_event;
use inputs::{Input, inputs};

/// Stores an input in `app`. Nobody reads its layers, so there is something else under their digests.
fn store(input: &Input, live: &LiveRegistry, tag: Option<&str>) {
    for child in &input.children {
        store(child, live, None);
    }
    if let Some(config) = &input.config {
        live.registry.store_blob("app", config.clone(), None);
    }
    let manifest: Value = serde_json::from_str(&input.manifest).unwrap();
    for layer in manifest["layers"].as_array().into_iter().flatten() {
        live.registry.store_blob("app", "layer", layer["digest"].as_str());
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

/// The golden files of buildx, with the images from which it made them. `b4` is not among those that it makes again: of
/// images with referrers, buildx adds the attestations in an order of its own each time.
const OF_IMAGETOOLS: [([&str; 2], &str); 5] = [
    (["oci-amd64", "dkr-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.b2.json")),
    (["att-amd64", "att-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.b3.json")),
    (["oci-amd64", "oci-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.ann_oci.json")),
    (["oci-amd64", "dkr-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.ann_mixed.json")),
    (["att-amd64", "att-arm64"], include_str!("../../../core/tests/golden/buildx-imagetools.ann_attested.json")),
];

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

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn imagetools_still_makes_the_golden_bytes() {
    let inputs = inputs();
    for (sources, golden) in OF_IMAGETOOLS {
        let live = LiveRegistry::new("linux/amd64,linux/arm64");
        let golden_list: Value = serde_json::from_str(golden).unwrap();
        let annotations = golden_list["annotations"].as_object().into_iter().flatten();
        let annotations = annotations.map(|(key, value)| format!("index:{key}={}", value.as_str().unwrap()));
        let mut arguments = vec!["imagetools".to_owned(), "create".to_owned(), "--tag".to_owned(), live.reference("1")];
        arguments.extend(annotations.flat_map(|annotation| ["--annotation".to_owned(), annotation]));
        for (name, tag) in sources.into_iter().zip(["1-amd64", "1-arm64"]) {
            store(&inputs[name], &live, Some(tag));
            arguments.push(live.reference(tag));
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Client::new("buildx").run(&arguments);
        assert_eq!(String::from_utf8(live.manifest("1")).unwrap(), golden, "{sources:?}");
    }
}
