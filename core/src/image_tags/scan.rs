//! The lists whose images a sweep tags, by a scan.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use crate::oci::tag::Tag;
use crate::scan::ScannedTag;
use crate::settings::TagMeaning;

/// The versions whose lists are to be looked at: those that are young, since a push may have had no event, and its tags may
/// not be confirmed. Older ones are looked at by a deep sweep only.
#[derive(Debug)]
pub struct ListsToTag {
    /// When the sweep looks at the scan.
    now: SystemTime,
    /// Below which age a list is looked at. `None` for any.
    settled_after: Option<Duration>,
    versions: BTreeSet<Tag>,
}

impl ListsToTag {
    /// None yet.
    pub fn new(now: SystemTime, settled_after: Duration, deep: bool) -> Self {
        Self { now, settled_after: (!deep).then_some(settled_after), versions: BTreeSet::new() }
    }

    /// Adds a tag of a scan, if it is that of a version whose list is to be looked at.
    pub fn add_scanned(&mut self, scanned: &ScannedTag<'_>) {
        let ScannedTag { tag, meaning, image } = scanned;
        let is_list = matches!(meaning, TagMeaning::Version(_)) && image.is_list() && !image.is_archived;
        let age = self.now.duration_since(image.pushed_at).unwrap_or_default();
        if is_list && self.settled_after.is_none_or(|settled_after| age < settled_after) {
            self.versions.insert(tag.clone());
        }
    }

    /// Adds a version whose list was published since.
    pub fn add(&mut self, version: Tag) {
        self.versions.insert(version);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// The versions.
    pub fn into_versions(self) -> BTreeSet<Tag> {
        self.versions
    }
}
