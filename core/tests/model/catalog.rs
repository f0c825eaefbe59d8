//! The content of the model's repository, in real bytes: two builds of each of two platforms, and images that no platform
//! tag names, of which others make lists.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ecr_multiarch_core::oci::image_config::ImageConfig;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::reconcile::observation::{Description, Manifests};
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{
    Digest, Error, ManifestList, ReconcileRequest, Reference, RepositorySettings, Settings, Step, Tag,
};
use local_ecr::image::{Artifact, Entry, Image, Index, ToArtifact};

use super::handler::{Handler, Progress};
use super::handlers::{Fingerprinted, Transitions, stored};

/// How many platforms the version has.
pub const PLATFORMS: usize = 2;
/// How many builds each platform has. Each push is of the other build, so tags also return to an earlier image.
pub const BUILDS: u8 = 2;

/// One of the builds of a platform.
pub type Build = u8;
/// A build that no platform tag names.
pub const ANOTHER: Build = BUILDS;
/// The conversion of the first build; those of the others follow it.
pub const CONVERSION: Build = BUILDS + 1;
/// How many images of each platform there are.
pub const IMAGES: usize = BUILDS as usize * 2 + 1;

/// The list under the version's tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List {
    /// Its images, in the order of the platforms.
    pub builds: [Option<Build>; PLATFORMS],
    /// Whether it has the bytes of another tool, in another order and without attestations.
    pub is_foreign: bool,
}

impl List {
    /// The function's own list of these builds.
    pub fn own(builds: [Build; PLATFORMS]) -> Self {
        Self { builds: builds.map(Some), is_foreign: false }
    }

    /// Somebody's list of these images.
    pub fn foreign(builds: [Option<Build>; PLATFORMS]) -> Self {
        Self { builds, is_foreign: true }
    }
}

/// When an image was first pushed, by platform and build: a count of pushes, 0 for never.
pub type Pushed = [[u8; IMAGES]; PLATFORMS];

/// What the version's tags name, according to one read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct View {
    pub tags: [Option<Build>; PLATFORMS],
    pub list: Option<List>,
}

impl View {
    /// Whether all images of the list are newer than those of the platform tags, so that these are stale.
    pub fn has_newer_list(&self, pushed: &Pushed) -> bool {
        let Some(List { builds, .. }) = self.list else { return false };
        let times = |builds: [Option<Build>; PLATFORMS]| {
            let time = |(build, pushed): (Option<Build>, &[u8; IMAGES])| Some(pushed[usize::from(build?)]);
            builds.into_iter().zip(pushed).map(time).collect::<Option<Vec<_>>>()
        };
        let (Some(listed), Some(tagged)) = (times(builds), times(self.tags)) else { return false };
        builds.iter().zip(&self.tags).all(|(listed, tag)| listed != tag) && listed.iter().min() > tagged.iter().max()
    }
}

/// ECR's answer to a handler's call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// What tags name, and when those images were pushed.
    Read(View, Pushed),
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
    /// The platform and the build of each image that a list can name.
    builds: BTreeMap<Digest, (usize, Build)>,
    configs: BTreeMap<Digest, ImageConfig>,
    lists: BTreeMap<Digest, (List, StoredManifest)>,
    transitions: Transitions<Answer, Progress>,
}

impl Catalog {
    pub fn new(kind: Kind) -> Self {
        let settings =
            Settings::from_lookup(|name| (name == "PLATFORMS").then(|| "linux/amd64,linux/arm64".to_owned()));
        let settings = settings.unwrap().for_repository(&"app".parse().unwrap()).unwrap().clone();
        let image = |platform: &str, build: Build| {
            let content = format!("build {}", if build < CONVERSION { build } else { build - CONVERSION });
            let image = match kind {
                Kind::Plain => Image::docker(platform).content(&content),
                Kind::Attested => Image::oci(platform).content(&content),
                Kind::Revised => Image::docker(platform).content(&content).revision(&content),
            };
            // Another manifest of the same config.
            if build < CONVERSION { image } else { image.annotation("converted", "true") }
        };
        let images = ["linux/amd64", "linux/arm64"].map(|platform| {
            let builds = (0..CONVERSION + BUILDS).map(|build| image(platform, build));
            builds.collect::<Vec<_>>()
        });
        let tagged = |image: &Image| match kind {
            Kind::Attested => image.attested().to_artifact(),
            Kind::Plain | Kind::Revised => image.to_artifact(),
        };
        let artifacts = images.each_ref().map(|images| [tagged(&images[0]), tagged(&images[1])]);
        let mut catalog = Self {
            kind,
            settings,
            version: tag("1"),
            platform_tags: [tag("1-amd64"), tag("1-arm64")],
            images: artifacts.each_ref().map(|builds| builds.each_ref().map(stored)),
            by_digest: BTreeMap::new(),
            builds: BTreeMap::new(),
            configs: BTreeMap::new(),
            lists: BTreeMap::new(),
            transitions: Transitions(Mutex::default()),
        };
        for (platform, images) in images.iter().enumerate() {
            for (build, image) in (0..).zip(images) {
                let artifact = image.to_artifact();
                let digest = stored(&artifact).digest;
                catalog.by_digest.insert(digest, stored(&artifact));
                catalog.builds.insert(digest, (platform, build));
                let config = Digest::sha256(&artifact.blobs[0]);
                catalog.configs.insert(config, ImageConfig::parse(config, &artifact.blobs[0]).unwrap());
            }
        }
        for amd64 in 0..BUILDS {
            for arm64 in 0..BUILDS {
                if let Some(list) = catalog.assembled([amd64, arm64]) {
                    assert_names_images(&list, [amd64, arm64], &artifacts);
                    catalog.lists.insert(list.digest, (List::own([amd64, arm64]), (&list).into()));
                }
            }
        }
        let choices = || (0..IMAGES).map(Some).chain([None]);
        for builds in choices().flat_map(|amd64| choices().map(move |arm64| [amd64, arm64])) {
            let entries = builds.iter().zip(&images).rev();
            let entries = entries.filter_map(|(build, images)| build.map(|build| Entry::new(&images[build])));
            let list = stored(&Index::oci(entries).to_artifact());
            let builds = builds.map(|build| build.map(|build| Build::try_from(build).unwrap()));
            catalog.lists.insert(list.digest, (List::foreign(builds), list));
        }
        catalog
    }

    /// The manifest list of these builds, if one is published for them.
    fn assembled(&self, builds: [Build; PLATFORMS]) -> Option<ManifestList> {
        let view = View { tags: builds.map(Some), list: None };
        let step = Step::start(self.request(None, 0));
        let mut step = self.resume(step, Answer::Read(view, Pushed::default())).unwrap();
        loop {
            match step {
                Step::Put(put) => return Some(put.manifest_list().clone()),
                Step::Done(_) => return None,
                other => match self.resume_with_content(other, &Pushed::default()) {
                    Ok(next) => step = next.unwrap(),
                    Err(step) => panic!("unexpected second read of the tags: {step:?}"),
                },
            }
        }
    }

    /// The request of a handler for the pushes of these platforms' images, the last of them at this time, or of the sweep.
    pub fn request(&self, pushed: impl IntoIterator<Item = usize>, announced: u8) -> Arc<ReconcileRequest> {
        let repository = "app".parse().unwrap();
        let request = ReconcileRequest::new(repository, self.version.clone(), &self.settings).unwrap();
        let pushed = pushed.into_iter().map(|platform| self.platform_tags[platform].clone()).collect();
        let announced_at = (announced > 0).then(|| at(announced));
        Arc::new(ReconcileRequest { pushed, announced_at, ..request })
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

    /// Whether the images have attestations.
    pub fn is_attested(&self) -> bool {
        self.kind == Kind::Attested
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

    /// Which list this is; `None`, if it is none of the catalog.
    pub fn list_of(&self, list: &ManifestList) -> Option<List> {
        let known = self.lists.get(&list.digest).filter(|(_, known)| *known == StoredManifest::from(list));
        known.map(|(list, _)| *list)
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
            (Step::ReadManifests(read), Answer::Read(view, _)) => read.resume(self.manifests(view)),
            (Step::Put(put), Answer::Put(response)) => put.resume(response),
            (step, answer) => panic!("{answer:?} is not an answer to {step:?}"),
        }
    }

    /// Continues a step that reads what belongs to a digest: content, and when it was first pushed. Neither ever changes,
    /// so this is not a transition of the model. Returns any other step as it is.
    pub fn resume_with_content(&self, step: Step, pushed: &Pushed) -> Result<Result<Step, Error>, Step> {
        match step {
            Step::DescribeImages(describe) => {
                let described = |reference: Reference| {
                    let Reference::Digest(digest) = reference else { return None };
                    let (platform, build) = *self.builds.get(&digest)?;
                    let pushed_at = at(pushed[platform][usize::from(build)]);
                    Some((reference, Description { digest, pushed_at, is_archived: false }))
                };
                let descriptions = describe.references().into_iter().filter_map(described).collect();
                Ok(describe.resume(descriptions))
            }
            Step::ReadConfigs(read) => {
                let configs = read.configs().into_iter().map(|(digest, _)| (digest, Ok(self.configs[&digest].clone())));
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
        let mut manifests = Manifests::default();
        for (platform, build) in view.tags.iter().enumerate() {
            if let Some(build) = build {
                let image = self.images[platform][usize::from(*build)].clone();
                manifests.insert(Reference::Tag(self.platform_tags[platform].clone()), image);
            }
        }
        if let Some(list) = view.list {
            let (_, stored) = self.lists.values().find(|(known, _)| *known == list).unwrap();
            manifests.insert(self.version_reference(), stored.clone());
        }
        manifests
    }
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// The time of a push.
fn at(push: u8) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(push.into())
}

/// Asserts that the manifest list names exactly these builds' images, each followed by its attestation, if any.
#[track_caller]
fn assert_names_images(list: &ManifestList, builds: [Build; PLATFORMS], artifacts: &[[Artifact; 2]; PLATFORMS]) {
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
