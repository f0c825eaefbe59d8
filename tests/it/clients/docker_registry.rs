//! Lists that move on to another registry: Debian's build of the one that docker began with.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::image::Image;
use super::program::Server;
use super::site::Site;
use super::skopeo::{copy_in, copy_out, inspect, skopeo};

/// A registry with a folder of its own.
struct DockerRegistry {
    server: Server,
    _folder: TempDir,
}

impl DockerRegistry {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yml");
        let storage = folder.path().join("storage");
        let text = format!(
            "version: 0.1\nlog: {{level: info, formatter: text}}\nhttp: {{addr: '127.0.0.1:0'}}\n\
             storage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
            storage.display()
        );
        fs::write(&config, text).unwrap();
        let server = Server::start(Command::new("docker-registry").arg("serve").arg(config), "listening on ");
        Self { server, _folder: folder }
    }
}

#[track_caller]
fn check(image: fn(&str) -> Image) {
    let mut site = Site::of("linux/amd64,linux/arm64");
    let images = [("linux/amd64", image("linux/amd64")), ("linux/arm64", image("linux/arm64"))];
    for (platform, image) in &images {
        copy_in(image, &site, &platform.replace("linux/", "1-"));
    }
    let list = site.published("1");

    let other = DockerRegistry::start();
    let moved = format!("{}/moved:1", other.server.address);
    let (from, to) = (format!("docker://{}", site.name("1")), format!("docker://{moved}"));
    let plain = ["--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
    skopeo(["copy", "--all", plain[0], plain[1], plain[2], &from, &to]);
    assert_eq!(inspect(&moved), list);
    for (platform, image) in &images {
        let folder = copy_out(&moved, platform);
        image.children.first().unwrap_or(image).assert_is_in(folder.path());
    }
}

#[test]
fn it_takes_docker_lists() {
    check(Image::docker);
}

#[test]
fn it_takes_oci_indexes() {
    check(Image::oci);
}

#[test]
fn it_takes_indexes_with_attestations() {
    check(Image::attested);
}
