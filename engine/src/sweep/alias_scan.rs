//! The scan from which the aliases of a repository are reconciled: the one that the sweep makes anyway.

use std::time::Duration;

use ecr_multiarch_core::{AliasScanBuilder, RepositorySettings};

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
        let scan = settings.has_aliases().then(|| AliasScanBuilder::new(settings))?;
        Some(Self { scan, scan_time: Duration::ZERO })
    }
}
