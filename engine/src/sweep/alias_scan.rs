//! The scan from which the aliases of a repository are reconciled: the one that the sweep makes anyway.

use std::time::Duration;

use ecr_multiarch_core::alias::scan::ScannedTag;
use ecr_multiarch_core::inventory::Version;
use ecr_multiarch_core::{AliasScanBuilder, Outcome, RepositorySettings};

use super::VersionResult;
use crate::alias::add_to_scan;
use crate::ecr::ScannedImage;

/// The aliases of a repository that is being swept.
pub(super) struct RepositoryAliases<'a> {
    /// The scan that the sweep makes, and the lists that it has published since.
    pub(super) scan: AliasScanBuilder<'a>,
    /// How long it took.
    pub(super) scan_time: Duration,
}

impl<'a> RepositoryAliases<'a> {
    /// Those of a repository with these settings. `None`, if they have no aliases.
    pub(super) fn new(settings: &'a RepositorySettings) -> Option<Self> {
        let scan = (!settings.aliases.is_empty()).then(|| AliasScanBuilder::new(settings))?;
        Some(Self { scan, scan_time: Duration::ZERO })
    }

    /// Adds a page of the scan, and how long the scan has taken so far.
    pub(super) fn add_page(&mut self, rows: &[ScannedImage], scan_time: Duration) {
        add_to_scan(&mut self.scan, rows);
        self.scan_time = scan_time;
    }

    /// Adds the list of a version that has its result: the scan is older.
    pub(super) fn add_list(&mut self, version: &Version, result: &VersionResult) {
        if let Some(list) = result.as_ref().ok().and_then(Outcome::manifest_list) {
            let (tag, media_type) = (version.tag.as_str(), list.media_type.as_str());
            self.scan.add(ScannedTag { tag, digest: list.digest, media_type });
        }
    }
}
