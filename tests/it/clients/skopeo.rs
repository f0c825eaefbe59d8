//! Images that skopeo pushes, and pulls by the list that the function publishes.

use std::process::Command;

use local_ecr::digest_of;
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX, OCI_MANIFEST};
use serde_json::Value;
use tempfile::TempDir;

use super::image::Image;
use super::live_registry::LiveRegistry;
use super::program::run;

/// Runs skopeo without a signature policy.
#[track_caller]
pub fn skopeo<const N: usize>(arguments: [&str; N]) -> Vec<u8> {
    run(Command::new("skopeo").arg("--insecure-policy").args(arguments))
}

/// Pushes an image.
#[track_caller]
pub fn push(image: &Image, live: &LiveRegistry, tag: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (image.write_to(folder.path()), format!("docker://{}", live.reference(tag)));
    skopeo(["copy", "--all", "--preserve-digests", "--dest-tls-verify=false", &from, &to]);
    assert_eq!(live.registry.tag("app", tag), Some(image.digest()), "skopeo changed the manifest");
}

/// Pulls the image of one platform by the reference of a list, such as `localhost:5000/app:1`.
#[track_caller]
pub fn pull(name: &str, platform: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut parts = platform.split('/');
    let (os, architecture) = parts.next().zip(parts.next()).unwrap();
    skopeo([
        "--override-os",
        os,
        "--override-arch",
        architecture,
        "--override-variant",
        parts.next().unwrap_or_default(),
        "copy",
        "--preserve-digests",
        "--src-tls-verify=false",
        &format!("docker://{name}"),
        &format!("dir:{}", folder.path().display()),
    ]);
    folder
}

/// Reads the bytes of a manifest.
#[track_caller]
pub fn inspect(name: &str) -> Vec<u8> {
    skopeo(["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")])
}

/// Pushes images, and asserts that the list returns each of them for its platform.
#[track_caller]
fn check(images: &[(&str, &str, Image)], media_type: &str) {
    let platforms: Vec<_> = images.iter().map(|(platform, ..)| *platform).collect();
    let mut live = LiveRegistry::new(&platforms.join(","));
    for (_, part, image) in images {
        push(image, &live, &format!("1-{part}"));
    }
    let list = live.publish("1");
    assert_eq!(inspect(&live.reference("1")), list);
    let document: Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(document["mediaType"], media_type);
    for (platform, _, image) in images {
        let folder = pull(&live.reference("1"), platform);
        image.children.first().unwrap_or(image).assert_in(folder.path());
    }
}

const PLATFORMS: [(&str, &str); 4] =
    [("linux/amd64", "amd64"), ("linux/arm/v6", "armv6"), ("linux/arm/v7", "armv7"), ("linux/arm64", "arm64")];

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn docker_list_returns_each_image() {
    check(&PLATFORMS.map(|(platform, part)| (platform, part, Image::docker(platform))), DOCKER_LIST);
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn oci_index_returns_each_image() {
    check(&PLATFORMS.map(|(platform, part)| (platform, part, Image::oci(platform))), OCI_INDEX);
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn attested_index_returns_each_image() {
    let platforms = [("linux/amd64", "amd64"), ("linux/arm64", "arm64")];
    check(&platforms.map(|(platform, part)| (platform, part, Image::attested(platform))), OCI_INDEX);
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn list_can_be_copied_with_attestations() {
    let mut live = LiveRegistry::new("linux/amd64,linux/arm64");
    let images = [("amd64", Image::attested("linux/amd64")), ("arm64", Image::attested("linux/arm64"))];
    for (part, image) in &images {
        push(image, &live, &format!("1-{part}"));
    }
    let list = live.publish("1");
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (format!("docker://{}", live.reference("1")), format!("oci:{}", folder.path().display()));
    skopeo(["copy", "--all", "--preserve-digests", "--src-tls-verify=false", &from, &to]);
    let blob = |bytes: &[u8]| folder.path().join("blobs").join(digest_of(bytes).replace(':', "/"));
    let is_stored = |bytes: &[u8]| std::fs::read(blob(bytes)).is_ok_and(|found| found == bytes);
    assert!(is_stored(&list));
    for image in images.iter().flat_map(|(_, index)| &index.children) {
        assert!(is_stored(&image.manifest) && image.blobs.iter().all(|blob| is_stored(blob)));
    }
}

/// What AWS Lambda takes as an image, and a list as buildx pushes it: in one command, with attestations.
#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn image_tag_of_an_attested_list_is_a_plain_image() {
    let platforms = ["linux/amd64", "linux/arm64"];
    let mut live = LiveRegistry::with(|function| {
        function.env("PLATFORMS", &platforms.join(",")).env("IMAGE_TAGS", "{version}_{platform}")
    });
    let images = platforms.map(Image::attested);
    let list = Image::list(images);
    push(&list, &live, "1");
    let tagged = live.deliver_events().into_iter().filter(|answer| answer["outcome"] == "tagged").count();
    assert_eq!(tagged, 1);
    for (platform, image) in platforms.iter().zip(list.children.iter().step_by(2)) {
        let name = live.reference(&format!("1_{}", platform.trim_start_matches("linux/")));
        let manifest: Value = serde_json::from_slice(&inspect(&name)).unwrap();
        assert_eq!(manifest["mediaType"], OCI_MANIFEST);
        image.assert_in(pull(&name, platform).path());
    }
    assert!(live.deliver_events().iter().all(|answer| answer["outcome"] == "ignored"), "the pushes of the image tags");
}
