//! Numbers of the whole audit.

use serde::Serialize;

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
    /// The versions that were not judged, since they were pushed within the last hour.
    pub settling: usize,
    /// The versions that were not judged, since everything of them is archived.
    pub archived: usize,
}
