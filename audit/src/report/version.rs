//! A version in the report.

use std::time::SystemTime;

use serde::Serialize;

use super::named::Named;
use crate::calendar::serialize_rfc_3339;
use crate::version::Version;

/// A version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionReport {
    /// Its tag.
    pub tag: String,
    /// When its newest image was pushed.
    #[serde(serialize_with = "serialize_rfc_3339")]
    pub pushed_at: SystemTime,
    /// The positions of its platforms in those of the repository; `None`, where nothing tells them.
    pub platforms: Option<Vec<usize>>,
    /// The positions of the platforms that most of its siblings have and it has not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<usize>,
    /// What its own tag names.
    pub names: Named,
    /// Whether it was pushed within the last hour, and so is not judged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub settling: bool,
    /// Whether everything of it is archived, and it is not judged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
}

impl VersionReport {
    /// The report of a version, as of this time.
    pub fn of(version: &Version<'_>, now: SystemTime) -> Self {
        let archived = version.is_archived();
        let settling = !archived && version.is_settling(now);
        Self {
            tag: version.tag.to_owned(),
            pushed_at: version.pushed_at,
            platforms: version.platforms.clone(),
            missing: if settling || archived { Vec::new() } else { version.missing() },
            names: Named::of(version.own),
            settling,
            archived,
        }
    }
}
