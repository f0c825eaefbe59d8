//! Aliases: tags such as `latest`, `1`, `1.2` and `main` beside the releases that they should follow.
//!
//! Which tags are releases, how they are ordered and which aliases they have is the word of the function's core, under
//! streams that may be suggested.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use ecr_multiarch_core::Release;
use ecr_multiarch_core::oci::tag::Tag;

use crate::alias::{Alias, Follows};
use crate::guess::{Guess, GuessedAlias};
use crate::image::{Image, is_recent};
use crate::problem::Problem;
use crate::scan::RepositoryScan;
use crate::scanned_tags::{ScannedTag, ScannedTags};
use crate::settings::SuggestedSettings;
use crate::suggested_streams::SuggestedStreams;

/// The aliases that are looked for beside releases of three numbers: those that everyone uses.
pub const TEMPLATES: [&str; 3] = ["{major}.{minor}", "{major}", "latest"];

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
    streams: SuggestedStreams,
    by_tag: BTreeMap<&'a str, Alias<'a>>,
    /// The yank markers, each with its release.
    markers: BTreeMap<&'a str, Release>,
    /// Of the tags that the template of a position can give, those that do not exist.
    absent: BTreeMap<usize, BTreeSet<Tag>>,
    /// A version with platform tags of its own that a template can give, for each template of which there is one.
    versions: BTreeMap<usize, &'a str>,
}

impl<'a> Aliases<'a> {
    /// Finds the aliases of a repository under these streams. Releases that are yanked count for none, and a tag with
    /// platform tags of its own is a version.
    ///
    /// # Errors
    /// Why the function would not accept the streams.
    pub fn of(scan: &RepositoryScan, tags: &ScannedTags<'a>, streams: SuggestedStreams) -> Result<Self, String> {
        let settings = SuggestedSettings::of_streams(streams.clone()).parse(&scan.name)?;
        let templates: Vec<_> = settings.streams.templates().collect();
        let own: Vec<_> = streams.templates().map(|(releases, _)| releases.is_some()).collect();
        let position = |tag: &Tag| {
            let given = settings.streams.template_of(tag)?;
            templates.iter().position(|template| *template == given)
        };
        let mut versions = BTreeMap::new();
        for version in &tags.versions {
            let Ok(tag) = version.parse() else { continue };
            if let Some(position) = position(&tag).filter(|_| settings.streams.release(&tag).is_none()) {
                versions.entry(position).or_insert(*version);
            }
        }
        let marker =
            |scanned: &ScannedTag<'a>| Some((scanned.text, settings.streams.marker(&scanned.tag)?.release().clone()));
        let markers: BTreeMap<_, _> = tags.all.iter().filter_map(marker).collect();
        let yanked: BTreeSet<_> = markers.values().collect();
        let mut lines = HashMap::<Tag, (Release, &'a Image)>::new();
        let mut named = HashMap::<_, Release>::new();
        for ScannedTag { tag, image, .. } in &tags.all {
            let release = settings.streams.release(tag).filter(|release| !yanked.contains(release));
            let Some(release) = release else { continue };
            for alias in settings.aliases(&release).into_iter().flatten() {
                if tags.exists(alias.as_str()) {
                    let named = named.entry((image.digest, alias.clone())).or_insert_with(|| release.clone());
                    if *named < release {
                        named.clone_from(&release);
                    }
                }
                let highest = lines.entry(alias).or_insert_with(|| (release.clone(), *image));
                if highest.0 < release {
                    *highest = (release.clone(), *image);
                }
            }
        }
        let alias = |ScannedTag { text, tag, image }: &ScannedTag<'a>| {
            let highest = lines.get(tag).filter(|_| !tags.versions.contains(text))?.clone();
            let (template, named) = (position(tag)?, named.get(&(image.digest, tag.clone())).cloned());
            Some((*text, Alias { template, image, highest, named, has_own_numbering: own[template] }))
        };
        let by_tag: BTreeMap<_, _> = tags.all.iter().filter_map(alias).collect();
        let mut absent = BTreeMap::<_, BTreeSet<_>>::new();
        for tag in lines.into_keys().filter(|tag| !tags.exists(tag.as_str())) {
            if let Some(position) = position(&tag) {
                absent.entry(position).or_default().insert(tag);
            }
        }
        Ok(Self { streams, by_tag, markers, absent, versions })
    }

    /// The streams under which these are aliases.
    pub fn streams(&self) -> &SuggestedStreams {
        &self.streams
    }

    /// The templates of which there are tags.
    pub fn used_templates(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let used: BTreeSet<_> = self.by_tag.values().map(|alias| alias.template).collect();
        self.streams.templates().enumerate().filter(move |(position, _)| used.contains(position)).map(|(_, one)| one)
    }

    /// Whether a tag is an alias of a release that exists, or a yank marker.
    pub fn is_alias_or_marker(&self, tag: &str) -> bool {
        self.by_tag.contains_key(tag) || self.markers.contains_key(tag)
    }

    /// Whether a tag is an alias that follows releases.
    pub fn is_following(&self, tag: &str) -> bool {
        self.by_tag.get(tag).is_some_and(Alias::follows_releases)
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

    /// The templates of these releases whose tags follow them, in the order of the settings.
    pub fn guessed(&self, releases: Option<&str>) -> Vec<GuessedAlias> {
        let guessed = |(position, (of, template)): (usize, (Option<&str>, &str))| {
            let following = || self.of_template(position).filter(|(_, alias)| alias.follows_releases()).count();
            let tags = if of == releases { following() } else { 0 };
            let is_guessed = tags > 0 && self.objection(position).is_none();
            is_guessed.then(|| GuessedAlias { template: template.to_owned(), tags })
        };
        self.streams.templates().enumerate().filter_map(guessed).collect()
    }

    /// An alias of these guessed templates that speaks for them: one that names the highest release, or else one that
    /// follows it.
    pub fn example(&self, releases: &str, guessed: &[GuessedAlias]) -> Option<(&'a str, &Alias<'a>)> {
        let positions = guessed.iter().filter_map(|guessed| self.position(Some(releases), &guessed.template));
        let following = positions.flat_map(|position| self.of_template(position));
        let following: Vec<_> = following.filter(|(_, alias)| alias.follows_releases()).collect();
        let names_highest = |(_, alias): &&(_, &Alias<'_>)| alias.follows() == Follows::Highest;
        following.iter().find(names_highest).or(following.first()).copied()
    }

    /// Which tags the function would take over or add with the templates of a guess, in full sentences.
    pub fn warnings_of_changes(&self, guess: &Guess) -> impl Iterator<Item = String> {
        guess.templates().flat_map(move |(releases, template)| {
            let position = self.position(releases, template);
            let tags = position.into_iter().flat_map(|position| self.of_template(position));
            let taken: Vec<_> = tags.filter(|(_, alias)| alias.named.is_none()).map(|(tag, _)| tag).collect();
            let absent = position.and_then(|position| self.absent.get(&position));
            let absent: Vec<_> = absent.into_iter().flatten().map(Tag::as_str).collect();
            let setting = self.streams.variable();
            let sentence = |tags: &[&str], what: &str| {
                let first = tags.first()?;
                let others = tags.len() - 1;
                let others = if others == 0 { String::new() } else { format!(" and {others} more") };
                Some(format!("With {template} in {setting}, the function {what} {first}{others}."))
            };
            let taken = sentence(&taken, "takes over tags that name no release now:");
            taken.into_iter().chain(sentence(&absent, "adds tags that do not exist:"))
        })
    }

    /// The templates that have tags and are not guessed, in full sentences.
    pub fn warnings_of_omissions(&self) -> impl Iterator<Item = String> {
        let objection =
            |(position, (_, template))| Some(self.warning_of_omission(template, &self.objection(position)?));
        self.streams.templates().enumerate().filter_map(objection)
    }

    /// That a template is left out for this reason, in a full sentence.
    pub fn warning_of_omission(&self, template: &str, reason: &str) -> String {
        format!("{} leaves {template} out: {reason}.", self.streams.variable())
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

    fn position(&self, releases: Option<&str>, template: &str) -> Option<usize> {
        self.streams.templates().position(|known| known == (releases, template))
    }

    fn of_template(&self, position: usize) -> impl Iterator<Item = (&'a str, &Alias<'a>)> {
        self.by_tag.iter().filter(move |(_, alias)| alias.template == position).map(|(tag, alias)| (*tag, alias))
    }

    /// Why the function should not move the tags of a template, of which there are some.
    fn objection(&self, position: usize) -> Option<String> {
        let mut following = self.of_template(position).map(|(tag, alias)| (tag, alias.follows()));
        if let Some((tag, _)) = following.find(|(_, following)| *following == Follows::Pushes) {
            return Some(format!("{tag} follows pushes, and the function follows the highest number"));
        }
        let mut others = self.of_template(position).filter(|(_, alias)| !alias.follows_releases());
        let (count, other) = (self.of_template(position).count(), others.next());
        if let Some((tag, _)) = other
            && 2 * (1 + others.count()) >= count
        {
            return Some(format!("{tag} names no release"));
        }
        // The function takes a version of such a name for an alias, and publishes no list for it.
        let version = self.versions.get(&position).filter(|_| count > 0)?;
        Some(format!("{version} has platform tags of its own"))
    }
}
