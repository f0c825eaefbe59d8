//! Clients whose builds take minutes, so that `.ci/nightly` runs them: signatures of lists by their digest, and lists that
//! `manifest-tool` and `ko` make.

use std::fs;

use serde_json::json;

use super::go_tools::{Client, PLATFORMS, assert_makes_a_right_list, live_with_version};
use super::image::Image;
use super::live_registry::LiveRegistry;
use super::skopeo;

/// The list of the version by its digest, as signers name it.
fn by_digest(live: &LiveRegistry) -> String {
    format!("{}/app@{}", live.address, live.registry.tag("app", "1.0.0").unwrap())
}

/// Delivers the events of a signature, and asserts that it changes nothing.
#[track_caller]
fn assert_unchanged(live: &mut LiveRegistry) {
    let answers = live.deliver_events();
    assert!(answers.iter().all(|answer| answer["outcome"] == "ignored"), "{answers:#?}");
    let answer = live.deliver(&json!({"action": "assemble", "repository": "app", "version": "1.0.0", "force": true}));
    assert_eq!(answer["outcome"], "unchanged", "{answer:#}");
}

#[test]
#[ignore = "needs a program that .ci/nightly installs"]
fn signature_of_cosign_stays_with_the_list() {
    let cosign = Client::new("cosign").with("COSIGN_PASSWORD", "");
    let mut live = live_with_version(true);
    let list = by_digest(&live);
    cosign.run(&["generate-key-pair"]);
    cosign.run(&["sign", "--key", "cosign.key", "--tlog-upload=false", "--allow-http-registry", "--yes", &list]);
    assert_unchanged(&mut live);
    let verified =
        cosign.run(&["verify", "--key", "cosign.pub", "--insecure-ignore-tlog", "--allow-http-registry", &list]);
    assert!(verified.contains(&live.registry.tag("app", "1.0.0").unwrap()), "{verified}");
}

#[test]
#[ignore = "needs a program that .ci/nightly installs"]
fn signature_of_notation_stays_with_the_list() {
    let notation = Client::new("notation");
    let mut live = live_with_version(true);
    let list = by_digest(&live);
    notation.run(&["cert", "generate-test", "--default", "example.com"]);
    notation.run(&["sign", "--insecure-registry", &list]);
    assert_unchanged(&mut live);
    let signatures = notation.run(&["list", "--insecure-registry", &list]);
    assert!(signatures.contains("application/vnd.cncf.notary.signature"), "{signatures}");
}

#[test]
#[ignore = "needs a program that .ci/nightly installs"]
fn list_of_manifest_tool_is_right() {
    let manifest_tool = Client::new("manifest-tool");
    let mut live = live_with_version(false);
    assert_makes_a_right_list(&mut live, |live| {
        let (template, target) = (live.reference("1.0.0-ARCH"), live.reference("1.0.1"));
        let platforms = PLATFORMS.map(|(platform, _)| platform).join(",");
        let arguments = ["--platforms", &platforms, "--template", &template, "--target", &target];
        manifest_tool.run(&[["--plain-http", "push", "from-args"].as_slice(), &arguments].concat());
    });
}

/// `ko` builds a program for each platform on a base image, and pushes one list, whose images get tags.
#[test]
#[ignore = "needs a program that .ci/nightly installs"]
fn images_of_a_list_of_ko_get_tags() {
    let mut live = LiveRegistry::with(super::go_tools::settings);
    let base = Image::list(PLATFORMS.map(|(platform, _)| Image::attested(platform)));
    skopeo::push(&base, &live, "base");
    live.deliver_events();
    let repository = format!("{}/app", live.address);
    let ko = Client::new("ko").with("KO_DOCKER_REPO", &repository).with("KO_DEFAULTBASEIMAGE", &live.reference("base"));
    fs::write(ko.folder().join("go.mod"), "module example.com/hello\n\ngo 1.24\n").unwrap();
    fs::write(ko.folder().join("main.go"), "package main\n\nfunc main() {}\n").unwrap();
    let platforms = PLATFORMS.map(|(platform, _)| platform).join(",");
    ko.run(&[
        "build",
        "--bare",
        "--sbom=none",
        "--insecure-registry",
        "--platform",
        &platforms,
        "--tags",
        "1.0.0",
        ".",
    ]);
    let answers = live.deliver_events();
    assert!(answers.iter().any(|answer| answer["outcome"] == "tagged"), "{answers:#?}");
    for (_, part) in PLATFORMS {
        assert!(live.registry.tag("app", &format!("1.0.0_{part}")).is_some(), "{part}");
    }
}
