//! The same function on moto, an ECR by other authors.
//!
//! It has what the function calls, but `GetDownloadUrlForLayer`, which `moto_server.py` adds. Where it goes other ways
//! than ECR, the tests do not depend on it:
//!
//! * it ignores `acceptedMediaTypes`, and so never converts a manifest;
//! * it checks no digest, no layer and no image of a list, and so refuses no list that ECR would refuse;
//! * an image with several tags is answered under the last of them alone, whichever was asked for;
//! * a digest that is not there fails as the tag `null`;
//! * it numbers no pages, and sends no events: here the test does.

use std::io::Write as _;
use std::process::Command;

use local_ecr::image::{Artifact, Content, Image};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX};
use serde_json::{Value, json};

use super::program::Server;
use super::python::script;
use super::site::Site;
use crate::function::{Failure, Function, Setup, assemble, push_event};

const PLATFORMS: &str = "linux/amd64,linux/arm64";

/// What moto is to hold.
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

/// moto, and the function that serves it.
struct Moto {
    _server: Server,
    function: Function,
}

impl Moto {
    fn with(contents: &Contents) -> Self {
        let mut server = Server::start_with(&mut script("moto_server.py"), "listens on ", |stdin| {
            let line = json!({"images": contents.images, "blobs": contents.blobs});
            writeln!(stdin, "{line}").unwrap();
        });
        let url = std::mem::take(&mut server.address);
        let program = Command::new(env!("CARGO_BIN_EXE_ecr-multiarch"));
        let function = Setup::of(program).set("AWS_ENDPOINT_URL_ECR", &url).set("PLATFORMS", PLATFORMS).start();
        Self { _server: server, function }
    }

    fn announce(&self, repository: &str, tag: &str) -> Result<Value, Failure> {
        self.function.invoke(&push_event(repository, tag))
    }
}

/// Publishes on moto what is published here, and compares.
#[track_caller]
fn check<C: Content>(images: &[(&str, C); 2], media_type: &str) {
    let (mut site, mut contents) = (Site::of(PLATFORMS), Contents::default());
    for (tag, image) in images {
        site.registry.push("app", Some(tag), image);
        contents.push("app", Some(tag), &image.artifact());
    }
    site.published("1");
    let moto = Moto::with(&contents);
    let published = moto.announce("app", images[1].0).unwrap();
    assert_eq!(published["outcome"], "published", "{published:#}");
    assert_eq!(published["media_type"], media_type);
    assert_eq!(published["digest"], json!(site.registry.tag("app", "1")));
    let again = moto.announce("app", images[0].0).unwrap();
    assert_eq!((&again["outcome"], &again["digest"]), (&json!("unchanged"), &published["digest"]));
}

#[test]
fn docker_images_make_the_same_list_there() {
    check(&[("1-amd64", Image::docker("linux/amd64")), ("1-arm64", Image::docker("linux/arm64"))], DOCKER_LIST);
}

#[test]
fn attested_images_make_the_same_index_there() {
    let images = [("1-amd64", Image::oci("linux/amd64")), ("1-arm64", Image::oci("linux/arm64"))];
    check(&images.map(|(tag, image)| (tag, image.attested())), OCI_INDEX);
}

#[test]
fn what_cannot_be_published_is_answered_alike() {
    let mut contents = Contents::default();
    let (amd64, arm64) = (Image::docker("linux/amd64").artifact(), Image::docker("linux/arm64").artifact());
    contents.push("half", Some("1-amd64"), &amd64);
    contents.push("crossed", Some("1-amd64"), &arm64);
    contents.push("crossed", Some("1-arm64"), &amd64);
    contents.push("taken", Some("1"), &Image::docker("linux/s390x").artifact());
    contents.push("taken", Some("1-amd64"), &amd64);
    contents.push("taken", Some("1-arm64"), &arm64);
    let moto = Moto::with(&contents);

    let waiting = moto.announce("half", "1-amd64").unwrap();
    assert_eq!((&waiting["outcome"], &waiting["missing"]), (&json!("waiting"), &json!(["linux/arm64"])));
    let error_type = |result: Result<Value, Failure>| result.unwrap_err().error_type;
    assert_eq!(error_type(moto.announce("crossed", "1-arm64")), "PlatformMismatch");
    assert_eq!(error_type(moto.announce("taken", "1-arm64")), "TagConflict");
    assert_eq!(error_type(moto.function.invoke(&assemble("absent", "1"))), "RepositoryNotFound");
}

#[test]
fn a_sweep_finds_its_work_there() {
    let mut contents = Contents::default();
    for (tag, image) in [("1-amd64", Image::docker("linux/amd64")), ("1-arm64", Image::docker("linux/arm64"))] {
        contents.push("app", Some(tag), &image.artifact());
    }
    let moto = Moto::with(&contents);
    let swept = moto.function.invoke(&json!({"action": "sweep"})).unwrap();
    assert_eq!((&swept["versions"], &swept["published"], &swept["complete"]), (&json!(1), &json!(1), &json!(true)));
}
