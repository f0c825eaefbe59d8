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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{CHART_CONFIG, IMAGE_CONFIG, image, settings_of_app, stored};
    use crate::oci::manifest::StoredManifest;
    use crate::oci::media_type::MediaType;

    fn request(version: &str, action: YankAction, aliases: &str) -> Result<YankRequest, NotYankable> {
        let variables = [("PLATFORMS", "linux/amd64"), ("ALIASES", aliases), ("VERSION_PATTERN", r"\d[\d.]*")];
        let settings = settings_of_app(&variables);
        YankRequest::new("app".parse().unwrap(), &version.parse().unwrap(), action, &settings)
    }

    fn a_list() -> StoredManifest {
        stored(MediaType::OciIndex, &json!({"schemaVersion": 2, "manifests": []}))
    }

    fn tag(name: &str) -> Reference {
        Reference::Tag(name.parse().unwrap())
    }

    /// The step after these tags of release 1.2.3 were read.
    fn read(action: YankAction, dry_run: bool, tags: &[(&str, StoredManifest)]) -> Result<YankStep, Error> {
        let request = request("1.2.3", action, "{major}").unwrap().with_dry_run(dry_run);
        let YankStep::Read(read) = YankStep::start(Arc::new(request)) else { panic!() };
        assert_eq!(read.references(), [tag("1.2.3"), tag("yanked-1.2.3")]);
        read.resume(&tags.iter().map(|(name, stored)| (tag(name), stored.clone())).collect())
    }

    fn end(step: Result<YankStep, Error>) -> YankEnd {
        match step {
            Ok(YankStep::Done(end)) => end,
            other => panic!("{other:?}"),
        }
    }

    fn put(response: PutResponse) -> Result<YankStep, Error> {
        let Ok(YankStep::Put(put)) = read(YankAction::Yank, false, &[("1.2.3", a_list())]) else { panic!() };
        assert_eq!((put.tag().as_str(), put.list().digest), ("yanked-1.2.3", a_list().digest));
        put.resume(response)
    }

    #[test]
    fn version_that_cannot_be_yanked_says_why() {
        let reason = |version, aliases| request(version, YankAction::Yank, aliases).unwrap_err().to_string();
        assert!(reason("1.2.3", "").contains("has no aliases"));
        assert!(reason("1.2", "latest").contains("1.2 is not a release"));
        assert!(reason("v1.2.3", "latest").contains("VERSION_PATTERN"));
        assert!(reason(&format!("{}.0.0", "1".repeat(118)), "latest").contains("length of a tag"));
    }

    #[test]
    fn release_is_marked_with_its_list_before_its_aliases() {
        let marked = end(put(PutResponse::Stored));
        assert_eq!(
            (marked.outcome, marked.digest, marked.is_marked),
            (YankOutcome::Yanked, Some(a_list().digest), false)
        );
        let aliases = marked.aliases.unwrap();
        let written: Vec<_> = aliases.written.iter().map(|(tag, digest)| (tag.as_str(), *digest)).collect();
        assert_eq!(written, [("1.2.3", a_list().digest), ("yanked-1.2.3", a_list().digest)]);
        let dry = end(read(YankAction::Yank, true, &[("1.2.3", a_list())]));
        assert_eq!((dry.outcome, dry.digest), (YankOutcome::WouldYank, Some(a_list().digest)));
        assert_eq!(dry.aliases.unwrap().written, aliases.written);
    }

    #[test]
    fn marker_that_somebody_else_wrote_meanwhile_is_enough() {
        let end = end(put(PutResponse::TagImmutable));
        assert_eq!((end.outcome, end.digest), (YankOutcome::Unchanged, Some(a_list().digest)));
        assert!(end.aliases.is_some());
        let unseen = put(PutResponse::ReferencedImageNotFound);
        assert!(matches!(unseen, Err(Error::NotYetVisible { image: UnseenImage::ReferencedBy(_), .. })));
    }

    #[test]
    fn marked_release_is_unchanged_and_the_marker_stands_in_the_way_of_unyank() {
        let (released, both) = ([("1.2.3", a_list())], [("1.2.3", a_list()), ("yanked-1.2.3", a_list())]);
        for (action, tags, is_marked) in [
            (YankAction::Yank, &both[..], false),
            (YankAction::Unyank, &released[..], false),
            (YankAction::Unyank, &both[..], true),
            (YankAction::Unyank, &both[1..], true),
        ] {
            let end = end(read(action, false, tags));
            assert_eq!((end.outcome, end.is_marked), (YankOutcome::Unchanged, is_marked), "{action:?} {tags:?}");
            assert_eq!(end.aliases.is_some(), !is_marked, "{action:?} {tags:?}");
            assert_eq!(end.digest, (tags[0].0 == "1.2.3").then(|| a_list().digest));
        }
    }

    #[test]
    fn release_that_does_not_exist_is_waited_for() {
        for (action, tags) in [
            (YankAction::Yank, &[][..]),
            (YankAction::Yank, &[("yanked-1.2.3", a_list())][..]),
            (YankAction::Unyank, &[][..]),
        ] {
            let end = end(read(action, false, tags));
            assert_eq!((end.outcome, end.digest, end.aliases), (YankOutcome::Waiting, None, None), "{action:?}");
        }
    }

    #[test]
    fn release_that_is_no_readable_list_is_an_error() {
        let of = |stored| read(YankAction::Yank, false, &[("1.2.3", stored)]).unwrap_err();
        let single = of(image(IMAGE_CONFIG));
        assert!(matches!(single, Error::TagConflict { conflict: Conflict::NotAManifestList { .. }, .. }));
        let chart = of(image(CHART_CONFIG));
        assert!(matches!(chart, Error::TagConflict { conflict: Conflict::Artifact { .. }, .. }));
        let corrupt = of(StoredManifest { digest: Digest::sha256("other bytes"), ..a_list() });
        assert!(matches!(corrupt, Error::CorruptImage { .. }));

        let request = request("1.2.3", YankAction::Yank, "{major}").unwrap();
        let YankStep::Read(read) = YankStep::start(Arc::new(request)) else { panic!() };
        let mut manifests = Manifests::default();
        manifests.archived.insert(tag("1.2.3"));
        assert!(matches!(read.resume(&manifests), Err(Error::ImageArchived { .. })));
    }

    #[test]
    fn command_removes_the_marker() {
        let marker = request("1.2.3", YankAction::Unyank, "{major}").unwrap().marker().clone();
        let (repository, region) = ("team/app".parse().unwrap(), "eu-central-1".parse().unwrap());
        let own = RegistryId { account: None, region };
        assert_eq!(
            marker.removal_command(&own, &repository),
            "aws ecr batch-delete-image --region eu-central-1 --repository-name team/app --image-ids imageTag=yanked-1.2.3"
        );
        let other = RegistryId { account: Some("111122223333".parse().unwrap()), ..own };
        assert!(marker.removal_command(&other, &repository).contains(" --registry-id 111122223333 --repository-name"));
    }
}
