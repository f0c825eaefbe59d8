//! The versions of a repository, found from listings alone: which are settled, and which need work.

use std::collections::HashMap;
use std::time::SystemTime;

use crate::manifest::MediaType;
use crate::naming::Naming;
use crate::platform::RequiredPlatform;
use crate::settings::{Policy, SweepLimits};
use crate::tag::Tag;

/// What a listing tells of a tagged image.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// One of its tags.
    pub tag: &'a str,
    /// When the image was first pushed.
    pub pushed_at: SystemTime,
    /// The media type of its manifest; empty where it is not known.
    pub media_type: &'a str,
}

/// The tags of a repository, grouped by version while the pages come in.
#[derive(Debug)]
pub struct Inventory<'a> {
    policy: &'a Policy,
    versions: HashMap<Tag, Record>,
}

/// What is kept of a version: as little as will do, since there may be a hundred thousand.
#[derive(Debug, Default)]
struct Record {
    platforms: PlatformSet,
    newest_platform: Option<SystemTime>,
    list: Option<List>,
}

#[derive(Debug, Clone, Copy)]
struct List {
    pushed_at: SystemTime,
    is_list: bool,
}

/// A set of platforms, by their place in [`Naming::platforms`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlatformSet(u128);

impl PlatformSet {
    fn insert(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    /// Whether the platform at this place is in the set.
    pub fn contains(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How a version stands, as far as listings tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All platforms are there, and a list that was pushed after them.
    Settled,
    /// All platforms are there, and the list is missing, older than one of them, or something else.
    NeedsWork,
    /// A platform is missing.
    Incomplete,
}

/// A version of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its name.
    pub tag: Tag,
    /// The platforms that are there.
    pub platforms: PlatformSet,
    /// How it stands.
    pub standing: Standing,
    /// Whether its newest platform is of the age at which it should be complete, and not too old to matter.
    pub is_in_window: bool,
}

impl Version {
    /// The platforms that are not there.
    pub fn missing<'a>(&self, naming: &'a Naming) -> impl Iterator<Item = &'a RequiredPlatform> {
        let platforms = self.platforms;
        let each = naming.platforms().iter().enumerate();
        each.filter(move |(index, _)| !platforms.contains(*index)).map(|(_, platform)| platform)
    }
}

impl<'a> Inventory<'a> {
    /// An empty inventory of a repository under this policy.
    pub fn new(policy: &'a Policy) -> Self {
        Self { policy, versions: HashMap::new() }
    }

    /// Takes in one tag of one image.
    pub fn add(&mut self, sighting: Sighting<'_>) {
        let Ok(tag) = sighting.tag.parse() else { return };
        let naming = &self.policy.naming;
        if let Some((version, platform)) = naming.locate(&tag) {
            let record = self.versions.entry(version).or_default();
            if let Some(index) = naming.platforms().iter().position(|one| one == platform) {
                record.platforms.insert(index);
            }
            record.newest_platform = record.newest_platform.max(Some(sighting.pushed_at));
        } else {
            let media_type = MediaType::named(sighting.media_type);
            let is_list = sighting.media_type.is_empty() || media_type.is_some_and(MediaType::is_list);
            self.versions.entry(tag).or_default().list = Some(List { pushed_at: sighting.pushed_at, is_list });
        }
    }

    /// The versions that have at least one platform and may have a list, in ascending order.
    pub fn versions(self, now: SystemTime, limits: &SweepLimits) -> Vec<Version> {
        let Self { policy, versions } = self;
        let count = policy.naming.platforms().len();
        let served = |tag: &Tag| {
            policy.version_pattern.as_ref().is_none_or(|pattern| pattern.matches(tag))
                && policy.naming.tags(tag).is_ok()
        };
        let window = limits.incomplete_after..=limits.incomplete_until;
        let mut versions: Vec<_> = versions
            .into_iter()
            .filter(|(tag, record)| !record.platforms.is_empty() && served(tag))
            .map(|(tag, record)| {
                let age = record.newest_platform.and_then(|pushed_at| now.duration_since(pushed_at).ok());
                let is_in_window = age.is_some_and(|age| window.contains(&age));
                Version { tag, platforms: record.platforms, standing: record.standing(count), is_in_window }
            })
            .collect();
        versions.sort_by(|one, other| one.tag.cmp(&other.tag));
        versions
    }
}

impl Record {
    fn standing(&self, platforms: usize) -> Standing {
        if (0..platforms).any(|index| !self.platforms.contains(index)) {
            return Standing::Incomplete;
        }
        match self.list {
            Some(list) if list.is_list && self.newest_platform <= Some(list.pushed_at) => Standing::Settled,
            _ => Standing::NeedsWork,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::Settings;

    const LIST: &str = "application/vnd.oci.image.index.v1+json";
    const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn versions(tags: &[(&str, u64, &str)], now: SystemTime) -> Vec<Version> {
        let variables = [("PLATFORMS", "linux/amd64,linux/arm64"), ("VERSION_PATTERN", r"[\d.]+(-amd64)?")];
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let settings = Settings::read(lookup).unwrap();
        let mut inventory = Inventory::new(settings.policy(&"app".parse().unwrap()).unwrap());
        for (tag, pushed_at, media_type) in tags {
            inventory.add(Sighting { tag, pushed_at: at(*pushed_at), media_type });
        }
        inventory.versions(now, &settings.sweep())
    }

    #[track_caller]
    fn check(tags: &[(&str, u64, &str)], expected: Standing) {
        let found = versions(tags, at(100));
        assert_eq!(found.iter().map(|version| version.standing).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn a_version_is_settled_while_its_list_is_no_older_than_its_platforms() {
        check(&[("1-amd64", 1, IMAGE), ("1-arm64", 2, LIST), ("1", 2, LIST)], Standing::Settled);
        check(&[("1", 3, LIST), ("1-amd64", 1, IMAGE), ("1-arm64", 2, IMAGE)], Standing::Settled);
        check(&[("1-amd64", 1, IMAGE), ("1-arm64", 2, IMAGE), ("1", 2, "")], Standing::Settled);
    }

    #[test]
    fn a_version_needs_work_without_a_list_with_an_older_one_or_with_something_else_there() {
        check(&[("1-amd64", 1, IMAGE), ("1-arm64", 2, IMAGE)], Standing::NeedsWork);
        check(&[("1-amd64", 1, IMAGE), ("1-arm64", 4, IMAGE), ("1", 3, LIST)], Standing::NeedsWork);
        check(&[("1-amd64", 1, IMAGE), ("1-arm64", 2, IMAGE), ("1", 3, IMAGE)], Standing::NeedsWork);
    }

    #[test]
    fn a_version_without_one_of_its_platforms_is_incomplete() {
        check(&[("1-amd64", 1, IMAGE), ("1", 3, LIST)], Standing::Incomplete);
    }

    #[test]
    fn tags_that_name_no_served_version_are_left_out() {
        let tags = [("latest", 1, LIST), ("x-amd64", 1, IMAGE), ("1-amd64-amd64", 1, IMAGE), ("bad/tag", 1, IMAGE)];
        assert_eq!(versions(&tags, at(100)), []);
    }

    #[test]
    fn the_window_spans_the_age_of_the_newest_platform() {
        for (age_s, expected) in [(3_599, false), (3_600, true), (7 * 86_400, true), (7 * 86_400 + 1, false)] {
            let found = versions(&[("1-amd64", 0, IMAGE)], at(age_s));
            assert_eq!(found[0].is_in_window, expected, "{age_s}");
        }
    }
}
