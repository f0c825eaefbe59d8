//! What an invocation answers.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::error::{Error, ErrorType};
use crate::name::RepositoryName;
use crate::oci::digest::Digest;
use crate::oci::media_type::MediaType;
use crate::oci::tag::Tag;
use crate::reconcile::outcome::{Outcome, PlatformImage, Reconciliation};
use crate::reconcile::request::ReconcileRequest;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To an event or an `assemble` request.
    Version(Box<VersionReport>),
    /// To a `sweep` request.
    Sweep(Box<SweepReport>),
}

/// The answer to an event or an `assemble` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionReport {
    /// The outcome of the version.
    pub outcome: Outcome,
    /// Its repository.
    pub repository: Option<String>,
    /// The version.
    pub version: Option<Tag>,
    /// Its images that exist.
    pub images: Vec<PlatformImage>,
}

impl VersionReport {
    /// The answer to an event or request that was filtered out.
    pub fn ignored(reason: String, repository: Option<String>, version: Option<Tag>) -> Self {
        Self { outcome: Outcome::Ignored(reason), repository, version, images: Vec::new() }
    }

    /// The answer to a reconciliation.
    pub fn new(request: &ReconcileRequest, reconciliation: Reconciliation) -> Self {
        let Reconciliation { outcome, images } = reconciliation;
        let (repository, version) = (Some(request.repository.to_string()), Some(request.version.clone()));
        Self { outcome, repository, version, images }
    }
}

impl Serialize for VersionReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            outcome: &'static str,
            repository: Option<&'a str>,
            version: Option<&'a Tag>,
            tag: Option<&'a Tag>,
            digest: Option<Digest>,
            media_type: Option<MediaType>,
            platforms: &'a [PlatformImage],
            missing: Vec<String>,
            reason: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            manifest: Option<&'a str>,
        }
        let Self { outcome, repository, version, images } = self;
        let list = outcome.manifest_list();
        let row = Row {
            outcome: outcome.kind().name(),
            repository: repository.as_deref(),
            version: version.as_ref(),
            tag: version.as_ref(),
            digest: list.map(|list| list.digest),
            media_type: list.map(|list| list.media_type),
            platforms: images,
            missing: outcome.missing().iter().map(ToString::to_string).collect(),
            reason: outcome.reason(),
            manifest: list.filter(|_| matches!(outcome, Outcome::WouldPublish(_))).map(|list| list.text.as_str()),
        };
        row.serialize(serializer)
    }
}

/// How many entries each list of a sweep's answer has at most: enough to act on, and few enough that the answer stays
/// well below the 6 MB of a Lambda response.
pub const MAX_ENTRIES: usize = 100;

/// A list of which the answer shows only the first entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncated<T> {
    /// The first [`MAX_ENTRIES`] entries.
    pub first: Vec<T>,
    /// How many there are in all.
    pub total: usize,
}

impl<T> Default for Truncated<T> {
    fn default() -> Self {
        Self { first: Vec::new(), total: 0 }
    }
}

impl<T> Truncated<T> {
    /// Adds an entry.
    pub fn push(&mut self, entry: T) {
        self.total += 1;
        if self.first.len() < MAX_ENTRIES {
            self.first.push(entry);
        }
    }

    /// Appends another list.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.first.extend(other.first);
        self.first.truncate(MAX_ENTRIES);
        Self { total: self.total + other.total, ..self }
    }
}

/// A version that lacks a platform or is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncompleteVersion {
    /// Its repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
    /// The platforms that it lacks.
    pub missing: Vec<String>,
    /// Why it is held back, where no platform is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A version, or a whole repository, that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedVersion {
    /// Its repository.
    pub repository: RepositoryName,
    /// The version; `None`, where the repository could not be scanned.
    pub version: Option<Tag>,
    /// The error.
    pub error: Error,
}

/// A version that a dry run would publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingVersion {
    /// Its repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
}

/// The answer to a `sweep` request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// How many repositories were scanned.
    pub repositories: usize,
    /// How many versions have at least one platform tag.
    pub versions: usize,
    /// How many were published.
    pub published: usize,
    /// How many were up to date.
    pub unchanged: usize,
    /// Those that lack a platform or are held back, of the ages that are reported.
    pub incomplete: Truncated<IncompleteVersion>,
    /// Those that failed.
    pub failed: Truncated<FailedVersion>,
    /// How many of them failed with each type of error.
    pub failed_by_type: BTreeMap<ErrorType, usize>,
    /// Whether it ended before its deadline.
    pub complete: bool,
    /// Those that a dry run would publish; `None`, unless it was a dry run.
    pub pending: Option<Truncated<PendingVersion>>,
}

impl SweepReport {
    /// The answer of a sweep without any findings.
    pub fn empty(dry_run: bool) -> Self {
        Self { complete: true, pending: dry_run.then(Truncated::default), ..Self::default() }
    }

    /// Adds a version, or a repository, that failed.
    pub fn add_failed(&mut self, failed: FailedVersion) {
        *self.failed_by_type.entry(failed.error.error_type()).or_default() += 1;
        self.failed.push(failed);
    }

    /// Adds the answer for another registry.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (error_type, count) in other.failed_by_type {
            *self.failed_by_type.entry(error_type).or_default() += count;
        }
        Self {
            failed_by_type: self.failed_by_type,
            repositories: self.repositories + other.repositories,
            versions: self.versions + other.versions,
            published: self.published + other.published,
            unchanged: self.unchanged + other.unchanged,
            incomplete: self.incomplete.merge(other.incomplete),
            failed: self.failed.merge(other.failed),
            complete: self.complete && other.complete,
            pending: self.pending.zip(other.pending).map(|(one, other)| one.merge(other)),
        }
    }
}

impl Serialize for FailedVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut row = serializer.serialize_struct("FailedVersion", 4)?;
        row.serialize_field("repository", &self.repository)?;
        row.serialize_field("version", &self.version)?;
        row.serialize_field("error", self.error.error_type().name())?;
        row.serialize_field("message", &self.error.to_string())?;
        row.end()
    }
}

impl Serialize for SweepReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            outcome: &'static str,
            repositories: usize,
            versions: usize,
            published: usize,
            unchanged: usize,
            incomplete: &'a [IncompleteVersion],
            incomplete_total: usize,
            failed: &'a [FailedVersion],
            failed_total: usize,
            complete: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            would_publish: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pending: Option<&'a [PendingVersion]>,
        }
        let pending = self.pending.as_ref();
        let row = Row {
            outcome: "swept",
            repositories: self.repositories,
            versions: self.versions,
            published: self.published,
            unchanged: self.unchanged,
            incomplete: &self.incomplete.first,
            incomplete_total: self.incomplete.total,
            failed: &self.failed.first,
            failed_total: self.failed.total,
            complete: self.complete,
            would_publish: pending.map(|pending| pending.total),
            pending: pending.map(|pending| pending.first.as_slice()),
        };
        row.serialize(serializer)
    }
}
