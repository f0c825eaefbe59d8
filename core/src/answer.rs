//! What an invocation answers.

pub mod sweep;
pub mod truncated;

use serde::{Serialize, Serializer};

use self::sweep::SweepReport;
use crate::alias::outcome::{AliasOutcomeKind, AliasReport};
use crate::alias::yank::{YankEnd, YankOutcome};
use crate::image_tags::outcome::{ImageTagOutcome, ImageTagReport, ImageTagging, NoList};
use crate::image_tags::request::ImageTagRequest;
use crate::name::{AccountId, Region, RegistryId, RepositoryName};
use crate::oci::digest::Digest;
use crate::oci::media_type::MediaType;
use crate::oci::tag::Tag;
use crate::reconcile::outcome::{Outcome, OutcomeKind, PlatformImage, Reconciliation, Waiting};
use crate::reconcile::request::ReconcileRequest;
use crate::settings::yank_marker::YankMarker;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To an event or an `assemble` request.
    Version(Box<VersionReport>),
    /// To a `yank` or `unyank` request, or to the push of a yank marker.
    Yank(Box<YankReport>),
    /// To a `sweep` request.
    Sweep(Box<SweepReport>),
    /// To a `registries` request.
    Registries(RegistriesReport),
}

/// The answer to a `registries` request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistriesReport {
    /// The registries, the own one first.
    pub registries: Vec<RegistryId>,
}

/// The answer to an event or an `assemble` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionReport {
    /// The outcome of the version.
    pub outcome: Outcome,
    /// The registry.
    pub registry: Option<RegistryId>,
    /// Its repository.
    pub repository: Option<String>,
    /// The version.
    pub version: Option<Tag>,
    /// Its images that exist.
    pub images: Vec<PlatformImage>,
    /// Its aliases. `None`, unless the policy has aliases, the version is a release, and it has its manifest list.
    pub aliases: Option<Vec<AliasReport>>,
    /// The tags of its list's images. `None`, unless the policy has image tags and the version has its manifest list.
    pub image_tags: Option<Vec<ImageTagReport>>,
    /// What the version's tag named before a list was published, if anything.
    pub replaced: Option<Digest>,
    /// What a forced list replaced, in words.
    reason: Option<String>,
}

impl VersionReport {
    /// The answer to an event or request that was filtered out.
    pub fn ignored(
        reason: String,
        registry: Option<RegistryId>,
        repository: Option<String>,
        version: Option<Tag>,
    ) -> Self {
        Self::with_outcome(Outcome::Ignored(reason), registry, repository, version)
    }

    /// An answer that has nothing but an outcome.
    fn with_outcome(
        outcome: Outcome,
        registry: Option<RegistryId>,
        repository: Option<String>,
        version: Option<Tag>,
    ) -> Self {
        let (images, aliases, image_tags) = (Vec::new(), None, None);
        Self { outcome, registry, repository, version, images, aliases, image_tags, replaced: None, reason: None }
    }

    /// The answer to a reconciliation.
    pub fn new(registry: RegistryId, request: &ReconcileRequest, reconciliation: Reconciliation) -> Self {
        let Reconciliation { outcome, images, replaced } = reconciliation;
        let (repository, version) = (request.repository.to_string(), request.version.clone());
        let reason = replaced.filter(|_| request.force).map(|digest| format!("it replaced {digest}"));
        let report = Self::with_outcome(outcome, Some(registry), Some(repository), Some(version));
        Self { images, replaced, reason, ..report }
    }

    /// The answer to the push of a list, whose images were tagged.
    pub fn for_list(registry: RegistryId, request: &ImageTagRequest, tagging: ImageTagging) -> Self {
        let (outcome, image_tags) = match tagging {
            ImageTagging::List(list, image_tags) => {
                let is_moved = |image_tag: &ImageTagReport| image_tag.outcome == ImageTagOutcome::Moved;
                let is_tagged = image_tags.iter().any(is_moved);
                (if is_tagged { Outcome::Tagged(list) } else { Outcome::Unchanged(list) }, Some(image_tags))
            }
            ImageTagging::NoList(no_list @ NoList::Absent(_)) => {
                let waiting = Waiting::Platforms { missing: Vec::new(), reason: Some(no_list.to_string()) };
                (Outcome::Waiting(waiting), None)
            }
            ImageTagging::NoList(no_list) => (Outcome::Ignored(no_list.to_string()), None),
        };
        let (repository, version) = (request.repository.to_string(), request.version.clone());
        let report = Self::with_outcome(outcome, Some(registry), Some(repository), Some(version));
        Self { image_tags, ..report }
    }
}

/// The answer to a `yank` or `unyank` request, or to the push of a yank marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YankReport {
    /// The outcome of the marker.
    pub outcome: YankOutcome,
    /// The registry.
    pub registry: RegistryId,
    /// The repository.
    pub repository: RepositoryName,
    /// The marker.
    pub marker: YankMarker,
    /// What the version's tag names, if it was read.
    pub digest: Option<Digest>,
    /// The aliases of the release.
    pub aliases: Vec<AliasReport>,
    /// Why nothing was written, where that is not obvious.
    pub reason: Option<String>,
    /// The command that removes the marker, where it stands in the way of an `unyank`.
    pub command: Option<String>,
}

impl YankReport {
    /// The answer to a request, without aliases as yet.
    pub fn new(registry: RegistryId, repository: RepositoryName, end: &YankEnd) -> Self {
        let YankEnd { outcome, marker, digest, is_marked, aliases: _ } = end;
        let version = marker.release();
        let command = is_marked.then(|| marker.removal_command(&registry, &repository));
        let reason = match (outcome, is_marked) {
            (YankOutcome::Waiting, _) => Some(format!("the tag {version} does not exist; push the release first")),
            (_, true) => Some(format!(
                "the function has no permission to delete tags; run the command, and send the request again to \
                 reconcile the aliases of {version}"
            )),
            _ => None,
        };
        let (outcome, marker, digest) = (*outcome, marker.clone(), *digest);
        Self { outcome, registry, repository, marker, digest, aliases: Vec::new(), reason, command }
    }

    /// The answer to the push of a marker, with the aliases that were reconciled.
    pub fn for_push(
        registry: RegistryId,
        repository: RepositoryName,
        marker: YankMarker,
        aliases: Vec<AliasReport>,
    ) -> Self {
        let outcome = YankOutcome::Unchanged;
        Self { outcome, registry, repository, marker, digest: None, aliases, reason: None, command: None }
    }
}

impl Serialize for YankReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            outcome: &'static str,
            account: Option<&'a AccountId>,
            region: &'a Region,
            repository: &'a RepositoryName,
            version: &'a Tag,
            tag: &'a Tag,
            digest: Option<Digest>,
            aliases: &'a [AliasReport],
            reason: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            command: Option<&'a str>,
        }
        let Self { outcome, registry, repository, marker, digest, aliases, reason, command } = self;
        let row = Row {
            outcome: outcome.name(),
            account: registry.account.as_ref(),
            region: &registry.region,
            repository,
            version: marker.release().tag(),
            tag: marker.tag(),
            digest: *digest,
            aliases,
            reason: reason.as_deref(),
            command: command.as_deref(),
        };
        row.serialize(serializer)
    }
}

impl Answer {
    /// The kind of the outcome of a version.
    pub fn outcome_kind(&self) -> Option<OutcomeKind> {
        match self {
            Self::Version(report) => Some(report.outcome.kind()),
            Self::Yank(_) | Self::Sweep(_) | Self::Registries(_) => None,
        }
    }

    /// The aliases of a version or yank, where there are any.
    pub fn aliases(&self) -> Option<&[AliasReport]> {
        match self {
            Self::Version(report) => report.aliases.as_deref(),
            Self::Yank(report) => Some(&report.aliases),
            Self::Sweep(_) | Self::Registries(_) => None,
        }
    }

    /// The tags of the images of a version's list, where there are any.
    pub fn image_tags(&self) -> Option<&[ImageTagReport]> {
        match self {
            Self::Version(report) => report.image_tags.as_deref(),
            Self::Yank(_) | Self::Sweep(_) | Self::Registries(_) => None,
        }
    }
}

/// The aliases of this outcome, in their order.
pub fn aliases_of_kind(aliases: &[AliasReport], kind: AliasOutcomeKind) -> impl Iterator<Item = &AliasReport> {
    aliases.iter().filter(move |alias| alias.outcome.kind() == kind)
}

impl Serialize for VersionReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            outcome: &'static str,
            account: Option<&'a AccountId>,
            region: Option<&'a Region>,
            repository: Option<&'a str>,
            version: Option<&'a Tag>,
            tag: Option<&'a Tag>,
            digest: Option<Digest>,
            media_type: Option<MediaType>,
            platforms: &'a [PlatformImage],
            missing: Vec<String>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            expected_tags: Vec<&'a Tag>,
            reason: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            manifest: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            aliases: Option<&'a [AliasReport]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            image_tags: Option<&'a [ImageTagReport]>,
        }
        let Self { outcome, registry, repository, version, images, aliases, image_tags, replaced: _, reason } = self;
        let list = outcome.manifest_list();
        let row = Row {
            outcome: outcome.kind().name(),
            account: registry.as_ref().and_then(|registry| registry.account.as_ref()),
            region: registry.as_ref().map(|registry| &registry.region),
            repository: repository.as_deref(),
            version: version.as_ref(),
            tag: version.as_ref(),
            digest: list.map(|list| list.digest),
            media_type: list.map(|list| list.media_type),
            platforms: images,
            missing: outcome.missing().iter().map(|missing| missing.platform.to_string()).collect(),
            expected_tags: outcome.missing().iter().map(|missing| &missing.tag).collect(),
            reason: outcome.reason().or(reason.as_deref()),
            manifest: list.filter(|_| matches!(outcome, Outcome::WouldPublish(_))).map(|list| list.text.as_str()),
            aliases: aliases.as_deref(),
            image_tags: image_tags.as_deref(),
        };
        row.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::alias::outcome::AliasOutcome;
    use crate::alias::yank::{YankAction, YankRequest, YankStep};
    use crate::fixtures::settings_of_app;
    use crate::name::Reference;
    use crate::oci::manifest::StoredManifest;
    use crate::reconcile::manifest_list::ManifestList;
    use crate::settings::RepositorySettings;

    fn settings() -> Arc<RepositorySettings> {
        let image_tags = ("IMAGE_TAGS", "{version}_{platform}");
        settings_of_app(&[("PLATFORMS", "linux/amd64"), ("ALIASES", "latest"), image_tags])
    }

    fn repository() -> RepositoryName {
        "app".parse().unwrap()
    }

    fn registry() -> RegistryId {
        RegistryId { account: None, region: "eu-central-1".parse().unwrap() }
    }

    fn list() -> ManifestList {
        let text = json!({"schemaVersion": 2, "manifests": []}).to_string();
        ManifestList { media_type: MediaType::OciIndex, digest: Digest::sha256(&text), text }
    }

    fn image_tag(outcome: ImageTagOutcome) -> ImageTagReport {
        ImageTagReport { platform: "linux/amd64".into(), tag: "1.2.3_amd64".into(), digest: list().digest, outcome }
    }

    fn alias(outcome: AliasOutcome) -> AliasReport {
        AliasReport { tag: "latest".into(), outcome, release: None, passed_over: None, since: None }
    }

    fn json(answer: &impl Serialize) -> Value {
        serde_json::to_value(answer).unwrap()
    }

    #[test]
    fn forced_list_says_what_it_replaced() {
        let request = ReconcileRequest::new(repository(), "1.2.3".parse().unwrap(), &settings()).unwrap();
        let replaced = Some(Digest::sha256("before"));
        for (force, replaced, expected) in [
            (true, replaced, json!(format!("it replaced {}", Digest::sha256("before")))),
            (true, None, json!(null)),
            (false, replaced, json!(null)),
        ] {
            let reconciliation = Reconciliation { outcome: Outcome::Published(list()), images: Vec::new(), replaced };
            let request = ReconcileRequest { force, ..request.clone() };
            assert_eq!(json(&VersionReport::new(registry(), &request, reconciliation))["reason"], expected);
        }
    }

    #[test]
    fn push_of_a_list_is_answered_by_what_became_of_its_image_tags() {
        let version: Tag = "1.2.3".parse().unwrap();
        let request = ImageTagRequest::new(repository(), version.clone(), &settings()).unwrap();
        let answer = |tagging| json(&VersionReport::for_list(registry(), &request, tagging));
        let tags = |outcomes: Vec<_>| ImageTagging::List(list(), outcomes.into_iter().map(image_tag).collect());
        let tagged = answer(tags(vec![ImageTagOutcome::Unchanged, ImageTagOutcome::Moved]));
        assert_eq!((&tagged["outcome"], &tagged["digest"]), (&json!("tagged"), &json!(list().digest)));
        assert_eq!(tagged["image_tags"].as_array().map(Vec::len), Some(2));
        assert_eq!(answer(tags(vec![ImageTagOutcome::Unchanged]))["outcome"], "unchanged");
        let absent = answer(ImageTagging::NoList(NoList::Absent(version.clone())));
        assert_eq!((&absent["outcome"], absent.get("image_tags")), (&json!("waiting"), None));
        assert_eq!(absent["reason"], "the tag 1.2.3 does not exist any more");
        assert_eq!(answer(ImageTagging::NoList(NoList::Invalid(version)))["outcome"], "ignored");
    }

    #[test]
    fn answer_tells_its_outcome_and_tags() {
        let report = VersionReport::ignored("it is".to_owned(), Some(registry()), None, None);
        let (aliases, image_tags) = (vec![alias(AliasOutcome::Moved)], vec![image_tag(ImageTagOutcome::Moved)]);
        let full =
            VersionReport { aliases: Some(aliases.clone()), image_tags: Some(image_tags.clone()), ..report.clone() };
        let answer = Answer::Version(Box::new(full));
        assert_eq!(answer.outcome_kind(), Some(OutcomeKind::Ignored));
        assert_eq!((answer.aliases(), answer.image_tags()), (Some(&*aliases), Some(&*image_tags)));
        let answer = Answer::Version(Box::new(report));
        assert_eq!((answer.aliases(), answer.image_tags()), (None, None));
        let answer = Answer::Registries(RegistriesReport { registries: vec![registry()] });
        assert_eq!((answer.outcome_kind(), answer.aliases(), answer.image_tags()), (None, None, None));
    }

    #[test]
    fn aliases_are_found_by_their_outcome() {
        let aliases = [alias(AliasOutcome::Moved), alias(AliasOutcome::Unchanged), alias(AliasOutcome::Moved)];
        let count = |kind| aliases_of_kind(&aliases, kind).count();
        assert_eq!([AliasOutcomeKind::Moved, AliasOutcomeKind::Conflict].map(count), [2, 0]);
    }

    #[test]
    fn unyank_of_a_marked_release_has_a_command() {
        let stored = StoredManifest::from(&list());
        let answer = |action, tags: &[&str]| {
            let version: Tag = "1.2.3".parse().unwrap();
            let request = YankRequest::new(repository(), &version, action, &settings()).unwrap();
            let YankStep::Read(read) = YankStep::start(Arc::new(request)) else { panic!() };
            let tag = |tag: &&str| (Reference::Tag(tag.parse().unwrap()), stored.clone());
            let Ok(YankStep::Done(end)) = read.resume(&tags.iter().map(tag).collect()) else { panic!() };
            json(&YankReport::new(registry(), repository(), &end))
        };
        let marked = answer(YankAction::Unyank, &["1.2.3", "yanked-1.2.3"]);
        assert_eq!((&marked["version"], &marked["tag"]), (&json!("1.2.3"), &json!("yanked-1.2.3")));
        assert!(marked["command"].as_str().unwrap().ends_with("imageTag=yanked-1.2.3"), "{marked}");
        assert!(marked["reason"].as_str().unwrap().contains("no permission to delete tags"), "{marked}");
        let unmarked = answer(YankAction::Unyank, &["1.2.3"]);
        assert_eq!((unmarked.get("command"), &unmarked["reason"]), (None, &json!(null)));
        let absent = answer(YankAction::Yank, &[]);
        assert_eq!((&absent["outcome"], &absent["digest"]), (&json!("waiting"), &json!(null)));
        assert!(absent["reason"].as_str().unwrap().contains("push the release first"), "{absent}");
    }
}
