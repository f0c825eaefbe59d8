//! Images that skopeo copies in, and out again through the list that the function publishes.

use std::process::Command;

use local_ecr::digest_of;
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX};
use serde_json::Value;
use tempfile::TempDir;

use super::image::Image;
use super::program::run;
use super::site::Site;

/// skopeo with its arguments, on registries without TLS and with a policy of its own.
#[track_caller]
pub fn skopeo<const N: usize>(arguments: [&str; N]) -> Vec<u8> {
    run(Command::new("skopeo").arg("--insecure-policy").args(arguments))
}

/// Copies a folder into the registry.
#[track_caller]
pub fn copy_in(image: &Image, site: &Site, tag: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (image.lay_out(folder.path()), format!("docker://{}", site.name(tag)));
    skopeo(["copy", "--all", "--preserve-digests", "--dest-tls-verify=false", &from, &to]);
    assert_eq!(site.registry.tag("app", tag), Some(image.digest()), "skopeo changed it on its way");
}

/// Copies the image of one platform out of a list, by a name such as `localhost:5000/app:1`.
#[track_caller]
pub fn copy_out(name: &str, platform: &str) -> TempDir {
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

/// The bytes of a manifest.
#[track_caller]
pub fn inspect(name: &str) -> Vec<u8> {
    skopeo(["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")])
}

#[track_caller]
fn check(images: &[(&str, &str, Image)], media_type: &str) {
    let platforms: Vec<_> = images.iter().map(|(platform, ..)| *platform).collect();
    let mut site = Site::of(&platforms.join(","));
    for (_, part, image) in images {
        copy_in(image, &site, &format!("1-{part}"));
    }
    let list = site.published("1");
    assert_eq!(inspect(&site.name("1")), list);
    let document: Value = serde_json::from_slice(&list).unwrap();
    assert_eq!(document["mediaType"], media_type);
    for (platform, _, image) in images {
        let folder = copy_out(&site.name("1"), platform);
        image.children.first().unwrap_or(image).assert_is_in(folder.path());
    }
}

const PLATFORMS: [(&str, &str); 4] =
    [("linux/amd64", "amd64"), ("linux/arm/v6", "armv6"), ("linux/arm/v7", "armv7"), ("linux/arm64", "arm64")];

#[test]
fn docker_images_come_back_by_platform_byte_for_byte() {
    check(&PLATFORMS.map(|(platform, part)| (platform, part, Image::docker(platform))), DOCKER_LIST);
}

#[test]
fn oci_images_come_back_by_platform_byte_for_byte() {
    check(&PLATFORMS.map(|(platform, part)| (platform, part, Image::oci(platform))), OCI_INDEX);
}

#[test]
fn attested_images_come_back_by_platform_byte_for_byte() {
    let platforms = [("linux/amd64", "amd64"), ("linux/arm64", "arm64")];
    check(&platforms.map(|(platform, part)| (platform, part, Image::attested(platform))), OCI_INDEX);
}

#[test]
fn a_list_is_copied_whole_with_its_attestations() {
    let mut site = Site::of("linux/amd64,linux/arm64");
    let images = [("amd64", Image::attested("linux/amd64")), ("arm64", Image::attested("linux/arm64"))];
    for (part, image) in &images {
        copy_in(image, &site, &format!("1-{part}"));
    }
    let list = site.published("1");
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (format!("docker://{}", site.name("1")), format!("oci:{}", folder.path().display()));
    skopeo(["copy", "--all", "--preserve-digests", "--src-tls-verify=false", &from, &to]);
    let blob = |bytes: &[u8]| folder.path().join("blobs").join(digest_of(bytes).replace(':', "/"));
    let is_there = |bytes: &[u8]| std::fs::read(blob(bytes)).is_ok_and(|found| found == bytes);
    assert!(is_there(&list));
    for image in images.iter().flat_map(|(_, index)| &index.children) {
        assert!(is_there(&image.manifest) && image.blobs.iter().all(|blob| is_there(blob)));
    }
}
