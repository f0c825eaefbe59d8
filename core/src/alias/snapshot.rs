//! What a reconciliation of aliases has seen: a scan, the tags that were read after it, and what outlives both.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::{AliasScan, ContentKind};
use crate::oci::digest::Digest;
use crate::oci::invalid_image::{Corruption, Part};
use crate::oci::manifest::StoredManifest;
use crate::oci::tag::Tag;
use crate::reconcile::manifest_list::ManifestList;
use crate::settings::release::Release;

/// What ECR holds: a scan, and the tags that were read after it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Snapshot {
    pub(super) scan: AliasScan,
    /// What each tag named when it was read; `None` for nothing.
    pub(super) reads: BTreeMap<Tag, Option<Digest>>,
}

/// What was learned and does not depend on the latest scan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Knowledge {
    /// The manifests that were read.
    pub(super) contents: BTreeMap<Digest, StoredManifest>,
    /// What tags were seen to name before the latest scan began.
    pub(super) seen: BTreeSet<(Tag, Digest)>,
    /// The releases of earlier scans.
    pub(super) releases: BTreeSet<Release>,
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

impl Knowledge {
    /// What a scan shows under a release, if that is a list. A scan need not state a media type, the manifest does.
    pub(super) fn list_of(&self, release: &Release, scan: &AliasScan) -> Option<Digest> {
        let target = scan.target(release.tag())?;
        let is_list = match self.contents.get(&target.digest) {
            Some(stored) => stored.is_list(),
            None => !matches!(target.content, ContentKind::Other(_) | ContentKind::Artifact(_)),
        };
        is_list.then_some(target.digest)
    }

    /// Drops the lists that were written: of a whole repository, they would add up. What tells that a tag is not the
    /// function's own, or names no list, is kept: it would be read again.
    pub(super) fn drop_written(&mut self, given: &BTreeMap<Digest, StoredManifest>, expected: &BTreeMap<Tag, Digest>) {
        let seen: BTreeSet<Digest> = self.seen.iter().map(|(_, digest)| *digest).collect();
        let expected: BTreeSet<Digest> = expected.values().copied().collect();
        self.contents.retain(|digest, stored| {
            given.contains_key(digest) || !stored.is_list() || (seen.contains(digest) && !expected.contains(digest))
        });
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
