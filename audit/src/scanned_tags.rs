//! The tags of a repository that can be releases or aliases.

use std::collections::{BTreeSet, HashMap};

use ecr_multiarch_core::Tag;

use crate::guess::Guess;
use crate::image::{Image, tagged};
use crate::scan::RepositoryScan;

/// A tag that is not a platform tag.
#[derive(Debug)]
pub struct ScannedTag<'a> {
    /// Its text.
    pub text: &'a str,
    /// The same.
    pub tag: Tag,
    /// What it names: an image or a list.
    pub image: &'a Image,
}

/// The tags of a repository that are not platform tags, and the versions that have platform tags.
#[derive(Debug)]
pub struct ScannedTags<'a> {
    /// The tags, as they were scanned.
    pub all: Vec<ScannedTag<'a>>,
    /// The versions with platform tags, in ascending order.
    pub versions: BTreeSet<&'a str>,
    /// Of every tag there is, whatever it names, the position in `all`.
    positions: HashMap<&'a str, Option<usize>>,
}

impl<'a> ScannedTags<'a> {
    /// The tags of a scan.
    pub fn of(scan: &'a RepositoryScan, guess: &Guess) -> Self {
        let mut tags = Self { all: Vec::new(), versions: BTreeSet::new(), positions: HashMap::new() };
        for (text, image) in tagged(&scan.images) {
            tags.positions.insert(text, None);
            if !image.is_image_or_list() {
                continue;
            }
            if let Some((version, _)) = guess.parse(text) {
                tags.versions.insert(version);
            } else if let Ok(tag) = text.parse() {
                tags.positions.insert(text, Some(tags.all.len()));
                tags.all.push(ScannedTag { text, tag, image });
            }
        }
        tags
    }

    /// The tag of this text, if it can be a release or an alias.
    pub fn get(&self, text: &str) -> Option<&ScannedTag<'a>> {
        self.all.get((*self.positions.get(text)?)?)
    }

    /// Whether there is a tag of this text, whatever it names.
    pub fn exists(&self, text: &str) -> bool {
        self.positions.contains_key(text)
    }
}
