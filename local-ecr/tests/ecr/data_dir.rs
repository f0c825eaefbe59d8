//! The data directory, which keeps content across servers.

use crate::client::send;
use local_ecr::image::{Image, ToArtifact as _};
use local_ecr::{LocalEcr, Mutability, Options, digest_of};
use std::path::PathBuf;

/// A directory that is removed when this is dropped.
struct Directory(PathBuf);

impl Directory {
    fn start(&self) -> LocalEcr {
        LocalEcr::start(Options { data: Some(self.0.clone()), ..Options::default() }).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn image_and_mutability_outlive_the_server() {
    let directory = Directory(std::env::temp_dir().join(format!("local-ecr-{}", std::process::id())));
    let image = Image::oci("linux/amd64");
    let url = {
        let ecr = directory.start();
        ecr.home().push("team/app", Some("1-amd64"), &image);
        ecr.home().set_mutability("team/app", Mutability::Immutable);
        ecr.url()
    };
    assert!(send(&url, "GET", &[], b"").is_err(), "the first server has ended");
    let ecr = directory.start();
    let get = |path: &str| send(&format!("{}/v2/team/app/{path}", ecr.url()), "GET", &[], b"").unwrap().body;
    assert_eq!(get("manifests/1-amd64"), image.to_artifact().manifest);
    assert_eq!(get(&format!("blobs/{}", digest_of(&image.config()))), image.config());
    let rejected = ecr.home().try_push("team/app", Some("1-amd64"), &image.content("other"));
    assert_eq!(rejected.unwrap_err().code, "ImageTagAlreadyExistsException");
}
