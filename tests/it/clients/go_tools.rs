//! The registry clients that are written in Go: what they push becomes a list, they read lists and image tags by platform,
//! and the lists that they make are as right as the function's.

use std::fs;
use std::path::Path;
use std::process::Command;

use local_ecr::image::{Entry, Image as StoredImage, Index, ToArtifact as _};
use local_ecr::media_type::{DOCKER_CONFIG, DOCKER_LIST, OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::image::Image;
use super::live_registry::LiveRegistry;
use super::program::run;
use crate::support::function::FunctionBuilder;

pub const PLATFORMS: [(&str, &str); 2] = [("linux/amd64", "amd64"), ("linux/arm64", "arm64")];

/// A client with a home of its own, so that it finds no credentials and keeps nothing.
pub struct Client {
    program: &'static str,
    home: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Client {
    pub fn new(program: &'static str) -> Self {
        Self { program, home: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// The same, with another variable in its environment.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Runs it with these arguments, and returns what it prints.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let home = self.home.path();
        let mut command = Command::new(self.program);
        command
            .args(arguments)
            .current_dir(home)
            .env("HOME", home)
            .env("DOCKER_CONFIG", home)
            .env("BUILDX_CONFIG", home)
            .env("XDG_CONFIG_HOME", home)
            .envs(self.variables.iter().cloned());
        String::from_utf8(run(&mut command)).unwrap()
    }

    /// Its home, in which it runs.
    pub fn folder(&self) -> &Path {
        self.home.path()
    }
}

pub fn settings(function: FunctionBuilder) -> FunctionBuilder {
    function
        .env("PLATFORMS", "linux/amd64,linux/arm64")
        .env("ALIASES", "{major}.{minor},latest")
        .env("IMAGE_TAGS", "{version}_{platform}")
}

/// A registry with the version `1.0.0` of images that are attested or not.
pub fn live_with_version(is_attested: bool) -> LiveRegistry {
    let mut live = LiveRegistry::with(settings);
    push_version(&live, "1.0.0", is_attested);
    live.publish("1.0.0");
    live
}

/// Pushes both images under the platform tags of a version: always the same ones.
fn push_version(live: &LiveRegistry, version: &str, is_attested: bool) {
    for (platform, part) in PLATFORMS {
        let (image, tag) = (StoredImage::oci(platform).content(part), format!("{version}-{part}"));
        if is_attested {
            live.registry.push("app", Some(&tag), &image.attested());
        } else {
            live.registry.push("app", Some(&tag), &image);
        }
    }
}

/// Asserts that an alias and the image tags lead where they should, by what a client says of their digests.
#[track_caller]
fn assert_names(live: &LiveRegistry, digest_of_tag: impl Fn(&str) -> String) {
    let named = |tag: &str| live.registry.tag("app", tag).unwrap();
    for (tag, expected) in [
        ("latest", named("1.0.0")),
        ("1.0", named("1.0.0")),
        ("1.0.0_arm64", StoredImage::oci("linux/arm64").content("arm64").digest()),
    ] {
        assert_eq!(digest_of_tag(tag).trim(), expected, "{tag}");
    }
}

/// Lets a client make a list under `1.0.1` of the images of `1.0.0`, gives these the platform tags of `1.0.1`, and asserts
/// that the list stays: it is right.
#[track_caller]
pub fn assert_makes_a_right_list(live: &mut LiveRegistry, make: impl FnOnce(&LiveRegistry)) {
    make(live);
    let before = live.registry.tag("app", "1.0.1").unwrap();
    push_version(live, "1.0.1", false);
    assert_right(live, &before);
}

/// Delivers all events, and asserts that the list under `1.0.1` is still this one.
#[track_caller]
fn assert_right(live: &mut LiveRegistry, before: &str) {
    let answers = live.deliver_events();
    assert!(answers.iter().all(|answer| answer["outcome"] != "published"), "{answers:#?}");
    let answer = live.deliver(&json!({"action": "assemble", "repository": "app", "version": "1.0.1"}));
    assert_eq!(answer["outcome"], "unchanged", "{answer:#}");
    assert_eq!(live.registry.tag("app", "1.0.1").as_deref(), Some(before));
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn crane_pushes_images_and_pulls_them_by_platform() {
    let crane = Client::new("crane");
    let mut live = LiveRegistry::with(settings);
    let images = PLATFORMS.map(|(platform, _)| Image::oci(platform));
    for ((_, part), image) in PLATFORMS.iter().zip(&images) {
        image.write_to(&crane.folder().join(part));
        crane.run(&["push", part, &live.reference(&format!("1.0.0-{part}"))]);
    }
    let list = live.publish("1.0.0");
    assert_eq!(crane.run(&["manifest", &live.reference("1.0.0")]).trim_end().as_bytes(), list);
    for ((platform, part), image) in PLATFORMS.iter().zip(&images) {
        let digest = crane.run(&["digest", "--platform", platform, &live.reference("1.0.0")]);
        assert_eq!(digest.trim(), image.digest());
        assert_eq!(crane.run(&["digest", &live.reference(&format!("1.0.0_{part}"))]).trim(), image.digest());
        crane.run(&[
            "pull",
            "--format",
            "oci",
            "--platform",
            platform,
            &live.reference("latest"),
            &format!("pulled-{part}"),
        ]);
        let blobs = crane.folder().join(format!("pulled-{part}/blobs/sha256"));
        let name = image.digest().replace("sha256:", "");
        assert_eq!(fs::read(blobs.join(name)).unwrap(), image.manifest);
    }
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn list_of_crane_is_right() {
    let crane = Client::new("crane");
    let mut live = live_with_version(false);
    assert_names(&live, |tag| crane.run(&["digest", &live.reference(tag)]));
    assert_makes_a_right_list(&mut live, |live| {
        let [amd64, arm64, list] = ["1.0.0-amd64", "1.0.0-arm64", "1.0.1"].map(|tag| live.reference(tag));
        crane.run(&["index", "append", "-m", &amd64, "-m", &arm64, "-t", &list]);
    });
}

/// In the entries of a Docker list, crane states the type of the config as that of an artifact.
#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn docker_list_of_crane_is_right() {
    let crane = Client::new("crane");
    let mut live = LiveRegistry::with(settings);
    let tags = PLATFORMS.map(|(platform, part)| {
        let tag = format!("1.0.1-{part}");
        live.registry.push("app", Some(&tag), &StoredImage::docker(platform).content(part));
        live.reference(&tag)
    });
    let list = live.reference("1.0.1");
    crane.run(&["index", "append", "--docker-empty-base", "-m", &tags[0], "-m", &tags[1], "-t", &list]);
    let made: Value = serde_json::from_slice(&live.manifest("1.0.1")).unwrap();
    assert_eq!(
        (&made["mediaType"], &made["manifests"][0]["artifactType"]),
        (&json!(DOCKER_LIST), &json!(DOCKER_CONFIG))
    );
    let before = live.registry.tag("app", "1.0.1").unwrap();
    assert_right(&mut live, &before);
}

/// regctl takes the registry's name and that it has no TLS as an option.
fn regctl(live: &LiveRegistry) -> (Client, String) {
    (Client::new("regctl"), format!("reg={},tls=disabled", live.address))
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn regctl_copies_an_attested_list_with_its_referrers() {
    let live = live_with_version(true);
    let (regctl, host) = regctl(&live);
    assert_names(&live, |tag| regctl.run(&["--host", &host, "manifest", "head", &live.reference(tag)]));
    let raw = regctl.run(&["--host", &host, "manifest", "get", "--format", "raw-body", &live.reference("1.0.0")]);
    assert_eq!(raw.as_bytes(), live.manifest("1.0.0"));
    let copy = format!("{}/copied:1.0.0", live.address);
    regctl.run(&["--host", &host, "image", "copy", "--referrers", &live.reference("1.0.0"), &copy]);
    assert_eq!(live.registry.tag("copied", "1.0.0"), live.registry.tag("app", "1.0.0"));
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn list_of_regctl_is_right() {
    let mut live = live_with_version(false);
    let (regctl, host) = regctl(&live);
    assert_makes_a_right_list(&mut live, |live| {
        let [amd64, arm64, list] = ["1.0.0-amd64", "1.0.0-arm64", "1.0.1"].map(|tag| live.reference(tag));
        regctl.run(&["--host", &host, "index", "create", "--ref", &amd64, "--ref", &arm64, &list]);
    });
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn oras_attaches_a_referrer_that_changes_nothing() {
    let oras = Client::new("oras");
    let mut live = live_with_version(false);
    assert_names(&live, |tag| oras.run(&["resolve", "--plain-http", &live.reference(tag)]));
    let before = live.registry.tag("app", "1.0.0").unwrap();
    fs::write(oras.folder().join("sbom.json"), "{}").unwrap();
    let kind = "application/vnd.example.sbom";
    oras.run(&["attach", "--plain-http", "--artifact-type", kind, &live.reference("1.0.0"), "sbom.json"]);
    let discovered = oras.run(&["discover", "--plain-http", "--format", "json", &live.reference("1.0.0")]);
    let discovered: Value = serde_json::from_str(&discovered).unwrap();
    assert_eq!(discovered["referrers"][0]["artifactType"], kind, "{discovered:#}");
    oras.run(&["push", "--plain-http", "--artifact-type", kind, &live.reference("notes"), "sbom.json"]);
    let answers = live.deliver_events();
    assert!(answers.iter().all(|answer| answer["outcome"] == "ignored"), "{answers:#?}");
    let answer = live.deliver(&json!({"action": "assemble", "repository": "app", "version": "1.0.0"}));
    assert_eq!((&answer["outcome"], &answer["digest"]), (&json!("unchanged"), &json!(before)));
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn list_of_oras_is_right() {
    let oras = Client::new("oras");
    let mut live = live_with_version(false);
    assert_makes_a_right_list(&mut live, |live| {
        let list = live.reference("1.0.1");
        oras.run(&["manifest", "index", "create", "--plain-http", &list, "1.0.0-amd64", "1.0.0-arm64"]);
    });
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn imagetools_makes_the_same_bytes() {
    let buildx = Client::new("buildx");
    for is_attested in [false, true] {
        let live = live_with_version(is_attested);
        let [amd64, arm64, list] = ["1.0.0-amd64", "1.0.0-arm64", "merged"].map(|tag| live.reference(tag));
        buildx.run(&["imagetools", "create", "--tag", &list, &amd64, &arm64]);
        assert_eq!(String::from_utf8(live.manifest("merged")), String::from_utf8(live.manifest("1.0.0")));
        let raw = buildx.run(&["imagetools", "inspect", "--raw", &live.reference("latest")]);
        assert_eq!(raw.as_bytes(), live.manifest("1.0.0"));
    }
}

/// What `docker buildx build --platform` pushes in one go gets image tags, and imagetools makes the same of it.
#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn crane_reads_the_image_tags_of_an_attested_list() {
    let crane = Client::new("crane");
    let mut live = LiveRegistry::with(settings);
    let images = PLATFORMS.map(|(platform, part)| StoredImage::oci(platform).content(part));
    let entries = images.iter().map(Entry::new).chain(images.iter().map(StoredImage::attestation));
    live.registry.push("app", Some("1.0.0"), &Index::oci(entries));
    live.deliver_events();
    for ((_, part), image) in PLATFORMS.iter().zip(&images) {
        let name = live.reference(&format!("1.0.0_{part}"));
        let manifest: Value = serde_json::from_str(&crane.run(&["manifest", &name])).unwrap();
        assert_eq!(manifest["mediaType"], OCI_MANIFEST);
        assert_eq!(crane.run(&["digest", &name]).trim(), image.digest());
    }
    let list: Value = serde_json::from_slice(&live.manifest("1.0.0")).unwrap();
    assert_eq!(list["mediaType"], OCI_INDEX);
}
