//! What an invocation answers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::digest::Digest;
use crate::error::{Error, ErrorType};
use crate::list::ManifestList;
use crate::manifest::MediaType;
use crate::reconcile::{Job, Outcome, Verdict};
use crate::repository::RepositoryName;
use crate::tag::Tag;

/// What became of one version, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutcomeName {
    /// The tag now names the new list.
    Published,
    /// The tag named it already.
    Unchanged,
    /// A platform is missing, or revisions differ.
    Waiting,
    /// The event or request is none of the function's business.
    Ignored,
    /// A dry run that stopped ahead of the write.
    WouldPublish,
}

impl OutcomeName {
    /// The outcome as answers and logs name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Unchanged => "unchanged",
            Self::Waiting => "waiting",
            Self::Ignored => "ignored",
            Self::WouldPublish => "would_publish",
        }
    }
}

impl Serialize for OutcomeName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A platform of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedPlatform {
    /// The platform, as the settings state it.
    pub platform: String,
    /// The tag that its image was pushed under.
    pub tag: Tag,
    /// The digest by which a list names the image.
    pub digest: Digest,
}

/// The answer to an event or an `assemble` request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// What became of the version.
    pub outcome: OutcomeName,
    /// Its repository.
    pub repository: Option<String>,
    /// The version.
    pub version: Option<Tag>,
    /// The tag of its list.
    pub tag: Option<Tag>,
    /// The digest of its list.
    pub digest: Option<Digest>,
    /// The media type of its list.
    pub media_type: Option<MediaType>,
    /// Its images, as ECR holds them.
    pub platforms: Vec<RecordedPlatform>,
    /// The platforms that are not there.
    pub missing: Vec<String>,
    /// Why it waits or is ignored.
    pub reason: Option<String>,
    /// The exact bytes that a dry run would have written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
}

impl Reconciled {
    /// The answer to what is none of the function's business.
    pub fn ignored(reason: impl Into<String>, repository: Option<String>, version: Option<Tag>) -> Self {
        Self {
            outcome: OutcomeName::Ignored,
            repository,
            tag: version.clone(),
            version,
            digest: None,
            media_type: None,
            platforms: Vec::new(),
            missing: Vec::new(),
            reason: Some(reason.into()),
            manifest: None,
        }
    }

    /// The answer to a reconciliation that came to an outcome.
    pub fn of(job: &Job, outcome: Outcome) -> Self {
        let platforms = outcome.record.into_iter();
        let platforms = platforms
            .map(|(platform, tag, digest)| RecordedPlatform { platform: platform.to_string(), tag, digest })
            .collect();
        let answer = Self {
            outcome: OutcomeName::Waiting,
            repository: Some(job.repository.to_string()),
            version: Some(job.version.clone()),
            tag: Some(job.version.clone()),
            digest: None,
            media_type: None,
            platforms,
            missing: Vec::new(),
            reason: None,
            manifest: None,
        };
        match outcome.verdict {
            Verdict::Published(list) => answer.with_list(OutcomeName::Published, &list),
            Verdict::Unchanged(list) => answer.with_list(OutcomeName::Unchanged, &list),
            Verdict::WouldPublish(list) => {
                let answer = answer.with_list(OutcomeName::WouldPublish, &list);
                Self { manifest: Some(list.text), ..answer }
            }
            Verdict::Incomplete(missing) => {
                let missing = missing.iter().map(ToString::to_string).collect();
                Self { missing, ..answer }
            }
            Verdict::RevisionsDiffer(reason) => Self { reason: Some(reason), ..answer },
        }
    }

    fn with_list(self, outcome: OutcomeName, list: &ManifestList) -> Self {
        Self { outcome, digest: Some(list.digest), media_type: Some(list.media_type), ..self }
    }
}

/// How many entries a list of the sweep's answer has at the most.
pub const MAX_LISTED: usize = 100;

/// A list of which the answer shows the first entries only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The first [`MAX_LISTED`] entries.
    pub first: Vec<T>,
    /// How many there are in all.
    pub total: usize,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { first: Vec::new(), total: 0 }
    }
}

impl<T> Listed<T> {
    /// Adds an entry.
    pub fn push(&mut self, entry: T) {
        self.total += 1;
        if self.first.len() < MAX_LISTED {
            self.first.push(entry);
        }
    }

    /// This list followed by another.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.first.extend(other.first);
        self.first.truncate(MAX_LISTED);
        Self { total: self.total + other.total, ..self }
    }
}

/// A version that lacks a platform, or is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncompleteVersion {
    /// Its repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
    /// What it lacks.
    pub missing: Vec<String>,
    /// Why it is held back, where it lacks nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A version, or a whole repository, that the sweep could not bring in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedVersion {
    /// Its repository.
    pub repository: RepositoryName,
    /// The version; none, where the repository could not be listed.
    pub version: Option<Tag>,
    /// The error.
    pub error: Error,
}

/// A version that a dry run found to be in need of its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingVersion {
    /// Its repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
}

/// The answer to a `sweep` request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many repositories were listed.
    pub repositories: usize,
    /// How many versions have at least one platform tag.
    pub versions: usize,
    /// How many got a new list.
    pub published: usize,
    /// How many needed none.
    pub unchanged: usize,
    /// Those of the window that lack a platform or are held back.
    pub incomplete: Listed<IncompleteVersion>,
    /// Those that failed.
    pub failed: Listed<FailedVersion>,
    /// How many of them failed with each type of error.
    pub failed_by_type: BTreeMap<ErrorType, usize>,
    /// Whether it came to its end ahead of the deadline.
    pub complete: bool,
    /// Those that a dry run would publish; none, where it was no dry run.
    pub pending: Option<Listed<PendingVersion>>,
}

impl Swept {
    /// The answer of a sweep that found nothing.
    pub fn empty(dry_run: bool) -> Self {
        Self { complete: true, pending: dry_run.then(Listed::default), ..Self::default() }
    }

    /// Adds a version, or a repository, that failed.
    pub fn failed(&mut self, failed: FailedVersion) {
        *self.failed_by_type.entry(failed.error.error_type()).or_default() += 1;
        self.failed.push(failed);
    }

    /// The answer for both this registry and another.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (error_type, count) in other.failed_by_type {
            *self.failed_by_type.entry(error_type).or_default() += count;
        }
        Self {
            failed_by_type: self.failed_by_type,
            repositories: self.repositories + other.repositories,
            versions: self.versions + other.versions,
            published: self.published + other.published,
            unchanged: self.unchanged + other.unchanged,
            incomplete: self.incomplete.and(other.incomplete),
            failed: self.failed.and(other.failed),
            complete: self.complete && other.complete,
            pending: self.pending.zip(other.pending).map(|(one, other)| one.and(other)),
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

impl Serialize for Swept {
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
