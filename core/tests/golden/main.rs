//! The bytes of manifest lists, compared with those that the docker tools wrote from the same images.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test crate exports nothing")]

mod inputs;

use std::collections::BTreeMap;
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
    assemble_annotated(images, "")
}

/// The same with this value of `ANNOTATIONS`.
fn assemble_annotated(images: &[(&str, &str)], annotations: &str) -> String {
    match reconcile_annotated(&inputs(), images, None, annotations) {
        Outcome::WouldPublish(proposal) => proposal.list.text,
        other => panic!("{other:?}"),
    }
}

/// Reconciles the images of these platforms in a dry run, where the version's tag names this list, if any.
fn reconcile(inputs: &BTreeMap<String, Input>, images: &[(&str, &str)], list: Option<StoredManifest>) -> Outcome {
    reconcile_annotated(inputs, images, list, "")
}

/// The same with this value of `ANNOTATIONS`.
fn reconcile_annotated(
    inputs: &BTreeMap<String, Input>,
    images: &[(&str, &str)],
    list: Option<StoredManifest>,
    annotations: &str,
) -> Outcome {
    let mut stored = Manifests::default();
    let mut configs = ImageConfigs::new();
    let platforms = images.iter().enumerate().map(|(index, (platform, _))| format!("{platform}={index}"));
    let platforms = platforms.collect::<Vec<_>>().join(",");
    let settings = Settings::from_lookup(|name| match name {
        "PLATFORMS" => Some(platforms.clone()),
        name => (name == "ANNOTATIONS").then(|| annotations.to_owned()),
    });
    let settings = settings.unwrap();
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
    stored.extend(list.map(|list| (Reference::Tag(request.version.clone()), list)));
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
            Step::Done(end) => return end.outcome,
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
        assert_eq!(assemble(&parse(images)), golden, "{images}");
    }
}

/// Made by buildx 0.36.1 (`imagetools create --annotation index:…`) and manifest-tool 2.2.1 (`push --type oci`).
#[test]
fn annotated_lists_have_the_bytes_of_the_tools() {
    let annotations = r"org.opencontainers.image.vendor=Example\, Inc., org.opencontainers.image.title,
        org.opencontainers.image.source=https://example.com/team-a/app?a=1&b=<2>";
    for (images, golden) in [
        ("linux/amd64 oci-amd64, linux/arm64 oci-arm64", include_str!("buildx-imagetools.ann_oci.json")),
        ("linux/amd64 oci-amd64, linux/arm64 dkr-arm64", include_str!("buildx-imagetools.ann_mixed.json")),
        ("linux/amd64 att-amd64, linux/arm64 att-arm64", include_str!("buildx-imagetools.ann_attested.json")),
        ("linux/amd64 dkr-amd64, linux/arm64 dkr-arm64", include_str!("manifest-tool.ann_dkr.json")),
    ] {
        assert_eq!(assemble_annotated(&parse(images), annotations), golden, "{images}");
    }
}

/// The images of a test, `platform input`, separated by commas.
fn parse(images: &str) -> Vec<(&str, &str)> {
    images.split(", ").map(|image| image.split_once(' ').unwrap()).collect()
}

#[test]
fn lists_of_other_tools_are_right_as_they_are() {
    let (docker, oci) =
        ("linux/amd64 dkr-amd64, linux/arm64 dkr-arm64", "linux/amd64 oci-amd64, linux/arm64 oci-arm64");
    for (images, golden) in [
        // In the layout of imagetools, of Docker images.
        (docker, include_str!("buildx-imagetools.b1.json")),
        // With annotations of the index and of its entries.
        (oci, include_str!("buildx-imagetools.b7.json")),
        // By docker manifest, of OCI images, of both kinds, and in the order of digests.
        (oci, include_str!("docker-manifest.dm_oci.json")),
        ("linux/amd64 dkr-amd64, linux/arm64 oci-arm64", include_str!("docker-manifest.a3.json")),
        (oci, include_str!("docker-manifest.z5.json")),
    ] {
        let list = StoredManifest { digest: Digest::sha256(golden), media_type: String::new(), text: golden.into() };
        assert_ne!(assemble(&parse(images)), golden);
        match reconcile(&inputs(), &parse(images), Some(list.clone())) {
            Outcome::Unchanged(unchanged) => assert_eq!(unchanged.digest, list.digest),
            other => panic!("{images}: {other:?}"),
        }
    }
}

#[test]
fn lists_of_one_docker_image_have_the_bytes_of_imagetools() {
    let mut inputs = inputs();
    for architecture in ["amd64", "arm64"] {
        let image = inputs.remove(&format!("dkr-{architecture}")).unwrap();
        let stored = image.stored();
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MediaType::DockerManifestList.as_str(),
            "manifests": [{"mediaType": stored.media_type, "digest": stored.digest.to_string(),
                           "size": stored.text.len(), "platform": {"architecture": architecture, "os": "linux"}}],
        });
        let media_type = Some(MediaType::DockerManifestList.to_string());
        let list = Input { media_type, manifest: manifest.to_string(), config: None, children: vec![image] };
        inputs.insert(architecture.to_owned(), list);
    }
    match reconcile(&inputs, &parse("linux/amd64 amd64, linux/arm64 arm64"), None) {
        Outcome::WouldPublish(proposal) => {
            assert_eq!(proposal.list.text, include_str!("buildx-imagetools.b1.json"));
        }
        other => panic!("{other:?}"),
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
