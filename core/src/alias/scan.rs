//! What a scan shows of a repository's aliases: releases, aliases and yank markers, with what each names.

use std::collections::{BTreeMap, BTreeSet};

use super::marker::YankMarker;
use super::release::Release;
use crate::oci::digest::Digest;
use crate::oci::media_type::MediaType;
use crate::oci::tag::Tag;
use crate::settings::RepositorySettings;

/// A tag of a scan.
#[derive(Debug, Clone, Copy)]
pub struct ScannedTag<'a> {
    /// The tag.
    pub tag: &'a str,
    /// What it names.
    pub digest: Digest,
    /// The media type of that; empty where it is not known.
    pub media_type: &'a str,
}

/// The tags of one scan that matter to aliases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AliasScan {
    /// What releases, aliases and markers name.
    tags: BTreeMap<Tag, Named>,
    /// The releases that are served: those with a tag of their own, and those with platform tags only.
    pub(super) releases: BTreeSet<Release>,
    /// The releases with a marker.
    yanked: BTreeSet<Release>,
    /// The manifest lists under version tags, of releases and of other versions.
    version_lists: BTreeSet<Digest>,
    /// Whether it was one read, made just now: a tag that it does not show does not exist.
    is_one_read: bool,
}

/// What a tag names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Named {
    pub(super) digest: Digest,
    pub(super) kind: Kind,
}

/// What the media type of a scan says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    List,
    /// There is none, so only the manifest tells.
    Unknown,
    /// Anything else, of this media type.
    Other(Box<str>),
}

impl Kind {
    fn from_media_type(name: &str) -> Self {
        match MediaType::from_name(name) {
            Some(media_type) if media_type.is_manifest_list() => Self::List,
            _ if name.is_empty() => Self::Unknown,
            _ => Self::Other(name.into()),
        }
    }
}

/// Collects an [`AliasScan`], page by page.
#[derive(Debug)]
pub struct AliasScanBuilder<'a> {
    settings: &'a RepositorySettings,
    scan: AliasScan,
}

impl<'a> AliasScanBuilder<'a> {
    /// A scan of a repository with these settings, of which no page was read yet.
    pub fn new(settings: &'a RepositorySettings) -> Self {
        let scan = AliasScan {
            tags: BTreeMap::new(),
            releases: BTreeSet::new(),
            yanked: BTreeSet::new(),
            version_lists: BTreeSet::new(),
            is_one_read: false,
        };
        Self { settings, scan }
    }

    /// Adds a tag. Of a tag that is added twice, the later one holds: it moved between the reads of two pages, or the
    /// caller wrote it after the scan.
    pub fn add(&mut self, scanned: ScannedTag<'_>) {
        let Self { settings, scan } = self;
        let ScannedTag { tag, digest, media_type } = scanned;
        let Ok(tag) = tag.parse::<Tag>() else { return };
        let named = Named { digest, kind: Kind::from_media_type(media_type) };
        if settings.aliases.template_of(&tag).is_some() {
            scan.tags.insert(tag, named);
        } else if let Some(marker) = YankMarker::from_tag(&tag) {
            scan.yanked.insert(marker.release().clone());
            scan.tags.insert(tag, named);
        } else if let Some(parsed) = settings.tag_scheme.parse(&tag) {
            let is_new = |release: &Release| !scan.releases.contains(release);
            let release = Release::from_tag(&parsed.version).filter(is_new);
            scan.releases.extend(release.filter(|release| settings.platform_tags(release.tag()).is_ok()));
        } else if settings.platform_tags(&tag).is_ok() {
            if named.kind == Kind::List {
                scan.version_lists.insert(digest);
            }
            if let Some(release) = Release::from_tag(&tag) {
                scan.releases.insert(release);
                scan.tags.insert(tag, named);
            }
        }
    }

    /// The scan, after its last page.
    pub fn finish(self) -> AliasScan {
        self.scan
    }
}

impl AliasScan {
    /// The scan, which was one read and is used at once. No tag can be missing from all of its pages.
    #[must_use]
    pub fn of_one_read(self) -> Self {
        Self { is_one_read: true, ..self }
    }

    pub(super) fn is_one_read(&self) -> bool {
        self.is_one_read
    }

    /// What a release, an alias or a marker names.
    pub(super) fn named(&self, tag: &Tag) -> Option<&Named> {
        self.tags.get(tag)
    }

    pub(super) fn digest(&self, tag: &Tag) -> Option<Digest> {
        self.named(tag).map(|named| named.digest)
    }

    /// All releases, aliases and markers that name something.
    pub(super) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.tags.keys()
    }

    pub(super) fn yanked(&self) -> &BTreeSet<Release> {
        &self.yanked
    }

    /// Whether a version's tag names this manifest list.
    pub(super) fn is_list_of_version(&self, digest: Digest) -> bool {
        self.version_lists.contains(&digest)
    }

    /// Shows the list under this release or marker, as a dry run would have written it.
    pub(super) fn assume(&mut self, tag: &Tag, digest: Digest) {
        if let Some(marker) = YankMarker::from_tag(tag) {
            self.yanked.insert(marker.release().clone());
        } else {
            self.releases.extend(Release::from_tag(tag));
        }
        self.tags.insert(tag.clone(), Named { digest, kind: Kind::List });
    }
}
