//! Aliases: tags such as `latest`, `1` and `1.2` beside the releases that they should follow.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use ecr_multiarch_core::Release;
use ecr_multiarch_core::alias::marker::YankMarker;
use ecr_multiarch_core::alias::template::AliasTemplate;
use ecr_multiarch_core::oci::tag::Tag;

use crate::finding::Problem;
use crate::scan::{Image, RepositoryScan, is_attachment};
use crate::version::SETTLING_TIME;

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

impl<'a> Aliases<'a> {
    /// Finds the aliases of a repository. Releases that are yanked count for none.
    pub fn of(scan: &'a RepositoryScan) -> Self {
        let templates: Vec<AliasTemplate> = TEMPLATES.iter().filter_map(|text| text.parse().ok()).collect();
        let tagged = || {
            let tags = scan.images.iter().filter(|image| image.is_image_or_list());
            tags.flat_map(|image| image.tags.iter().map(move |tag| (tag.as_str(), image)))
                .filter(|(tag, _)| !is_attachment(tag))
                .filter_map(|(text, image)| Some((text, text.parse::<Tag>().ok()?, image)))
        };
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
            let highest = lines.get(&tag)?.clone();
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

    /// The aliases that do not name what they should, each with the highest release of its line.
    pub fn problems(&self, now: SystemTime) -> impl Iterator<Item = (&'a str, SystemTime, &Release, Problem)> {
        self.aliases.iter().filter_map(move |(tag, Alias { image, highest: (highest, release_image), named })| {
            let age = now.duration_since(release_image.pushed_at).unwrap_or_default();
            let problem = match named {
                Some(named) if named == highest => return None,
                // The alias is about to be moved.
                _ if age < SETTLING_TIME => return None,
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
            Some((*tag, image.pushed_at, highest, problem))
        })
    }
}
