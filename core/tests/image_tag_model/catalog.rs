//! The content of the model's repository, in real bytes: images of three platforms, and lists of some of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::reconcile::observation::Manifests;
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{Digest, Error, ImageTagRequest, ImageTagStep, Reference, RepositorySettings, Settings, Tag};
use local_ecr::image::{Entry, Image as LocalImage, Index, ToArtifact};

use super::handler::{Handler, Progress};
use super::handlers::{Fingerprinted, Transitions, stored};

/// The platforms of the images: the last is not configured, so that only a list tells its tag.
const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm64", "linux/s390x"];
const PARTS: [&str; 3] = ["amd64", "arm64", "s390x"];

/// One of the builds of a platform.
pub type Build = u8;

/// The lists that are pushed, in this order, each as the builds of its platforms. The last has the tags of the first.
pub const LISTS: [[Option<Build>; 3]; 3] =
    [[Some(0), Some(0), None], [Some(1), Some(1), None], [Some(0), None, Some(0)]];

/// What the tags name, according to one read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct View {
    pub list: Option<usize>,
    pub tags: [Option<Build>; 3],
}

impl View {
    /// Whether each image of the list has its tag.
    pub fn is_tagged(&self) -> bool {
        let images = self.list.map_or([None; 3], |list| LISTS[list]);
        images.iter().zip(&self.tags).all(|(image, tag)| image.is_none() || image == tag)
    }
}

/// ECR's answer to the calls of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    Read(View),
    Put(BTreeMap<Tag, PutResponse>),
}

/// The images, the lists and the requests.
pub struct Catalog {
    settings: Arc<RepositorySettings>,
    version: Tag,
    pub image_tags: [Tag; 3],
    images: [Vec<StoredManifest>; 3],
    lists: Vec<StoredManifest>,
    by_digest: BTreeMap<Digest, (usize, Build)>,
    transitions: Transitions<Answer, Progress>,
}

impl Catalog {
    pub fn new() -> Self {
        let settings = Settings::from_lookup(|name| match name {
            "PLATFORMS" => Some("linux/amd64,linux/arm64".to_owned()),
            "IMAGE_TAGS" => Some("{version}_{platform}".to_owned()),
            _ => None,
        });
        let settings = settings.unwrap().for_repository(&"app".parse().unwrap()).unwrap().clone();
        let builds = PLATFORMS.map(|platform| ["0", "1"].map(|build| LocalImage::oci(platform).content(build)));
        let list = |list: &[Option<Build>; 3]| {
            let images = list.iter().zip(&builds).filter_map(|(build, builds)| Some(&builds[usize::from((*build)?)]));
            stored(&Index::oci(images.map(Entry::new)).to_artifact())
        };
        let images = builds.each_ref().map(|builds| builds.iter().map(|image| stored(&image.to_artifact())).collect());
        let all = images.iter().enumerate().flat_map(|(place, images): (usize, &Vec<StoredManifest>)| {
            (0..).zip(images).map(move |(build, image)| (image.digest, (place, build)))
        });
        let by_digest = all.collect();
        Self {
            settings,
            version: "1".parse().unwrap(),
            image_tags: PARTS.map(|part| format!("1_{part}").parse().unwrap()),
            lists: LISTS.iter().map(list).collect(),
            images,
            by_digest,
            transitions: Transitions(Mutex::default()),
        }
    }

    /// The request of the handler of a push, or of the sweep.
    pub fn request(&self, is_sweep: bool) -> Arc<ImageTagRequest> {
        let request = ImageTagRequest::new("app".parse().unwrap(), self.version.clone(), &self.settings).unwrap();
        Arc::new(ImageTagRequest { is_expected: !is_sweep, ..request })
    }

    /// Which image this is: its platform and its build.
    pub fn image(&self, digest: Digest) -> (usize, Build) {
        self.by_digest[&digest]
    }

    /// The place of a tag in [`View::tags`].
    pub fn place(&self, tag: &Tag) -> Option<usize> {
        self.image_tags.iter().position(|one| one == tag)
    }

    /// Continues a handler with this answer.
    pub fn advance(&self, handler: &Fingerprinted<Handler>, answer: Answer) -> Progress {
        self.transitions.get(handler, answer, |answer| handler.resume(self, answer))
    }

    /// Continues a step with an answer to its calls.
    pub fn resume(&self, step: ImageTagStep, answer: Answer) -> Result<ImageTagStep, Error> {
        match (step, answer) {
            (ImageTagStep::Observe(observe), Answer::Read(view)) => {
                let manifests = self.manifests(&observe.references(), view);
                observe.resume(manifests)
            }
            (ImageTagStep::Put(put), Answer::Put(responses)) => {
                put.resume(responses.into_iter().map(|(tag, response)| (tag, Ok(response))).collect())
            }
            (step, answer) => panic!("{answer:?} is not an answer to {step:?}"),
        }
    }

    /// Continues a step that reads images, which never change. Returns any other step as it is.
    pub fn resume_with_content(&self, step: ImageTagStep) -> Result<Result<ImageTagStep, Error>, ImageTagStep> {
        let ImageTagStep::Read(read) = step else { return Err(step) };
        let content = |reference: Reference| {
            let Reference::Digest(digest) = reference else { return None };
            let (place, build) = self.image(digest);
            Some((reference, self.images[place][usize::from(build)].clone()))
        };
        let images = read.references().into_iter().filter_map(content).collect();
        Ok(read.resume(&images))
    }

    /// The manifests that a read of these references returns.
    pub fn manifests(&self, references: &[Reference], view: View) -> Manifests {
        let found = |reference: &Reference| {
            let Reference::Tag(tag) = reference else { return None };
            let stored = match self.place(tag) {
                Some(place) => &self.images[place][usize::from(view.tags[place]?)],
                None => &self.lists[view.list?],
            };
            Some((reference.clone(), stored.clone()))
        };
        references.iter().filter_map(found).collect()
    }
}
