//! The answer to a `sweep` request: its lists, and how many bytes they may have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::truncated::{Truncated, byte_limits, fitting, sizes};
use crate::error::{Error, ErrorType};
use crate::excerpt::ImageText;
use crate::name::{RegistryId, RepositoryName, RepositoryStart};
use crate::oci::tag::Tag;
use crate::timestamp;

/// How many unfinished repositories a sweep's answer names: those that are sent again together share the time of a run,
/// and of twenty each has more than half a minute by itself.
pub const MAX_UNFINISHED: usize = 20;

/// How many bytes the lists of a sweep's answer have together. The whole answer stays below 128 KiB, half of what the
/// state of a Step Functions execution may have; the rest of it, with [`MAX_UNFINISHED`] and one more of the longest
/// repository names, takes less than 7 KiB.
const MAX_LIST_BYTES: usize = 120 << 10;

/// A version that lacks a platform or is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncompleteVersion {
    /// Its registry.
    #[serde(flatten)]
    pub registry: RegistryId,
    /// Its repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
    /// The platforms that it lacks.
    pub missing: Vec<String>,
    /// Why it is held back, where no platform is missing; or that its own tag names a single image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the newest image under one of its platform tags was pushed.
    #[serde(serialize_with = "timestamp::serialize_option")]
    pub since: Option<SystemTime>,
}

/// A version, a whole repository or a whole registry that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The registry.
    pub registry: RegistryId,
    /// The repository; `None`, where the registry could not be scanned.
    pub repository: Option<RepositoryName>,
    /// The version; `None`, where the repository or registry failed as a whole.
    pub version: Option<Tag>,
    /// The error.
    pub error: Error,
    /// When the newest image under one of the version's platform tags was pushed, if that is known.
    pub since: Option<SystemTime>,
    /// How many versions remain for the next sweep because the repository failed.
    pub versions_remaining: Option<usize>,
}

impl Failed {
    /// The error, and what it leaves undone.
    pub fn message(&self) -> String {
        match self.versions_remaining {
            Some(remaining) => {
                format!("{}; {remaining} versions of the repository remain for the next sweep", self.error)
            }
            None => self.error.to_string(),
        }
    }
}

/// A version that a dry run would publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PendingVersion {
    /// Its registry.
    #[serde(flatten)]
    pub registry: RegistryId,
    /// Its repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
}

/// A version with all of its platform tags that is not published: no setting serves it, or its list stays although it is
/// not that of the platform tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IgnoredVersion {
    /// Its registry.
    #[serde(flatten)]
    pub registry: RegistryId,
    /// Its repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
    /// Why it is not published.
    pub reason: String,
}

/// A version that has an archived image, and is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArchivedVersion {
    /// Its registry.
    #[serde(flatten)]
    pub registry: RegistryId,
    /// Its repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
    /// The platforms whose images are archived; none, where only the list is.
    pub platforms: Vec<String>,
}

/// An alias, or a yank marker, that a sweep left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictingAlias {
    /// Its registry.
    #[serde(flatten)]
    pub registry: RegistryId,
    /// Its repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: ImageText,
    /// Why it was left alone.
    pub reason: String,
    /// When the newest image under one of the platform tags of its release was pushed, if that is known.
    #[serde(serialize_with = "timestamp::serialize_option")]
    pub since: Option<SystemTime>,
}

/// What a sweep did about aliases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweptAliases {
    /// How many aliases were moved.
    pub moved: usize,
    /// Those that were left alone.
    pub conflicts: Truncated<ConflictingAlias>,
}

/// What a sweep did about image tags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweptImageTags {
    /// How many were moved.
    pub moved: usize,
    /// How many were left alone. The log has the first of them.
    pub conflicts: usize,
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
    /// Those that have all platform tags and are not published, which is not a failure.
    pub ignored: Truncated<IgnoredVersion>,
    /// Those that have an archived image and are left alone.
    pub archived: Truncated<ArchivedVersion>,
    /// Those that failed.
    pub failed: Truncated<Failed>,
    /// How many of them failed with each type of error.
    pub failed_by_type: BTreeMap<ErrorType, usize>,
    /// The first repository name that was not begun; `None`, if all were. Of several registries, the smallest of theirs:
    /// what is begun again from there is not done twice.
    pub next: Option<RepositoryStart>,
    /// The repositories that were begun and are not finished, for lack of time or because ECR throttles, in any of the
    /// registries. The answer names the first [`MAX_UNFINISHED`].
    pub unfinished: BTreeSet<RepositoryName>,
    /// Those that a dry run would publish; `None`, unless it was a dry run.
    pub pending: Option<Truncated<PendingVersion>>,
    /// What it did about aliases; `None`, where the settings have none.
    pub aliases: Option<SweptAliases>,
    /// What it did about image tags; `None`, where the settings have none.
    pub image_tags: Option<SweptImageTags>,
}

impl SweepReport {
    /// The answer of a sweep without any findings.
    pub fn empty(dry_run: bool, has_aliases: bool, has_image_tags: bool) -> Self {
        let (pending, aliases) = (dry_run.then(Truncated::default), has_aliases.then(SweptAliases::default));
        Self { pending, aliases, image_tags: has_image_tags.then(SweptImageTags::default), ..Self::default() }
    }

    /// Records that an image tag was moved.
    pub fn image_tags_moved(&mut self) {
        self.image_tags.get_or_insert_default().moved += 1;
    }

    /// Whether nothing is deferred for lack of time or because ECR throttles.
    pub fn is_complete(&self) -> bool {
        self.next.is_none() && self.unfinished.is_empty()
    }

    /// The unfinished repositories that the answer names.
    pub fn named_unfinished(&self) -> Vec<&RepositoryName> {
        self.unfinished.iter().take(MAX_UNFINISHED).collect()
    }

    /// Records that repositories were not begun, from this name on.
    pub fn defer(&mut self, from: RepositoryStart) {
        self.next = Some(match self.next.take() {
            Some(next) => next.min(from),
            None => from,
        });
    }

    /// Adds what failed.
    pub fn add_failed(&mut self, failed: Failed) {
        *self.failed_by_type.entry(failed.error.error_type()).or_default() += 1;
        self.failed.push(failed);
    }
}

impl Serialize for Failed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Failed", 7)?;
        row.serialize_field("account", &self.registry.account)?;
        row.serialize_field("region", &self.registry.region)?;
        row.serialize_field("repository", &self.repository)?;
        row.serialize_field("version", &self.version)?;
        row.serialize_field("error", self.error.error_type().name())?;
        row.serialize_field("message", &self.message())?;
        row.serialize_field("since", &self.since.map(timestamp::rfc_3339))?;
        row.end()
    }
}

impl Serialize for SweepReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            outcome: &'static str,
            repositories: usize,
            versions: usize,
            published: usize,
            unchanged: usize,
            incomplete: Vec<&'a IncompleteVersion>,
            incomplete_total: usize,
            ignored: Vec<&'a IgnoredVersion>,
            ignored_total: usize,
            archived: Vec<&'a ArchivedVersion>,
            archived_total: usize,
            failed: Vec<&'a Failed>,
            failed_total: usize,
            complete: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            next: Option<&'a RepositoryStart>,
            #[serde(skip_serializing_if = "Option::is_none")]
            unfinished: Option<Vec<&'a RepositoryName>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            unfinished_total: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            would_publish: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pending: Option<Vec<&'a PendingVersion>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            aliases_moved: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            alias_conflicts: Option<Vec<&'a ConflictingAlias>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            alias_conflicts_total: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            image_tags_moved: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            image_tag_conflicts_total: Option<usize>,
        }
        let (pending, aliases) = (self.pending.as_ref(), self.aliases.as_ref());
        let pending_first = pending.map_or(&[][..], |pending| &pending.first);
        let conflicts_first = aliases.map_or(&[][..], |aliases| &aliases.conflicts.first);
        let unfinished = (!self.unfinished.is_empty()).then_some(&self.unfinished);
        let failed_sizes = sizes(&self.failed.first);
        let sizes = [
            sizes(&self.incomplete.first),
            sizes(&self.ignored.first),
            sizes(&self.archived.first),
            sizes(pending_first),
            sizes(conflicts_first),
        ];
        // What failed is cut last. The other lists have a sixteenth at least, so that each shows its first entries.
        let others: usize = sizes.iter().flatten().sum();
        let failed_limit = MAX_LIST_BYTES - others.min(MAX_LIST_BYTES / 16);
        let failed_limit = failed_sizes.iter().sum::<usize>().min(failed_limit);
        let limits = byte_limits(&sizes, MAX_LIST_BYTES - failed_limit);
        let row = Row {
            outcome: "swept",
            repositories: self.repositories,
            versions: self.versions,
            published: self.published,
            unchanged: self.unchanged,
            incomplete: fitting(&self.incomplete.first, &sizes[0], limits[0]),
            incomplete_total: self.incomplete.total,
            ignored: fitting(&self.ignored.first, &sizes[1], limits[1]),
            ignored_total: self.ignored.total,
            archived: fitting(&self.archived.first, &sizes[2], limits[2]),
            archived_total: self.archived.total,
            failed: fitting(&self.failed.first, &failed_sizes, failed_limit),
            failed_total: self.failed.total,
            complete: self.is_complete(),
            next: self.next.as_ref(),
            unfinished: unfinished.map(|_| self.named_unfinished()),
            unfinished_total: unfinished.map(BTreeSet::len),
            would_publish: pending.map(|pending| pending.total),
            pending: pending.map(|_| fitting(pending_first, &sizes[3], limits[3])),
            aliases_moved: aliases.map(|aliases| aliases.moved),
            alias_conflicts: aliases.map(|_| fitting(conflicts_first, &sizes[4], limits[4])),
            alias_conflicts_total: aliases.map(|aliases| aliases.conflicts.total),
            image_tags_moved: self.image_tags.map(|image_tags| image_tags.moved),
            image_tag_conflicts_total: self.image_tags.map(|image_tags| image_tags.conflicts),
        };
        row.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::answer::truncated::MAX_ENTRIES;
    use crate::error::ErrorType;

    fn failed(message: &str, versions_remaining: Option<usize>) -> Failed {
        let registry =
            RegistryId { account: Some("111122223333".parse().unwrap()), region: "eu-central-1".parse().unwrap() };
        let (repository, version) = (Some("app".parse().unwrap()), Some("1".parse().unwrap()));
        let error = Error::InvalidRequest(message.to_owned());
        Failed { registry, repository, version, error, since: Some(SystemTime::UNIX_EPOCH), versions_remaining }
    }

    fn ignored(reason: &str) -> IgnoredVersion {
        let Failed { registry, .. } = failed("", None);
        let (repository, version) = ("app".parse().unwrap(), "1".parse().unwrap());
        IgnoredVersion { registry, repository, version, reason: reason.to_owned() }
    }

    #[test]
    fn failure_tells_what_it_leaves_undone() {
        let row = serde_json::to_value(failed("It failed", Some(3))).unwrap();
        let expected = json!({
            "account": "111122223333", "region": "eu-central-1", "repository": "app", "version": "1",
            "error": "InvalidRequest", "since": "1970-01-01T00:00:00Z",
            "message": "It failed; 3 versions of the repository remain for the next sweep",
        });
        assert_eq!(row, expected);
        assert_eq!(failed("It failed", None).message(), "It failed");
    }

    #[test]
    fn failures_are_counted_by_type() {
        let mut report = SweepReport::default();
        report.add_failed(failed("", None));
        report.add_failed(failed("", None));
        assert_eq!(report.failed_by_type, BTreeMap::from([(ErrorType::InvalidRequest, 2)]));
        assert_eq!(report.failed.total, 2);
    }

    #[test]
    fn answer_is_complete_unless_something_is_left() {
        let start = |name: &str| name.parse::<RepositoryStart>().unwrap();
        let mut report = SweepReport::default();
        assert!(report.is_complete());
        for name in ["b", "a", "c"] {
            report.defer(start(name));
        }
        assert_eq!(report.next, Some(start("a")));
        assert!(!report.is_complete());
        let unfinished = (0..21).map(|number| format!("app-{number:02}").parse().unwrap()).collect();
        let report = SweepReport { unfinished, ..SweepReport::default() };
        assert!(!report.is_complete());
        let names: Vec<_> = report.named_unfinished().into_iter().map(RepositoryName::as_str).collect();
        assert_eq!((names.len(), names[19]), (20, "app-19"));
        let unfinished = |report: &SweepReport| serde_json::to_value(report).unwrap().get("unfinished").cloned();
        assert_eq!(unfinished(&SweepReport::default()), None);
        assert_eq!(unfinished(&report).and_then(|names| Some(names.as_array()?.len())), Some(20));
    }

    #[test]
    fn answer_has_fields_of_what_the_settings_have() {
        let fields = |dry_run, has_aliases, has_image_tags| {
            let answer = serde_json::to_value(SweepReport::empty(dry_run, has_aliases, has_image_tags)).unwrap();
            ["pending", "aliases_moved", "image_tags_moved"].map(|field| answer.get(field).cloned())
        };
        assert_eq!(fields(false, false, false), [None, None, None]);
        assert_eq!(fields(true, false, false), [Some(json!([])), None, None]);
        assert_eq!(fields(false, true, false), [None, Some(json!(0)), None]);
        assert_eq!(fields(false, false, true), [None, None, Some(json!(0))]);
    }

    #[test]
    fn failures_are_cut_last() {
        let mut report = SweepReport::default();
        let long = "x".repeat(1_000);
        for _ in 0..MAX_ENTRIES {
            report.add_failed(failed(&long, None));
            report.ignored.push(ignored(&long));
        }
        let shown = |report: &SweepReport| {
            let answer = serde_json::to_value(report).unwrap();
            ["failed", "ignored"].map(|list| answer[list].as_array().map_or(0, Vec::len))
        };
        let [failures, others] = shown(&report);
        let size = sizes(&report.failed.first)[0];
        assert_eq!(failures, MAX_LIST_BYTES * 15 / 16 / size);
        assert!((1..10).contains(&others), "{others}");
        assert!(serde_json::to_vec(&report).unwrap().len() < MAX_LIST_BYTES + 7 * 1_024);
        report.ignored = Truncated::default();
        assert_eq!(shown(&report), [MAX_ENTRIES, 0]);
        let answer: Value = serde_json::to_value(&report).unwrap();
        assert_eq!((&answer["outcome"], &answer["failed_total"]), (&json!("swept"), &json!(100)));
    }
}
