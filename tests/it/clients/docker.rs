//! The list that the docker CLI makes of the same tags. `docker manifest` needs no engine.

use std::process::Command;

use local_ecr::image::{Image, ToArtifact};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::live_registry::LiveRegistry;
use super::program::run;

/// The docker CLI with a separate home directory, in which it keeps lists before it pushes them.
struct Docker(TempDir);

impl Docker {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, verb: &str, arguments: &[String]) -> Command {
        let home = self.0.path();
        let mut command = Command::new("docker");
        command.args(["manifest", verb, "--insecure"]).args(arguments).env("HOME", home).env("DOCKER_CONFIG", home);
        command
    }

    #[track_caller]
    fn manifest(&self, verb: &str, arguments: &[String]) -> Vec<u8> {
        run(&mut self.command(verb, arguments))
    }

    /// Pushes a list of the tags, and returns its digest.
    #[track_caller]
    fn push_list(&self, target: &str, tags: impl IntoIterator<Item = String>) -> String {
        let names: Vec<_> = std::iter::once(target.to_owned()).chain(tags).collect();
        self.manifest("create", &names);
        let pushed = self.manifest("push", &names[..1]);
        String::from_utf8(pushed).unwrap().trim().to_owned()
    }

    /// The list as docker reads it from the registry.
    #[track_caller]
    fn inspect(&self, name: &str) -> Value {
        serde_json::from_slice(&self.manifest("inspect", &[name.to_owned()])).unwrap()
    }
}

/// A registry with two lists of the same images: the function's under `1`, docker's under `merged`.
struct TwoLists {
    live: LiveRegistry,
    docker: Docker,
}

impl TwoLists {
    #[track_caller]
    fn of<C: ToArtifact>(platforms: &str, images: &[(&str, C)]) -> Self {
        let (mut live, docker) = (LiveRegistry::new(platforms), Docker::new());
        for (part, image) in images {
            live.registry.push("app", Some(&format!("1-{part}")), image);
        }
        live.publish("1");
        // In reverse: docker sorts them.
        let tags = images.iter().rev().map(|(part, _)| live.reference(&format!("1-{part}")));
        let digest = docker.push_list(&live.reference("merged"), tags);
        assert_eq!(live.registry.tag("app", "merged"), Some(digest));
        Self { live, docker }
    }

    /// Asserts that both lists have the same bytes.
    #[track_caller]
    fn assert_identical(&self) {
        let text = |tag| String::from_utf8(self.live.manifest(tag)).unwrap();
        assert_eq!(text("1"), text("merged"));
        assert_eq!(self.live.registry.tag("app", "1"), self.live.registry.tag("app", "merged"));
        assert_eq!(self.list("1")["mediaType"], DOCKER_LIST);
        self.assert_readable();
    }

    fn list(&self, tag: &str) -> Value {
        serde_json::from_slice(&self.live.manifest(tag)).unwrap()
    }

    /// Asserts that docker reads both lists as they are stored.
    #[track_caller]
    fn assert_readable(&self) {
        for tag in ["1", "merged"] {
            assert_eq!(self.docker.inspect(&self.live.reference(tag)), self.list(tag));
        }
    }
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn docker_images_have_the_digest_of_docker() {
    let images = [("amd64", Image::docker("linux/amd64")), ("arm64", Image::docker("linux/arm64"))];
    TwoLists::of("linux/amd64,linux/arm64", &images).assert_identical();
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn variants_have_the_digest_of_docker() {
    let images = [
        ("arm64", Image::docker("linux/arm64/v8")),
        ("armv6", Image::docker("linux/arm/v6")),
        ("armv7", Image::docker("linux/arm/v7")),
    ];
    TwoLists::of("linux/arm/v6,linux/arm/v7,linux/arm64/v8=arm64", &images).assert_identical();
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn windows_versions_have_the_digest_of_docker() {
    let images = [
        ("amd64", Image::docker("linux/amd64")),
        ("arm64", Image::docker("linux/arm64/v8")),
        ("ltsc2019", Image::docker("windows/amd64").os_version("10.0.17763.6893")),
        ("ltsc2022", Image::docker("windows/amd64").os_version("10.0.20348.2322")),
    ];
    let platforms = "linux/amd64,linux/arm64,windows(10.0.17763)/amd64=ltsc2019,windows(10.0.20348)/amd64=ltsc2022";
    TwoLists::of(platforms, &images).assert_identical();
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn special_characters_have_the_digest_of_docker() {
    let images = [
        ("amd64", Image::docker("windows/amd64").os_version("10.0 <&>\u{2028}\"\\")),
        ("arm64", Image::docker("linux/arm64/v8")),
    ];
    TwoLists::of("windows/amd64=amd64,linux/arm64", &images).assert_identical();
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn oci_images_have_the_entries_of_docker() {
    let images = [
        ("amd64", Image::oci("linux/amd64")),
        ("arm64", Image::oci("linux/arm64")),
        ("armv7", Image::oci("linux/arm/v7")),
        ("ltsc2022", Image::oci("windows/amd64").os_version("10.0.20348.2322")),
    ];
    let platforms = "linux/amd64,linux/arm64,linux/arm/v7,windows(10.0.20348)/amd64=ltsc2022";
    let lists = TwoLists::of(platforms, &images);
    assert_eq!(lists.list("1"), lists.list("merged"));
    assert_eq!(lists.list("1")["mediaType"], OCI_INDEX);
    lists.assert_readable();
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn default_variant_of_oci_image_is_left_out() {
    let images = [("amd64", Image::oci("linux/amd64")), ("arm64", Image::oci("linux/arm64/v8"))];
    let lists = TwoLists::of("linux/amd64,linux/arm64", &images);
    let mut expected = lists.list("merged");
    let platform = expected["manifests"][1]["platform"].as_object_mut().unwrap();
    assert_eq!(platform.remove("variant"), Some(json!("v8")));
    assert_eq!(lists.list("1"), expected);
    lists.assert_readable();
}
