//! The versions of a repository, and the platforms that each of them has.

use std::collections::{BTreeMap, HashMap};

use ecr_multiarch_core::Release;

use crate::aliases::Aliases;
use crate::family::Family;
use crate::guess::Guess;
use crate::image::{Image, tagged};
use crate::platform_image::PlatformImage;
use crate::platform_names::PlatformNames;
use crate::scan::RepositoryScan;
use crate::version::Version;

/// How many versions before and after one, in the order of their pushes, are its siblings: enough that one broken build
/// among them does not matter, and few enough that a platform which was added or dropped is noticed within days.
const SIBLINGS_EACH_WAY: usize = 5;

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
        let mut versions = HashMap::<&str, Record<'a>>::new();
        for (tag, image) in tagged(&scan.images) {
            match guess.parse(tag) {
                Some(_) if image.is_artifact() => {}
                Some((version, platform)) => {
                    let Some(platform) = platforms.position(platform) else { continue };
                    versions.entry(version).or_default().images.push(PlatformImage { platform, tag, image });
                }
                None => versions.entry(tag).or_default().own = Some(image),
            }
        }
        let mut all: Vec<_> = versions
            .into_iter()
            .filter(|(tag, record)| !record.images.is_empty() || !aliases.is_alias_or_marker(tag))
            .filter_map(|(tag, record)| record.into_version(tag, scan, &mut platforms))
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
        order.sort_by(|one, other| {
            counts[*other].cmp(&counts[*one]).then_with(|| self.platforms[*one].cmp(&self.platforms[*other]))
        });
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
        for Family { members, is_judged } in Family::all_of(&self.all) {
            let mut first_with = vec![None; self.platforms.len()];
            for (at, index) in members.iter().enumerate() {
                for platform in self.all[*index].platforms.iter().flatten() {
                    first_with[*platform] = Some(at);
                }
            }
            for (at, index) in members.iter().enumerate().filter(|(at, _)| is_judged[*at]) {
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

#[derive(Debug, Default)]
struct Record<'a> {
    images: Vec<PlatformImage<'a>>,
    own: Option<&'a Image>,
}

impl<'a> Record<'a> {
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
        let is_release = tag.parse().is_ok_and(|tag| Release::from_tag(&tag).is_some());
        let platforms = is_known.then_some(present);
        Some(Version { tag, images, own, platforms, expected: Vec::new(), pushed_at, is_release })
    }
}
