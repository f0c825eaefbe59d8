//! The bytes of manifest lists, compared with those that the docker tools wrote from the same images.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test crate exports nothing")]

mod inputs;

use std::sync::Arc;

use ecr_multiarch_core::oci::image_config::ImageConfig;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::reconcile::observation::{ImageConfigs, Manifests};
use ecr_multiarch_core::{Digest, Outcome, ReconcileRequest, Reference, RepositoryName, Settings, Step};
use inputs::{Input, inputs};

impl Input {
    fn stored(&self) -> StoredManifest {
        let text: Arc<str> = self.manifest.as_str().into();
        let media_type = self.media_type.clone().unwrap_or_else(|| MediaType::OciManifest.to_string());
        StoredManifest { digest: Digest::sha256(&*text), media_type, text }
    }
}

/// Assembles the images of these platforms in a dry run, each an input of this name, in ascending order of their tags.
fn assemble(images: &[(&str, &str)]) -> String {
    let inputs = inputs();
    let mut stored = Manifests::default();
    let mut configs = ImageConfigs::new();
    let platforms = images.iter().enumerate().map(|(index, (platform, _))| format!("{platform}={index}"));
    let platforms = platforms.collect::<Vec<_>>().join(",");
    let settings = Settings::from_lookup(|name| (name == "PLATFORMS").then(|| platforms.clone())).unwrap();
    let repository: RepositoryName = "app".parse().unwrap();
    let settings = settings.for_repository(&repository).unwrap();
    let request = ReconcileRequest::new(repository, "1".parse().unwrap(), settings).unwrap();
    for ((_, name), platform_tag) in images.iter().zip(&request.platforms) {
        let input = &inputs[*name];
        stored.insert(Reference::Tag(platform_tag.tag.clone()), input.stored());
        for child in input.children.iter().map(Input::stored) {
            stored.insert(Reference::Digest(child.digest), child);
        }
        for config in std::iter::once(input).chain(&input.children).filter_map(|image| image.config.as_ref()) {
            let digest = Digest::sha256(config);
            configs.insert(digest, ImageConfig::parse(digest, config.as_bytes()));
        }
    }
    let mut step = Step::start(Arc::new(ReconcileRequest { dry_run: true, ..request }));
    loop {
        step = match step {
            Step::ReadManifests(read) => {
                let found = |reference: Reference| stored.get(&reference).cloned().map(|it| (reference, it));
                let manifests = read.references().into_iter().filter_map(found).collect();
                read.resume(manifests).unwrap()
            }
            Step::ReadConfigs(read) => read.resume(&configs).unwrap(),
            Step::DescribeImages(_) => panic!("no list would be replaced"),
            Step::Put(_) => panic!("a dry run writes nothing"),
            Step::Done(end) => match end.outcome {
                Outcome::WouldPublish(proposal) => return proposal.list.text,
                other => panic!("{other:?}"),
            },
        }
    }
}

#[test]
fn lists_have_the_bytes_of_the_docker_tools() {
    let of_single_images = [
        ("linux/amd64 dkr-amd64, linux/arm64 dkr-arm64", include_str!("docker-manifest.a1.json")),
        ("linux/arm64 oci-arm64, linux/amd64 oci-amd64", include_str!("buildx-imagetools.bx_oci.json")),
        ("linux/amd64 oci-amd64", include_str!("buildx-imagetools.b8.json")),
        ("linux/amd64 oci-amd64, linux/arm64 dkr-arm64", include_str!("buildx-imagetools.b2.json")),
    ];
    let of_attested_images = [
        ("linux/amd64 att-amd64, linux/arm64 att-arm64", include_str!("buildx-imagetools.b3.json")),
        ("linux/amd64 art-amd64, linux/arm64 art-arm64", include_str!("buildx-imagetools.b4.json")),
    ];
    for (images, golden) in of_single_images.into_iter().chain(of_attested_images) {
        let images: Vec<_> = images.split(", ").map(|image| image.split_once(' ').unwrap()).collect();
        assert_eq!(assemble(&images), golden, "{images:?}");
    }
}

#[test]
fn arm_image_without_a_variant_gets_the_configured_one() {
    let list: serde_json::Value = serde_json::from_str(&assemble(&[("linux/arm/v6", "arm32")])).unwrap();
    let expected = serde_json::json!({"architecture": "arm", "os": "linux", "variant": "v6"});
    assert_eq!(list["manifests"][0]["platform"], expected, "imagetools writes v7 here");
}

#[test]
fn os_version_is_kept() {
    let list = assemble(&[("windows(10.0.20348)/amd64", "win")]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let expected = serde_json::json!({"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2322"});
    assert_eq!(list["manifests"][0]["platform"], expected, "imagetools leaves os.version out");
}
