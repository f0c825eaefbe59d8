//! The lines of a repository: the releases that give the same alias, and the one that the alias follows.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::PassedOver;
use super::request::AliasRequest;
use super::scan::AliasScan;
use super::snapshot::Knowledge;
use crate::excerpt::ImageText;
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;
use crate::settings::UnusableAlias;
use crate::settings::release::Release;

/// The releases that give one alias.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    /// All that are known, yanked or published or neither, in ascending order.
    releases: Vec<&'a Release>,
    /// The highest that is published and not yanked, as far as its list is not known to lack a platform, with that list.
    pub(super) desired: Option<(&'a Release, Digest)>,
    /// The highest above that one whose list lacks platforms.
    pub(super) passed_over: Option<PassedOver>,
}

/// The lines of a repository.
#[derive(Debug, Default)]
pub(super) struct Lines<'a> {
    /// The line of each alias.
    by_alias: BTreeMap<Tag, Line<'a>>,
    /// What templates give and no alias can be, each for the highest release for which they do.
    unusable: BTreeMap<ImageText, UnusableAlias>,
}

impl<'a> Lines<'a> {
    /// The lines of the aliases that a request asks for, of all releases of a scan and of the scans before it.
    pub(super) fn new(request: &AliasRequest, knowledge: &'a Knowledge, scan: &'a AliasScan) -> Self {
        let settings = &request.settings;
        let asked_for = request.releases().iter().flat_map(|release| settings.aliases(release));
        let asked_for: BTreeSet<Tag> = asked_for.flatten().collect();
        let is_for_all = request.releases().is_empty();
        let mut lines = Self::default();
        let mut earlier = knowledge.releases.iter().peekable();
        let mut add = |release: &'a Release| {
            let is_yanked = scan.is_yanked(release);
            let list = if is_yanked { None } else { knowledge.list_of(release, scan) };
            for alias in settings.aliases(release) {
                match alias {
                    Ok(alias) if is_for_all || asked_for.contains(&alias) => {
                        lines.by_alias.entry(alias).or_default().add(release, list, knowledge);
                    }
                    Err(unusable) if is_for_all => {
                        lines.unusable.insert(unusable.text.clone(), unusable);
                    }
                    Ok(_) | Err(_) => {}
                }
            }
        };
        for release in scan.releases() {
            while let Some(missed) = earlier.next_if(|earlier| *earlier < release) {
                add(missed);
            }
            earlier.next_if(|earlier| *earlier == release);
            add(release);
        }
        earlier.for_each(add);
        lines
    }

    /// The line of an alias.
    pub(super) fn get(&self, alias: &Tag) -> Option<&Line<'a>> {
        self.by_alias.get(alias)
    }

    /// The aliases that have a line.
    pub(super) fn aliases(&self) -> impl Iterator<Item = &Tag> {
        self.by_alias.keys()
    }

    /// What templates give and no alias can be.
    pub(super) fn unusable(&self) -> impl Iterator<Item = &UnusableAlias> {
        self.unusable.values()
    }
}

impl<'a> Line<'a> {
    /// Adds a release that is higher than those before it.
    fn add(&mut self, release: &'a Release, list: Option<Digest>, knowledge: &Knowledge) {
        self.releases.push(release);
        let Some(digest) = list else { return };
        if let Some(missing) = knowledge.missing(digest) {
            self.passed_over = Some(PassedOver { release: release.clone(), missing: missing.clone() });
        } else {
            (self.desired, self.passed_over) = (Some((release, digest)), None);
        }
    }

    /// Its releases, the highest first.
    pub(super) fn releases(&self) -> impl Iterator<Item = &'a Release> + Clone {
        self.releases.iter().rev().copied()
    }
}
