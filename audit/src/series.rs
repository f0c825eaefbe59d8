//! Series: the tags of one shape, and what they count.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ecr_multiarch_core::Release;

use crate::numbered_tag::{NumberedTag, Part};
use crate::numbering::Numbering;
use crate::scanned_tags::{ScannedTag, ScannedTags};

/// How many tags tell a numbering: with two, chance orders every second pair by its pushes.
pub const MIN_TAGS: usize = 3;

/// How many tags an image may have for one of them to be taken for an alias of another: more than a pipeline gives it.
/// Each is compared with each.
const MAX_TAGS_OF_IMAGE: usize = 32;

/// The tags of one shape, each divided.
type Tags<'s, 'a> = Vec<(&'s ScannedTag<'a>, NumberedTag<'a>)>;

/// The tags of one shape that follow one numbering.
#[derive(Debug)]
pub struct Series<'s, 'a> {
    /// What they count.
    pub numbering: Numbering<'a>,
    /// The tags, each with its numbers.
    members: Vec<(&'s ScannedTag<'a>, Vec<&'a str>)>,
}

impl<'s, 'a> Series<'s, 'a> {
    /// All series: first those of which the most tags are versions with platform tags, which the function would
    /// publish, and of as many those of the most numbers, since other tags may be aliases of these. Releases of three
    /// numbers are left out.
    pub fn all_of(tags: &'s ScannedTags<'a>) -> Vec<Self> {
        let mut by_shape = BTreeMap::<String, Tags<'s, 'a>>::new();
        for scanned in tags.all.iter().filter(|scanned| Release::from_tag(&scanned.tag).is_none()) {
            let divided = NumberedTag::of(scanned.text);
            // Commits, too: where another tag has a number, they tell which digits are none.
            if divided.parts.iter().any(|part| !matches!(part, Part::Text(_))) {
                by_shape.entry(divided.shape()).or_default().push((scanned, divided));
            }
        }
        let mut all: Vec<_> = by_shape.into_values().filter_map(Self::of).collect();
        all.sort_by_cached_key(|series| {
            let published = series.members.iter().filter(|(scanned, _)| tags.versions.contains(scanned.text)).count();
            Reverse((published, series.numbering.names().count(), series.members.len()))
        });
        all
    }

    fn of(tags: Tags<'s, 'a>) -> Option<Self> {
        if tags.len() < MIN_TAGS {
            return None;
        }
        let (scanned, divided): (Vec<_>, Vec<_>) = tags.into_iter().unzip();
        let numbering = Numbering::of(&divided)?;
        let members = scanned.into_iter().zip(&divided);
        let members = members.filter_map(|(scanned, divided)| Some((scanned, numbering.numbers(divided)?))).collect();
        Some(Self { numbering, members })
    }

    /// The tags, without those that are something else.
    pub fn tags(&self, is_free: impl Fn(&str) -> bool) -> Vec<&'s ScannedTag<'a>> {
        self.members.iter().map(|(scanned, _)| *scanned).filter(|scanned| is_free(scanned.text)).collect()
    }

    /// The templates by which other tags of the same images would follow these, those with the most numbers first. An
    /// alias exists and is free.
    pub fn templates(&self, tags: &ScannedTags<'a>, is_free: impl Fn(&ScannedTag<'a>) -> bool) -> Vec<String> {
        let mut templates = BTreeSet::new();
        for (scanned, numbers) in &self.members {
            if scanned.image.tags.len() > MAX_TAGS_OF_IMAGE {
                continue;
            }
            let others = scanned.image.tags.iter().filter_map(|text| tags.get(text));
            let others = others.filter(|other| is_free(other));
            templates.extend(others.filter_map(|other| self.numbering.template(other.text, numbers)));
        }
        let mut templates: Vec<_> = templates.into_iter().collect();
        templates.sort_by_key(|template| Reverse(template.matches('{').count()));
        templates
    }
}
