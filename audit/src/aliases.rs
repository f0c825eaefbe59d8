//! Aliases: tags such as `latest`, `1` and `1.2` beside the releases that they should follow.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::SystemTime;

use ecr_multiarch_core::Release;
use ecr_multiarch_core::alias::marker::YankMarker;
use ecr_multiarch_core::alias::template::AliasTemplate;
use ecr_multiarch_core::oci::tag::Tag;

use crate::finding::Problem;
use crate::guess::Guess;
use crate::image::{Image, SETTLING_TIME, tagged};
use crate::scan::RepositoryScan;

/// The aliases that are looked for: those that everyone uses.
pub const TEMPLATES: [&str; 3] = ["{major}.{minor}", "{major}", "latest"];

/// A tag that is named like an alias of at least one release.
#[derive(Debug)]
struct Alias<'a> {
    image: &'a Image,
    /// The highest release of its line, with its image.
    highest: (Release, &'a Image),
    /// The highest release of its line that has the same image as the alias.
    named: Option<Release>,
}

/// The aliases of a repository.
#[derive(Debug, Default)]
pub struct Aliases<'a> {
    aliases: BTreeMap<&'a str, Alias<'a>>,
    markers: BTreeSet<&'a str>,
}

/// An alias that does not name what it should.
#[derive(Debug)]
pub struct AliasProblem<'a> {
    /// The alias.
    pub tag: &'a str,
    /// What it names.
    pub image: &'a Image,
    /// The highest release of its line.
    pub highest: &'a Release,
    /// What is wrong.
    pub problem: Problem,
}

impl<'a> Aliases<'a> {
    /// Finds the aliases of a repository. Releases that are yanked count for none, and a tag with platform tags of its
    /// own is a version.
    pub fn of(scan: &'a RepositoryScan, guess: &Guess) -> Self {
        let templates: Vec<AliasTemplate> = TEMPLATES.iter().filter_map(|text| text.parse().ok()).collect();
        let all = tagged(&scan.images);
        let tagged = || {
            let tags = all.iter().filter(|(_, image)| image.is_image_or_list());
            tags.filter_map(|(text, image)| Some((*text, text.parse::<Tag>().ok()?, *image)))
        };
        let versions: HashSet<_> =
            tagged().filter_map(|(text, ..)| guess.parse(text)).map(|(version, _)| version).collect();
        let (mut markers, mut yanked) = (BTreeSet::new(), BTreeSet::new());
        for (text, tag, _) in tagged() {
            if let Some(marker) = YankMarker::from_tag(&tag) {
                markers.insert(text);
                yanked.insert(marker.release().clone());
            }
        }
        let mut lines = HashMap::<Tag, (Release, &Image)>::new();
        let mut releases_of = HashMap::<_, Vec<Release>>::new();
        for (_, tag, image) in tagged() {
            let Some(release) = Release::from_tag(&tag).filter(|release| !yanked.contains(release)) else { continue };
            for alias in templates.iter().filter_map(|template| template.alias(&release)) {
                let highest = lines.entry(alias).or_insert_with(|| (release.clone(), image));
                if highest.0 < release {
                    *highest = (release.clone(), image);
                }
            }
            releases_of.entry(image.digest).or_default().push(release);
        }
        let alias = |(text, tag, image): (&'a str, Tag, &'a Image)| {
            let highest = lines.get(&tag).filter(|_| !versions.contains(text))?.clone();
            let is_of_line =
                |release: &&Release| templates.iter().any(|template| template.alias(release).as_ref() == Some(&tag));
            let named = releases_of.get(&image.digest).into_iter().flatten().filter(is_of_line).max().cloned();
            Some((text, Alias { image, highest, named }))
        };
        Self { aliases: tagged().filter_map(alias).collect(), markers }
    }

    /// Whether a tag is an alias of a release that exists, or a yank marker.
    pub fn is_alias_or_marker(&self, tag: &str) -> bool {
        self.aliases.contains_key(tag) || self.markers.contains(tag)
    }

    /// The aliases that do not name what they should.
    pub fn problems(&'a self, now: SystemTime) -> impl Iterator<Item = AliasProblem<'a>> {
        self.aliases.iter().filter_map(move |(tag, alias)| {
            let Alias { image, highest: (highest, release_image), named } = alias;
            let age = now.duration_since(release_image.pushed_at).unwrap_or_default();
            let problem = match named {
                Some(named) if named == highest => return None,
                // The alias is about to be moved.
                _ if age < SETTLING_TIME => return None,
                Some(_) if alias.follows_pushes() => return None,
                Some(named) => Problem::AliasBehind { names: Some(named.to_string()), highest: highest.to_string() },
                None if image.pushed_at < release_image.pushed_at => {
                    Problem::AliasBehind { names: None, highest: highest.to_string() }
                }
                // It follows something else, such as a branch. An image in place of a list is a problem all the same.
                None if !image.is_list() && release_image.is_list() => {
                    Problem::SingleImage { platform_tags: Vec::new(), release: Some(highest.to_string()) }
                }
                None => return None,
            };
            Some(AliasProblem { tag, image, highest, problem })
        })
    }

    /// The aliases that name a release which was pushed after the highest one, in full sentences.
    pub fn doubts(&self) -> impl Iterator<Item = String> {
        self.aliases.iter().filter(|(_, alias)| alias.follows_pushes()).filter_map(|(tag, alias)| {
            let (named, highest) = (alias.named.as_ref()?, &alias.highest.0);
            Some(format!(
                "{tag} names {named}, which was pushed after {highest}, the highest release: is the order of releases \
                 another one?"
            ))
        })
    }
}

impl Alias<'_> {
    /// Whether it names a release that was pushed after the highest one: its project may have begun to number its
    /// releases anew.
    fn follows_pushes(&self) -> bool {
        let (highest, highest_image) = &self.highest;
        self.named.as_ref().is_some_and(|named| named != highest && highest_image.pushed_at < self.image.pushed_at)
    }
}
