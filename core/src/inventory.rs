//! The versions of a repository according to a scan: which are up to date, and which need to be reconciled.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::time::{Duration, SystemTime};

use crate::oci::tag::Tag;
use crate::reconcile::outcome::Taken;
use crate::scan::ScannedTag;
use crate::settings::configured_platform::ConfiguredPlatform;
use crate::settings::platform_set::PlatformSet;
use crate::settings::tag_scheme::TagScheme;
use crate::settings::{RepositorySettings, SweepSettings, TagMeaning, VersionNotServed};

/// The tags of a repository, grouped by version page by page.
#[derive(Debug)]
pub struct Inventory<'a> {
    settings: &'a RepositorySettings,
    versions: HashMap<Tag, Record>,
    /// What the tags name that may be versions' own, by their hashes: an image may have a thousand such tags, of which few
    /// have platform tags beside them. Of a million tags, two have the same 64 bits with a probability of one to 37 million.
    targets: HashMap<u64, Target>,
}

/// What is kept of a version: as little as possible, since there may be a hundred thousand.
#[derive(Debug, Default)]
struct Record {
    platforms: PlatformSet,
    archived: PlatformSet,
    has_index: bool,
    newest_platform: Option<SystemTime>,
}

/// What the version's own tag names.
#[derive(Debug, Clone, Copy)]
struct Target {
    pushed_at: SystemTime,
    names: OwnTag,
    is_archived: bool,
}

/// The status of a version according to a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionStatus {
    /// All platforms exist, and a manifest list that was pushed after them, long enough ago to be trusted.
    UpToDate,
    /// The same, but too young to be trusted: a write that ECR carries out late can look like this, and so can a push in
    /// the same second. Its manifest list is to be compared by digest.
    Unsettled,
    /// All platforms exist, and the manifest list is missing, older than one of them, or something else.
    OutOfDate,
    /// A platform is missing.
    Incomplete,
    /// What the version's own tag names is archived, so that it is left alone.
    Archived,
}

/// What the own tag of a version names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnTag {
    /// A manifest list.
    List,
    /// Anything else.
    Taken(Taken),
}

/// What an inventory shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The versions that are served and have at least one platform. Those without a tag of their own come first, and of
    /// each kind the newest: where a sweep cannot do all, it does those that somebody waits for, and lists that ECR does not
    /// replace keep no others from being published.
    pub served: Vec<Version>,
    /// Those that have all platforms and are not served, in ascending order, with the reason.
    pub ignored: Vec<(Tag, VersionNotServed)>,
}

/// A version of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its tag.
    pub tag: Tag,
    /// The platforms that exist.
    pub platforms: PlatformSet,
    /// Those whose images are archived.
    pub archived: PlatformSet,
    /// Whether one of its platform tags names an index.
    pub has_index: bool,
    /// Its status.
    pub status: VersionStatus,
    /// What its own tag names, if that exists.
    pub own: Option<OwnTag>,
    /// When the newest image under one of its platform tags was first pushed.
    pub newest_platform: Option<SystemTime>,
    /// Whether it is older than the sweep goes back, by its newest platform, and has no young list, which is compared at
    /// any age.
    pub is_too_old: bool,
    /// Whether it is reported, if it is incomplete: by the age of its newest platform, it should be complete, and is
    /// not too old to matter.
    pub is_overdue: bool,
}

impl Version {
    /// The platforms that are missing.
    pub fn missing<'a>(&self, tag_scheme: &'a TagScheme) -> impl Iterator<Item = &'a ConfiguredPlatform> {
        let existing = self.platforms;
        let platforms = tag_scheme.platforms().iter().enumerate();
        platforms.filter(move |(position, _)| !existing.contains(*position)).map(|(_, platform)| platform)
    }

    /// The platforms whose images are archived.
    pub fn archived<'a>(&self, tag_scheme: &'a TagScheme) -> impl Iterator<Item = &'a ConfiguredPlatform> {
        let archived = self.archived;
        let platforms = tag_scheme.platforms().iter().enumerate();
        platforms.filter(move |(position, _)| archived.contains(*position)).map(|(_, platform)| platform)
    }

    /// Whether its list is archived, or an image of a version that has a list.
    pub fn has_archived_image(&self) -> bool {
        self.status == VersionStatus::Archived || !self.archived.is_empty() && self.own == Some(OwnTag::List)
    }

    /// Whether its manifests are to be read: a scan cannot tell whether its list is right.
    pub fn needs_read(&self, deep: bool) -> bool {
        !self.is_too_old
            && match self.status {
                VersionStatus::OutOfDate | VersionStatus::Unsettled => true,
                VersionStatus::UpToDate => deep,
                // It lacks nothing if its list is right. An index of several platforms explains why it lacks one.
                VersionStatus::Incomplete => self.is_overdue && (self.own == Some(OwnTag::List) || self.has_index),
                VersionStatus::Archived => false,
            }
    }
}

impl<'a> Inventory<'a> {
    /// An empty inventory of a repository with these settings.
    pub fn new(settings: &'a RepositorySettings) -> Self {
        Self { settings, versions: HashMap::new(), targets: HashMap::new() }
    }

    /// Adds one tag of one image.
    pub fn add(&mut self, scanned: &ScannedTag<'_>) {
        let ScannedTag { tag, meaning, image } = scanned;
        match meaning {
            TagMeaning::Platform(parsed) if !image.is_artifact() => {
                let record = self.versions.entry(parsed.version.clone()).or_default();
                record.platforms.insert(parsed.position);
                record.has_index |= image.is_list();
                if image.is_archived {
                    record.archived.insert(parsed.position);
                }
                record.newest_platform = record.newest_platform.max(Some(image.pushed_at));
            }
            TagMeaning::Version(_) => {
                let names = match () {
                    () if image.is_artifact() => OwnTag::Taken(Taken::Artifact),
                    () if image.media_type.is_empty() || image.is_list() => OwnTag::List,
                    () => OwnTag::Taken(Taken::SingleImage),
                };
                let target = Target { pushed_at: image.pushed_at, names, is_archived: image.is_archived };
                self.targets.insert(self.versions.hasher().hash_one(tag), target);
            }
            TagMeaning::Platform(_)
            | TagMeaning::Image(_)
            | TagMeaning::Alias(_)
            | TagMeaning::Marker(_)
            | TagMeaning::NotServed(_) => {}
        }
    }

    /// What the inventory shows, for a sweep that goes back so far, if it has a limit.
    pub fn versions(self, now: SystemTime, sweep: &SweepSettings, max_age: Option<Duration>) -> Versions {
        let Self { settings, versions, targets } = self;
        let hashes = versions.hasher().clone();
        let count = settings.tag_scheme.platforms().len();
        let reported_ages = sweep.incomplete_after..=sweep.incomplete_until;
        let mut all = Versions::default();
        for (tag, record) in versions {
            let target = targets.get(&hashes.hash_one(&tag)).copied();
            // A tag of its own was found to be a version that is served.
            if target.is_none()
                && let Err(reason) = settings.platform_tags(&tag)
            {
                if record.platforms.is_full(count) {
                    all.ignored.push((tag, reason));
                }
                continue;
            }
            let age = record.newest_platform.and_then(|pushed_at| now.duration_since(pushed_at).ok());
            let is_young_list = |target: Target| target.names == OwnTag::List && target.age(now) < sweep.settled_after;
            let has_young_list = target.is_some_and(is_young_list);
            all.served.push(Version {
                tag,
                platforms: record.platforms,
                archived: record.archived,
                has_index: record.has_index,
                status: record.status(target, count, now, sweep.settled_after),
                own: target.map(|target| target.names),
                newest_platform: record.newest_platform,
                is_too_old: !has_young_list && max_age.is_some_and(|max_age| age > Some(max_age)),
                is_overdue: age.is_some_and(|age| reported_ages.contains(&age)),
            });
        }
        all.served.sort_by(|one, other| {
            let by_age = other.newest_platform.cmp(&one.newest_platform);
            one.own.is_some().cmp(&other.own.is_some()).then(by_age).then_with(|| one.tag.cmp(&other.tag))
        });
        all.ignored.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }
}

impl Target {
    /// Its age. One that is negative, by clocks that differ, is young.
    fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.pushed_at).unwrap_or_default()
    }
}

impl Record {
    fn status(
        &self,
        target: Option<Target>,
        platforms: usize,
        now: SystemTime,
        settled_after: Duration,
    ) -> VersionStatus {
        if target.is_some_and(|target| target.is_archived) {
            return VersionStatus::Archived;
        }
        if !self.platforms.is_full(platforms) {
            return VersionStatus::Incomplete;
        }
        match target {
            // The manifest list is the youngest.
            Some(target) if target.names == OwnTag::List && self.newest_platform <= Some(target.pushed_at) => {
                if target.age(now) < settled_after { VersionStatus::Unsettled } else { VersionStatus::UpToDate }
            }
            _ => VersionStatus::OutOfDate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{CHART_CONFIG, settings, settings_of_app};
    use crate::oci::digest::Digest;
    use crate::scan::ScannedImage;

    const LIST: &str = "application/vnd.oci.image.index.v1+json";
    const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn versions(tags: &[(&str, u64, &str)], now: SystemTime) -> Vec<Version> {
        let variables = [
            ("PLATFORMS", "linux/amd64,linux/arm64"),
            ("VERSION_PATTERN", r"[\d.]+(-amd64)?"),
            ("SETTLED_AFTER", "1m"),
        ];
        let image = |(tag, pushed_at, media_type): &(&str, u64, &str)| {
            ScannedImage::new(tag, Digest::sha256(tag), at(*pushed_at), media_type)
        };
        versions_of(&variables, &tags.iter().map(image).collect::<Vec<_>>(), now)
    }

    fn versions_of(variables: &[(&str, &str)], images: &[ScannedImage], now: SystemTime) -> Vec<Version> {
        all_of(variables, images, now, None).served
    }

    fn all_of(
        variables: &[(&str, &str)],
        images: &[ScannedImage],
        now: SystemTime,
        max_age: Option<Duration>,
    ) -> Versions {
        let settings = settings(variables).unwrap();
        let repository = settings.for_repository(&"app".parse().unwrap()).unwrap();
        let mut inventory = Inventory::new(repository);
        for scanned in images.iter().flat_map(|image| image.scanned_tags(repository)) {
            inventory.add(&scanned);
        }
        inventory.versions(now, &settings.sweep(), max_age)
    }

    #[track_caller]
    fn check(tags: &[(&str, u64, &str)], expected: VersionStatus) {
        let found = versions(tags, at(100));
        assert_eq!(found.iter().map(|version| version.status).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn list_no_older_than_its_platforms_is_up_to_date() {
        check(&[("1-amd64", 1, IMAGE), ("1-arm64", 2, LIST), ("1", 2, LIST)], VersionStatus::UpToDate);
        check(&[("1", 3, LIST), ("1-amd64", 1, IMAGE), ("1-arm64", 2, IMAGE)], VersionStatus::UpToDate);
        check(&[("1-amd64", 1, IMAGE), ("1-arm64", 2, IMAGE), ("1", 2, "")], VersionStatus::UpToDate);
    }

    #[test]
    fn young_list_is_unsettled() {
        let tags = [("1-amd64", 1, IMAGE), ("1-arm64", 2, IMAGE), ("1", 40, LIST)];
        for (now, expected) in [
            (10, VersionStatus::Unsettled),
            (40, VersionStatus::Unsettled),
            (99, VersionStatus::Unsettled),
            (100, VersionStatus::UpToDate),
        ] {
            assert_eq!(versions(&tags, at(now))[0].status, expected, "{now}");
        }
    }

    #[test]
    fn version_without_a_current_list_is_out_of_date() {
        check(&[("1-amd64", 1, IMAGE), ("1-arm64", 2, IMAGE)], VersionStatus::OutOfDate);
        check(&[("1-amd64", 1, IMAGE), ("1-arm64", 4, IMAGE), ("1", 3, LIST)], VersionStatus::OutOfDate);
        check(&[("1-amd64", 1, IMAGE), ("1-arm64", 2, IMAGE), ("1", 3, IMAGE)], VersionStatus::OutOfDate);
        check(&[("1-amd64", 1, IMAGE), ("1", 3, LIST)], VersionStatus::Incomplete);
    }

    #[test]
    fn version_is_taken_by_an_image_under_its_own_tag() {
        for (media_type, expected) in
            [(IMAGE, OwnTag::Taken(Taken::SingleImage)), (LIST, OwnTag::List), ("", OwnTag::List)]
        {
            assert_eq!(versions(&[("1-arm64", 1, IMAGE), ("1", 2, media_type)], at(100))[0].own, Some(expected));
        }
        assert_eq!(versions(&[("1-arm64", 1, IMAGE)], at(100))[0].own, None);
    }

    #[test]
    fn overdue_version_with_an_index_is_read() {
        for (media_type, age_s, expected) in
            [(IMAGE, 3_600, false), (LIST, 3_599, false), (LIST, 3_600, true), (LIST, 8 * 86_400, false)]
        {
            let found = versions(&[("1-arm64", 0, media_type)], at(age_s));
            assert_eq!(found[0].needs_read(false), expected, "{media_type} {age_s}");
        }
    }

    #[test]
    fn tags_of_versions_not_served_are_left_out() {
        let tags = [("latest", 1, LIST), ("x-amd64", 1, IMAGE), ("1-amd64-amd64", 1, IMAGE), ("bad/tag", 1, IMAGE)];
        assert_eq!(versions(&tags, at(100)), []);
    }

    #[test]
    fn artifact_under_a_platform_tag_is_not_an_image() {
        for (artifact, versions) in [(CHART_CONFIG, 0), ("", 1)] {
            let chart = ScannedImage::new("1-amd64", Digest::sha256("1"), at(1), IMAGE);
            let chart = ScannedImage { artifact_media_type: artifact.to_owned(), ..chart };
            let found = versions_of(&[("PLATFORMS", "linux/amd64")], &[chart], at(2));
            assert_eq!(found.len(), versions, "{artifact}");
        }
    }

    #[test]
    fn version_is_overdue_by_the_age_of_its_newest_platform() {
        for (age_s, expected) in [(3_599, false), (3_600, true), (7 * 86_400, true), (7 * 86_400 + 1, false)] {
            let found = versions(&[("1-amd64", 0, IMAGE)], at(age_s));
            assert_eq!(found[0].is_overdue, expected, "{age_s}");
        }
    }

    #[test]
    fn version_tells_its_missing_and_archived_platforms() {
        let variables = [("PLATFORMS", "linux/amd64,linux/arm64,linux/s390x")];
        let tag_scheme = &settings_of_app(&variables).tag_scheme;
        let scanned = |tag: &str, is_archived, media_type| ScannedImage {
            is_archived,
            ..ScannedImage::new(tag, Digest::sha256(tag), at(1), media_type)
        };
        let of = |images: &[ScannedImage]| versions_of(&variables, images, at(9_000)).remove(0);
        let names = |platforms: &mut dyn Iterator<Item = &ConfiguredPlatform>| {
            platforms.map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let (amd64, arm64) = (scanned("1-amd64", false, IMAGE), scanned("1-arm64", true, IMAGE));
        let version = of(&[amd64.clone(), arm64.clone()]);
        assert_eq!(names(&mut version.missing(tag_scheme)), "linux/s390x");
        assert_eq!(names(&mut version.archived(tag_scheme)), "linux/arm64");
        for (images, expected) in [
            (vec![amd64.clone()], false),
            (vec![amd64.clone(), arm64.clone()], false),
            (vec![amd64.clone(), scanned("1", false, LIST)], false),
            (vec![amd64.clone(), arm64.clone(), scanned("1", false, LIST)], true),
            (vec![amd64.clone(), arm64, scanned("1", false, IMAGE)], false),
            (vec![amd64, scanned("1", true, LIST)], true),
        ] {
            assert_eq!(of(&images).has_archived_image(), expected, "{images:?}");
        }
    }

    #[test]
    fn complete_version_that_is_not_served_is_told() {
        let variables = [("PLATFORMS", "linux/amd64,linux/arm64"), ("VERSION_PATTERN", r"\d+")];
        let images = ["x-amd64", "x-arm64", "w-amd64", "w-arm64", "y-amd64", "1-amd64"]
            .map(|tag| ScannedImage::new(tag, Digest::sha256(tag), at(1), IMAGE));
        let ignored = all_of(&variables, &images, at(2), None).ignored;
        assert_eq!(ignored.iter().map(|(tag, _)| tag.as_str()).collect::<Vec<_>>(), ["w", "x"]);
    }

    #[test]
    fn version_is_too_old_by_its_newest_platform_unless_its_list_is_young() {
        let variables = [("PLATFORMS", "linux/amd64"), ("SETTLED_AFTER", "10s")];
        let is_too_old = |platform_age: u64, own: &[(u64, &str)]| {
            let image = |tag: &str, age_s, media_type: &str| {
                ScannedImage::new(tag, Digest::sha256(tag), at(1_000 - age_s), media_type)
            };
            let mut images = vec![image("1-amd64", platform_age, IMAGE)];
            images.extend(own.iter().map(|(age_s, media_type)| image("1", *age_s, media_type)));
            all_of(&variables, &images, at(1_000), Some(Duration::from_secs(100))).served[0].is_too_old
        };
        for (platform_age, own, expected) in [
            (100, &[][..], false),
            (101, &[], true),
            (101, &[(9, LIST)], false),
            (101, &[(10, LIST)], true),
            (101, &[(9, IMAGE)], true),
        ] {
            assert_eq!(is_too_old(platform_age, own), expected, "{platform_age} {own:?}");
        }
        let unlimited = [ScannedImage::new("1-amd64", Digest::sha256("1"), at(0), IMAGE)];
        assert!(!all_of(&variables, &unlimited, at(1_000_000), None).served[0].is_too_old);
    }

    #[test]
    fn artifact_under_the_own_tag_takes_the_version() {
        let chart = ScannedImage::new("1", Digest::sha256("1"), at(1), IMAGE);
        let chart = ScannedImage { artifact_media_type: CHART_CONFIG.to_owned(), ..chart };
        let platform = ScannedImage::new("1-amd64", Digest::sha256("2"), at(1), IMAGE);
        let found = versions_of(&[("PLATFORMS", "linux/amd64")], &[chart, platform], at(2));
        assert_eq!(found[0].own, Some(OwnTag::Taken(Taken::Artifact)));
    }
}
