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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::settings_of_app;
    use crate::oci::digest::Digest;
    use crate::oci::media_type::MediaType;
    use crate::scan::ScannedImage;

    const LIST: MediaType = MediaType::OciIndex;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Whether a sweep, in the second 100, looks at the list under a tag.
    fn is_looked_at(tag: &str, pushed_at: u64, media_type: MediaType, is_archived: bool, deep: bool) -> bool {
        let settings = settings_of_app(&[("PLATFORMS", "linux/amd64")]);
        let image = ScannedImage::new(tag, Digest::sha256(tag), at(pushed_at), media_type.as_str());
        let image = ScannedImage { is_archived, ..image };
        let mut lists = ListsToTag::new(at(100), Duration::from_mins(1), deep);
        image.scanned_tags(&settings).for_each(|scanned| lists.add_scanned(&scanned));
        let is_empty = lists.is_empty();
        assert_eq!(lists.into_versions().iter().map(Tag::as_str).eq([tag]), !is_empty);
        !is_empty
    }

    #[test]
    fn young_list_of_a_version_is_looked_at() {
        for (pushed_at, expected) in [(40, false), (41, true), (100, true), (200, true)] {
            assert_eq!(is_looked_at("1", pushed_at, LIST, false, false), expected, "{pushed_at}");
            assert!(is_looked_at("1", pushed_at, LIST, false, true), "{pushed_at}");
        }
    }

    #[test]
    fn what_is_no_list_of_a_version_is_not_looked_at() {
        assert!(!is_looked_at("1-amd64", 99, LIST, false, true));
        assert!(!is_looked_at("1", 99, MediaType::OciManifest, false, true));
        assert!(!is_looked_at("1", 99, LIST, true, true));
    }

    #[test]
    fn list_that_was_published_since_is_looked_at() {
        let mut lists = ListsToTag::new(at(100), Duration::from_mins(1), false);
        lists.add("1".parse().unwrap());
        assert!(!lists.is_empty());
        assert_eq!(lists.into_versions().len(), 1);
    }
}
