//! The reconciliation of aliases as a state machine: data in, data out.
//!
//! ```text
//! scan ──> decide ──> read tags ──> decide ──> put, several at once
//!   ^         │                        │             │
//!   │         └──> done                └──> done     │
//!   └────────────────────────────────────────────────┘
//! ```
//!
//! A scan tells what is due, and a scan after the write confirms it. The list of a version is written before its aliases
//! are. So whoever wrote an alias last has either scanned after the highest release was published, or scans after its
//! own write and sees that release.
//!
//! A scan is many reads, and a tag that moves between two of them can be missing from all. Therefore the machine reads
//! by tag before it takes the absence of a tag for a fact: of an alias that it would create, unless the scan was one
//! read, of a release whose list an alias seems to have kept, and of its own writes.
//!
//! As in [`reconcile::machine`](crate::reconcile::machine), nothing here waits, reads a clock or does I/O, and each step
//! holds its own continuation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::marker::YankMarker;
use super::outcome::{AliasConflict, AliasFailure, AliasOutcome, AliasPending, AliasReconciliation, AliasReport};
use super::release::Release;
use super::request::{AliasRequest, Scope};
use super::scan::{AliasScan, Kind, Named};
use crate::error::{Conflict, Error, UnseenImage};
use crate::oci::digest::Digest;
use crate::oci::invalid_image::{Corruption, Part};
use crate::oci::media_type::MediaType;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::oci::tag::Tag;
use crate::reconcile::machine::{MAX_ROUNDS, PAUSES_MS, PutResponse, conflict};
use crate::reconcile::manifest_list::ManifestList;
use crate::reconcile::observation::{Manifests, StoredManifest};

/// How many aliases are written before a scan confirms them: with the tag of the release of each, as many as one
/// `BatchGetImage` takes.
pub const MAX_WRITES: usize = 50;

/// How many releases are read by tag before an alias leaves a list of unknown origin, the highest first. They are the
/// higher releases that a scan shows without a list: those of a line that are being pushed at the same time.
const MAX_HIDDEN_RELEASES: usize = 10;

/// The next step of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AliasStep {
    /// The repository is to be scanned.
    Scan(ScanRepository),
    /// Tags are to be read.
    Read(ReadTags),
    /// Aliases are to be written.
    Put(PutAliases),
    /// The reconciliation has reached its end.
    Done(AliasReconciliation),
}

/// The repository is to be scanned, from its first page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScanRepository {
    context: Context,
    after: Duration,
}

/// Tags are to be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadTags {
    context: Context,
    view: View,
    tags: BTreeSet<Tag>,
}

/// Lists are to be written under aliases, in any order or all at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PutAliases {
    context: Context,
    view: View,
    writes: Vec<AliasWrite>,
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

/// What a reconciliation has learned so far, and how much of its retries is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Context {
    request: Arc<AliasRequest>,
    /// What is reconciled. `None` before the first scan of a whole repository.
    targets: Option<Vec<Target>>,
    /// The manifests that were read.
    contents: BTreeMap<Digest, StoredManifest>,
    /// What tags must name, unless someone else has written them.
    expected: BTreeMap<Tag, Digest>,
    /// What tags were seen to name before the latest scan began.
    seen: BTreeSet<(Tag, Digest)>,
    /// The releases of earlier scans.
    known: BTreeSet<Release>,
    /// How often each tag was written.
    rounds: BTreeMap<Tag, u8>,
    /// The tags that ECR does not move.
    immutable: BTreeSet<Tag>,
    /// The targets that are given up.
    ended: BTreeMap<Tag, Ended>,
    /// How many of [`PAUSES_MS`] are used.
    pauses: u8,
}

/// A tag that follows releases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Target {
    /// It follows the highest release of its line.
    Alias(Tag),
    /// It follows the one release that it marks.
    Marker(YankMarker),
}

/// Why a target is given up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Ended {
    Failed(Error),
    Pending(AliasPending, Option<Release>),
}

/// What ECR holds: a scan, and the tags that were read after it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct View {
    scan: AliasScan,
    reads: BTreeMap<Tag, Option<Digest>>,
}

/// The list that a target is to name.
type Desired<'a> = (&'a Release, Digest);

/// What is due for a target.
#[derive(Debug)]
enum Verdict {
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

/// What a verdict still depends on.
#[derive(Debug, Default)]
struct Open {
    /// The tags to be read.
    unread: Vec<Tag>,
    /// Whether the scan is out of date.
    must_scan: bool,
    /// Whether only another scan tells.
    is_unseen: bool,
}

impl Open {
    /// Compares a tag as it is read with the scan.
    fn compare(&mut self, tag: &Tag, scanned: Option<Digest>, view: &View) {
        match view.reads.get(tag) {
            None => self.unread.push(tag.clone()),
            Some(read) => self.must_scan |= *read != scanned,
        }
    }
}

impl Target {
    fn tag(&self) -> &Tag {
        match self {
            Self::Alias(tag) => tag,
            Self::Marker(marker) => marker.tag(),
        }
    }
}

impl AliasStep {
    /// The first step of a reconciliation.
    pub fn start(request: Arc<AliasRequest>) -> Self {
        Self::Scan(ScanRepository::start(request))
    }

    /// Ends the reconciliation for lack of time. What is not settled is left to the sweep.
    #[must_use]
    pub fn defer(self) -> AliasReconciliation {
        match self {
            Self::Scan(scan) => scan.defer(),
            Self::Read(read) => read.context.deferred(Some(&read.view)),
            Self::Put(put) => put.context.deferred(Some(&put.view)),
            Self::Done(end) => end,
        }
    }
}

impl ScanRepository {
    /// The first step of a reconciliation. A sweep resumes it with the scan that it has made already.
    pub fn start(request: Arc<AliasRequest>) -> Self {
        let targets = request.release().map(|release| {
            let aliases = request.policy.aliases(release).into_iter().map(Target::Alias);
            aliases.chain(YankMarker::of(release).map(Target::Marker)).collect()
        });
        let context = Context {
            targets,
            contents: request.lists.clone(),
            expected: request.written.clone(),
            seen: BTreeSet::new(),
            known: BTreeSet::new(),
            rounds: BTreeMap::new(),
            immutable: BTreeSet::new(),
            ended: BTreeMap::new(),
            pauses: 0,
            request,
        };
        Self { context, after: Duration::ZERO }
    }

    /// What is reconciled.
    pub fn request(&self) -> &AliasRequest {
        &self.context.request
    }

    /// How long to wait before the scan begins.
    pub fn after(&self) -> Duration {
        self.after
    }

    /// Whether the scan confirms a write.
    pub fn confirms(&self) -> bool {
        !self.context.rounds.is_empty()
    }

    /// Continues with the scan.
    pub fn resume(self, mut scan: AliasScan) -> AliasStep {
        let mut context = self.context;
        if context.request.dry_run {
            for (tag, digest) in &std::mem::take(&mut context.expected) {
                scan.assume(tag, *digest);
            }
        }
        context.expected.retain(|tag, digest| scan.digest(tag) != Some(*digest));
        context.decide(View { scan, reads: BTreeMap::new() })
    }

    /// Ends the reconciliation for lack of time. What is not settled is left to the sweep.
    #[must_use]
    pub fn defer(self) -> AliasReconciliation {
        self.context.deferred(None)
    }
}

impl ReadTags {
    /// What is reconciled.
    pub fn request(&self) -> &AliasRequest {
        &self.context.request
    }

    /// What is to be read. Of a whole repository, this may be more than one call takes
    /// ([`MAX_BATCH_IDS`](crate::settings::tag_scheme::MAX_BATCH_IDS)).
    pub fn references(&self) -> Vec<Reference> {
        self.tags.iter().cloned().map(Reference::Tag).collect()
    }

    /// Continues with the manifests that exist.
    pub fn resume(self, manifests: Manifests) -> AliasStep {
        let Self { mut context, mut view, tags } = self;
        let mut manifests = manifests;
        for tag in tags {
            let stored = manifests.remove(&Reference::Tag(tag.clone()));
            view.reads.insert(tag, stored.as_ref().map(|stored| stored.digest));
            context.contents.extend(stored.map(|stored| (stored.digest, stored)));
        }
        context.decide(view)
    }
}

impl PutAliases {
    /// What is reconciled.
    pub fn request(&self) -> &AliasRequest {
        &self.context.request
    }

    /// What is to be written, each under a tag of its own.
    pub fn writes(&self) -> &[AliasWrite] {
        &self.writes
    }

    /// Continues with the responses. A write without one was not sent, for lack of time, and is left to the sweep.
    pub fn resume(self, mut responses: BTreeMap<Tag, Result<PutResponse, Error>>) -> AliasStep {
        let Self { mut context, view, writes } = self;
        let mut is_written = false;
        let mut unseen = Vec::new();
        for AliasWrite { tag, release, list } in writes {
            match responses.remove(&tag) {
                Some(Ok(response @ (PutResponse::Stored | PutResponse::TagImmutable))) => {
                    is_written = true;
                    *context.rounds.entry(tag.clone()).or_default() += 1;
                    if response == PutResponse::TagImmutable {
                        context.immutable.insert(tag);
                    } else {
                        context.expected.insert(tag, list.digest);
                    }
                }
                Some(Ok(PutResponse::ReferencedImageNotFound)) => unseen.push(tag),
                Some(Err(error)) => {
                    context.ended.insert(tag, Ended::Failed(error));
                }
                None => {
                    context.ended.insert(tag, Ended::Pending(AliasPending::NotWritten, Some(release)));
                }
            }
        }
        if unseen.is_empty() {
            return if is_written { context.scan(view, Duration::ZERO) } else { context.decide(view) };
        }
        if let Some(after) = context.pause() {
            return context.scan(view, after);
        }
        for tag in unseen {
            let image = UnseenImage::ReferencedBy(context.request.image(&tag));
            context.ended.insert(tag, Ended::Failed(not_yet_visible(image)));
        }
        if is_written { context.scan(view, Duration::ZERO) } else { context.decide(view) }
    }
}

impl Context {
    /// Takes the next pause, if one is left.
    fn pause(&mut self) -> Option<Duration> {
        let pause_ms = *PAUSES_MS.get(usize::from(self.pauses))?;
        self.pauses += 1;
        Some(Duration::from_millis(pause_ms))
    }

    /// Scans again. What this view shows was there before that scan.
    fn scan(mut self, view: View, after: Duration) -> AliasStep {
        let View { mut scan, reads } = view;
        for tag in self.targets.iter().flatten().map(Target::tag) {
            let digests = [scan.digest(tag), reads.get(tag).copied().flatten(), self.expected.get(tag).copied()];
            self.seen.extend(digests.into_iter().flatten().map(|digest| (tag.clone(), digest)));
        }
        // What was written is dropped: of a whole repository, it would add up. What tells that a tag is not the
        // function's own, or names no list, is kept: it would be read again.
        let seen: BTreeSet<Digest> = self.seen.iter().map(|(_, digest)| *digest).collect();
        let lists = &self.request.lists;
        let expected: BTreeSet<Digest> = self.expected.values().copied().collect();
        self.contents.retain(|digest, stored| {
            lists.contains_key(digest) || !is_list(stored) || (seen.contains(digest) && !expected.contains(digest))
        });
        self.known.append(&mut scan.releases);
        AliasStep::Scan(ScanRepository { context: self, after })
    }

    /// What is due, according to a scan and to what was read after it.
    fn decide(mut self, view: View) -> AliasStep {
        let unread: BTreeSet<Tag> =
            self.expected.keys().filter(|tag| !view.reads.contains_key(*tag)).cloned().collect();
        if !unread.is_empty() {
            return AliasStep::Read(ReadTags { context: self, view, tags: unread });
        }
        if let Some(outdated) = self.outdated(&view) {
            if let Some(after) = self.pause() {
                return self.scan(view, after);
            }
            let error = not_yet_visible(UnseenImage::Named(self.request.image(&outdated)));
            self.expected.clear();
            return self.give_up(&view, |_| error.clone());
        }
        let highest = self.highest(&view);
        let targets = self.targets.take().unwrap_or_else(|| self.due(&view, &highest));
        let (mut tags, mut writes, mut active, mut must_scan) = (BTreeSet::new(), Vec::new(), 0, false);
        for target in &targets {
            match self.verdict(target, &view, &highest) {
                Verdict::Settled(..) | Verdict::Failed(_) => continue,
                Verdict::Scan => must_scan = true,
                Verdict::Read(unread) => {
                    active += 1;
                    tags.extend(unread);
                }
                Verdict::Write(write) => {
                    active += 1;
                    writes.push(write);
                }
            }
            if active == MAX_WRITES {
                break;
            }
        }
        self.targets = Some(targets);
        if !tags.is_empty() {
            return AliasStep::Read(ReadTags { context: self, view, tags });
        }
        if !writes.is_empty() && !self.request.dry_run {
            return AliasStep::Put(PutAliases { context: self, view, writes });
        }
        if !must_scan {
            return AliasStep::Done(self.end(&view, &highest));
        }
        if let Some(after) = self.pause() {
            return self.scan(view, after);
        }
        let request = Arc::clone(&self.request);
        self.give_up(&view, |tag| contended(&request, tag, 1 + PAUSES_MS.len()))
    }

    /// A tag that the scan does not show as it is. Forgets the writes that others have replaced since.
    fn outdated(&mut self, view: &View) -> Option<Tag> {
        let read = |tag: &Tag| view.reads.get(tag).copied().flatten();
        let outdated = self.expected.keys().find(|tag| read(tag) != view.scan.digest(tag)).cloned();
        self.expected.retain(|tag, digest| read(tag) == Some(*digest));
        outdated
    }

    /// Ends all targets that are not settled with an error.
    fn give_up(mut self, view: &View, error: impl Fn(&Tag) -> Error) -> AliasStep {
        let highest = self.highest(view);
        let targets = self.targets.take().unwrap_or_else(|| self.due(view, &highest));
        for target in &targets {
            if !matches!(self.verdict(target, view, &highest), Verdict::Settled(..) | Verdict::Failed(_)) {
                self.ended.insert(target.tag().clone(), Ended::Failed(error(target.tag())));
            }
        }
        self.targets = Some(targets);
        let end = self.end(view, &highest);
        AliasStep::Done(end)
    }

    /// Whether a scan shows the release with a list. A scan need not state a media type, the manifest does.
    fn list_of(&self, release: &Release, scan: &AliasScan) -> Option<Digest> {
        let named = scan.named(release.tag())?;
        let is_list = match self.contents.get(&named.digest) {
            Some(stored) => is_list(stored),
            None => !matches!(named.kind, Kind::Other(_)),
        };
        is_list.then_some(named.digest)
    }

    /// The highest release of each line that is published and not yanked.
    fn highest(&self, view: &View) -> BTreeMap<Tag, (Release, Digest)> {
        let mut highest = BTreeMap::new();
        for release in view.scan.releases.difference(view.scan.yanked()) {
            let Some(digest) = self.list_of(release, &view.scan) else { continue };
            for alias in self.request.policy.aliases(release) {
                highest.insert(alias, (release.clone(), digest));
            }
        }
        highest
    }

    /// The aliases and markers of a whole repository that are not as they should be.
    fn due(&self, view: &View, highest: &BTreeMap<Tag, (Release, Digest)>) -> Vec<Target> {
        let of_tag = |tag: &Tag| match YankMarker::from_tag(tag) {
            Some(marker) => Some(Target::Marker(marker)),
            None => Release::from_tag(tag).is_none().then(|| Target::Alias(tag.clone())),
        };
        let tags: BTreeSet<&Tag> = view.scan.tags().chain(highest.keys()).collect();
        let targets = tags.into_iter().filter_map(of_tag);
        let is_due = |target: &Target| {
            !matches!(self.verdict(target, view, highest), Verdict::Settled(AliasOutcome::Unchanged, _))
        };
        targets.filter(is_due).collect()
    }

    /// The list that a target is to name.
    fn desired<'a>(
        &self,
        target: &'a Target,
        view: &View,
        highest: &'a BTreeMap<Tag, (Release, Digest)>,
    ) -> Option<Desired<'a>> {
        match target {
            Target::Alias(tag) => highest.get(tag).map(|(release, digest)| (release, *digest)),
            Target::Marker(marker) => {
                view.scan.named(marker.tag())?;
                Some((marker.release(), self.list_of(marker.release(), &view.scan)?))
            }
        }
    }

    /// What is due for one target.
    fn verdict(&self, target: &Target, view: &View, highest: &BTreeMap<Tag, (Release, Digest)>) -> Verdict {
        let (tag, scan) = (target.tag(), &view.scan);
        match self.ended.get(tag) {
            Some(Ended::Failed(error)) => return Verdict::Failed(error.clone()),
            Some(Ended::Pending(reason, release)) => {
                return Verdict::Settled(AliasOutcome::Pending(*reason), release.clone());
            }
            None => {}
        }
        let named = scan.named(tag);
        let Some((release, digest)) = self.desired(target, view, highest) else {
            let is_left = named.is_some() && matches!(target, Target::Alias(_));
            let conflict = AliasOutcome::Conflict(AliasConflict::NoReleaseLeft);
            return Verdict::Settled(if is_left { conflict } else { AliasOutcome::Unchanged }, None);
        };
        let settled = |outcome| Verdict::Settled(outcome, Some(release.clone()));
        let is_immutable = self.immutable.contains(tag);
        if named.is_some_and(|named| named.digest == digest) {
            let is_moved = self.rounds.contains_key(tag) && !is_immutable;
            return settled(if is_moved { AliasOutcome::Moved } else { AliasOutcome::Unchanged });
        }
        if is_immutable {
            return settled(AliasOutcome::Conflict(AliasConflict::Immutable));
        }

        let mut open = Open::default();
        match named {
            // It does not exist. What one read tells, another one need not repeat.
            None if scan.is_one_read() && !view.reads.contains_key(tag) => {}
            // It does not exist, or has moved during the scan.
            None => open.compare(tag, None, view),
            Some(named) if scan.is_list_of_version(named.digest) => {}
            Some(named) => {
                if let Some(conflict) = self.conflict(tag, named, view, &mut open) {
                    return settled(AliasOutcome::Conflict(conflict));
                }
                if let Target::Alias(alias) = target {
                    self.check_origin(alias, named.digest, release, view, &mut open);
                }
            }
        }
        if open.must_scan || open.is_unseen {
            return if open.unread.is_empty() { Verdict::Scan } else { Verdict::Read(open.unread) };
        }
        if self.rounds.get(tag).is_some_and(|rounds| *rounds == MAX_ROUNDS) {
            return Verdict::Failed(contended(&self.request, tag, usize::from(MAX_ROUNDS)));
        }
        let stored = self.contents.get(&digest);
        if stored.is_none() && !self.request.dry_run {
            open.compare(release.tag(), Some(digest), view);
        }
        match stored {
            _ if open.must_scan => Verdict::Scan,
            _ if !open.unread.is_empty() => Verdict::Read(open.unread),
            None => settled(AliasOutcome::WouldMove),
            Some(_) if self.request.dry_run => settled(AliasOutcome::WouldMove),
            Some(stored) => match list(stored) {
                Ok(list) => Verdict::Write(AliasWrite { tag: tag.clone(), release: release.clone(), list }),
                Err(reason) => {
                    Verdict::Failed(Error::CorruptImage { image: self.request.image(release.tag()), reason })
                }
            },
        }
    }

    /// Why what a tag names must not be replaced, if it must not. It is read once.
    fn conflict(&self, tag: &Tag, named: &Named, view: &View, open: &mut Open) -> Option<AliasConflict> {
        if self.request.force {
            return None;
        }
        if let Kind::Other(media_type) = &named.kind {
            let media_type = (&**media_type).into();
            return Some(AliasConflict::NotAManifestList { digest: named.digest, media_type });
        }
        let Some(stored) = self.contents.get(&named.digest) else {
            open.compare(tag, Some(named.digest), view);
            return None;
        };
        let is_configured = |platform: &Platform| self.request.platforms.iter().any(|one| one.matches(platform));
        conflict(stored, is_configured).map(AliasConflict::from)
    }

    /// Finds out whether a list of no version, under an alias, is that of a higher release than the one that the alias
    /// is to name now.
    fn check_origin(&self, alias: &Tag, digest: Digest, release: &Release, view: &View, open: &mut Open) {
        if !self.seen.contains(&(alias.clone(), digest)) {
            // Its release may have been published when the scan had passed. A scan that begins now shows it, since a
            // version is written before its aliases.
            open.is_unseen = true;
            return;
        }
        for release in self.hidden(alias, release, &view.scan) {
            let may_be_list = |digest: &Digest| self.contents.get(digest).is_none_or(is_list);
            match view.reads.get(release.tag()) {
                None => open.unread.push(release.tag().clone()),
                Some(read) => open.must_scan |= read.as_ref().is_some_and(may_be_list),
            }
        }
    }

    /// The releases of the line that the scan may have missed, the highest first: those that are known, and higher than
    /// the highest that it shows with a list.
    fn hidden<'a>(&'a self, alias: &Tag, release: &Release, scan: &'a AliasScan) -> Vec<&'a Release> {
        let is_hidden = |other: &&Release| {
            *other > release && !scan.yanked().contains(*other) && self.request.policy.aliases(other).contains(alias)
        };
        let known: BTreeSet<&Release> = self.known.union(&scan.releases).collect();
        known.into_iter().rev().filter(is_hidden).take(MAX_HIDDEN_RELEASES).collect()
    }

    fn end(&self, view: &View, highest: &BTreeMap<Tag, (Release, Digest)>) -> AliasReconciliation {
        let mut end = AliasReconciliation::default();
        for target in self.targets.iter().flatten() {
            match self.verdict(target, view, highest) {
                Verdict::Settled(outcome, release) => end.add(target, outcome, release),
                Verdict::Failed(error) => end.failed.push(AliasFailure { tag: target.tag().clone(), error }),
                Verdict::Read(_) | Verdict::Scan | Verdict::Write(_) => {
                    let pending = self.pending(target.tag());
                    let release = self.desired(target, view, highest).map(|(release, _)| release.clone());
                    end.add(target, pending, release);
                }
            }
        }
        end
    }

    fn pending(&self, tag: &Tag) -> AliasOutcome {
        let is_written = self.rounds.contains_key(tag);
        AliasOutcome::Pending(if is_written { AliasPending::NotConfirmed } else { AliasPending::NotWritten })
    }

    fn deferred(mut self, view: Option<&View>) -> AliasReconciliation {
        if let Some(view) = view {
            let highest = self.highest(view);
            self.targets.get_or_insert_with(Vec::new);
            return self.end(view, &highest);
        }
        let mut end = AliasReconciliation::default();
        let is_reported = |target: &&Target| match target {
            Target::Alias(_) => true,
            Target::Marker(marker) => self.rounds.contains_key(marker.tag()) || self.ended.contains_key(marker.tag()),
        };
        for target in self.targets.iter().flatten().filter(is_reported) {
            match (self.ended.get(target.tag()), &self.request.scope) {
                (Some(Ended::Failed(error)), _) => {
                    end.failed.push(AliasFailure { tag: target.tag().clone(), error: error.clone() });
                }
                (Some(Ended::Pending(reason, release)), _) => {
                    end.add(target, AliasOutcome::Pending(*reason), release.clone());
                }
                (None, Scope::Release(release)) => {
                    end.add(target, self.pending(target.tag()), Some(release.clone()));
                }
                (None, Scope::Repository) => end.add(target, self.pending(target.tag()), None),
            }
        }
        end
    }
}

impl AliasReconciliation {
    /// Adds a target. A marker is reported where it moved, or should have.
    fn add(&mut self, target: &Target, outcome: AliasOutcome, release: Option<Release>) {
        let report = AliasReport { tag: target.tag().clone(), outcome, release };
        match target {
            Target::Alias(_) => self.aliases.push(report),
            Target::Marker(_) if report.outcome == AliasOutcome::Unchanged => {}
            Target::Marker(_) => self.markers.push(report),
        }
    }
}

impl From<Conflict> for AliasConflict {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::NotAManifestList { digest, media_type } => Self::NotAManifestList { digest, media_type },
            Conflict::ForeignPlatform { digest, platform } => Self::ForeignPlatform { digest, platform },
            Conflict::Immutable { .. } => Self::Immutable,
        }
    }
}

/// Whether it is a manifest list.
pub(super) fn is_list(stored: &StoredManifest) -> bool {
    stored.known_media_type().is_some_and(MediaType::is_manifest_list)
}

/// The list of a stored manifest, whose bytes are compared with its digest.
pub(super) fn list(stored: &StoredManifest) -> Result<ManifestList, Corruption> {
    let actual = Digest::sha256(&*stored.text);
    match stored.known_media_type() {
        Some(media_type) if actual == stored.digest => {
            Ok(ManifestList { media_type, text: stored.text.to_string(), digest: stored.digest })
        }
        _ => Err(Corruption::Digest { part: Part::Manifest, actual, expected: stored.digest }),
    }
}

fn not_yet_visible(image: UnseenImage) -> Error {
    Error::NotYetVisible { image, waited_ms: PAUSES_MS.iter().sum() }
}

fn contended(request: &AliasRequest, tag: &Tag, rounds: usize) -> Error {
    Error::Contended { tag: request.image(tag), rounds: u8::try_from(rounds).unwrap_or(u8::MAX) }
}
