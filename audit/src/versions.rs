//! The versions of a repository, and the platforms that each of them has.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use ecr_multiarch_core::Release;

use crate::aliases::Aliases;
use crate::guess::Guess;
use crate::image::{Image, is_recent, tagged};
use crate::platforms::PlatformNames;
use crate::scan::RepositoryScan;
use crate::text::words;

/// How many versions before and after one, in the order of their pushes, are its siblings: enough that one broken build
/// among them does not matter, and few enough that a platform which was added or dropped is noticed within days.
const SIBLINGS_EACH_WAY: usize = 5;

/// How many versions with known platforms a major line needs to be compared by itself: with fewer, one broken build
/// among them would be the majority.
const MIN_LINE: usize = 3;

/// How many hexadecimal digits are a hash of a commit: Git abbreviates to seven.
const MIN_HASH: usize = 7;

/// A version.
#[derive(Debug)]
pub struct Version<'a> {
    /// Its tag.
    pub tag: &'a str,
    /// The images of its platform tags.
    pub images: Vec<VersionImage<'a>>,
    /// What its own tag names.
    pub own: Option<&'a Image>,
    /// The platforms that it has by its platform tags, or by its list where that was read, in ascending order of their
    /// positions. `None`, where nothing tells them.
    pub platforms: Option<Vec<usize>>,
    /// The platforms that most of its siblings have, and that were built before it, in ascending order of their
    /// positions.
    pub expected: Vec<usize>,
    /// When the newest of its images was first pushed; of its own tag, where it has no platform tags.
    pub pushed_at: SystemTime,
    /// The release that it is. The siblings of a release are releases; those of another version have its shape.
    pub release: Option<Release>,
}

impl Version<'_> {
    /// The platforms that most of its siblings have and it has not.
    pub fn missing(&self) -> Vec<usize> {
        let Some(platforms) = &self.platforms else { return Vec::new() };
        self.expected.iter().copied().filter(|expected| !platforms.contains(expected)).collect()
    }

    /// Whether everything of it is archived, as lifecycle policies do with old versions.
    pub fn is_archived(&self) -> bool {
        self.own.into_iter().chain(self.images.iter().map(|image| image.image)).all(|image| image.is_archived)
    }

    /// Whether it is too young to be judged.
    pub fn is_recent(&self, now: SystemTime) -> bool {
        is_recent(self.pushed_at, now)
    }
}

/// The image of a platform tag.
#[derive(Debug)]
pub struct VersionImage<'a> {
    /// The position of its platform among those of the repository.
    pub platform: usize,
    /// The platform tag.
    pub tag: &'a str,
    /// Its image.
    pub image: &'a Image,
}

/// The versions of a repository.
#[derive(Debug, Default)]
pub struct Versions<'a> {
    /// All platforms that a version has, those that most versions have first.
    pub platforms: Vec<String>,
    /// The versions, the newest push first.
    pub all: Vec<Version<'a>>,
}

impl<'a> Versions<'a> {
    /// The versions of a repository. Attachments, aliases without platform tags and yank markers are none.
    pub fn of(scan: &'a RepositoryScan, guess: &Guess, aliases: &Aliases<'_>) -> Self {
        let mut platforms = PlatformNames::new(guess);
        let mut versions = HashMap::<&str, VersionTags<'a>>::new();
        for (tag, image) in tagged(&scan.images) {
            match guess.parse(tag) {
                Some(_) if image.is_artifact() => {}
                Some((version, platform)) => {
                    let Some(platform) = platforms.position(platform) else { continue };
                    versions.entry(version).or_default().images.push(VersionImage { platform, tag, image });
                }
                None => versions.entry(tag).or_default().own = Some(image),
            }
        }
        let mut all: Vec<_> = versions
            .into_iter()
            .filter(|(tag, tags)| !tags.images.is_empty() || !aliases.is_alias_or_marker(tag))
            .filter_map(|(tag, tags)| tags.into_version(tag, scan, &mut platforms))
            .collect();
        // Of pushes in the same second, the tag that sorts last counts as the newest.
        all.sort_by(|one, other| (other.pushed_at, other.tag).cmp(&(one.pushed_at, one.tag)));
        let mut versions = Self { platforms: platforms.into_names(), all };
        versions.sort_platforms();
        versions.expect_platforms_of_siblings();
        versions
    }

    /// Puts the platforms that most versions have first.
    fn sort_platforms(&mut self) {
        let mut counts = vec![0_usize; self.platforms.len()];
        for position in self.all.iter().filter_map(|version| version.platforms.as_ref()).flatten() {
            counts[*position] += 1;
        }
        let mut order: Vec<_> = (0..self.platforms.len()).collect();
        order.sort_by_key(|position| (Reverse(counts[*position]), &self.platforms[*position]));
        let mut moved = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            moved[*old] = new;
        }
        self.platforms = order.iter().map(|old| std::mem::take(&mut self.platforms[*old])).collect();
        for version in &mut self.all {
            for position in version.platforms.iter_mut().flatten() {
                *position = moved[*position];
            }
            for image in &mut version.images {
                image.platform = moved[image.platform];
            }
            if let Some(platforms) = &mut version.platforms {
                platforms.sort_unstable();
            }
            version.images.sort_by(|one, other| (one.platform, one.tag).cmp(&(other.platform, other.tag)));
        }
    }

    fn expect_platforms_of_siblings(&mut self) {
        for Family { members, is_compared } in Family::all_of(&self.all) {
            let mut first_with = vec![None; self.platforms.len()];
            for (at, index) in members.iter().enumerate() {
                for platform in self.all[*index].platforms.iter().flatten() {
                    first_with[*platform] = Some(at);
                }
            }
            for (at, index) in members.iter().enumerate().filter(|(at, _)| is_compared[*at]) {
                let newer = &members[at.saturating_sub(SIBLINGS_EACH_WAY)..at];
                let older = &members[at + 1..(at + 1 + SIBLINGS_EACH_WAY).min(members.len())];
                let siblings = newer.len() + older.len();
                let mut counts = BTreeMap::<usize, usize>::new();
                for sibling in newer.iter().chain(older) {
                    for platform in self.all[*sibling].platforms.iter().flatten() {
                        *counts.entry(*platform).or_default() += 1;
                    }
                }
                let expected = counts.into_iter().filter(|(platform, count)| {
                    // Before the first version that has it, a platform was not built yet.
                    2 * count > siblings && first_with[*platform].is_some_and(|first| at <= first)
                });
                self.all[*index].expected = expected.map(|(platform, _)| platform).collect();
            }
        }
    }
}

/// The tags of a version that were found so far.
#[derive(Debug, Default)]
struct VersionTags<'a> {
    images: Vec<VersionImage<'a>>,
    own: Option<&'a Image>,
}

impl<'a> VersionTags<'a> {
    /// The version with this tag. `None`, if the tag names something other than images.
    fn into_version(self, tag: &'a str, scan: &RepositoryScan, platforms: &mut PlatformNames) -> Option<Version<'a>> {
        let Self { images, own } = self;
        if images.is_empty() && !own.is_some_and(Image::is_image_or_list) {
            return None;
        }
        let newest = images.iter().map(|image| image.image.pushed_at).max();
        let pushed_at = newest.or(own.map(|own| own.pushed_at))?;
        let mut present: Vec<_> = images.iter().map(|image| image.platform).collect();
        let mut is_known = !images.is_empty();
        if let (Some(reading), Some(own)) = (&scan.reading, own) {
            if let Some(entries) = reading.entries(own.digest) {
                is_known = true;
                let stated = entries.iter().filter_map(|entry| entry.platform.as_ref());
                present.extend(stated.filter_map(|platform| platforms.position_of(platform)));
            } else if images.is_empty()
                && let Some(Ok(facts)) = reading.facts(own.digest)
            {
                is_known = true;
                present.extend(platforms.position_of(&facts.platform.normalized()));
            }
        }
        present.sort_unstable();
        present.dedup();
        let release = tag.parse().ok().and_then(|tag| Release::from_tag(&tag));
        let platforms = is_known.then_some(present);
        Some(Version { tag, images, own, platforms, expected: Vec::new(), pushed_at, release })
    }
}

/// Versions that are built alike, by their positions among all of the repository.
struct Family {
    /// The members, the newest first.
    members: Vec<usize>,
    /// Whether each member is compared with the others.
    is_compared: Vec<bool>,
}

impl Family {
    /// The families of the versions whose platforms are known. Releases are compared within their major line, which may
    /// be built in a way of its own; in a line with few versions, with all releases.
    fn all_of(versions: &[Version<'_>]) -> Vec<Self> {
        let mut by_shape = BTreeMap::<String, Vec<usize>>::new();
        let mut by_major = BTreeMap::<&str, Vec<usize>>::new();
        let mut releases = Vec::new();
        let known = || versions.iter().enumerate().filter(|(_, version)| version.platforms.is_some());
        for (index, version) in known() {
            if let Some(release) = &version.release {
                releases.push(index);
                by_major.entry(release.number(0).unwrap_or_default()).or_default().push(index);
            } else {
                by_shape.entry(shape(version.tag)).or_default().push(index);
            }
        }
        let all = |members: Vec<usize>| Self { is_compared: vec![true; members.len()], members };
        let (lines, few): (Vec<_>, Vec<_>) = by_major.into_values().partition(|line| line.len() >= MIN_LINE);
        let few: BTreeSet<_> = few.into_iter().flatten().collect();
        let is_compared = releases.iter().map(|index| few.contains(index)).collect();
        let others = Self { members: releases, is_compared };
        by_shape.into_values().chain(lines).map(all).chain([others]).collect()
    }
}

/// A tag with `#` in place of its numbers and hashes, so that tags of one shape are of one pipeline: `pr-#`, `main-#`,
/// `#.#.#-alpine`.
fn shape(tag: &str) -> String {
    let is_hash = |word: &str| word.len() >= MIN_HASH && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (mut shape, mut end) = (String::new(), 0);
    for (at, word) in words(tag) {
        shape.push_str(&tag[end..at]);
        end = at + word.len();
        if is_hash(word) {
            shape.push('#');
        } else {
            let mut numbers = word.split(|char: char| char.is_ascii_digit());
            shape.push_str(numbers.next().unwrap_or_default());
            let mut is_number = false;
            for text in numbers {
                if !is_number {
                    shape.push('#');
                }
                is_number = text.is_empty();
                shape.push_str(text);
            }
        }
    }
    shape + &tag[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_leaves_numbers_and_hashes_out() {
        for (tag, expected) in [
            ("pr-12", "pr-#"),
            ("main-1a2b3c4", "main-#"),
            ("1.22.3-alpine3.19", "#.#.#-alpine#.#"),
            ("v2.0.0-rc1", "v#.#.#-rc#"),
            ("feature_x-abc", "feature_x-abc"),
            ("20260101", "#"),
        ] {
            assert_eq!(shape(tag), expected, "{tag}");
        }
    }
}
