//! The report: the whole result of an audit.

use std::collections::BTreeMap;
use std::time::SystemTime;

use ecr_multiarch_core::{RegistryId, RepositoryGlob, RepositoryName, timestamp};
use serde::Serialize;

use crate::coverage::{Coverage, Timeline};
use crate::finding::{Finding, Request};
use crate::guess::Guess;
use crate::image::Image;
use crate::listed_images::ListedImages;
use crate::problem::{Kind, KindTexts};
use crate::settings::SuggestedSettings;
use crate::shell::SettingsCommands;
use crate::versions::Version;

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was audited. Its account is `None`, where ECR did not tell that of the credentials.
    pub registry: RegistryId,
    /// When.
    #[serde(serialize_with = "timestamp::serialize")]
    pub audited_at: SystemTime,
    /// The time as of which versions are judged, where it is another.
    #[serde(serialize_with = "timestamp::serialize_option", skip_serializing_if = "Option::is_none")]
    pub as_of: Option<SystemTime>,
    /// Whether manifests were read.
    pub deep: bool,
    /// Its size.
    pub totals: Totals,
    /// Settings for the function, as environment variables; empty, where no repository needs it.
    pub settings: BTreeMap<&'static str, String>,
    /// The same as commands, if there are any settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings_commands: Option<SettingsCommands>,
    /// Why the function would not take these settings as they are, in full sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings_warnings: Vec<String>,
    /// The kinds of the findings, in the order of the findings.
    pub kinds: Vec<KindReport>,
    /// The findings, by repository.
    pub findings: Vec<Finding>,
    /// The periods of all coverage.
    pub timeline: Timeline,
    /// The coverage of all repositories.
    pub coverage: Coverage,
    /// The repositories, in ascending order.
    pub repositories: Vec<RepositoryReport>,
    /// The names and globs to which the audit was limited and that match no repository.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmatched: Vec<RepositoryGlob>,
    /// What the audit could not find out of all repositories, and what follows, in full sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// What could not be scanned or read.
    pub failures: Vec<AuditFailure>,
}

/// Numbers of the whole audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The repositories that were scanned.
    pub repositories: usize,
    /// Their versions.
    pub versions: usize,
    /// The versions with at least one finding, and the aliases.
    pub tags_with_findings: usize,
    /// The findings.
    pub findings: usize,
    /// The versions that were not judged, since they were pushed within the hour before, or after.
    pub recent: usize,
    /// The versions that were not judged, since everything of them is archived.
    pub archived: usize,
}

/// A kind of which there are findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindReport {
    /// The kind.
    pub kind: Kind,
    /// Its texts.
    #[serde(flatten)]
    pub texts: KindTexts,
    /// How many findings.
    pub findings: usize,
}

/// A repository that could not be scanned, or not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditFailure {
    /// The repository.
    pub repository: RepositoryName,
    /// Why.
    pub message: String,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepositoryReport {
    /// Its name.
    pub name: RepositoryName,
    /// What was guessed.
    pub guess: Guess,
    /// Settings for it; `None` if it needs no lists.
    pub settings: Option<SuggestedSettings>,
    /// Its images inside lists; `None`, where lists were not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed_images: Option<ListedImages>,
    /// How many findings it has.
    pub findings: usize,
    /// The request that fixes all findings that requests fix.
    pub request: Option<Request>,
    /// The platforms of its versions.
    pub platforms: Vec<String>,
    /// Its versions, the newest push first.
    pub versions: Vec<AuditedVersion>,
    /// Its coverage.
    pub coverage: Coverage,
}

impl RepositoryReport {
    /// Of each version whose platforms are known, when it was pushed and the names of its platforms.
    pub fn covered(&self) -> impl Iterator<Item = (SystemTime, Vec<&str>)> {
        self.versions.iter().filter_map(|version| {
            let positions = version.platforms.as_ref()?.iter();
            let names = positions.filter_map(|position| Some(self.platforms.get(*position)?.as_str()));
            Some((version.pushed_at, names.collect()))
        })
    }
}

/// A version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditedVersion {
    /// Its tag.
    pub tag: String,
    /// When its newest image was pushed.
    #[serde(serialize_with = "timestamp::serialize")]
    pub pushed_at: SystemTime,
    /// The positions of its platforms in those of the repository; `None`, where nothing tells them.
    pub platforms: Option<Vec<usize>>,
    /// The positions of the platforms that most of its siblings have and it has not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<usize>,
    /// What its own tag names.
    pub names: TagContent,
    /// Whether it was pushed within the hour before, or after, and so is not judged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recent: bool,
    /// Whether everything of it is archived, and it is not judged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
}

impl AuditedVersion {
    /// The version, as of this time.
    pub fn of(version: &Version<'_>, now: SystemTime) -> Self {
        let archived = version.is_archived();
        let recent = !archived && version.is_recent(now);
        Self {
            tag: version.tag.to_owned(),
            pushed_at: version.pushed_at,
            platforms: version.platforms.clone(),
            missing: if recent || archived { Vec::new() } else { version.missing() },
            names: TagContent::of(version.own),
            recent,
            archived,
        }
    }
}

/// What the tag of a version names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TagContent {
    /// A manifest list.
    List,
    /// A single image.
    Image,
    /// Something that is neither.
    Other,
    /// Nothing.
    Nothing,
}

impl TagContent {
    /// What a tag names, by the image that it has.
    fn of(own: Option<&Image>) -> Self {
        match own {
            None => Self::Nothing,
            Some(image) if image.is_list() => Self::List,
            Some(image) if image.is_image() => Self::Image,
            Some(_) => Self::Other,
        }
    }
}
