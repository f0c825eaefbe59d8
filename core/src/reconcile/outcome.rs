//! The outcome of a version's reconciliation.

use serde::{Serialize, Serializer};

use super::manifest_list::ManifestList;
use crate::oci::digest::Digest;
use crate::oci::manifest::StoredManifest;
use crate::oci::tag::Tag;
use crate::settings::configured_platform::ConfiguredPlatform;
use crate::settings::tag_scheme::PlatformTag;

/// The outcome of a version: for answers, sweeps, logs and metrics alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(OutcomeKind),
    doc = "The kind of an outcome: its name in answers, logs and metrics.",
    derive(Hash, strum::Display, strum::IntoStaticStr),
    strum(serialize_all = "snake_case")
)]
pub enum Outcome {
    /// The tag now names this manifest list, and a read after the write confirmed it.
    Published(ManifestList),
    /// The tag already named this manifest list.
    Unchanged(ManifestList),
    /// The tags of the images inside this manifest list were written, which somebody has pushed. A reconciliation never ends
    /// with it.
    Tagged(ManifestList),
    /// The version is held back.
    Waiting(Waiting),
    /// The event or request was filtered out, for this reason. A reconciliation never ends with it.
    Ignored(String),
    /// A dry run that would have published a manifest list.
    WouldPublish(Proposal),
}

/// The manifest list of a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Proposal {
    /// The manifest list.
    pub list: ManifestList,
    /// What is to be said of it, if anything.
    pub reason: Option<String>,
}

impl Proposal {
    /// The manifest list, which would replace what the tag names.
    ///
    /// Whether the tag is immutable is not known here: ECR states it for a whole repository, to those who may read its
    /// settings, and refuses the write in any case.
    pub fn new(list: ManifestList, replaced: Option<Digest>) -> Self {
        let reason = replaced.map(|digest| {
            format!("the tag names {digest}; the manifest list replaces it, unless the tag is immutable: TagConflict")
        });
        Self { list, reason }
    }
}

/// The reason why a version waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// Platforms are missing.
    Platforms {
        /// Those, with the tags under which they are expected.
        missing: Vec<PlatformTag>,
        /// What may have caused that, as far as what exists tells.
        reason: Option<String>,
    },
    /// The platforms were built from different revisions, as this message says.
    Revisions(String),
}

impl Waiting {
    /// The platforms that are missing.
    pub fn missing(&self) -> &[PlatformTag] {
        match self {
            Self::Platforms { missing, .. } => missing,
            Self::Revisions(_) => &[],
        }
    }
}

/// What has the tag of a version and is not a manifest list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Taken {
    /// A single image.
    SingleImage,
    /// An artifact such as a chart.
    Artifact,
}

impl Taken {
    /// What this is, unless it is a manifest list.
    pub fn of(target: &StoredManifest) -> Option<Self> {
        match target.artifact_type() {
            Some(_) => Some(Self::Artifact),
            None => (!target.is_list()).then_some(Self::SingleImage),
        }
    }

    /// What is to be said of a version that lacks a platform.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::SingleImage => {
                "the version's own tag names a single image: the suffix of its platform was forgotten, or another job \
                 pushes there; push it under its platform tag"
            }
            Self::Artifact => {
                "the version's own tag names an artifact such as a chart, which is never replaced: keep artifacts in a \
                 repository of their own, or give the images another version"
            }
        }
    }
}

/// The image of a platform, as ECR holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct PlatformImage {
    /// The platform.
    #[serde(serialize_with = "as_string")]
    pub platform: ConfiguredPlatform,
    /// The platform tag; `None`, where a manifest list has the image and the tag does not exist.
    pub tag: Option<Tag>,
    /// The digest by which a manifest list names the image.
    pub digest: Digest,
}

fn as_string<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// The result of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reconciliation {
    /// Its outcome.
    pub outcome: Outcome,
    /// The images of the version that exist.
    pub images: Vec<PlatformImage>,
    /// What its tag named before a list was published, if anything.
    pub replaced: Option<Digest>,
}

impl Outcome {
    /// The kind of this outcome.
    pub fn kind(&self) -> OutcomeKind {
        self.into()
    }

    /// The manifest list that is, or would be, published.
    pub fn manifest_list(&self) -> Option<&ManifestList> {
        match self {
            Self::Published(list)
            | Self::Unchanged(list)
            | Self::Tagged(list)
            | Self::WouldPublish(Proposal { list, .. }) => Some(list),
            Self::Waiting(_) | Self::Ignored(_) => None,
        }
    }

    /// The platforms that are missing.
    pub fn missing(&self) -> &[PlatformTag] {
        match self {
            Self::Waiting(waiting) => waiting.missing(),
            _ => &[],
        }
    }

    /// Why the version is held back or ignored, or what a dry run does not know.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Waiting(Waiting::Platforms { reason, .. }) => reason.as_deref(),
            Self::Waiting(Waiting::Revisions(reason)) | Self::Ignored(reason) => Some(reason),
            Self::WouldPublish(proposal) => proposal.reason.as_deref(),
            _ => None,
        }
    }
}

impl OutcomeKind {
    /// The name of the outcome in answers and logs.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::empty_list as list;

    #[test]
    fn outcome_tells_its_list_what_is_missing_and_why() {
        let arm64 = PlatformTag { platform: "linux/arm64".parse().unwrap(), tag: "1-arm64".parse().unwrap() };
        let platforms = |reason: Option<&str>| Waiting::Platforms {
            missing: vec![arm64.clone()],
            reason: reason.map(str::to_owned),
        };
        let proposal = |reason: Option<&str>| Proposal { list: list(), reason: reason.map(str::to_owned) };
        // Its name, whether it has a list, how many platforms it lacks, and its reason.
        for (outcome, expected) in [
            (Outcome::Published(list()), ("published", true, 0, None)),
            (Outcome::Unchanged(list()), ("unchanged", true, 0, None)),
            (Outcome::Tagged(list()), ("tagged", true, 0, None)),
            (Outcome::Waiting(platforms(None)), ("waiting", false, 1, None)),
            (Outcome::Waiting(platforms(Some("why"))), ("waiting", false, 1, Some("why"))),
            (Outcome::Waiting(Waiting::Revisions("why".into())), ("waiting", false, 0, Some("why"))),
            (Outcome::Ignored("why".into()), ("ignored", false, 0, Some("why"))),
            (Outcome::WouldPublish(proposal(None)), ("would_publish", true, 0, None)),
            (Outcome::WouldPublish(proposal(Some("why"))), ("would_publish", true, 0, Some("why"))),
        ] {
            let found =
                (outcome.kind().name(), outcome.manifest_list().is_some(), outcome.missing().len(), outcome.reason());
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_takes_a_version_says_what_to_do() {
        assert!(Taken::SingleImage.reason().contains("push it under its platform tag"));
        assert!(Taken::Artifact.reason().contains("keep artifacts in a repository of their own"));
    }
}
