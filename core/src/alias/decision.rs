//! What is due for an alias or a yank marker: a pure function of what was seen and tried.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::line::{Line, Lines};
use super::outcome::{AliasConflict, AliasOutcome, AliasPending, PassedOver};
use super::request::AliasRequest;
use super::scan::{ContentKind, TagTarget};
use super::snapshot::{Knowledge, Snapshot, list};
use super::target::Target;
use crate::error::Error;
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;
use crate::reconcile::machine::MAX_ROUNDS;
use crate::reconcile::manifest_list::ManifestList;
use crate::settings::release::Release;
use crate::settings::yank_marker::YankMarker;

/// How many more releases of a line are read at once, at first, after one whose list lacks a platform: it is rarely the
/// only one.
const READ_AHEAD: usize = 10;

/// How often a reach is doubled: until it is that of the largest repository.
pub(super) const MAX_DOUBLINGS: u8 = 16;

/// A list to be written under an alias, or under the yank marker of its release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AliasWrite {
    /// The tag to write.
    pub tag: Tag,
    /// The release whose list it is.
    pub release: Release,
    /// The list.
    pub list: ManifestList,
}

/// What was tried for the targets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Attempts {
    /// How often each tag was written.
    pub(super) rounds: BTreeMap<Tag, u8>,
    /// The tags that ECR does not move.
    pub(super) immutable: BTreeSet<Tag>,
    /// The targets that are given up.
    pub(super) given_up: BTreeMap<Tag, GivenUp>,
    /// How many reads a decision asked for since the latest scan, after which everything is read again.
    pub(super) reads: u8,
}

impl Attempts {
    /// How far is looked, where at first it is so far: each read doubles it, since a decision costs as much as the
    /// repository has releases. So few are made where many reads settle little.
    pub(super) fn reach(&self, first: usize) -> usize {
        first << self.reads
    }
}

/// Why a target is given up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum GivenUp {
    Failed(Error),
    Pending(AliasPending, Option<Release>),
}

/// What is due for a target.
#[derive(Debug)]
pub(super) enum Decision {
    /// Nothing.
    Settled(AliasOutcome, Option<Release>),
    /// It failed.
    Failed(Error),
    /// These tags are to be read.
    Read(Vec<Tag>),
    /// The scan does not tell: a tag moved meanwhile, or a list is of unknown origin.
    Scan,
    /// A list is to be written.
    Write(AliasWrite),
}

/// What a decision still depends on.
#[derive(Debug, Default)]
struct Unknowns {
    /// The tags to be read.
    unread: Vec<Tag>,
    /// Whether the scan is out of date.
    is_outdated: bool,
    /// Whether only another scan tells.
    is_unseen: bool,
}

/// Decides what is due, by what was seen.
#[derive(Debug)]
pub(super) struct Decider<'a> {
    request: &'a AliasRequest,
    knowledge: &'a Knowledge,
    attempts: &'a Attempts,
    snapshot: &'a Snapshot,
    /// The line of each alias that is asked for.
    lines: Lines<'a>,
}

/// Whose list an alias names.
enum Origin {
    /// Of a release of its line that is yanked, or not higher than the one that it is to name.
    Lower,
    /// Of this release of its line, which is passed over.
    PassedOver(PassedOver),
    /// Of a higher release, or of none.
    Unknown,
}

impl Unknowns {
    /// Compares a tag as it is read with the scan.
    fn compare(&mut self, tag: &Tag, scanned: Option<Digest>, snapshot: &Snapshot) {
        match snapshot.reads.get(tag) {
            None => self.unread.push(tag.clone()),
            Some(read) => self.is_outdated |= *read != scanned,
        }
    }

    /// What is due before anything else. `None`, if nothing is unknown.
    fn decision(&self) -> Option<Decision> {
        match self {
            Self { is_outdated: true, .. } => Some(Decision::Scan),
            Self { unread, .. } if !unread.is_empty() => Some(Decision::Read(unread.clone())),
            Self { is_unseen, .. } => is_unseen.then_some(Decision::Scan),
        }
    }
}

impl<'a> Decider<'a> {
    pub(super) fn new(
        request: &'a AliasRequest,
        knowledge: &'a Knowledge,
        attempts: &'a Attempts,
        snapshot: &'a Snapshot,
    ) -> Self {
        let lines = Lines::new(request, knowledge, &snapshot.scan);
        Self { request, knowledge, attempts, snapshot, lines }
    }

    /// The aliases and markers of a whole repository that are not as they should be.
    pub(super) fn due(&self) -> Vec<Target> {
        let scan = &self.snapshot.scan;
        let aliases: BTreeSet<&Tag> = scan.aliases().chain(self.lines.aliases()).collect();
        let aliases = aliases.into_iter().cloned().map(Target::Alias);
        let markers = scan.yanked().filter_map(YankMarker::of).map(Target::Marker);
        let is_due = |target: &Target| !matches!(self.decide(target), Decision::Settled(AliasOutcome::Unchanged, _));
        let unusable = self.lines.unusable().cloned().map(Target::Unusable);
        aliases.chain(unusable).chain(markers).filter(is_due).collect()
    }

    /// The release whose list a target is to name, and that list.
    pub(super) fn desired<'t>(&'t self, target: &'t Target) -> Option<(&'t Release, Digest)> {
        match target {
            Target::Alias(tag) => self.lines.get(tag)?.desired,
            Target::Marker(marker) => {
                let scan = &self.snapshot.scan;
                scan.named(target)?;
                Some((marker.release(), self.knowledge.list_of(marker.release(), scan)?))
            }
            Target::Unusable(_) => None,
        }
    }

    /// When the newest image under one of the platform tags of a release was pushed.
    pub(super) fn newest_platform(&self, release: &Release) -> Option<SystemTime> {
        self.snapshot.scan.newest_platform(release)
    }

    /// The highest release above the one whose list a target is to name that is passed over.
    pub(super) fn passed_over(&self, target: &Target) -> Option<&PassedOver> {
        match target {
            Target::Alias(tag) => self.lines.get(tag)?.passed_over.as_ref(),
            Target::Marker(_) | Target::Unusable(_) => None,
        }
    }

    /// What is due for one target.
    pub(super) fn decide(&self, target: &Target) -> Decision {
        let snapshot = self.snapshot;
        let tag = match target {
            Target::Alias(tag) => tag,
            Target::Marker(marker) => marker.tag(),
            Target::Unusable(alias) => {
                return Decision::Settled(AliasOutcome::from(alias), Some(alias.release.clone()));
            }
        };
        match self.attempts.given_up.get(tag) {
            Some(GivenUp::Failed(error)) => return Decision::Failed(error.clone()),
            Some(GivenUp::Pending(reason, release)) => {
                return Decision::Settled(AliasOutcome::Pending(*reason), release.clone());
            }
            None => {}
        }
        let named = snapshot.scan.named(target);
        let Some((release, digest)) = self.desired(target) else {
            let is_orphaned = named.is_some() && matches!(target, Target::Alias(_));
            let no_release = is_orphaned.then_some(AliasConflict::NoReleaseLeft);
            let conflict = self.passed_over(target).cloned().map(AliasConflict::NoCompleteRelease).or(no_release);
            return Decision::Settled(conflict.map_or(AliasOutcome::Unchanged, AliasOutcome::Conflict), None);
        };
        let settled = |outcome| Decision::Settled(outcome, Some(release.clone()));
        let is_immutable = self.attempts.immutable.contains(tag);
        let mut unknowns = Unknowns::default();
        if named.is_some_and(|named| named.digest == digest) {
            if let Target::Alias(_) = target {
                self.check_platforms(target, release, digest, &mut unknowns);
            }
            let is_moved = self.attempts.rounds.contains_key(tag) && !is_immutable;
            let outcome = if is_moved { AliasOutcome::Moved } else { AliasOutcome::Unchanged };
            return unknowns.decision().unwrap_or_else(|| settled(outcome));
        }
        if is_immutable {
            return settled(AliasOutcome::Conflict(AliasConflict::Immutable));
        }
        match named {
            // It does not exist. What one read tells, another one need not repeat.
            None if snapshot.scan.is_one_read() && !snapshot.reads.contains_key(tag) => {}
            // It does not exist, or has moved during the scan.
            None => unknowns.compare(tag, None, snapshot),
            Some(named) => {
                if let Some(conflict) = self.conflict((target, tag), named, (release, digest), &mut unknowns) {
                    return settled(AliasOutcome::Conflict(conflict));
                }
            }
        }
        if (unknowns.is_outdated || unknowns.is_unseen)
            && let Some(decision) = unknowns.decision()
        {
            return decision;
        }
        if self.attempts.rounds.get(tag).is_some_and(|rounds| *rounds == MAX_ROUNDS) {
            return Decision::Failed(self.request.contended(tag, usize::from(MAX_ROUNDS)));
        }
        self.write((target, tag), release, digest, unknowns)
    }

    /// The write of a list, once its bytes are known.
    fn write(
        &self,
        (target, tag): (&Target, &Tag),
        release: &Release,
        digest: Digest,
        mut unknowns: Unknowns,
    ) -> Decision {
        let stored = self.knowledge.list(digest);
        let is_known = if self.request.dry_run { self.knowledge.has_read(digest) } else { stored.is_some() };
        if !is_known && self.is_archived(release) {
            let conflict = AliasConflict::Archived { digest };
            return Decision::Settled(AliasOutcome::Conflict(conflict), Some(release.clone()));
        }
        if !is_known {
            self.read_list(target, release, digest, &mut unknowns);
        }
        if let Some(decision) = unknowns.decision() {
            return decision;
        }
        match stored.filter(|_| !self.request.dry_run).map(list) {
            None => Decision::Settled(AliasOutcome::WouldMove, Some(release.clone())),
            Some(Ok(list)) => Decision::Write(AliasWrite { tag: tag.clone(), release: release.clone(), list }),
            Some(Err(reason)) => {
                Decision::Failed(Error::CorruptImage { image: self.request.image(release.tag()), reason })
            }
        }
    }

    /// Finds out whether the list that an alias names already has all platforms. Where all platform tags of the release
    /// exist, the function has seen to its list, and a settled repository takes no read.
    fn check_platforms(&self, target: &Target, release: &Release, digest: Digest, unknowns: &mut Unknowns) {
        let platforms = self.request.settings.tag_scheme.platforms().len();
        let is_trusted = self.snapshot.scan.has_all_platforms(release, platforms) || self.is_archived(release);
        if !is_trusted && !self.knowledge.has_read(digest) {
            self.read_list(target, release, digest, unknowns);
        }
    }

    /// Has the list of a release read, and of an alias that has passed over a release those of the next ones too.
    fn read_list(&self, target: &Target, release: &Release, digest: Digest, unknowns: &mut Unknowns) {
        let scan = &self.snapshot.scan;
        unknowns.compare(release.tag(), Some(digest), self.snapshot);
        let Target::Alias(alias) = target else { return };
        let Some(line) = self.lines.get(alias).filter(|line| line.passed_over.is_some()) else { return };
        let candidates = line.releases().filter(|one| *one < release && !scan.is_yanked(one));
        let unread = candidates.filter_map(|one| {
            let digest = self.knowledge.list_of(one, scan)?;
            (!self.knowledge.has_read(digest) && !self.is_archived(one)).then_some((one, digest))
        });
        for (release, digest) in unread.take(self.attempts.reach(READ_AHEAD)) {
            unknowns.compare(release.tag(), Some(digest), self.snapshot);
        }
    }

    /// Whether the list of a release is archived, so that nothing can read it.
    fn is_archived(&self, release: &Release) -> bool {
        let target = self.snapshot.scan.release(release);
        target.is_some_and(|target| target.content == ContentKind::ArchivedList)
    }

    /// Why what a tag names must not be replaced by the list of this release, if it must not.
    fn conflict(
        &self,
        (target, tag): (&Target, &Tag),
        named: &TagTarget,
        (release, digest): (&Release, Digest),
        unknowns: &mut Unknowns,
    ) -> Option<AliasConflict> {
        let is_own = self.snapshot.scan.is_list_of_version(named.digest);
        if !is_own && let Some(conflict) = self.foreign(tag, named, unknowns) {
            return Some(conflict);
        }
        let Target::Alias(alias) = target else { return None };
        let line = self.lines.get(alias)?;
        let passed_over = match self.origin(line, named.digest, release) {
            Origin::Lower => return None,
            Origin::PassedOver(passed_over) => Some(passed_over),
            Origin::Unknown => {
                self.check_origin(alias, line, named.digest, release, unknowns);
                line.passed_over.clone()
            }
        };
        if passed_over.is_some() {
            // Whether it is this release that remains.
            self.check_platforms(target, release, digest, unknowns);
        }
        passed_over.filter(|_| unknowns.decision().is_none()).map(AliasConflict::PassedOver)
    }

    /// Why what a tag names is not the function's own, if it is not. It is read once.
    fn foreign(&self, tag: &Tag, named: &TagTarget, unknowns: &mut Unknowns) -> Option<AliasConflict> {
        if let ContentKind::Artifact(artifact_type) = &named.content {
            let artifact_type = (&**artifact_type).into();
            return Some(AliasConflict::Artifact { digest: named.digest, artifact_type });
        }
        if self.request.force {
            return None;
        }
        if let ContentKind::Other(media_type) = &named.content {
            let media_type = (&**media_type).into();
            return Some(AliasConflict::NotAManifestList { digest: named.digest, media_type });
        }
        if named.content == ContentKind::ArchivedList {
            return Some(AliasConflict::Archived { digest: named.digest });
        }
        if !self.knowledge.has_read(named.digest) {
            unknowns.compare(tag, Some(named.digest), self.snapshot);
        }
        self.knowledge.conflict(named.digest).cloned()
    }

    /// Whose list an alias names that is to name that of this release.
    fn origin(&self, line: &Line<'_>, digest: Digest, release: &Release) -> Origin {
        let scan = &self.snapshot.scan;
        let is_named = |one: &&Release| scan.release(one).is_some_and(|target| target.digest == digest);
        let is_passed_over = |one: &&Release| *one > release && !scan.is_yanked(one);
        let mut named = line.releases().filter(is_named);
        match (named.clone().find(is_passed_over), self.knowledge.missing(digest)) {
            (Some(passed_over), Some(missing)) => {
                Origin::PassedOver(PassedOver { release: passed_over.clone(), missing: missing.clone() })
            }
            _ if named.any(|one| !is_passed_over(&one)) => Origin::Lower,
            _ => Origin::Unknown,
        }
    }

    /// Finds out whether a list of unknown origin, under an alias, is that of a higher release than the one that the
    /// alias is to name now.
    fn check_origin(&self, alias: &Tag, line: &Line<'_>, digest: Digest, release: &Release, unknowns: &mut Unknowns) {
        if !self.knowledge.seen.contains(&(alias.clone(), digest)) {
            // Its release may have been published when the scan had passed. A scan that begins now shows it, since a
            // version is written before its aliases.
            unknowns.is_unseen = true;
            return;
        }
        for release in self.hidden(line, release) {
            let may_be_list = |digest: &Digest| self.knowledge.may_be_list(*digest);
            match self.snapshot.reads.get(release.tag()) {
                None => unknowns.unread.push(release.tag().clone()),
                Some(read) => unknowns.is_outdated |= read.as_ref().is_some_and(may_be_list),
            }
        }
    }

    /// The releases of the line that the scan may have missed, the highest first: those that are known, not yanked, and
    /// higher than this one, and of which it shows no list.
    fn hidden(&self, line: &Line<'a>, release: &Release) -> impl Iterator<Item = &'a Release> {
        let scan = &self.snapshot.scan;
        let is_shown = |one: &Release| scan.is_yanked(one) || self.knowledge.list_of(one, scan).is_some();
        line.releases().take_while(move |one| *one > release).filter(move |one| !is_shown(one))
    }
}
