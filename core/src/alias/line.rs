//! The lines of a repository: the releases that give the same alias, and the one that the alias follows.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::PassedOver;
use super::request::AliasRequest;
use super::scan::AliasScan;
use super::snapshot::Knowledge;
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;
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

impl<'a> Line<'a> {
    /// The lines of the aliases that a request asks for, of all releases of a scan and of the scans before it.
    pub(super) fn all(request: &AliasRequest, knowledge: &'a Knowledge, scan: &'a AliasScan) -> BTreeMap<Tag, Self> {
        let policy = &request.settings.aliases;
        let asked_for: BTreeSet<_> = request.releases().iter().flat_map(|release| policy.aliases(release)).collect();
        let is_asked_for = |alias: &Tag| asked_for.is_empty() || asked_for.contains(alias);
        let mut lines = BTreeMap::<Tag, Self>::new();
        let mut earlier = knowledge.releases.iter().peekable();
        let mut add = |release: &'a Release| {
            let is_yanked = scan.is_yanked(release);
            let list = if is_yanked { None } else { knowledge.list_of(release, scan) };
            for alias in policy.aliases(release).into_iter().filter(is_asked_for) {
                lines.entry(alias).or_default().add(release, list, knowledge);
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
