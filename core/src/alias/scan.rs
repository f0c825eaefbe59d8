//! What a scan shows of a repository's aliases: releases, aliases and yank markers, with what each names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use super::target::Target;
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;
use crate::reconcile::manifest_list::ManifestList;
use crate::scan::{ScannedImage, ScannedTag};
use crate::settings::platform_set::PlatformSet;
use crate::settings::release::Release;
use crate::settings::{RepositorySettings, Streams, TagMeaning};

/// The tags of one scan that matter to aliases: as little as possible of each, since a repository may have a hundred
/// thousand releases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AliasScan {
    /// The releases that are served: those with a tag of their own, and those with platform tags only.
    releases: BTreeMap<Release, ScannedRelease>,
    /// The aliases that exist.
    aliases: BTreeMap<Tag, TagTarget>,
    /// The releases with a marker, and what that names.
    yanked: BTreeMap<Release, TagTarget>,
    /// The manifest lists under version tags, of releases and of other versions.
    version_lists: BTreeSet<Digest>,
    /// Whether it was one read, made just now: a tag that it does not show does not exist.
    is_one_read: bool,
}

/// What a scan shows of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct ScannedRelease {
    /// The platforms whose tags exist.
    platforms: PlatformSet,
    /// When the newest of their images was pushed.
    newest_platform: Option<SystemTime>,
    /// What its own tag names. An image may have a thousand tags, which share it.
    target: Option<Arc<TagTarget>>,
}

/// What a tag names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TagTarget {
    pub(super) digest: Digest,
    pub(super) content: ContentKind,
}

/// What a tag names, according to the media type that a scan states.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ContentKind {
    /// A manifest list.
    List,
    /// A manifest list that is archived, so that nothing can read it.
    ArchivedList,
    /// The scan does not say: only the manifest tells.
    Unknown,
    /// An artifact of this type.
    Artifact(Box<str>),
    /// Anything else, of this media type.
    Other(Box<str>),
}

impl ContentKind {
    fn of(image: &ScannedImage) -> Self {
        match image.media_type.as_str() {
            _ if image.is_list() && image.is_archived => Self::ArchivedList,
            _ if image.is_list() => Self::List,
            _ if image.is_artifact() => Self::Artifact(image.artifact_media_type.as_str().into()),
            "" => Self::Unknown,
            name => Self::Other(name.into()),
        }
    }
}

/// Collects an [`AliasScan`], page by page.
#[derive(Debug)]
pub struct AliasScanBuilder<'a> {
    settings: &'a RepositorySettings,
    scan: AliasScan,
    /// The image that was added last.
    last: Option<Arc<TagTarget>>,
}

impl<'a> AliasScanBuilder<'a> {
    /// A scan of a repository with these settings, of which no page was read yet.
    pub fn new(settings: &'a RepositorySettings) -> Self {
        let scan = AliasScan::default();
        Self { settings, scan, last: None }
    }

    /// Adds an image with its tags. Of a tag that is added twice, the later one holds: it moved between the reads of two
    /// pages.
    pub fn add_image(&mut self, image: &ScannedImage) {
        for scanned in image.scanned_tags(self.settings) {
            self.add(&scanned);
        }
    }

    /// Adds a tag, as [`Self::add_image`] does.
    pub fn add(&mut self, scanned: &ScannedTag<'_>) {
        let target = self.target(scanned.image);
        let Self { settings, scan, .. } = self;
        let ScannedTag { tag, meaning, image } = scanned;
        match meaning {
            TagMeaning::Alias(_) => {
                scan.aliases.insert(tag.clone(), (*target).clone());
            }
            TagMeaning::Marker(marker) => {
                scan.yanked.insert(marker.release().clone(), (*target).clone());
            }
            TagMeaning::Platform(parsed) if !image.is_artifact() => {
                let is_served =
                    |release: &Release| scan.releases.contains_key(release) || settings.serves(release.tag());
                if let Some(release) = settings.streams.release(&parsed.version).filter(is_served) {
                    let scanned = scan.releases.entry(release).or_default();
                    scanned.platforms.insert(parsed.position);
                    scanned.newest_platform = scanned.newest_platform.max(Some(image.pushed_at));
                }
            }
            TagMeaning::Version(_) => {
                if image.is_list() {
                    scan.version_lists.insert(image.digest);
                }
                if let Some(release) = settings.streams.release(tag) {
                    scan.releases.entry(release).or_default().target = Some(target);
                }
            }
            TagMeaning::Platform(_) | TagMeaning::Image(_) | TagMeaning::NotServed(_) => {}
        }
    }

    /// What the tags of an image name.
    fn target(&mut self, image: &ScannedImage) -> Arc<TagTarget> {
        let content = ContentKind::of(image);
        match &self.last {
            Some(last) if last.digest == image.digest && last.content == content => Arc::clone(last),
            _ => Arc::clone(self.last.insert(Arc::new(TagTarget { digest: image.digest, content }))),
        }
    }

    /// Adds the list of a version that was published since the scan was made.
    pub fn add_list(&mut self, version: &Tag, list: &ManifestList) {
        let media_type = list.media_type.as_str();
        self.add_image(&ScannedImage::new(version.as_str(), list.digest, SystemTime::UNIX_EPOCH, media_type));
    }

    /// Records that the list of a version was not found right: that its platform tags exist says nothing about it.
    pub fn distrust(&mut self, version: &Tag) {
        let release = self.settings.streams.release(version);
        if let Some(scanned) = release.and_then(|release| self.scan.releases.get_mut(&release)) {
            scanned.platforms = PlatformSet::default();
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

    /// What an alias or a marker names.
    pub(super) fn named(&self, target: &Target) -> Option<&TagTarget> {
        match target {
            Target::Alias(alias) => self.aliases.get(alias),
            Target::Marker(marker) => self.yanked.get(marker.release()),
            Target::Unusable(_) => None,
        }
    }

    /// What the own tag of a release names.
    pub(super) fn release(&self, release: &Release) -> Option<&TagTarget> {
        self.releases.get(release)?.target.as_deref()
    }

    /// The digest that the tag of a release, an alias or a marker names.
    pub(super) fn digest(&self, tag: &Tag, streams: &Streams) -> Option<Digest> {
        let target = match (self.aliases.get(tag), streams.marker(tag)) {
            (Some(alias), _) => Some(alias),
            (None, Some(marker)) => self.yanked.get(marker.release()),
            (None, None) => self.release(&streams.release(tag)?),
        };
        target.map(|target| target.digest)
    }

    /// The releases that are served, published or not, in ascending order.
    pub(super) fn releases(&self) -> impl DoubleEndedIterator<Item = &Release> {
        self.releases.keys()
    }

    /// The releases that are served, without what the scan shows of them.
    pub(super) fn into_releases(self) -> impl Iterator<Item = Release> {
        self.releases.into_keys()
    }

    /// When the newest image under one of the platform tags of a release was pushed.
    pub(super) fn newest_platform(&self, release: &Release) -> Option<SystemTime> {
        self.releases.get(release)?.newest_platform
    }

    /// Whether all of so many platform tags of a release exist. The function has then seen to its list.
    pub(super) fn has_all_platforms(&self, release: &Release, platforms: usize) -> bool {
        self.releases.get(release).is_some_and(|existing| existing.platforms.is_full(platforms))
    }

    /// The aliases that exist, whatever they name.
    pub(super) fn aliases(&self) -> impl Iterator<Item = &Tag> {
        self.aliases.keys()
    }

    /// The releases that are yanked.
    pub(super) fn yanked(&self) -> impl Iterator<Item = &Release> {
        self.yanked.keys()
    }

    pub(super) fn is_yanked(&self, release: &Release) -> bool {
        self.yanked.contains_key(release)
    }

    /// Whether a version's tag names this manifest list.
    pub(super) fn is_list_of_version(&self, digest: Digest) -> bool {
        self.version_lists.contains(&digest)
    }

    /// Shows the list under a release, or under the marker of it, as a dry run would have written it.
    pub(super) fn assume(&mut self, release: &Release, tag: &Tag, digest: Digest) {
        let target = TagTarget { digest, content: ContentKind::List };
        if tag == release.tag() {
            self.releases.entry(release.clone()).or_default().target = Some(Arc::new(target));
        } else {
            self.yanked.insert(release.clone(), target);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixtures::{CHART_CONFIG, release, settings_of_app};
    use crate::oci::media_type::MediaType;

    const IMAGE: &str = MediaType::OciManifest.as_str();

    fn scanned(tags: &[&str], pushed_s: u64, media_type: &str) -> ScannedImage {
        let pushed_at = SystemTime::UNIX_EPOCH + Duration::from_secs(pushed_s);
        let image = ScannedImage::new("", Digest::sha256(tags[0]), pushed_at, media_type);
        ScannedImage { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..image }
    }

    fn scan(images: &[ScannedImage]) -> AliasScan {
        let settings = settings_of_app(&[("PLATFORMS", "linux/amd64,linux/arm64"), ("ALIASES", "latest")]);
        let mut builder = AliasScanBuilder::new(&settings);
        for image in images {
            builder.add_image(image);
        }
        builder.finish()
    }

    #[test]
    fn content_is_what_a_scan_says_of_it() {
        let list = MediaType::OciIndex.as_str();
        for (media_type, artifact_media_type, is_archived, expected) in [
            (list, "", false, ContentKind::List),
            (list, "", true, ContentKind::ArchivedList),
            (IMAGE, "", false, ContentKind::Other(IMAGE.into())),
            (IMAGE, "", true, ContentKind::Other(IMAGE.into())),
            (IMAGE, CHART_CONFIG, false, ContentKind::Artifact(CHART_CONFIG.into())),
            ("", "", false, ContentKind::Unknown),
        ] {
            let artifact_media_type = artifact_media_type.to_owned();
            let image = ScannedImage { artifact_media_type, is_archived, ..scanned(&["1.2.3"], 1, media_type) };
            assert_eq!(ContentKind::of(&image), expected, "{image:?}");
        }
    }

    #[test]
    fn release_has_the_platforms_whose_tags_name_images() {
        let (amd64, arm64) = (scanned(&["1.2.3-amd64"], 1, IMAGE), scanned(&["1.2.3-arm64"], 2, IMAGE));
        let chart = ScannedImage { artifact_media_type: CHART_CONFIG.to_owned(), ..arm64.clone() };
        for (images, is_complete, pushed_s) in [([amd64.clone(), arm64], true, 2), ([amd64, chart], false, 1)] {
            let scan = scan(&images);
            assert_eq!(scan.has_all_platforms(&release("1.2.3"), 2), is_complete);
            let newest = scan.newest_platform(&release("1.2.3")).unwrap();
            assert_eq!(newest.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), pushed_s);
        }
    }

    #[test]
    fn tags_of_one_image_share_what_is_kept_of_it() {
        let list = MediaType::OciIndex.as_str();
        let scan = scan(&[scanned(&["1.2.3", "1.2.4"], 1, list), scanned(&["1.2.5"], 1, list)]);
        let target = |version: &str| scan.releases[&release(version)].target.clone().unwrap();
        assert!(Arc::ptr_eq(&target("1.2.3"), &target("1.2.4")));
        assert_ne!(target("1.2.3"), target("1.2.5"));
    }
}
