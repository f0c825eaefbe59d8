//! What the function would do with a version under the suggested settings.
//!
//! The function's own core decides, in a dry run whose reads are answered from what was scanned and read: so the audit
//! says what the function says. Where nothing was read, only what a scan shows keeps a version from being published.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ecr_multiarch_core::reconcile::observation::{Description, Manifests};
use ecr_multiarch_core::settings::tag_scheme::PlatformTag;
use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::{Digest, OutcomeKind, ReconcileRequest, Reference, RepositorySettings, Step, Tag};

use crate::image::Image;
use crate::reading::Reading;
use crate::scan::RepositoryScan;
use crate::text::plain;

/// Why no request fixes a tag, as far as the audit knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The repository has no suggested settings: its newest versions have fewer than two platforms.
    NoSettings,
    /// The suggested settings give the version no platform tags.
    NotServed,
    /// A platform tag of the suggested settings does not exist.
    TagMissing(String),
    /// The image of this platform tag is archived.
    Archived(String),
    /// The image of this tag or digest was not read, so what the function would do is not known.
    NotRead(String),
    /// The function would not publish the version, for this reason in its own words.
    HeldBack(String),
    /// The function would leave the list alone, since the platform tags name older images.
    StaleTags,
    /// The function would leave the list as it is.
    Unchanged,
    /// The tag exists and cannot be moved.
    Immutable(String),
    /// The suggested value of this setting has no alias of this name.
    AliasLeftOut(Variable, String),
    /// The release that an alias should name has no manifest list.
    ReleaseWithoutList(String),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSettings => f.write_str("the audit suggests no settings for its repository"),
            Self::NotServed => f.write_str("the suggested settings do not serve it"),
            Self::TagMissing(tag) => write!(f, "it has no image {tag}"),
            Self::Archived(tag) => write!(f, "{tag} is archived"),
            Self::NotRead(image) => write!(f, "{image} was not read"),
            Self::HeldBack(reason) => f.write_str(reason),
            Self::StaleTags => f.write_str("its platform tags are stale"),
            Self::Unchanged => f.write_str("with the suggested settings, its list is right and stays"),
            Self::Immutable(tag) => write!(f, "the tag {tag} is immutable: delete it first"),
            Self::AliasLeftOut(setting, alias) => write!(f, "the suggested {setting} do not give {alias}"),
            Self::ReleaseWithoutList(release) => write!(f, "release {release} has no manifest list"),
        }
    }
}

/// The judge of a repository's versions.
#[derive(Debug)]
pub struct Judge<'a> {
    scan: &'a RepositoryScan,
    settings: Option<&'a RepositorySettings>,
    by_tag: HashMap<&'a str, &'a Image>,
    by_digest: HashMap<Digest, &'a Image>,
}

impl<'a> Judge<'a> {
    /// The judge of what was scanned, under these settings.
    pub fn new(scan: &'a RepositoryScan, settings: Option<&'a RepositorySettings>) -> Self {
        let tags = |image: &'a Image| image.tags.iter().map(move |tag| (tag.as_str(), image));
        let by_tag = scan.images.iter().flat_map(tags).collect();
        let by_digest = scan.images.iter().map(|image| (image.digest, image)).collect();
        Self { scan, settings, by_tag, by_digest }
    }

    /// The image with this digest, if the repository has it.
    pub fn image(&self, digest: Digest) -> Option<&'a Image> {
        self.by_digest.get(&digest).copied()
    }

    /// Whether the suggested settings give a version this platform tag.
    pub fn serves(&self, version: &str, platform_tag: &str) -> bool {
        let platform_tags = self.settings.zip(version.parse().ok());
        let platform_tags = platform_tags.and_then(|(settings, version)| settings.platform_tags(&version).ok());
        platform_tags.into_iter().flatten().any(|served| served.tag.as_str() == platform_tag)
    }

    /// Whether the function would publish a list of a version, or leave the one that is there, as far as is known.
    ///
    /// # Errors
    /// Why it would do neither.
    pub fn judge(&self, version: &Tag, force: bool) -> Result<OutcomeKind, Obstacle> {
        let settings = self.settings.ok_or(Obstacle::NoSettings)?;
        let request = ReconcileRequest::new(self.scan.name.clone(), version.clone(), settings);
        let request = request.map_err(|_| Obstacle::NotServed)?;
        for PlatformTag { tag, .. } in &request.platforms {
            match self.by_tag.get(tag.as_str()).filter(|image| !image.is_artifact()) {
                None => return Err(Obstacle::TagMissing(tag.to_string())),
                Some(image) if image.is_archived => return Err(Obstacle::Archived(tag.to_string())),
                Some(_) => {}
            }
        }
        match &self.scan.reading {
            Some(reading) => self.run(ReconcileRequest { dry_run: true, force, ..request }, reading),
            None => Ok(OutcomeKind::WouldPublish),
        }
    }

    /// Runs the core to its end, or to an answer that was not read.
    fn run(&self, request: ReconcileRequest, reading: &Reading) -> Result<OutcomeKind, Obstacle> {
        let mut step = Step::start(Arc::new(request));
        loop {
            let next = match step {
                Step::ReadManifests(read) => {
                    let manifests = self.manifests(read.references(), reading)?;
                    read.resume(manifests)
                }
                Step::DescribeImages(describe) => {
                    let description = |reference: Reference| {
                        let image = match &reference {
                            Reference::Tag(tag) => self.by_tag.get(tag.as_str()).copied(),
                            Reference::Digest(digest) => self.image(*digest),
                        };
                        let Image { digest, pushed_at, is_archived, .. } = *image?;
                        Some((reference, Description { digest, pushed_at, is_archived }))
                    };
                    let descriptions = describe.references().into_iter().filter_map(description).collect();
                    describe.resume(descriptions)
                }
                Step::ReadConfigs(read) => {
                    let unread = read.configs().into_iter().find(|(digest, _)| !reading.configs().contains_key(digest));
                    if let Some((config, _)) = unread {
                        return Err(Obstacle::NotRead(format!("the config {config}")));
                    }
                    read.resume(reading.configs())
                }
                Step::Put(_) => return Ok(OutcomeKind::WouldPublish),
                Step::Done(ended) => {
                    return match ended.outcome.kind() {
                        kind @ (OutcomeKind::WouldPublish | OutcomeKind::Unchanged) => Ok(kind),
                        kind => Err(Obstacle::HeldBack(plain(ended.outcome.reason().unwrap_or(kind.name())))),
                    };
                }
            };
            step = next.map_err(|error| {
                let held_back = || Obstacle::HeldBack(plain(&error.to_string()));
                if error.is_of_newer_images() { Obstacle::StaleTags } else { held_back() }
            })?;
        }
    }

    /// What ECR would hand out, which is nothing that is archived.
    fn manifests(&self, references: Vec<Reference>, reading: &Reading) -> Result<Manifests, Obstacle> {
        let mut manifests = Manifests::default();
        for reference in references {
            let image = match &reference {
                Reference::Tag(tag) => self.by_tag.get(tag.as_str()).copied(),
                Reference::Digest(digest) => self.image(*digest),
            };
            if let Some(image) = image.filter(|image| !image.is_archived) {
                let stored = reading.stored(image.digest);
                let stored = stored.ok_or_else(|| Obstacle::NotRead(reference.to_string()))?;
                manifests.insert(reference, stored.clone());
            }
        }
        Ok(manifests)
    }
}
