//! The content of the model's repository: two builds of each of two platforms, in real bytes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ecr_multiarch_core::oci::image_config::ImageConfig;
use ecr_multiarch_core::reconcile::machine::PutResponse;
use ecr_multiarch_core::reconcile::observation::{Manifests, StoredManifest};
use ecr_multiarch_core::{
    Digest, Error, ManifestList, ReconcileRequest, Reference, RepositorySettings, Settings, Step, Tag,
};
use local_ecr::image::{Artifact, Image, ToArtifact};

use super::handler::{Handler, Progress};
use super::handlers::{Fingerprinted, Transitions, stored};

/// How many platforms the version has.
pub const PLATFORMS: usize = 2;
/// How many builds each platform has. Each push is of the other build, so tags also return to an earlier image.
pub const BUILDS: u8 = 2;

/// One of the builds of a platform.
pub type Build = u8;
/// The builds in a manifest list, in the order of the platforms.
pub type Builds = [Build; PLATFORMS];

/// The builds that the version's tags name, according to one read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct View {
    pub tags: [Option<Build>; PLATFORMS],
    pub list: Option<Builds>,
}

/// ECR's answer to a handler's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    Read(View),
    Put(PutResponse),
}

/// The kind of images that the builds are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Plain Docker images.
    Plain,
    /// Indexes of an image and its attestation, which take a second read.
    Attested,
    /// Docker images that state the revision from which they were built, a different one for each build.
    Revised,
}

/// The images, the manifest lists assembled from them, and the requests.
pub struct Catalog {
    kind: Kind,
    settings: Arc<RepositorySettings>,
    version: Tag,
    platform_tags: [Tag; PLATFORMS],
    images: [[StoredManifest; BUILDS as usize]; PLATFORMS],
    by_digest: BTreeMap<Digest, StoredManifest>,
    configs: BTreeMap<Digest, ImageConfig>,
    lists: BTreeMap<Digest, (Builds, ManifestList)>,
    transitions: Transitions<Answer, Progress>,
}

impl Catalog {
    pub fn new(kind: Kind) -> Self {
        let settings =
            Settings::from_lookup(|name| (name == "PLATFORMS").then(|| "linux/amd64,linux/arm64".to_owned()));
        let settings = settings.unwrap().for_repository(&"app".parse().unwrap()).unwrap().clone();
        let artifacts = ["linux/amd64", "linux/arm64"].map(|platform| {
            [0, 1].map(|build: Build| {
                let content = format!("build {build}");
                match kind {
                    Kind::Plain => Image::docker(platform).content(&content).to_artifact(),
                    Kind::Attested => Image::oci(platform).content(&content).attested().to_artifact(),
                    Kind::Revised => Image::docker(platform).content(&content).revision(&content).to_artifact(),
                }
            })
        });
        let mut catalog = Self {
            kind,
            settings,
            version: tag("1"),
            platform_tags: [tag("1-amd64"), tag("1-arm64")],
            images: artifacts.each_ref().map(|builds| builds.each_ref().map(stored)),
            by_digest: BTreeMap::new(),
            configs: BTreeMap::new(),
            lists: BTreeMap::new(),
            transitions: Transitions(Mutex::default()),
        };
        let builds = || artifacts.iter().flatten();
        for artifact in builds().chain(builds().flat_map(|artifact| &artifact.children)) {
            catalog.by_digest.insert(stored(artifact).digest, stored(artifact));
            if let Some(config) = artifact.blobs.first() {
                let digest = Digest::sha256(config);
                catalog.configs.extend(ImageConfig::parse(digest, config).ok().map(|config| (digest, config)));
            }
        }
        for amd64 in 0..BUILDS {
            for arm64 in 0..BUILDS {
                let builds = [amd64, arm64];
                if let Some(list) = catalog.assembled(builds) {
                    assert_names_images(&list, builds, &artifacts);
                    catalog.lists.insert(list.digest, (builds, list));
                }
            }
        }
        catalog
    }

    /// The manifest list of these builds, if one is published for them.
    fn assembled(&self, builds: Builds) -> Option<ManifestList> {
        let view = View { tags: builds.map(Some), list: None };
        let mut step = self.resume(Step::start(self.request(None)), Answer::Read(view)).unwrap();
        loop {
            match step {
                Step::Put(put) => return Some(put.manifest_list().clone()),
                Step::Done(_) => return None,
                other => match self.resume_with_content(other) {
                    Ok(next) => step = next.unwrap(),
                    Err(step) => panic!("unexpected second read of the tags: {step:?}"),
                },
            }
        }
    }

    /// The request of a handler for the pushes of these platforms' images, or of the sweep.
    pub fn request(&self, pushed: impl IntoIterator<Item = usize>) -> Arc<ReconcileRequest> {
        let repository = "app".parse().unwrap();
        let request = ReconcileRequest::new(repository, self.version.clone(), &self.settings).unwrap();
        let pushed = pushed.into_iter().map(|platform| self.platform_tags[platform].clone()).collect();
        Arc::new(ReconcileRequest { pushed, ..request })
    }

    /// The platform whose push under this tag the function handles; `None`, if it ignores the event.
    pub fn handled(&self, tag: &Tag) -> Option<usize> {
        let parsed = self.settings.tag_scheme.parse(tag)?;
        assert_eq!(parsed.version, self.version);
        self.platform_tags.iter().position(|one| one == tag)
    }

    /// Whether different builds have different revisions.
    pub fn is_revised(&self) -> bool {
        self.kind == Kind::Revised
    }

    pub fn version(&self) -> &Tag {
        &self.version
    }

    pub fn version_reference(&self) -> Reference {
        Reference::Tag(self.version.clone())
    }

    pub fn platform_tag(&self, platform: usize) -> &Tag {
        &self.platform_tags[platform]
    }

    /// The builds in a manifest list; `None`, unless it names exactly one build of each platform.
    pub fn builds_of(&self, list: &ManifestList) -> Option<Builds> {
        self.lists.get(&list.digest).filter(|(_, known)| known == list).map(|(builds, _)| *builds)
    }

    /// The position of a reference in a [`View`]: that of its platform, or [`PLATFORMS`] for the version.
    pub fn position_of(&self, reference: &Reference) -> Option<usize> {
        match reference {
            Reference::Tag(tag) if *tag == self.version => Some(PLATFORMS),
            Reference::Tag(tag) => self.platform_tags.iter().position(|one| one == tag),
            Reference::Digest(_) => None,
        }
    }

    /// Continues a handler with this answer.
    pub fn advance(&self, handler: &Fingerprinted<Handler>, answer: Answer) -> Progress {
        self.transitions.get(handler, answer, |answer| handler.resume(self, answer))
    }

    /// Continues a step with an answer to its call.
    pub fn resume(&self, step: Step, answer: Answer) -> Result<Step, Error> {
        match (step, answer) {
            (Step::ReadManifests(read), Answer::Read(view)) => read.resume(self.manifests(view)),
            (Step::Put(put), Answer::Put(response)) => put.resume(response),
            (step, answer) => panic!("{answer:?} is not an answer to {step:?}"),
        }
    }

    /// Continues a step that reads content by digest. Such content never changes, so this is not a transition of the
    /// model. Returns any other step as it is.
    pub fn resume_with_content(&self, step: Step) -> Result<Result<Step, Error>, Step> {
        match step {
            Step::ReadConfigs(read) => {
                let configs = read.digests().into_iter().map(|digest| (digest, Ok(self.configs[&digest].clone())));
                let configs = configs.collect();
                Ok(read.resume(&configs))
            }
            Step::ReadManifests(read) => {
                let content = |reference: Reference| match reference {
                    Reference::Digest(digest) => Some((reference, self.by_digest[&digest].clone())),
                    Reference::Tag(_) => None,
                };
                match read.references().into_iter().map(content).collect::<Option<Manifests>>() {
                    Some(manifests) => Ok(read.resume(manifests)),
                    None => Err(Step::ReadManifests(read)),
                }
            }
            step => Err(step),
        }
    }

    /// The manifests that a read returns.
    pub fn manifests(&self, view: View) -> Manifests {
        let mut manifests = Manifests::new();
        for (platform, build) in view.tags.iter().enumerate() {
            if let Some(build) = build {
                let image = self.images[platform][usize::from(*build)].clone();
                manifests.insert(Reference::Tag(self.platform_tags[platform].clone()), image);
            }
        }
        if let Some(builds) = view.list {
            let (_, list) = self.lists.values().find(|(of, _)| *of == builds).unwrap();
            manifests.insert(self.version_reference(), list.into());
        }
        manifests
    }
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// Asserts that the manifest list names exactly these builds' images, each followed by its attestation, if any.
#[track_caller]
fn assert_names_images(list: &ManifestList, builds: Builds, artifacts: &[[Artifact; 2]; PLATFORMS]) {
    let document: serde_json::Value = serde_json::from_str(&list.text).unwrap();
    let entries = document["manifests"].as_array().unwrap().iter();
    let named: Vec<_> = entries.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect();
    let expected = builds.iter().zip(artifacts).flat_map(|(build, artifacts)| {
        let artifact = &artifacts[usize::from(*build)];
        match artifact.children.as_slice() {
            [] => vec![artifact.digest()],
            children => children.iter().map(ToArtifact::digest).collect(),
        }
    });
    assert_eq!(named, expected.collect::<Vec<_>>());
}
