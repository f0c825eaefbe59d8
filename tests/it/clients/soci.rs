//! Images and lists that are converted for lazy loading, by the library of SOCI's command: see `soci/main.go`.

use std::process::Command;

use serde_json::{Value, json};

use super::go_tools::{Client, PLATFORMS};
use super::image::Image;
use super::live_registry::LiveRegistry;
use super::program::run;
use super::skopeo;

const SOCI_INDEX: &str = "application/vnd.amazon.soci.index.v2+json";

/// Converts what a tag names, under the same tag.
#[track_caller]
fn convert(live: &LiveRegistry, tag: &str) {
    // oras copies indexes with artifacts in them as they are.
    let (oras, name) = (Client::new("oras"), live.reference(tag));
    oras.run(&["cp", "--from-plain-http", &name, "--to-oci-layout", "layout:image"]);
    run(Command::new("soci-convert").arg(oras.folder().join("layout")));
    oras.run(&["cp", "--from-oci-layout", "layout:converted", "--to-plain-http", &name]);
}

/// A registry with the version `1` of two images, whose list is published.
fn live_with_version() -> LiveRegistry {
    let mut live = LiveRegistry::new(&PLATFORMS.map(|(platform, _)| platform).join(","));
    for (platform, part) in PLATFORMS {
        skopeo::push(&Image::oci(platform), &live, &format!("1-{part}"));
    }
    live.publish("1");
    live
}

/// The artifact types of the entries of a list, in their order: none of an image.
fn artifact_types(list: &[u8]) -> Vec<Option<String>> {
    let list: Value = serde_json::from_slice(list).unwrap();
    let entries = list["manifests"].as_array().unwrap().iter();
    entries.map(|entry| entry["artifactType"].as_str().map(str::to_owned)).collect()
}

#[test]
#[ignore = "needs a program that .ci/nightly installs"]
fn soci_indexes_of_converted_tags_follow_their_images() {
    let mut live = live_with_version();
    for (_, part) in PLATFORMS {
        convert(&live, &format!("1-{part}"));
    }
    live.deliver_events();
    let soci = Some(SOCI_INDEX.to_owned());
    assert_eq!(artifact_types(&live.manifest("1")), [None, soci.clone(), None, soci]);
    for (platform, _) in PLATFORMS {
        skopeo::pull(&live.reference("1"), platform);
    }
}

#[test]
#[ignore = "needs a program that .ci/nightly installs"]
fn list_that_is_converted_stays() {
    let mut live = live_with_version();
    convert(&live, "1");
    let converted = live.registry.tag("app", "1");
    assert!(artifact_types(&live.manifest("1")).contains(&Some(SOCI_INDEX.to_owned())));
    live.deliver_events();
    let answer = live.deliver(&json!({"action": "assemble", "repository": "app", "version": "1"}));
    assert_eq!(answer["outcome"], "unchanged", "{answer:#}");
    assert_eq!(live.registry.tag("app", "1"), converted);
}
