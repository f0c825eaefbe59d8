//! The little that there is in the model's repository: two builds of each of two platforms, in real bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecr_multiarch::config::ImageConfig;
use ecr_multiarch::digest::Digest;
use ecr_multiarch::error::Reference;
use ecr_multiarch::list::ManifestList;
use ecr_multiarch::observation::{Configs, Found, Stored};
use ecr_multiarch::reconcile::{Ask, Job, Next, PutReply, Reconciliation, Reply};
use ecr_multiarch::settings::{Policy, Settings};
use ecr_multiarch::tag::Tag;
use local_ecr::image::{Artifact, Content, Image};

use super::handler::{Handler, Moved};

/// How many platforms the version has.
pub const PLATFORMS: usize = 2;
/// How many builds of each platform there are: a push brings the other one, so that tags come back to what they named.
pub const BUILDS: u8 = 2;

/// One of the builds of a platform.
pub type Build = u8;
/// The builds that a list joins, in the order of the platforms.
pub type Builds = [Build; PLATFORMS];

/// What the version's tags name, as one read sees them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct View {
    pub tags: [Option<Build>; PLATFORMS],
    pub list: Option<Builds>,
}

/// What ECR answers to a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    Read(View),
    Put(PutReply),
}

/// Which images the builds are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Plain Docker images.
    Plain,
    /// Indexes of an image and its attestation, which take a second read.
    Attested,
    /// Docker images that state from which revision they were built; each build is of its own.
    Revised,
}

/// The images, the lists that they can make, and the jobs.
pub struct Catalog {
    kind: Kind,
    policy: Policy,
    version: Tag,
    platform_tags: [Tag; PLATFORMS],
    images: [[Stored; BUILDS as usize]; PLATFORMS],
    by_digest: BTreeMap<Digest, Stored>,
    configs: BTreeMap<Digest, ImageConfig>,
    lists: BTreeMap<Digest, (Builds, ManifestList)>,
    moves: Mutex<HashMap<(u64, Answer), Moved>>,
}

impl Catalog {
    pub fn new(kind: Kind) -> Self {
        let settings = Settings::read(|name| (name == "PLATFORMS").then(|| "linux/amd64,linux/arm64".to_owned()));
        let policy = settings.unwrap().policy(&"app".parse().unwrap()).unwrap().clone();
        let artifacts = ["linux/amd64", "linux/arm64"].map(|platform| {
            [0, 1].map(|build: Build| {
                let content = format!("build {build}");
                match kind {
                    Kind::Plain => Image::docker(platform).content(&content).artifact(),
                    Kind::Attested => Image::oci(platform).content(&content).attested().artifact(),
                    Kind::Revised => Image::docker(platform).content(&content).revision(&content).artifact(),
                }
            })
        });
        let mut catalog = Self {
            kind,
            policy,
            version: tag("1"),
            platform_tags: [tag("1-amd64"), tag("1-arm64")],
            images: artifacts.each_ref().map(|builds| builds.each_ref().map(stored)),
            by_digest: BTreeMap::new(),
            configs: BTreeMap::new(),
            lists: BTreeMap::new(),
            moves: Mutex::default(),
        };
        let builds = || artifacts.iter().flatten();
        for artifact in builds().chain(builds().flat_map(|artifact| &artifact.children)) {
            catalog.by_digest.insert(stored(artifact).digest, stored(artifact));
            if let Some(config) = artifact.blobs.first() {
                let digest = Digest::of(config);
                catalog.configs.extend(ImageConfig::read(digest, config).ok().map(|config| (digest, config)));
            }
        }
        for amd64 in 0..BUILDS {
            for arm64 in 0..BUILDS {
                let builds = [amd64, arm64];
                if let Some(list) = catalog.made_by_itself(builds) {
                    assert_names_images(&list, builds, &artifacts);
                    catalog.lists.insert(list.digest, (builds, list));
                }
            }
        }
        catalog
    }

    /// The list that a machine undisturbed makes of these builds, if any.
    fn made_by_itself(&self, builds: Builds) -> Option<ManifestList> {
        let (mut machine, mut ask) = Reconciliation::start(self.job(None));
        let view = View { tags: builds.map(Some), list: None };
        loop {
            let reply = match ask {
                Ask::Put(list) => return Some(list),
                Ask::Read { .. } if self.settled_answer(&ask).is_none() => self.reply(Answer::Read(view)),
                _ => self.settled_answer(&ask).unwrap(),
            };
            match machine.step(reply).unwrap() {
                Next::Ask(next, next_ask) => (machine, ask) = (next, next_ask),
                Next::Done(_) => return None,
            }
        }
    }

    /// The job that the push of a platform's image, or else the sweep, gives a handler.
    pub fn job(&self, pushed: Option<usize>) -> Arc<Job> {
        Arc::new(Job {
            repository: "app".parse().unwrap(),
            version: self.version.clone(),
            platforms: self.policy.naming.tags(&self.version).unwrap(),
            revisions: self.policy.revisions,
            attestations: self.policy.attestations,
            dry_run: false,
            force: false,
            pushed: pushed.map(|platform| self.platform_tags[platform].clone()),
        })
    }

    /// The platform whose push under this tag the function takes up; none where it ignores the event.
    pub fn taken_up(&self, tag: &Tag) -> Option<usize> {
        let (version, _) = self.policy.naming.locate(tag)?;
        assert_eq!(version, self.version);
        self.platform_tags.iter().position(|one| one == tag)
    }

    /// Whether images of different builds are of different revisions.
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

    /// The builds that a list joins; none for a list that should not be.
    pub fn builds_of(&self, list: &ManifestList) -> Option<Builds> {
        self.lists.get(&list.digest).filter(|(_, known)| known == list).map(|(builds, _)| *builds)
    }

    /// The tag or list that a reference of a read means: its place among the platforms, or after them.
    pub fn place_of(&self, reference: &Reference) -> Option<usize> {
        match reference {
            Reference::Tag(tag) if *tag == self.version => Some(PLATFORMS),
            Reference::Tag(tag) => self.platform_tags.iter().position(|one| one == tag),
            Reference::Digest(_) => None,
        }
    }

    /// How a machine goes on after this answer. Machines are values: each move is worked out once.
    pub fn advance(&self, handler: &Handler, answer: Answer) -> Moved {
        let key = (handler.fingerprint(), answer);
        let known = self.moves.lock().unwrap().get(&key).cloned();
        known.unwrap_or_else(|| {
            let moved = handler.step(self, self.reply(answer));
            self.moves.lock().unwrap().insert(key, moved.clone());
            moved
        })
    }

    /// The reply that an answer comes as.
    pub fn reply(&self, answer: Answer) -> Reply {
        let view = match answer {
            Answer::Put(reply) => return Reply::Put(reply),
            Answer::Read(view) => view,
        };
        let mut found = Found::new();
        for (platform, build) in view.tags.iter().enumerate() {
            if let Some(build) = build {
                let image = self.images[platform][usize::from(*build)].clone();
                found.insert(Reference::Tag(self.platform_tags[platform].clone()), image);
            }
        }
        if let Some(builds) = view.list {
            let (_, list) = self.lists.values().find(|(made_of, _)| *made_of == builds).unwrap();
            let media_type = list.media_type.to_string();
            let list = Stored { digest: list.digest, media_type, text: list.text.as_str().into() };
            found.insert(Reference::Tag(self.version.clone()), list);
        }
        Reply::Read(found)
    }

    /// The reply to an ask for content by its digest. It is the same at any time, so it is no step of the model.
    pub fn settled_answer(&self, ask: &Ask) -> Option<Reply> {
        match ask {
            Ask::Configs(digests) => {
                let config = |digest: &Digest| (*digest, Ok(self.configs[digest].clone()));
                Some(Reply::Configs(digests.iter().map(config).collect::<Configs>()))
            }
            Ask::Read { references, after: Duration::ZERO } => {
                let by_digest = |reference: &Reference| match reference {
                    Reference::Digest(digest) => Some((reference.clone(), self.by_digest[digest].clone())),
                    Reference::Tag(_) => None,
                };
                references.iter().map(by_digest).collect::<Option<Found>>().map(Reply::Read)
            }
            _ => None,
        }
    }
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn stored(artifact: &Artifact) -> Stored {
    Stored {
        digest: artifact.digest().parse().unwrap(),
        media_type: artifact.media_type.clone(),
        text: std::str::from_utf8(&artifact.manifest).unwrap().into(),
    }
}

/// The list names exactly these builds' images, each followed by its attestation where it has one.
#[track_caller]
fn assert_names_images(list: &ManifestList, builds: Builds, artifacts: &[[Artifact; 2]; PLATFORMS]) {
    let document: serde_json::Value = serde_json::from_str(&list.text).unwrap();
    let entries = document["manifests"].as_array().unwrap().iter();
    let named: Vec<_> = entries.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect();
    let expected = builds.iter().zip(artifacts).flat_map(|(build, artifacts)| {
        let artifact = &artifacts[usize::from(*build)];
        match artifact.children.as_slice() {
            [] => vec![artifact.digest()],
            children => children.iter().map(Content::digest).collect(),
        }
    });
    assert_eq!(named, expected.collect::<Vec<_>>());
}
