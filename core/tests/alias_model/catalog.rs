//! The content of the model's repository, in real bytes: two builds of each release, lists of one platform under each, and
//! lists that are not its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use ecr_multiarch_core::alias::yank::{YankAction, YankRequest};
use ecr_multiarch_core::oci::image_config::ImageConfig;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::reconcile::observation::{Description, Manifests};
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::settings::yank_marker::YankMarker;
use ecr_multiarch_core::{
    AliasRequest, AliasScan, AliasScanBuilder, Digest, Error, ManifestList, ReconcileRequest, Reference, Release,
    RepositoryName, RepositorySettings, ScannedImage, Settings, Step, Tag, TagMeaning,
};
use local_ecr::image::{Entry, Image, Index, ToArtifact};

use super::handler::{Answer, Handler, Progress};
use super::handlers::{Fingerprinted, Transitions, stored};

/// How many builds of a release there are: a push brings the other one.
pub const BUILDS: u8 = 2;

/// One of the contents: the lists of the releases, build by build, then those that are not the function's own, then the
/// list of each release that lacks a platform.
pub type Content = u8;
/// One of the tags: releases, then aliases, then yank markers, then a version that is not a release, then the platform
/// tags of each release together.
pub type TagId = u8;

/// The images, the manifest lists that they give, and the requests.
pub struct Catalog {
    pub settings: Arc<RepositorySettings>,
    pub releases: Vec<Release>,
    /// The tags that can move, without platform tags.
    pub tags: Vec<Tag>,
    pub aliases: std::ops::Range<usize>,
    contents: Vec<StoredManifest>,
    lists: Vec<ManifestList>,
    images: BTreeMap<(usize, u8), [StoredManifest; 2]>,
    configs: BTreeMap<Digest, ImageConfig>,
    transitions: Transitions<Answer, Progress>,
}

impl Catalog {
    /// A repository of these releases, in ascending order, with these alias templates, or with streams in JSON.
    pub fn new(releases: &[&str], aliases: &str) -> Self {
        let variable = if aliases.starts_with('[') { "STREAMS" } else { "ALIASES" };
        let settings = Settings::from_lookup(|name| match name {
            "PLATFORMS" => Some("linux/amd64,linux/arm64".to_owned()),
            _ => (name == variable).then(|| aliases.to_owned()),
        });
        let settings = settings.unwrap().for_repository(&repository()).unwrap().clone();
        let releases: Vec<_> = releases.iter().map(|text| settings.release(&text.parse().unwrap()).unwrap()).collect();
        assert!(releases.is_sorted());
        let mut tags: Vec<_> = releases.iter().map(|release| release.tag().clone()).collect();
        for alias in releases.iter().flat_map(|release| settings.aliases(release)).flatten() {
            if !tags.contains(&alias) {
                tags.push(alias);
            }
        }
        let aliases = releases.len()..tags.len();
        tags.extend(releases.iter().map(|release| YankMarker::of(release).unwrap().tag().clone()));
        tags.push("nightly".parse().unwrap());
        let mut catalog = Self {
            settings,
            releases,
            tags,
            aliases,
            contents: Vec::new(),
            lists: Vec::new(),
            images: BTreeMap::new(),
            configs: BTreeMap::new(),
            transitions: Transitions(Mutex::default()),
        };
        for release in 0..catalog.releases.len() {
            for build in 0..BUILDS {
                let content = format!("{} {build}", catalog.releases[release]);
                let images = ["linux/amd64", "linux/arm64"]
                    .map(|platform| Image::docker(platform).content(&content).to_artifact());
                for config in images.iter().map(|image| &image.blobs[0]) {
                    let digest = Digest::sha256(config);
                    catalog.configs.insert(digest, ImageConfig::parse(digest, config).unwrap());
                }
                catalog.images.insert((release, build), images.each_ref().map(stored));
                let list = catalog.assembled(release, build);
                catalog.contents.push((&list).into());
                catalog.lists.push(list);
            }
        }
        let foreign = Index::docker([Entry::new(&Image::docker("linux/s390x")).platform("linux/s390x")]).to_artifact();
        let image = Image::docker("linux/amd64").content("nightly").to_artifact();
        catalog.contents.extend([stored(&foreign), stored(&image)]);
        for release in &catalog.releases {
            let image = Image::docker("linux/amd64").content(&format!("{release} alone"));
            catalog.contents.push(stored(&Index::docker([Entry::new(&image).platform("linux/amd64")]).to_artifact()));
        }
        catalog
    }

    /// The list of a build, as the version's machine assembles it.
    fn assembled(&self, release: usize, build: u8) -> ManifestList {
        let request = self.version_request(release);
        let mut step = self.resume_version(Step::start(request), &Answer::Version(Some(build), None)).unwrap();
        loop {
            match step {
                Step::Put(put) => return put.manifest_list().clone(),
                other => step = self.resume_with_configs(other).unwrap().unwrap(),
            }
        }
    }

    /// The release whose list it is; `None`, if it is not the function's own.
    pub fn release_of(&self, content: Content) -> Option<usize> {
        let release = usize::from(content / BUILDS);
        (release < self.releases.len()).then_some(release)
    }

    pub fn foreign_list(&self) -> Content {
        content(self.lists.len())
    }

    pub fn plain_image(&self) -> Content {
        content(self.lists.len() + 1)
    }

    /// The list of this release that lacks a platform.
    pub fn partial_list(&self, release: usize) -> Content {
        content(self.lists.len() + 2 + release)
    }

    /// The version that is not a release.
    pub fn other_version(&self) -> usize {
        self.tags.len() - 1
    }

    pub fn content_of(&self, digest: Digest) -> Content {
        content(self.contents.iter().position(|stored| stored.digest == digest).unwrap())
    }

    pub fn tag_id(&self, tag: &Tag) -> usize {
        self.tags.iter().position(|one| one == tag).unwrap()
    }

    pub fn marker_of(&self, release: usize) -> usize {
        self.aliases.end + release
    }

    pub fn platform_tags_of(&self, release: usize) -> TagId {
        content(self.tags.len() + release)
    }

    pub fn version_request(&self, release: usize) -> Arc<ReconcileRequest> {
        let version = self.releases[release].tag().clone();
        let request = ReconcileRequest::new(repository(), version, &self.settings).unwrap();
        let pushed = BTreeSet::from([request.platforms[0].tag.clone()]);
        Arc::new(ReconcileRequest { pushed, ..request })
    }

    pub fn alias_request(&self, release: usize) -> AliasRequest {
        AliasRequest::for_release(repository(), self.releases[release].clone(), &self.settings)
    }

    pub fn marker_request(&self, release: usize) -> AliasRequest {
        let tag = &self.tags[self.marker_of(release)];
        let TagMeaning::Marker(marker) = self.settings.meaning(tag) else { panic!("{tag} is not a marker") };
        AliasRequest::for_release(repository(), marker.release().clone(), &self.settings)
    }

    pub fn sweep_request(&self) -> AliasRequest {
        AliasRequest::for_repository(repository(), &self.settings)
    }

    pub fn yank_request(&self, release: usize) -> Arc<YankRequest> {
        let version = self.releases[release].tag();
        Arc::new(YankRequest::new(repository(), version, YankAction::Yank, &self.settings).unwrap())
    }

    pub fn list(&self, content: Content) -> &ManifestList {
        &self.lists[usize::from(content)]
    }

    /// The scan that shows these tags, in this order.
    pub fn scan(&self, shown: &[(TagId, Content)]) -> AliasScan {
        let mut builder = AliasScanBuilder::new(&self.settings);
        for (id, content) in shown {
            if let Some(tag) = self.tags.get(usize::from(*id)) {
                let StoredManifest { digest, media_type, .. } = &self.contents[usize::from(*content)];
                builder.add_image(&scanned_image(tag, *digest, media_type));
                continue;
            }
            let release = usize::from(*id) - self.tags.len();
            let tags = self.settings.platform_tags(self.releases[release].tag()).unwrap();
            let images = &self.images[&(release, content % BUILDS)];
            for (tag, StoredManifest { digest, media_type, .. }) in tags.iter().zip(images) {
                builder.add_image(&scanned_image(&tag.tag, *digest, media_type));
            }
        }
        builder.finish()
    }

    /// The manifests under these references, of which the second part says what they name.
    pub fn manifests(&self, references: Vec<Reference>, named: &[Option<Content>]) -> Manifests {
        assert_eq!(references.len(), named.len());
        let found = references.into_iter().zip(named).filter_map(|(reference, content)| Some((reference, (*content)?)));
        found.map(|(reference, content)| (reference, self.contents[usize::from(content)].clone())).collect()
    }

    /// How a handler continues after this answer.
    pub fn advance(&self, handler: &Fingerprinted<Handler>, answer: Answer) -> Progress {
        self.transitions.get(handler, answer, |answer| handler.resume(self, &answer))
    }

    /// Continues a step of the version's machine whose answer depends on time.
    pub fn resume_version(&self, step: Step, answer: &Answer) -> Result<Step, Error> {
        match (step, answer) {
            (Step::ReadManifests(read), Answer::Version(build, list)) => {
                let request = read.request();
                let release = self.tag_id(&request.version);
                let mut manifests = Manifests::default();
                if let Some(build) = build {
                    for (platform, image) in request.platforms.iter().zip(&self.images[&(release, *build)]) {
                        manifests.insert(Reference::Tag(platform.tag.clone()), image.clone());
                    }
                }
                if let Some(list) = list {
                    let version = Reference::Tag(request.version.clone());
                    manifests.insert(version, self.contents[usize::from(*list)].clone());
                }
                read.resume(manifests)
            }
            (Step::Put(put), Answer::Put) => put.resume(PutResponse::Stored),
            (step, answer) => panic!("{answer:?} is not an answer to {step:?}"),
        }
    }

    /// Continues a step that reads what is the same at any time: configs, and when images were pushed. Gives back any
    /// other step.
    pub fn resume_with_configs(&self, step: Step) -> Result<Result<Step, Error>, Step> {
        match step {
            Step::ReadConfigs(read) => {
                let configs = read.configs().into_iter().map(|(digest, _)| (digest, Ok(self.configs[&digest].clone())));
                let configs = configs.collect();
                Ok(read.resume(&configs))
            }
            // No list is of newer images than those that an event announces.
            Step::DescribeImages(describe) => {
                let descriptions = describe.references().into_iter().filter_map(described).collect();
                Ok(describe.resume(descriptions))
            }
            step => Err(step),
        }
    }
}

/// An image by digest, first pushed at the beginning. Tags that no read shows do not exist.
fn described(reference: Reference) -> Option<(Reference, Description)> {
    let Reference::Digest(digest) = reference else { return None };
    Some((reference, Description { digest, pushed_at: SystemTime::UNIX_EPOCH, is_archived: false }))
}

/// The list of a build of a release.
pub fn list_of(release: usize, build: u8) -> Content {
    content(release * usize::from(BUILDS)) + build
}

pub fn repository() -> RepositoryName {
    "app".parse().unwrap()
}

fn content(number: usize) -> Content {
    u8::try_from(number).unwrap()
}

/// A row of a scan with one tag.
pub fn scanned_image(tag: &Tag, digest: Digest, media_type: &str) -> ScannedImage {
    ScannedImage::new(tag.as_str(), digest, SystemTime::UNIX_EPOCH, media_type)
}
