//! A repository in memory, in which a version is reconciled call by call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ecr_multiarch_core::error::Conflict;
use ecr_multiarch_core::oci::image_config::ImageConfig;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::reconcile::observation::{Description, ImageConfigs, Manifests};
use ecr_multiarch_core::reconcile::outcome::Reconciliation;
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{Digest, Error, ReconcileRequest, Reference, Settings, Step};
use local_ecr::image::{Artifact, ToArtifact};

#[derive(Default)]
pub struct Repository {
    content: Manifests,
    configs: ImageConfigs,
    /// When each image was first pushed: one second after the other.
    times: BTreeMap<Digest, SystemTime>,
    pushes: u64,
    variables: BTreeMap<&'static str, String>,
    is_forced: bool,
    is_announced: bool,
    has_no_times: bool,
    /// The image that nothing can read once it was described, and whether it was archived then, or deleted.
    lost_when_described: Option<(Digest, bool)>,
    /// What platform tags are moved to when the first list is written.
    moved_during_write: Vec<(Reference, StoredManifest)>,
}

impl Repository {
    /// Pushes an image or list, and what belongs to it, under a tag.
    pub fn push(mut self, tag: &str, content: &impl ToArtifact) -> Self {
        self.pushes += 1;
        let artifact = content.to_artifact();
        let stored = self.add(&artifact);
        self.content.insert(Reference::Tag(tag.parse().unwrap()), stored);
        self
    }

    fn add(&mut self, artifact: &Artifact) -> StoredManifest {
        for child in &artifact.children {
            self.add(child);
        }
        if let Some(config) = artifact.blobs.first() {
            let digest = Digest::sha256(config);
            self.configs.insert(digest, ImageConfig::parse(digest, config));
        }
        let stored = StoredManifest {
            digest: artifact.digest().parse().unwrap(),
            media_type: artifact.media_type.clone(),
            text: std::str::from_utf8(&artifact.manifest).unwrap().into(),
        };
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(self.pushes);
        self.times.entry(stored.digest).or_insert(time);
        self.content.insert(Reference::Digest(stored.digest), stored.clone());
        stored
    }

    pub fn platforms(mut self, platforms: &str) -> Self {
        self.variables.insert("PLATFORMS", platforms.to_owned());
        self
    }

    /// Attestations and artifacts are to be dropped.
    pub fn dropping(mut self) -> Self {
        self.variables.insert("ATTESTATIONS", "drop".to_owned());
        self
    }

    pub fn forced(self) -> Self {
        Self { is_forced: true, ..self }
    }

    /// An event says that a platform tag was pushed after everything else.
    pub fn announced_now(self) -> Self {
        Self { is_announced: true, ..self }
    }

    /// An image that is to be described does not exist.
    pub fn without_times(self) -> Self {
        Self { has_no_times: true, ..self }
    }

    /// The image is deleted, whatever names it.
    pub fn without(mut self, image: &impl ToArtifact) -> Self {
        self.content.remove(&Reference::Digest(image.digest().parse().unwrap()));
        self
    }

    /// The image is archived after it was described.
    pub fn archived_when_described(self, image: &impl ToArtifact) -> Self {
        Self { lost_when_described: Some((image.digest().parse().unwrap(), true)), ..self }
    }

    /// The image is deleted after it was described.
    pub fn deleted_when_described(self, image: &impl ToArtifact) -> Self {
        Self { lost_when_described: Some((image.digest().parse().unwrap(), false)), ..self }
    }

    /// ECR returns other bytes of the list than those that were pushed.
    pub fn corrupting_the_list(mut self) -> Self {
        let list = self.content.get_mut(&Reference::Tag("1".parse().unwrap())).unwrap();
        list.text = format!("{} ", list.text).into();
        self
    }

    /// The tag is moved to this image, which was pushed before, when the first list is written.
    pub fn moved_during_write(mut self, tag: &str, image: &impl ToArtifact) -> Self {
        let stored = self.content[&Reference::Digest(image.digest().parse().unwrap())].clone();
        self.moved_during_write.push((Reference::Tag(tag.parse().unwrap()), stored));
        self
    }

    /// Reconciles version 1. Returns the calls, the last list that was written, and the end.
    fn reconcile(mut self) -> (Vec<&'static str>, Option<String>, Result<Reconciliation, Error>) {
        self.variables.entry("PLATFORMS").or_insert_with(|| "linux/amd64,linux/arm64".to_owned());
        let settings = Settings::from_lookup(|name| self.variables.get(name).cloned()).unwrap();
        let name = "app".parse().unwrap();
        let settings = settings.for_repository(&name).unwrap();
        let request = ReconcileRequest::new(name, "1".parse().unwrap(), settings).unwrap();
        let announced_at = SystemTime::UNIX_EPOCH + Duration::from_secs(self.pushes + 1);
        let announced_at = self.is_announced.then_some(announced_at);
        let mut step = Step::start(Arc::new(ReconcileRequest { force: self.is_forced, announced_at, ..request }));
        let (mut calls, mut written) = (Vec::new(), None);
        loop {
            let next = match step {
                Step::ReadManifests(read) => {
                    calls.push("read");
                    let manifests = self.content.part(&read.references());
                    read.resume(manifests)
                }
                Step::DescribeImages(describe) => {
                    calls.push("describe");
                    let described = |reference: Reference| {
                        let digest = self.content.get(&reference).filter(|_| !self.has_no_times)?.digest;
                        Some((reference, Description { digest, pushed_at: self.times[&digest], is_archived: false }))
                    };
                    let descriptions = describe.references().into_iter().filter_map(described).collect();
                    if let Some((digest, is_archived)) = self.lost_when_described.take() {
                        let lost = Reference::Digest(digest);
                        self.content.remove(&lost);
                        self.content.archived.extend(is_archived.then_some(lost));
                    }
                    describe.resume(descriptions)
                }
                Step::ReadConfigs(read) => {
                    calls.push("configs");
                    read.resume(&self.configs)
                }
                Step::Put(put) => {
                    calls.push("put");
                    let list = put.manifest_list();
                    written = Some(list.text.clone());
                    self.content.insert(Reference::Tag("1".parse().unwrap()), list.into());
                    self.content.extend(self.moved_during_write.drain(..));
                    put.resume(PutResponse::Stored)
                }
                Step::Done(end) => return (calls, written, Ok(end)),
            };
            match next {
                Ok(next) => step = next,
                Err(error) => return (calls, written, Err(error)),
            }
        }
    }

    /// The manifest list that is written.
    pub fn written(self) -> String {
        self.reconcile().1.unwrap()
    }

    /// The message of the error that it ends with.
    pub fn error(self) -> String {
        self.reconcile().2.unwrap_err().to_string()
    }

    /// What the version's tag named before it was published.
    pub fn replaced(self) -> Option<String> {
        self.reconcile().2.unwrap().replaced.map(|digest| digest.to_string())
    }

    /// The platform tag of each image in the answer, where it has one.
    pub fn tags_of_images(&self) -> Vec<Option<String>> {
        let copy = Self { content: self.content.clone(), times: self.times.clone(), ..Self::default() };
        let images = copy.reconcile().2.unwrap().images;
        images.into_iter().map(|image| image.tag.map(|tag| tag.to_string())).collect()
    }

    /// Checks the calls and the end, such as `read; configs => published`.
    #[track_caller]
    pub fn check(self, case: &str, expected: &str) {
        let (calls, _, end) = self.reconcile();
        let end = match &end {
            Ok(end) => end.outcome.kind().name().to_owned(),
            Err(Error::TagConflict { conflict, .. }) => match conflict {
                Conflict::NewerImages { .. } => "TagConflict: newer".to_owned(),
                Conflict::Artifact { .. } => "TagConflict: an artifact".to_owned(),
                Conflict::ForeignPlatform { platform, .. } => format!("TagConflict: {platform}"),
                other => format!("TagConflict: {other}"),
            },
            Err(error) => error.error_type().to_string(),
        };
        assert_eq!(format!("{} => {end}", calls.join("; ")), expected, "{case}");
    }
}
