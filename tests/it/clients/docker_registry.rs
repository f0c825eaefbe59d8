//! Lists that are copied to another registry: Docker's, as Debian packages it.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::image::Image;
use super::live_registry::LiveRegistry;
use super::program::Server;
use super::skopeo::{inspect, pull, push, skopeo};

/// A registry with its own folder.
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

/// Publishes a list, copies it to the other registry, and asserts that it arrives with its images unchanged.
#[track_caller]
fn check(image: fn(&str) -> Image) {
    let mut live = LiveRegistry::new("linux/amd64,linux/arm64");
    let images = [("linux/amd64", image("linux/amd64")), ("linux/arm64", image("linux/arm64"))];
    for (platform, image) in &images {
        push(image, &live, &platform.replace("linux/", "1-"));
    }
    let list = live.publish("1");

    let other = DockerRegistry::start();
    let copy = format!("{}/copy:1", other.server.address);
    let (from, to) = (format!("docker://{}", live.reference("1")), format!("docker://{copy}"));
    let plain = ["--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
    skopeo(["copy", "--all", plain[0], plain[1], plain[2], &from, &to]);
    assert_eq!(inspect(&copy), list);
    for (platform, image) in &images {
        let folder = pull(&copy, platform);
        image.children.first().unwrap_or(image).assert_in(folder.path());
    }
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn docker_list_can_be_copied() {
    check(Image::docker);
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn oci_index_can_be_copied() {
    check(Image::oci);
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn index_with_attestations_can_be_copied() {
    check(Image::attested);
}
