//! The function on moto, an independent model of AWS.
//!
//! moto has every operation that the function calls except `GetDownloadUrlForLayer`, which `moto_server.py` adds. It
//! differs from ECR where the tests do not depend on it:
//!
//! * it ignores `acceptedMediaTypes` and never converts a manifest;
//! * it checks no digest, no layer and no image of a list, and accepts lists that ECR rejects;
//! * it returns an image with several tags under the last of them, whichever was requested;
//! * a missing digest fails as the tag `null`;
//! * it does not paginate, and sends no events: the tests send them.

use std::io::Write as _;
use std::process::Command;

use local_ecr::image::{Artifact, Image, ToArtifact};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX};
use serde_json::{Value, json};

use super::live_registry::LiveRegistry;
use super::program::Server;
use super::python::script;
use crate::support::function::{Failure, Function, FunctionBuilder};
use crate::support::input::{assemble_request, push_event, sweep_request};

const PLATFORMS: &str = "linux/amd64,linux/arm64";

/// What moto holds from the start.
#[derive(Default)]
struct Contents {
    images: Vec<Value>,
    blobs: Vec<String>,
}

impl Contents {
    fn push(&mut self, repository: &str, tag: Option<&str>, artifact: &Artifact) {
        for child in &artifact.children {
            self.push(repository, None, child);
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        self.blobs.extend(artifact.blobs.iter().map(|blob| text(blob)));
        self.images.push(json!({
            "repository": repository, "tag": tag, "digest": artifact.digest(),
            "media_type": artifact.media_type, "manifest": text(&artifact.manifest),
        }));
    }
}

/// moto with the function that serves it.
struct Moto {
    _server: Server,
    function: Function,
}

impl Moto {
    fn with(contents: &Contents) -> Self {
        let mut server = Server::start_with_input(&mut script("moto_server.py"), "listening on ", |stdin| {
            let line = json!({"images": contents.images, "blobs": contents.blobs});
            writeln!(stdin, "{line}").unwrap();
        });
        let url = std::mem::take(&mut server.address);
        let program = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
        let function =
            FunctionBuilder::for_program(program).env("AWS_ENDPOINT_URL_ECR", &url).env("PLATFORMS", PLATFORMS).start();
        Self { _server: server, function }
    }

    fn deliver_event(&self, repository: &str, tag: &str) -> Result<Value, Failure> {
        self.function.invoke(&push_event(repository, tag))
    }
}

/// Publishes the same images on moto and on the local ECR, and asserts that both lists are the same.
#[track_caller]
fn check<C: ToArtifact>(images: &[(&str, C); 2], media_type: &str) {
    let (mut live, mut contents) = (LiveRegistry::new(PLATFORMS), Contents::default());
    for (tag, image) in images {
        live.registry.push("app", Some(tag), image);
        contents.push("app", Some(tag), &image.to_artifact());
    }
    live.publish("1");
    let moto = Moto::with(&contents);
    let published = moto.deliver_event("app", images[1].0).unwrap();
    assert_eq!(published["outcome"], "published", "{published:#}");
    assert_eq!(published["media_type"], media_type);
    assert_eq!(published["digest"], json!(live.registry.tag("app", "1")));
    let again = moto.deliver_event("app", images[0].0).unwrap();
    assert_eq!((&again["outcome"], &again["digest"]), (&json!("unchanged"), &published["digest"]));
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn docker_images_make_the_same_list() {
    check(&[("1-amd64", Image::docker("linux/amd64")), ("1-arm64", Image::docker("linux/arm64"))], DOCKER_LIST);
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn attested_images_make_the_same_index() {
    let images = [("1-amd64", Image::oci("linux/amd64")), ("1-arm64", Image::oci("linux/arm64"))];
    check(&images.map(|(tag, image)| (tag, image.attested())), OCI_INDEX);
}

/// moto with a repository `app` of Docker images under tags, each of one platform.
fn moto_with(images: &[(&str, &str)]) -> Moto {
    let mut contents = Contents::default();
    for (tag, platform) in images {
        contents.push("app", Some(tag), &Image::docker(platform).to_artifact());
    }
    Moto::with(&contents)
}

/// The error type of the push of `1-arm64` on moto.
#[track_caller]
fn error_type(moto: &Moto) -> String {
    moto.deliver_event("app", "1-arm64").unwrap_err().error_type
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn missing_platform_waits_on_moto() {
    let waiting = moto_with(&[("1-amd64", "linux/amd64")]).deliver_event("app", "1-amd64").unwrap();
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!(["linux/arm64"])));
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn wrong_platform_is_mismatch_on_moto() {
    let moto = moto_with(&[("1-amd64", "linux/arm64"), ("1-arm64", "linux/amd64")]);
    assert_eq!(error_type(&moto), "PlatformMismatch");
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn plain_image_under_version_tag_conflicts_on_moto() {
    let moto = moto_with(&[("1", "linux/s390x"), ("1-amd64", "linux/amd64"), ("1-arm64", "linux/arm64")]);
    assert_eq!(error_type(&moto), "TagConflict");
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn missing_repository_is_not_found_on_moto() {
    let failure = moto_with(&[]).function.invoke(&assemble_request("absent", "1")).unwrap_err();
    assert_eq!(failure.error_type, "RepositoryNotFound");
}

#[test]
#[ignore = "needs a program that .ci/clients installs"]
fn sweep_publishes_on_moto() {
    let moto = moto_with(&[("1-amd64", "linux/amd64"), ("1-arm64", "linux/arm64")]);
    let swept = moto.function.invoke(&sweep_request(&json!({}))).unwrap();
    assert_eq!((&swept["versions"], &swept["published"], &swept["complete"]), (&json!(1), &json!(1), &json!(true)));
}
