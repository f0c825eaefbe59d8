//! The docker CLI's own merge of the same tags, which needs no engine.

use std::process::Command;

use local_ecr::image::{Content, Image};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::run;
use super::site::Site;

/// The docker CLI with a home of its own, where it keeps the lists that it is about to push.
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

    /// Merges the tags into another, and gives the list's digest.
    #[track_caller]
    fn merge(&self, target: &str, tags: impl IntoIterator<Item = String>) -> String {
        let names: Vec<_> = std::iter::once(target.to_owned()).chain(tags).collect();
        self.manifest("create", &names);
        let pushed = self.manifest("push", &names[..1]);
        String::from_utf8(pushed).unwrap().trim().to_owned()
    }

    /// What docker makes of a list, as it reads it from the registry.
    #[track_caller]
    fn inspect(&self, name: &str) -> Value {
        serde_json::from_slice(&self.manifest("inspect", &[name.to_owned()])).unwrap()
    }
}

/// A site on which the function and docker have merged the same images, as `1` and as `merged`.
struct Merged {
    site: Site,
    docker: Docker,
}

impl Merged {
    #[track_caller]
    fn from<C: Content>(platforms: &str, images: &[(&str, C)]) -> Self {
        let (mut site, docker) = (Site::of(platforms), Docker::new());
        for (part, image) in images {
            site.registry.push("app", Some(&format!("1-{part}")), image);
        }
        site.published("1");
        // docker brings them into its own order.
        let tags = images.iter().rev().map(|(part, _)| site.name(&format!("1-{part}")));
        let digest = docker.merge(&site.name("merged"), tags);
        assert_eq!(site.registry.tag("app", "merged"), Some(digest));
        Self { site, docker }
    }

    /// The function's list has docker's bytes.
    #[track_caller]
    fn assert_same(&self) {
        let text = |tag| String::from_utf8(self.site.manifest(tag)).unwrap();
        assert_eq!(text("1"), text("merged"));
        assert_eq!(self.site.registry.tag("app", "1"), self.site.registry.tag("app", "merged"));
        assert_eq!(self.list("1")["mediaType"], DOCKER_LIST);
        self.assert_read();
    }

    fn list(&self, tag: &str) -> Value {
        serde_json::from_slice(&self.site.manifest(tag)).unwrap()
    }

    /// docker reads both lists, and reads what is there.
    #[track_caller]
    fn assert_read(&self) {
        for tag in ["1", "merged"] {
            assert_eq!(self.docker.inspect(&self.site.name(tag)), self.list(tag));
        }
    }
}

#[test]
fn two_docker_images_get_the_digest_that_docker_gives_them() {
    let images = [("amd64", Image::docker("linux/amd64")), ("arm64", Image::docker("linux/arm64"))];
    Merged::from("linux/amd64,linux/arm64", &images).assert_same();
}

#[test]
fn variants_get_the_digest_that_docker_gives_them() {
    let images = [
        ("arm64", Image::docker("linux/arm64/v8")),
        ("armv6", Image::docker("linux/arm/v6")),
        ("armv7", Image::docker("linux/arm/v7")),
    ];
    Merged::from("linux/arm/v6,linux/arm/v7,linux/arm64/v8=arm64", &images).assert_same();
}

#[test]
fn four_platforms_with_windows_get_the_digest_that_docker_gives_them() {
    let images = [
        ("amd64", Image::docker("linux/amd64")),
        ("arm64", Image::docker("linux/arm64/v8")),
        ("ltsc2019", Image::docker("windows/amd64").os_version("10.0.17763.6893")),
        ("ltsc2022", Image::docker("windows/amd64").os_version("10.0.20348.2322")),
    ];
    let platforms = "linux/amd64,linux/arm64,windows(10.0.17763)/amd64=ltsc2019,windows(10.0.20348)/amd64=ltsc2022";
    Merged::from(platforms, &images).assert_same();
}

#[test]
fn any_text_in_a_config_gets_the_digest_that_docker_gives_it() {
    let images = [
        ("amd64", Image::docker("windows/amd64").os_version("10.0 <&>\u{2028}\"\\")),
        ("arm64", Image::docker("linux/arm64/v8")),
    ];
    Merged::from("windows/amd64=amd64,linux/arm64", &images).assert_same();
}

#[test]
fn the_features_that_docker_writes_and_ecr_refuses_are_left_out() {
    let (mut site, docker) = (Site::of("windows/amd64=amd64"), Docker::new());
    site.registry.push("app", Some("1-amd64"), &Image::docker("windows/amd64").os_features(["win32k"]));
    let list: Value = serde_json::from_slice(&site.published("1")).unwrap();
    assert_eq!(list["manifests"][0]["platform"], json!({"architecture": "amd64", "os": "windows"}));

    let names = [site.name("merged"), site.name("1-amd64")];
    docker.manifest("create", &names);
    let refused = docker.command("push", &names[..1]).output().unwrap();
    assert!(!refused.status.success());
    assert_eq!(site.registry.tag("app", "merged"), None);
}

#[test]
fn oci_images_get_the_entries_that_docker_gives_them() {
    let images = [
        ("amd64", Image::oci("linux/amd64")),
        ("arm64", Image::oci("linux/arm64")),
        ("armv7", Image::oci("linux/arm/v7")),
        ("ltsc2022", Image::oci("windows/amd64").os_version("10.0.20348.2322")),
    ];
    let platforms = "linux/amd64,linux/arm64,linux/arm/v7,windows(10.0.20348)/amd64=ltsc2022";
    let merged = Merged::from(platforms, &images);
    assert_eq!(merged.list("1"), merged.list("merged"));
    assert_eq!(merged.list("1")["mediaType"], OCI_INDEX);
    merged.assert_read();
}

#[test]
fn the_default_variant_of_an_oci_image_is_left_out_as_buildx_does() {
    let images = [("amd64", Image::oci("linux/amd64")), ("arm64", Image::oci("linux/arm64/v8"))];
    let merged = Merged::from("linux/amd64,linux/arm64", &images);
    let mut dockers = merged.list("merged");
    let platform = dockers["manifests"][1]["platform"].as_object_mut().unwrap();
    assert_eq!(platform.remove("variant"), Some(json!("v8")));
    assert_eq!(merged.list("1"), dockers);
    merged.assert_read();
}
