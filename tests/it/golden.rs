//! The bytes of lists, beside those that the tools of the field wrote from the same images.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecr_multiarch::config::ImageConfig;
use ecr_multiarch::digest::Digest;
use ecr_multiarch::error::Reference;
use ecr_multiarch::manifest::MediaType;
use ecr_multiarch::observation::{Configs, Found, Stored};
use ecr_multiarch::platform::RequiredPlatform;
use ecr_multiarch::reconcile::{Ask, Job, Next, Reconciliation, Reply, Verdict};
use ecr_multiarch::settings::{Attestations, Revisions};
use serde::Deserialize;

/// An image or index as it was when the tools were run on it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    pub media_type: Option<String>,
    pub manifest: String,
    pub config: Option<String>,
    #[serde(default)]
    pub children: Vec<Input>,
}

/// All of them, by name.
pub fn inputs() -> BTreeMap<String, Input> {
    serde_json::from_str(include_str!("../golden/inputs.json")).unwrap()
}

impl Input {
    fn stored(&self) -> Stored {
        let text: Arc<str> = self.manifest.as_str().into();
        let media_type = self.media_type.clone().unwrap_or_else(|| MediaType::OciManifest.to_string());
        Stored { digest: Digest::of(&*text), media_type, text }
    }
}

/// Runs a dry reconciliation of these inputs, each pushed for a platform, in ascending order of their tags.
fn assemble(images: &[(&str, &str)]) -> String {
    let inputs = inputs();
    let mut stored = Found::new();
    let mut configs = Configs::new();
    let mut platforms = Vec::new();
    for (index, (name, required)) in images.iter().enumerate() {
        let input = &inputs[*name];
        let tag: ecr_multiarch::tag::Tag = format!("1-{index}").parse().unwrap();
        stored.insert(Reference::Tag(tag.clone()), input.stored());
        for child in &input.children {
            let child = child.stored();
            stored.insert(Reference::Digest(child.digest), child);
        }
        platforms.push((tag, required.parse::<RequiredPlatform>().unwrap()));
        for config in std::iter::once(input).chain(&input.children).filter_map(|image| image.config.as_ref()) {
            let digest = Digest::of(config);
            configs.insert(digest, ImageConfig::read(digest, config.as_bytes()));
        }
    }
    let job = Arc::new(Job {
        repository: "app".parse().unwrap(),
        version: "1".parse().unwrap(),
        platforms,
        revisions: Revisions::Same,
        attestations: Attestations::Keep,
        dry_run: true,
        force: false,
        pushed: None,
    });
    let (mut machine, mut ask) = Reconciliation::start(job);
    loop {
        let reply = match ask {
            Ask::Read { references, .. } => Reply::Read(
                references.into_iter().filter_map(|name| Some((name.clone(), stored.get(&name)?.clone()))).collect(),
            ),
            Ask::Configs(digests) => {
                Reply::Configs(digests.into_iter().map(|digest| (digest, configs[&digest].clone())).collect())
            }
            Ask::Put(_) => unreachable!("a dry run writes nothing"),
        };
        match machine.step(reply).unwrap() {
            Next::Ask(next, next_ask) => (machine, ask) = (next, next_ask),
            Next::Done(outcome) => match outcome.verdict {
                Verdict::WouldPublish(list) => return list.text,
                other => panic!("{other:?}"),
            },
        }
    }
}

#[track_caller]
fn check(images: &[(&str, &str)], golden: &str) {
    assert_eq!(assemble(images), golden);
}

#[test]
fn plain_docker_images_make_the_bytes_of_docker_manifest() {
    check(
        &[("dkr-amd64", "linux/amd64"), ("dkr-arm64", "linux/arm64")],
        include_str!("../golden/docker-manifest.a1.json"),
    );
}

#[test]
fn oci_images_make_the_bytes_of_imagetools() {
    check(
        &[("oci-arm64", "linux/arm64"), ("oci-amd64", "linux/amd64")],
        include_str!("../golden/buildx-imagetools.bx_oci.json"),
    );
}

#[test]
fn a_single_oci_image_is_wrapped_as_imagetools_does() {
    check(&[("oci-amd64", "linux/amd64")], include_str!("../golden/buildx-imagetools.b8.json"));
}

#[test]
fn one_oci_image_among_docker_images_makes_an_oci_index() {
    check(
        &[("oci-amd64", "linux/amd64"), ("dkr-arm64", "linux/arm64")],
        include_str!("../golden/buildx-imagetools.b2.json"),
    );
}

#[test]
fn attested_images_are_flattened_as_imagetools_does() {
    check(
        &[("att-amd64", "linux/amd64"), ("att-arm64", "linux/arm64")],
        include_str!("../golden/buildx-imagetools.b3.json"),
    );
}

#[test]
fn attestations_in_the_form_of_artifacts_are_flattened_alike() {
    check(
        &[("art-amd64", "linux/amd64"), ("art-arm64", "linux/arm64")],
        include_str!("../golden/buildx-imagetools.b4.json"),
    );
}

#[test]
fn where_imagetools_invents_v7_and_drops_the_os_version_the_list_tells_the_truth() {
    let text = assemble(&[("arm32", "linux/arm/v6"), ("win", "windows(10.0.20348)/amd64")]);
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    let platforms: Vec<_> = list["manifests"].as_array().unwrap().iter().map(|entry| &entry["platform"]).collect();
    assert_eq!(
        platforms,
        [
            &serde_json::json!({"architecture": "arm", "os": "linux", "variant": "v6"}),
            &serde_json::json!({"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2322"}),
        ]
    );
}
