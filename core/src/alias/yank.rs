//! The requests to yank a release, and to take that back.
//!
//! A yank writes the marker, then the aliases of the release are reconciled: they step back to the highest release that
//! remains. The function has no permission to remove a tag, so an `unyank` answers the command that removes the marker.

use std::sync::Arc;

use super::request::AliasRequest;
use super::snapshot::list;
use crate::error::{Conflict, Error, UnseenImage};
use crate::name::{ImageReference, Reference, RegistryId, RepositoryName};
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;
use crate::reconcile::manifest_list::ManifestList;
use crate::reconcile::observation::Manifests;
use crate::reconcile::step::PutResponse;
use crate::settings::yank_marker::YankMarker;
use crate::settings::{RepositorySettings, VersionNotServed};

/// Which of the two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum YankAction {
    /// Mark the release.
    Yank,
    /// Take it back.
    Unyank,
}

/// A release to be yanked, or no longer to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct YankRequest {
    /// The repository.
    pub repository: RepositoryName,
    action: YankAction,
    marker: YankMarker,
    /// The request for the aliases of the release, with what holds for the marker as well.
    aliases: AliasRequest,
}

/// Why a version cannot be yanked. The request is ignored for this reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotYankable {
    /// The repository has no aliases.
    #[error("the repository has no aliases, so there is nothing that a yank would change; set ALIASES or STREAMS")]
    NoAliases,
    /// The version is not a release.
    #[error(
        "version {0} is not a release: expected three numbers, such as 1.2.3 or v1.2.3, or what one of the STREAMS \
         matches"
    )]
    NotARelease(Tag),
    /// The version is not served.
    #[error(transparent)]
    NotServed(#[from] VersionNotServed),
    /// The marker would be too long.
    #[error("the yank marker of version {0} would exceed the length of a tag")]
    TooLong(Tag),
}

/// The next step of a yank.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum YankStep {
    /// The version and its marker are to be read.
    Read(ReadMarker),
    /// The marker is to be written.
    Put(PutMarker),
    /// The yank has reached its end.
    Done(YankEnd),
}

/// The version and its marker are to be read, in one call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadMarker(Arc<YankRequest>);

/// The version's list is to be written under the marker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PutMarker {
    request: Arc<YankRequest>,
    list: ManifestList,
}

/// The outcome of a yank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum YankOutcome {
    /// The marker was written.
    Yanked,
    /// The release was yanked already; or it is to be unyanked, which the function cannot do or need not do.
    Unchanged,
    /// A dry run that would have written the marker.
    WouldYank,
    /// The version's tag names nothing.
    Waiting,
}

impl YankOutcome {
    /// The name of the outcome in answers and logs.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A yank that has reached its end, but for the aliases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct YankEnd {
    /// Its outcome.
    pub outcome: YankOutcome,
    /// The marker.
    pub marker: YankMarker,
    /// What the version's tag names.
    pub digest: Option<Digest>,
    /// Whether the marker stands in the way of an `unyank`: [`YankMarker::removal_command`] removes it.
    pub is_marked: bool,
    /// The aliases to be reconciled now.
    pub aliases: Option<AliasRequest>,
}

impl YankRequest {
    /// A request to yank a version, or to take that back: for real.
    ///
    /// # Errors
    /// [`NotYankable`], with the reason for which the request is ignored.
    pub fn new(
        repository: RepositoryName,
        version: &Tag,
        action: YankAction,
        settings: &Arc<RepositorySettings>,
    ) -> Result<Self, NotYankable> {
        if !settings.has_aliases() {
            return Err(NotYankable::NoAliases);
        }
        let release = settings.streams.release(version).ok_or_else(|| NotYankable::NotARelease(version.clone()))?;
        settings.platform_tags(version)?;
        let marker = YankMarker::of(&release).ok_or_else(|| NotYankable::TooLong(version.clone()))?;
        let aliases = AliasRequest::for_release(repository.clone(), release, settings);
        Ok(Self { repository, action, marker, aliases })
    }

    /// The same request, for a dry run or for real.
    #[must_use]
    pub fn with_dry_run(self, dry_run: bool) -> Self {
        Self { aliases: self.aliases.with_dry_run(dry_run), ..self }
    }

    /// The marker of the release.
    pub fn marker(&self) -> &YankMarker {
        &self.marker
    }

    /// The full name of the marker.
    pub fn target(&self) -> ImageReference {
        self.aliases.image(self.marker.tag())
    }

    fn version(&self) -> &Tag {
        self.marker.release().tag()
    }

    fn end(&self, outcome: YankOutcome, digest: Option<Digest>) -> YankEnd {
        let (marker, aliases) = (self.marker.clone(), Some(self.aliases.clone()));
        YankEnd { outcome, marker, digest, is_marked: false, aliases }
    }

    /// The end of a yank whose marker was written, or would have been.
    fn marked(&self, outcome: YankOutcome, list: &ManifestList) -> YankEnd {
        let aliases = self.aliases.clone().with_list(list).with_marker(list.digest);
        YankEnd { aliases: Some(aliases), ..self.end(outcome, Some(list.digest)) }
    }
}

impl YankStep {
    /// The first step.
    pub fn start(request: Arc<YankRequest>) -> Self {
        Self::Read(ReadMarker(request))
    }
}

impl ReadMarker {
    /// What is to be read.
    pub fn references(&self) -> Vec<Reference> {
        [self.0.version(), self.0.marker.tag()].map(|tag| Reference::Tag(tag.clone())).to_vec()
    }

    /// Continues with the manifests that exist.
    ///
    /// # Errors
    /// [`Error::TagConflict`], if the version's tag names an image; [`Error::ImageArchived`], if it is archived;
    /// [`Error::CorruptImage`], if its bytes are not those of its digest.
    pub fn resume(self, manifests: &Manifests) -> Result<YankStep, Error> {
        let request = self.0;
        let find = |tag: &Tag| manifests.get(&Reference::Tag(tag.clone()));
        let (version, is_marked) = (find(request.version()), find(request.marker.tag()).is_some());
        let digest = version.map(|stored| stored.digest);
        let is_archived = |tag: &Tag| manifests.archived.contains(&Reference::Tag(tag.clone()));
        if is_archived(request.version()) {
            return Err(Error::ImageArchived { image: request.aliases.image(request.version()) });
        }
        if is_marked && request.action == YankAction::Unyank {
            let end = request.end(YankOutcome::Unchanged, digest);
            return Ok(YankStep::Done(YankEnd { is_marked: true, aliases: None, ..end }));
        }
        let Some(stored) = version else {
            return Ok(YankStep::Done(YankEnd { aliases: None, ..request.end(YankOutcome::Waiting, None) }));
        };
        let image = request.aliases.image(request.version());
        if !stored.is_list() {
            let digest = stored.digest;
            let conflict = match stored.artifact_type() {
                Some(artifact_type) => Conflict::Artifact { digest, artifact_type },
                None => Conflict::NotAManifestList { digest, media_type: stored.media_type.as_str().into() },
            };
            return Err(Error::TagConflict { tag: image, conflict });
        }
        let list = list(stored).map_err(|reason| Error::CorruptImage { image, reason })?;
        if is_marked || request.action == YankAction::Unyank {
            return Ok(YankStep::Done(request.end(YankOutcome::Unchanged, digest)));
        }
        if request.aliases.dry_run {
            return Ok(YankStep::Done(request.marked(YankOutcome::WouldYank, &list)));
        }
        Ok(YankStep::Put(PutMarker { request, list }))
    }
}

impl PutMarker {
    /// The tag to write.
    pub fn tag(&self) -> &Tag {
        self.request.marker.tag()
    }

    /// What to write.
    pub fn list(&self) -> &ManifestList {
        &self.list
    }

    /// Continues with ECR's response.
    ///
    /// # Errors
    /// [`Error::NotYetVisible`], if an image of the list is missing.
    pub fn resume(self, response: PutResponse) -> Result<YankStep, Error> {
        let Self { request, list } = self;
        match response {
            PutResponse::Stored => Ok(YankStep::Done(request.marked(YankOutcome::Yanked, &list))),
            // Somebody else has yanked it since it was read.
            PutResponse::TagImmutable => Ok(YankStep::Done(request.end(YankOutcome::Unchanged, Some(list.digest)))),
            PutResponse::ReferencedImageNotFound => {
                let image = UnseenImage::ReferencedBy(request.aliases.image(request.version()));
                Err(Error::NotYetVisible { image, waited_ms: 0 })
            }
        }
    }
}

impl YankMarker {
    /// The command that removes the marker, and with it the yank. The image keeps its other tags.
    pub fn removal_command(&self, registry: &RegistryId, repository: &RepositoryName) -> String {
        let RegistryId { account, region } = registry;
        let account = account.as_ref().map(|account| format!("--registry-id {account} ")).unwrap_or_default();
        format!(
            "aws ecr batch-delete-image --region {region} {account}--repository-name {repository} \
             --image-ids imageTag={self}"
        )
    }
}
