//! A repository in the report.

use std::time::SystemTime;

use ecr_multiarch_core::RepositoryName;
use serde::Serialize;

use super::version::VersionReport;
use crate::coverage::Coverage;
use crate::guess::Guess;
use crate::repository_settings::RepositorySettings;
use crate::request::Request;

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepositoryReport {
    /// Its name.
    pub name: RepositoryName,
    /// What was guessed.
    pub guess: Guess,
    /// Settings for it; `None` if it needs no lists.
    pub settings: Option<RepositorySettings>,
    /// How many findings it has.
    pub findings: usize,
    /// The request that mends all findings that requests mend.
    pub request: Option<Request>,
    /// The platforms of its versions.
    pub platforms: Vec<String>,
    /// Its versions, the newest push first.
    pub versions: Vec<VersionReport>,
    /// Its coverage.
    pub coverage: Coverage,
}

impl RepositoryReport {
    /// The versions whose platforms are known.
    pub fn known_versions(&self) -> impl Iterator<Item = &VersionReport> {
        self.versions.iter().filter(|version| version.platforms.is_some())
    }

    /// When a version was pushed, and the names of its platforms: what its coverage counts.
    pub fn covered(&self, version: &VersionReport) -> (SystemTime, Vec<&str>) {
        let positions = version.platforms.iter().flatten();
        (version.pushed_at, positions.filter_map(|position| Some(self.platforms.get(*position)?.as_str())).collect())
    }
}
