//! What a reconciliation of aliases has seen: a scan, the tags that were read after it, and what outlives both.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::AliasConflict;
use super::scan::{AliasScan, ContentKind};
use crate::excerpt::ImageText;
use crate::oci::digest::Digest;
use crate::oci::invalid_image::{Corruption, Part};
use crate::oci::manifest::StoredManifest;
use crate::oci::platform::Platform;
use crate::oci::tag::Tag;
use crate::reconcile::manifest_list::ManifestList;
use crate::reconcile::right_list::{conflict, index_of, missing_platforms};
use crate::settings::RepositorySettings;
use crate::settings::configured_platform::ConfiguredPlatform;
use crate::settings::release::Release;

/// What ECR holds: a scan, and the tags that were read after it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Snapshot {
    pub(super) scan: AliasScan,
    /// What each tag named when it was read; `None` for nothing.
    pub(super) reads: BTreeMap<Tag, Option<Digest>>,
}

/// What was learned and does not depend on the latest scan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Knowledge {
    /// What the manifests are that were read.
    contents: BTreeMap<Digest, Content>,
    /// The lists that may be written.
    lists: BTreeMap<Digest, StoredManifest>,
    /// What tags were seen to name before the latest scan began.
    pub(super) seen: BTreeSet<(Tag, Digest)>,
    /// The releases of earlier scans.
    pub(super) releases: BTreeSet<Release>,
}

/// What a manifest is, as far as it matters to aliases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Content {
    is_list: bool,
    /// Why it must not be replaced, if it must not.
    conflict: Option<AliasConflict>,
    /// The configured platforms that it lacks, if it is a list and does.
    missing: Option<ImageText>,
}

impl Snapshot {
    /// A scan after which nothing was read yet.
    pub(super) fn new(scan: AliasScan) -> Self {
        Self { scan, reads: BTreeMap::new() }
    }

    /// What a tag named when it was read.
    pub(super) fn read(&self, tag: &Tag) -> Option<Digest> {
        self.reads.get(tag).copied().flatten()
    }
}

impl Content {
    fn of(stored: &StoredManifest, settings: &RepositorySettings) -> Self {
        let platforms = settings.tag_scheme.platforms();
        let is_configured = |platform: &Platform| platforms.iter().any(|one| !one.contradicts(platform));
        // What bytes of another digest say is the error of whoever writes them.
        let (is_list, index) = (stored.is_list(), index_of(stored));
        let is_judged = is_list && Digest::sha256(&*stored.text) == stored.digest;
        let missing = if is_judged { missing_platforms(index.as_ref(), platforms) } else { Vec::new() };
        let names: Vec<_> = missing.into_iter().map(ConfiguredPlatform::to_string).collect();
        let missing = (!names.is_empty()).then(|| names.join(", ").into());
        Self { is_list, conflict: conflict(stored, index.as_ref(), is_configured).map(AliasConflict::from), missing }
    }
}

impl Knowledge {
    /// Adds what a manifest is that was read, or given. It is judged once, however often it is read.
    pub(super) fn add(&mut self, stored: &StoredManifest, settings: &RepositorySettings) {
        self.contents.entry(stored.digest).or_insert_with(|| Content::of(stored, settings));
    }

    /// Keeps the bytes of a list that may be written.
    pub(super) fn keep(&mut self, stored: StoredManifest) {
        if self.may_be_list(stored.digest) {
            self.lists.insert(stored.digest, stored);
        }
    }

    /// What a scan shows under a release, if that is a list. A scan need not state a media type, the manifest does.
    pub(super) fn list_of(&self, release: &Release, scan: &AliasScan) -> Option<Digest> {
        let target = scan.release(release)?;
        let is_list = match self.contents.get(&target.digest) {
            Some(content) => content.is_list,
            None => !matches!(target.content, ContentKind::Other(_) | ContentKind::Artifact(_)),
        };
        is_list.then_some(target.digest)
    }

    /// Whether the manifest was read, or given.
    pub(super) fn has_read(&self, digest: Digest) -> bool {
        self.contents.contains_key(&digest)
    }

    /// Whether it is a list, unless it was read and is not.
    pub(super) fn may_be_list(&self, digest: Digest) -> bool {
        self.contents.get(&digest).is_none_or(|content| content.is_list)
    }

    /// Why it must not be replaced, if it was read and must not.
    pub(super) fn conflict(&self, digest: Digest) -> Option<&AliasConflict> {
        self.contents.get(&digest)?.conflict.as_ref()
    }

    /// The platforms that it lacks, if it was read and is a list that does.
    pub(super) fn missing(&self, digest: Digest) -> Option<&ImageText> {
        self.contents.get(&digest)?.missing.as_ref()
    }

    /// The bytes of a list that may be written.
    pub(super) fn list(&self, digest: Digest) -> Option<&StoredManifest> {
        self.lists.get(&digest)
    }

    /// How many bytes the lists have that may be written.
    pub(super) fn bytes(&self) -> usize {
        self.lists.values().map(|stored| stored.text.len()).sum()
    }

    /// Drops the lists that were written: of a whole repository, they would add up.
    pub(super) fn drop_written(&mut self, given: &BTreeMap<Digest, StoredManifest>, expected: &BTreeMap<Tag, Digest>) {
        let expected: BTreeSet<Digest> = expected.values().copied().collect();
        self.lists.retain(|digest, _| given.contains_key(digest) || !expected.contains(digest));
    }
}

/// The list of a stored manifest, whose bytes are compared with its digest.
pub(super) fn list(stored: &StoredManifest) -> Result<ManifestList, Corruption> {
    let actual = Digest::sha256(&*stored.text);
    match stored.known_media_type() {
        Some(media_type) if actual == stored.digest => {
            Ok(ManifestList { media_type, text: stored.text.to_string(), digest: stored.digest })
        }
        _ => Err(Corruption::Digest { part: Part::Manifest, actual, expected: stored.digest }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{IMAGE_CONFIG, image, settings_of_app, stored};
    use crate::oci::media_type::MediaType;

    #[test]
    fn bytes_are_held_of_what_may_be_a_list() {
        let settings = settings_of_app(&[("PLATFORMS", "linux/amd64")]);
        let (list, image) = (stored(MediaType::OciIndex, &json!({"manifests": []})), image(IMAGE_CONFIG));
        let mut knowledge = Knowledge::default();
        assert!(knowledge.may_be_list(image.digest));
        for stored in [&list, &image] {
            knowledge.add(stored, &settings);
            knowledge.keep(stored.clone());
        }
        assert_eq!([&list, &image].map(|stored| knowledge.may_be_list(stored.digest)), [true, false]);
        assert_eq!(knowledge.bytes(), list.text.len());
        knowledge.drop_written(&BTreeMap::new(), &BTreeMap::from([("latest".parse().unwrap(), list.digest)]));
        assert_eq!(knowledge.bytes(), 0);
    }
}
