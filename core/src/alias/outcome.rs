//! How the reconciliation of aliases ends.

use std::time::SystemTime;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::request::AliasRequest;
use super::target::Target;
use crate::error::{Conflict, Error};
use crate::excerpt::ImageText;
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;
use crate::settings::release::Release;
use crate::settings::{NotAnAlias, UnusableAlias};

/// The outcome of an alias.
#[derive(Debug, Clone, PartialEq, Eq, Hash, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(AliasOutcomeKind),
    doc = "The kind of an alias's outcome: its name in answers, logs and metrics.",
    derive(Hash, PartialOrd, Ord, strum::Display, strum::IntoStaticStr),
    strum(serialize_all = "snake_case")
)]
pub enum AliasOutcome {
    /// The alias was written, and a scan after the write confirmed it.
    Moved,
    /// The alias already named the list of its release.
    Unchanged,
    /// The alias is left alone.
    Conflict(AliasConflict),
    /// The alias is deferred to the sweep.
    Pending(AliasPending),
    /// A dry run that would have moved it.
    WouldMove,
}

/// Why an alias is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AliasConflict {
    /// It names an image, or anything else that is not a manifest list.
    #[error(
        "it names {digest}, a {media_type}, not a manifest list; remove the tag, or assemble the release with \
         \"force\": true to replace it"
    )]
    NotAManifestList {
        /// What the alias names.
        digest: Digest,
        /// Its media type.
        media_type: ImageText,
    },
    /// It names an artifact, which is never replaced.
    #[error("it names {digest}, an artifact of type {artifact_type}, which is never replaced; remove the tag")]
    Artifact {
        /// What the alias names.
        digest: Digest,
        /// The type of the artifact.
        artifact_type: ImageText,
    },
    /// It names a manifest list with other platforms than the configured ones.
    #[error(
        "it names the manifest list {digest} with {platform}, which is not a configured platform; remove the tag, or \
         assemble the release with \"force\": true to replace it"
    )]
    ForeignPlatform {
        /// What the alias names.
        digest: Digest,
        /// The platform, or the digest of an entry without one.
        platform: ImageText,
    },
    /// The list that it names, or is to name, is archived.
    #[error(
        "the manifest list {digest} is in ECR's archive storage class, where nothing can read it; restore it, and the next \
         sweep goes on"
    )]
    Archived {
        /// The digest of the list.
        digest: Digest,
    },
    /// It is immutable.
    #[error("it is immutable; exclude the aliases from the tag immutability of the repository, or delete the tag")]
    Immutable,
    /// No release that it could name remains.
    #[error("no release of its line is published and not yanked; publish one, or remove the tag")]
    NoReleaseLeft,
    /// The lists of all releases that it could name lack platforms. This is the highest of them.
    #[error(
        "no release of its line has all platforms: the manifest list of {} lacks {}; publish it with all of them",
        .0.release, .0.missing
    )]
    NoCompleteRelease(PassedOver),
    /// It names the list of a release that is passed over, or a list of unknown origin, which may be an earlier one of that
    /// release.
    #[error(
        "it names a manifest list of {}, or may: that list lacks {} now; publish the release with all platforms, or \
         yank it, and the alias follows",
        .0.release, .0.missing
    )]
    PassedOver(PassedOver),
    /// It is not an alias: a template gives it, and it has another meaning.
    #[error(transparent)]
    NotAnAlias(NotAnAlias),
}

impl From<Conflict> for AliasConflict {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::NotAManifestList { digest, media_type } => Self::NotAManifestList { digest, media_type },
            Conflict::Artifact { digest, artifact_type } => Self::Artifact { digest, artifact_type },
            Conflict::ForeignPlatform { digest, platform } => Self::ForeignPlatform { digest, platform },
            // No list that was read is one of these.
            Conflict::Immutable { .. } | Conflict::NewerImages { .. } => Self::Immutable,
        }
    }
}

/// A release that no alias is moved to, since its manifest list lacks platforms.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{release} is passed over: its manifest list lacks {missing}; publish it with all platforms, or yank it")]
pub struct PassedOver {
    /// The release.
    pub release: Release,
    /// The platforms that its list lacks.
    pub missing: ImageText,
}

/// Why an alias is deferred to the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AliasPending {
    /// It was not written.
    #[error("there was no time left to write it and to confirm the write; the next sweep does")]
    NotWritten,
    /// It was written, but no scan confirmed it.
    #[error("it was written, but there was no time left to confirm the write; the next sweep does")]
    NotConfirmed,
}

impl From<&UnusableAlias> for AliasOutcome {
    fn from(alias: &UnusableAlias) -> Self {
        Self::Conflict(AliasConflict::NotAnAlias(alias.reason.clone()))
    }
}

impl AliasOutcome {
    /// The kind of this outcome.
    pub fn kind(&self) -> AliasOutcomeKind {
        self.into()
    }

    /// Why the alias is left alone, or deferred to the sweep.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Conflict(conflict) => Some(conflict.to_string()),
            Self::Pending(pending) => Some(pending.to_string()),
            Self::Moved | Self::Unchanged | Self::WouldMove => None,
        }
    }
}

impl AliasOutcomeKind {
    /// The name of the outcome in answers and logs.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// An alias that was reconciled, as answers report it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AliasReport {
    /// The alias; what a template gives need not be a legal tag.
    pub tag: ImageText,
    /// Its outcome.
    pub outcome: AliasOutcome,
    /// The release that it names, or is to name. `None`, where no release remains.
    pub release: Option<Release>,
    /// The highest release above that one that is passed over.
    pub passed_over: Option<PassedOver>,
    /// When the newest image under one of the platform tags of its release was pushed, as far as a scan shows it.
    pub since: Option<SystemTime>,
}

impl AliasReport {
    /// The report of an alias for which no release is passed over.
    pub(super) fn new(target: &Target, outcome: AliasOutcome, release: Option<Release>) -> Self {
        Self { tag: target.name().into(), outcome, release, passed_over: None, since: None }
    }

    /// Why the alias is left alone, or deferred to the sweep, or names a lower release than the highest.
    pub fn reason(&self) -> Option<String> {
        self.outcome.reason().or_else(|| self.passed_over.as_ref().map(ToString::to_string))
    }
}

impl Serialize for AliasReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("AliasReport", 4)?;
        row.serialize_field("tag", &self.tag)?;
        row.serialize_field("outcome", self.outcome.kind().name())?;
        row.serialize_field("release", &self.release)?;
        row.serialize_field("reason", &self.reason())?;
        row.end()
    }
}

/// A reconciliation of aliases that has reached its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AliasReconciliation {
    /// The aliases: those of a release in the order of their templates; of a repository, in ascending order, those that
    /// the first scan did not show to be unchanged.
    pub aliases: Vec<AliasReport>,
    /// The yank markers that were moved to the list of their release, or could not be.
    pub markers: Vec<AliasReport>,
    /// The tags that could not be reconciled.
    pub failed: Vec<AliasFailure>,
}

/// An alias, or a yank marker, that could not be reconciled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AliasFailure {
    /// Its tag.
    pub tag: Tag,
    /// The error.
    pub error: Error,
}

impl AliasReconciliation {
    /// The part that one of several joined requests asked for. An alias that has moved to the release of another one is
    /// unchanged there, so that it is counted once.
    #[must_use]
    pub fn part(&self, request: &AliasRequest, joined: &AliasRequest) -> Self {
        let targets = request.targets().unwrap_or_default();
        let is_asked_for = |tag: &str| targets.iter().any(|target| target.name() == tag);
        let is_of_other =
            |release: &Release| !request.releases().contains(release) && joined.releases().contains(release);
        let report = |target: &Target| {
            let mut report = self.aliases.iter().find(|report| report.tag.as_str() == target.name())?.clone();
            if report.outcome == AliasOutcome::Moved && report.release.as_ref().is_some_and(is_of_other) {
                report.outcome = AliasOutcome::Unchanged;
            }
            Some(report)
        };
        Self {
            aliases: targets.iter().filter_map(report).collect(),
            markers: self.markers.iter().filter(|report| is_asked_for(report.tag.as_str())).cloned().collect(),
            failed: self.failed.iter().filter(|failure| is_asked_for(failure.tag.as_str())).cloned().collect(),
        }
    }

    /// The aliases, if none failed: an event or a request fails with the first error. A sweep goes on, and reports
    /// [`failed`](Self::failed).
    ///
    /// # Errors
    /// The [`Error`] of the first alias that could not be reconciled.
    pub fn into_result(self) -> Result<Vec<AliasReport>, Error> {
        match self.failed.into_iter().next() {
            Some(failure) => Err(failure.error),
            None => Ok(self.aliases),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{release, settings_of_app};

    fn report(tag: &str, outcome: AliasOutcome, of: &str) -> AliasReport {
        AliasReport { tag: tag.into(), outcome, release: Some(release(of)), passed_over: None, since: None }
    }

    fn request_for(version: &str) -> AliasRequest {
        let settings = settings_of_app(&[("PLATFORMS", "linux/amd64"), ("ALIASES", "{major}.{minor},latest")]);
        AliasRequest::for_release("app".parse().unwrap(), release(version), &settings)
    }

    #[test]
    fn report_names_the_outcome_and_its_reason() {
        let passed_over = PassedOver { release: release("1.3.0"), missing: "linux/arm64".into() };
        for (outcome, name, reason) in [
            (AliasOutcome::Moved, "moved", Some(passed_over.to_string())),
            (AliasOutcome::Unchanged, "unchanged", Some(passed_over.to_string())),
            (AliasOutcome::WouldMove, "would_move", Some(passed_over.to_string())),
            (AliasOutcome::Conflict(AliasConflict::Immutable), "conflict", Some(AliasConflict::Immutable.to_string())),
            (AliasOutcome::Pending(AliasPending::NotWritten), "pending", Some(AliasPending::NotWritten.to_string())),
        ] {
            let report = AliasReport { passed_over: Some(passed_over.clone()), ..report("latest", outcome, "1.2.0") };
            let expected = json!({"tag": "latest", "outcome": name, "release": "1.2.0", "reason": reason});
            assert_eq!(serde_json::to_value(report).unwrap(), expected);
        }
    }

    #[test]
    fn part_of_joined_requests_is_what_one_asked_for() {
        let (one, other) = (request_for("1.2.0"), request_for("1.3.0"));
        let joined = one.clone().join(other.clone());
        let marker = |version: &str| report(&format!("yanked-{version}"), AliasOutcome::Moved, version);
        let failure =
            |tag: &str| AliasFailure { tag: tag.parse().unwrap(), error: Error::InvalidRequest(tag.to_owned()) };
        let whole = AliasReconciliation {
            aliases: vec![
                report("1.2", AliasOutcome::Moved, "1.2.0"),
                report("1.3", AliasOutcome::Moved, "1.3.0"),
                report("latest", AliasOutcome::Moved, "1.3.0"),
            ],
            markers: vec![marker("1.2.0"), marker("1.3.0")],
            failed: vec![failure("1.2"), failure("1.3")],
        };
        let of_one = AliasReconciliation {
            aliases: vec![
                report("1.2", AliasOutcome::Moved, "1.2.0"),
                report("latest", AliasOutcome::Unchanged, "1.3.0"),
            ],
            markers: vec![marker("1.2.0")],
            failed: vec![failure("1.2")],
        };
        assert_eq!(whole.part(&one, &joined), of_one);
        let of_other = AliasReconciliation {
            aliases: whole.aliases[1..].to_vec(),
            markers: vec![marker("1.3.0")],
            failed: vec![failure("1.3")],
        };
        assert_eq!(whole.part(&other, &joined), of_other);
        // Another reconciliation had moved it to a release of nobody who is joined.
        let elsewhere = report("latest", AliasOutcome::Moved, "9.0.0");
        let moved = AliasReconciliation { aliases: vec![elsewhere.clone()], ..AliasReconciliation::default() };
        assert_eq!(moved.part(&one, &joined).aliases, [elsewhere]);
    }
}
