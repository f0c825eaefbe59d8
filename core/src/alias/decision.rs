//! What is due for an alias or a yank marker: a pure function of what was seen and tried.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::outcome::{AliasConflict, AliasOutcome, AliasPending};
use super::request::AliasRequest;
use super::scan::{ContentKind, TagTarget};
use super::snapshot::{Knowledge, Snapshot, list};
use crate::error::{Conflict, Error};
use crate::oci::digest::Digest;
use crate::oci::manifest::StoredManifest;
use crate::oci::platform::Platform;
use crate::oci::tag::Tag;
use crate::reconcile::machine::MAX_ROUNDS;
use crate::reconcile::manifest_list::ManifestList;
use crate::reconcile::right_list::conflict;
use crate::settings::release::Release;
use crate::settings::yank_marker::YankMarker;

/// How many releases are read by tag before an alias leaves a list of unknown origin, the highest first. They are the
/// higher releases that a scan shows without a list: those of a line that are being pushed at the same time.
const MAX_HIDDEN_RELEASES: usize = 10;

/// A tag that follows releases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// It follows the highest release of its line.
    Alias(Tag),
    /// It follows the one release that it marks.
    Marker(YankMarker),
}

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
    /// The highest release of each line that is published and not yanked, with its list.
    highest: BTreeMap<Tag, (&'a Release, Digest)>,
    /// All releases of each line that are known and not yanked, in ascending order, once they are needed: a repository may
    /// have thousands of aliases and of releases.
    lines: OnceCell<BTreeMap<Tag, Vec<&'a Release>>>,
}

impl Target {
    pub(super) fn tag(&self) -> &Tag {
        match self {
            Self::Alias(tag) => tag,
            Self::Marker(marker) => marker.tag(),
        }
    }
}

impl Unknowns {
    /// Compares a tag as it is read with the scan.
    fn compare(&mut self, tag: &Tag, scanned: Option<Digest>, snapshot: &Snapshot) {
        match snapshot.reads.get(tag) {
            None => self.unread.push(tag.clone()),
            Some(read) => self.is_outdated |= *read != scanned,
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
        let mut highest = BTreeMap::new();
        for release in snapshot.scan.releases.difference(snapshot.scan.yanked()) {
            let Some(digest) = knowledge.list_of(release, &snapshot.scan) else { continue };
            for alias in request.settings.aliases.aliases(release) {
                highest.insert(alias, (release, digest));
            }
        }
        Self { request, knowledge, attempts, snapshot, highest, lines: OnceCell::new() }
    }

    /// The aliases and markers of a whole repository that are not as they should be.
    pub(super) fn due(&self) -> Vec<Target> {
        let scan = &self.snapshot.scan;
        let aliases: BTreeSet<&Tag> = scan.aliases().chain(self.highest.keys()).collect();
        let aliases = aliases.into_iter().cloned().map(Target::Alias);
        let markers = scan.yanked().iter().filter_map(YankMarker::of).map(Target::Marker);
        let is_due = |target: &Target| !matches!(self.decide(target), Decision::Settled(AliasOutcome::Unchanged, _));
        aliases.chain(markers).filter(is_due).collect()
    }

    /// The release whose list a target is to name, and that list.
    pub(super) fn desired<'t>(&'t self, target: &'t Target) -> Option<(&'t Release, Digest)> {
        match target {
            Target::Alias(tag) => self.highest.get(tag).copied(),
            Target::Marker(marker) => {
                let scan = &self.snapshot.scan;
                scan.target(marker.tag())?;
                Some((marker.release(), self.knowledge.list_of(marker.release(), scan)?))
            }
        }
    }

    /// What is due for one target.
    pub(super) fn decide(&self, target: &Target) -> Decision {
        let (tag, snapshot) = (target.tag(), self.snapshot);
        match self.attempts.given_up.get(tag) {
            Some(GivenUp::Failed(error)) => return Decision::Failed(error.clone()),
            Some(GivenUp::Pending(reason, release)) => {
                return Decision::Settled(AliasOutcome::Pending(*reason), release.clone());
            }
            None => {}
        }
        let named = snapshot.scan.target(tag);
        let Some((release, digest)) = self.desired(target) else {
            let is_orphaned = named.is_some() && matches!(target, Target::Alias(_));
            let conflict = AliasOutcome::Conflict(AliasConflict::NoReleaseLeft);
            return Decision::Settled(if is_orphaned { conflict } else { AliasOutcome::Unchanged }, None);
        };
        let settled = |outcome| Decision::Settled(outcome, Some(release.clone()));
        let is_immutable = self.attempts.immutable.contains(tag);
        if named.is_some_and(|named| named.digest == digest) {
            let is_moved = self.attempts.rounds.contains_key(tag) && !is_immutable;
            return settled(if is_moved { AliasOutcome::Moved } else { AliasOutcome::Unchanged });
        }
        if is_immutable {
            return settled(AliasOutcome::Conflict(AliasConflict::Immutable));
        }

        let mut unknowns = Unknowns::default();
        match named {
            // It does not exist. What one read tells, another one need not repeat.
            None if snapshot.scan.is_one_read() && !snapshot.reads.contains_key(tag) => {}
            // It does not exist, or has moved during the scan.
            None => unknowns.compare(tag, None, snapshot),
            Some(named) if snapshot.scan.is_list_of_version(named.digest) => {}
            Some(named) => {
                if let Some(conflict) = self.conflict(tag, named, &mut unknowns) {
                    return settled(AliasOutcome::Conflict(conflict));
                }
                if let Target::Alias(alias) = target {
                    self.check_origin(alias, named.digest, release, &mut unknowns);
                }
            }
        }
        if unknowns.is_outdated || unknowns.is_unseen {
            return if unknowns.unread.is_empty() { Decision::Scan } else { Decision::Read(unknowns.unread) };
        }
        if self.attempts.rounds.get(tag).is_some_and(|rounds| *rounds == MAX_ROUNDS) {
            return Decision::Failed(self.request.contended(tag, usize::from(MAX_ROUNDS)));
        }
        self.write(tag, release, digest, unknowns)
    }

    /// The write of a list, once its bytes are known.
    fn write(&self, tag: &Tag, release: &Release, digest: Digest, mut unknowns: Unknowns) -> Decision {
        let stored = self.knowledge.contents.get(&digest);
        let target = self.snapshot.scan.target(release.tag());
        if stored.is_none() && target.is_some_and(|target| target.content == ContentKind::ArchivedList) {
            let conflict = AliasConflict::Archived { digest };
            return Decision::Settled(AliasOutcome::Conflict(conflict), Some(release.clone()));
        }
        if stored.is_none() && !self.request.dry_run {
            unknowns.compare(release.tag(), Some(digest), self.snapshot);
        }
        match stored {
            _ if unknowns.is_outdated => Decision::Scan,
            _ if !unknowns.unread.is_empty() => Decision::Read(unknowns.unread),
            Some(stored) if !self.request.dry_run => match list(stored) {
                Ok(list) => Decision::Write(AliasWrite { tag: tag.clone(), release: release.clone(), list }),
                Err(reason) => {
                    Decision::Failed(Error::CorruptImage { image: self.request.image(release.tag()), reason })
                }
            },
            _ => Decision::Settled(AliasOutcome::WouldMove, Some(release.clone())),
        }
    }

    /// Why what a tag names must not be replaced, if it must not. It is read once.
    fn conflict(&self, tag: &Tag, named: &TagTarget, unknowns: &mut Unknowns) -> Option<AliasConflict> {
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
        let Some(stored) = self.knowledge.contents.get(&named.digest) else {
            unknowns.compare(tag, Some(named.digest), self.snapshot);
            return None;
        };
        let is_configured = |platform: &Platform| {
            self.request.settings.tag_scheme.platforms().iter().any(|one| !one.contradicts(platform))
        };
        conflict(stored, is_configured).map(AliasConflict::from)
    }

    /// Finds out whether a list of no version, under an alias, is that of a higher release than the one that the alias
    /// is to name now.
    fn check_origin(&self, alias: &Tag, digest: Digest, release: &Release, unknowns: &mut Unknowns) {
        if !self.knowledge.seen.contains(&(alias.clone(), digest)) {
            // Its release may have been published when the scan had passed. A scan that begins now shows it, since a
            // version is written before its aliases.
            unknowns.is_unseen = true;
            return;
        }
        for release in self.hidden(alias, release) {
            let may_be_list = |digest: &Digest| self.knowledge.contents.get(digest).is_none_or(StoredManifest::is_list);
            match self.snapshot.reads.get(release.tag()) {
                None => unknowns.unread.push(release.tag().clone()),
                Some(read) => unknowns.is_outdated |= read.as_ref().is_some_and(may_be_list),
            }
        }
    }

    /// The releases of the line that the scan may have missed, the highest first: those that are known, and higher than
    /// the highest that it shows with a list.
    fn hidden(&self, alias: &Tag, release: &Release) -> Vec<&'a Release> {
        let line = self.lines.get_or_init(|| self.lines()).get(alias);
        let higher = line.into_iter().flatten().rev().take_while(|other| **other > release);
        higher.take(MAX_HIDDEN_RELEASES).copied().collect()
    }

    fn lines(&self) -> BTreeMap<Tag, Vec<&'a Release>> {
        let (scan, mut lines) = (&self.snapshot.scan, BTreeMap::<Tag, Vec<_>>::new());
        for release in self.knowledge.releases.union(&scan.releases).filter(|one| !scan.yanked().contains(*one)) {
            for alias in self.request.settings.aliases.aliases(release) {
                lines.entry(alias).or_default().push(release);
            }
        }
        lines
    }
}

impl From<Conflict> for AliasConflict {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::NotAManifestList { digest, media_type } => Self::NotAManifestList { digest, media_type },
            Conflict::Artifact { digest, artifact_type } => Self::Artifact { digest, artifact_type },
            Conflict::ForeignPlatform { digest, platform } => Self::ForeignPlatform { digest, platform },
            // No list that was read is one of these.
            Conflict::Immutable { .. } | Conflict::NewerImages { .. } => Self::Immutable,
        }
    }
}
