//! Aliases: tags such as `latest`, `1` and `1.2` beside the releases that they should follow.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::SystemTime;

use ecr_multiarch_core::Release;
use ecr_multiarch_core::oci::tag::Tag;
use ecr_multiarch_core::settings::Streams;
use ecr_multiarch_core::settings::alias_template::AliasTemplate;

use crate::guess::{Guess, GuessedAlias};
use crate::image::{Image, is_recent, tagged};
use crate::problem::Problem;
use crate::scan::RepositoryScan;

/// The aliases that are looked for: those that everyone uses.
pub const TEMPLATES: [&str; 3] = ["{major}.{minor}", "{major}", "latest"];

/// What an alias follows.
#[derive(Debug, PartialEq, Eq)]
enum Follows {
    /// The highest release of its line, which it names.
    Highest,
    /// The same, which it should name and does not.
    Behind(Problem),
    /// The newest push, of a release that is not the highest: its project may have begun to number its releases anew.
    Pushes,
    /// Something else, such as a branch.
    SomethingElse,
}

/// A tag that is named like an alias of at least one release.
#[derive(Debug)]
struct Alias<'a> {
    /// The template that gives it.
    template: &'static str,
    /// What it names.
    image: &'a Image,
    /// The highest release of its line, with its image.
    highest: (Release, &'a Image),
    /// The highest release of its line that has the same image as the alias.
    named: Option<Release>,
}

impl Alias<'_> {
    /// What it follows.
    fn follows(&self) -> Follows {
        let Self { image, highest: (highest, highest_image), named, .. } = self;
        let behind = |names: Option<&Release>| {
            let names = names.map(ToString::to_string);
            Follows::Behind(Problem::AliasBehind { names, highest: highest.to_string() })
        };
        match named {
            Some(named) if named == highest => Follows::Highest,
            Some(_) if highest_image.pushed_at < image.pushed_at => Follows::Pushes,
            Some(named) => behind(Some(named)),
            None if image.pushed_at < highest_image.pushed_at => behind(None),
            // An image in place of a list is a problem, whatever it follows.
            None if self.is_in_place_of_list() => {
                let (platform_tags, release) = (Vec::new(), Some(highest.to_string()));
                Follows::Behind(Problem::SingleImage { platform_tags, release })
            }
            None => Follows::SomethingElse,
        }
    }

    /// Whether it names the highest release of its line, did so, or is a single image in place of its list. Another tag
    /// that names no release and is older than the highest one may be the build of a branch.
    fn follows_releases(&self) -> bool {
        (self.named.is_some() || self.is_in_place_of_list())
            && matches!(self.follows(), Follows::Highest | Follows::Behind(_))
    }

    /// Whether it names a single image, while the highest release of its line is a list.
    fn is_in_place_of_list(&self) -> bool {
        !self.image.is_list() && self.highest.1.is_list()
    }
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

/// The aliases of a repository.
#[derive(Debug, Default)]
pub struct Aliases<'a> {
    by_tag: BTreeMap<&'a str, Alias<'a>>,
    /// The yank markers, each with its release.
    markers: BTreeMap<&'a str, Release>,
    /// Of the tags that a template can give, those that do not exist.
    absent: BTreeMap<&'static str, BTreeSet<Tag>>,
    /// A version with platform tags of its own that a template can give, for each template of which there is one.
    versions: BTreeMap<&'static str, &'a str>,
}

impl<'a> Aliases<'a> {
    /// Finds the aliases of a repository. Releases that are yanked count for none, and a tag with platform tags of its
    /// own is a version.
    pub fn of(scan: &'a RepositoryScan, guess: &Guess) -> Self {
        let streams = Streams::of_three_numbers(TEMPLATES).unwrap_or_default();
        let templates: Vec<_> = TEMPLATES.into_iter().zip(streams.templates()).collect();
        let alias_of = |template: &AliasTemplate, release: &Release| template.alias(release)?.parse::<Tag>().ok();
        let all = tagged(&scan.images);
        let tagged = || {
            let tags = all.iter().filter(|(_, image)| image.is_image_or_list());
            tags.filter_map(|(text, image)| Some((*text, text.parse::<Tag>().ok()?, *image)))
        };
        let versions: BTreeSet<_> =
            tagged().filter_map(|(text, ..)| guess.parse(text)).map(|(version, _)| version).collect();
        let version_of = |(text, template): &(_, &AliasTemplate)| {
            let is_given = |version: &&&str| version.parse().is_ok_and(|tag| template.gives(&tag));
            Some((*text, *versions.iter().find(is_given)?))
        };
        let marker = |(text, tag, _): (_, Tag, _)| Some((text, streams.marker(&tag)?.release().clone()));
        let markers: BTreeMap<_, _> = tagged().filter_map(marker).collect();
        let yanked: BTreeSet<_> = markers.values().collect();
        let mut lines = HashMap::<Tag, (&'static str, (Release, &Image))>::new();
        let mut releases_of = HashMap::<_, Vec<Release>>::new();
        for (_, tag, image) in tagged() {
            let Some(release) = streams.release(&tag).filter(|release| !yanked.contains(release)) else { continue };
            for (text, template) in &templates {
                let Some(alias) = alias_of(template, &release) else { continue };
                let (_, highest) = lines.entry(alias).or_insert_with(|| (text, (release.clone(), image)));
                if highest.0 < release {
                    *highest = (release.clone(), image);
                }
            }
            releases_of.entry(image.digest).or_default().push(release);
        }
        let alias = |(text, tag, image): (&'a str, Tag, &'a Image)| {
            let (template, highest) = lines.get(&tag).filter(|_| !versions.contains(text))?.clone();
            let is_of_line = |release: &&Release| {
                templates.iter().any(|(_, template)| alias_of(template, release).as_ref() == Some(&tag))
            };
            let named = releases_of.get(&image.digest).into_iter().flatten().filter(is_of_line).max().cloned();
            Some((text, Alias { template, image, highest, named }))
        };
        let by_tag: BTreeMap<_, _> = tagged().filter_map(alias).collect();
        let existing: HashSet<_> = all.iter().map(|(text, _)| *text).collect();
        let mut absent = BTreeMap::<_, BTreeSet<_>>::new();
        for (tag, (template, _)) in lines.into_iter().filter(|(tag, _)| !existing.contains(tag.as_str())) {
            absent.entry(template).or_default().insert(tag);
        }
        Self { by_tag, markers, absent, versions: templates.iter().filter_map(version_of).collect() }
    }

    /// Whether a tag is an alias of a release that exists, or a yank marker.
    pub fn is_alias_or_marker(&self, tag: &str) -> bool {
        self.by_tag.contains_key(tag) || self.markers.contains_key(tag)
    }

    /// The aliases that do not name what they should.
    pub fn problems(&'a self, now: SystemTime) -> impl Iterator<Item = AliasProblem<'a>> {
        self.by_tag.iter().filter_map(move |(tag, alias)| {
            let Alias { image, highest: (highest, release_image), .. } = alias;
            match alias.follows() {
                // Until then, the alias is about to be moved.
                Follows::Behind(problem) if !is_recent(release_image.pushed_at, now) => {
                    Some(AliasProblem { tag, image, highest, problem })
                }
                _ => None,
            }
        })
    }

    /// The templates whose tags follow releases, in the order of [`TEMPLATES`].
    pub fn guessed(&self) -> Vec<GuessedAlias> {
        let guessed = |template| {
            let tags = self.of_template(template).filter(|(_, alias)| alias.follows_releases()).count();
            (tags > 0 && self.objection(template).is_none()).then_some(GuessedAlias { template, tags })
        };
        TEMPLATES.into_iter().filter_map(guessed).collect()
    }

    /// Which tags the function would take over or add with these templates, in full sentences.
    pub fn warnings_of_changes(&self, guessed: &[GuessedAlias]) -> impl Iterator<Item = String> {
        guessed.iter().flat_map(|GuessedAlias { template, .. }| {
            let taken: Vec<_> =
                self.of_template(template).filter(|(_, alias)| alias.named.is_none()).map(|(tag, _)| tag).collect();
            let absent: Vec<_> = self.absent.get(template).into_iter().flatten().map(Tag::as_str).collect();
            let sentence = |tags: &[&str], what: &str| {
                let first = tags.first()?;
                let others = tags.len() - 1;
                let others = if others == 0 { String::new() } else { format!(" and {others} more") };
                Some(format!("With {template} in ALIASES, the function {what} {first}{others}."))
            };
            let taken = sentence(&taken, "takes over tags that name no release now:");
            taken.into_iter().chain(sentence(&absent, "adds tags that do not exist:"))
        })
    }

    /// The templates that have tags and are not guessed, in full sentences.
    pub fn warnings_of_omissions(&self) -> impl Iterator<Item = String> {
        let objection = |template| Some(format!("ALIASES leaves {template} out: {}.", self.objection(template)?));
        TEMPLATES.into_iter().filter_map(objection)
    }

    /// The aliases that name a release which was pushed after the highest one, in full sentences.
    pub fn warnings_of_order(&self) -> impl Iterator<Item = String> {
        self.by_tag.iter().filter(|(_, alias)| alias.follows() == Follows::Pushes).filter_map(|(tag, alias)| {
            let (named, highest) = (alias.named.as_ref()?, &alias.highest.0);
            Some(format!(
                "{tag} names {named}, which was pushed after {highest}, the highest release: is the order of releases \
                 another one?"
            ))
        })
    }

    fn of_template(&self, template: &str) -> impl Iterator<Item = (&'a str, &Alias<'a>)> {
        self.by_tag.iter().filter(move |(_, alias)| alias.template == template).map(|(tag, alias)| (*tag, alias))
    }

    /// Why the function should not move the tags of a template, of which there are some.
    fn objection(&self, template: &str) -> Option<String> {
        let mut following = self.of_template(template).map(|(tag, alias)| (tag, alias.follows()));
        if let Some((tag, _)) = following.find(|(_, following)| *following == Follows::Pushes) {
            return Some(format!("{tag} follows pushes, and the function follows the highest number"));
        }
        let mut others = self.of_template(template).filter(|(_, alias)| !alias.follows_releases());
        let (count, other) = (self.of_template(template).count(), others.next());
        if let Some((tag, _)) = other
            && 2 * (1 + others.count()) >= count
        {
            return Some(format!("{tag} names no release"));
        }
        // The function takes a version of such a name for an alias, and publishes no list for it.
        let version = self.versions.get(template).filter(|_| count > 0)?;
        Some(format!("{version} has platform tags of its own"))
    }
}
