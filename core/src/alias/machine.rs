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

pub use super::decision::AliasWrite;
use super::decision::{Attempts, Decider, Decision, GivenUp, MAX_DOUBLINGS};
use super::end::{end, end_without_scan};
use super::outcome::{AliasPending, AliasReconciliation};
use super::request::AliasRequest;
use super::scan::AliasScan;
use super::snapshot::{Knowledge, Snapshot};
use super::target::Target;
use crate::error::{Error, UnseenImage};
use crate::name::Reference;
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;
use crate::reconcile::machine::not_yet_visible;
use crate::reconcile::observation::Manifests;
use crate::reconcile::step::{PAUSES_MS, PutResponse};
use crate::settings::release::Release;
use crate::settings::tag_scheme::MAX_BATCH_IDS;

/// How many aliases are written before a scan confirms them: with the tag of the release of each, as many as one
/// `BatchGetImage` takes.
pub const MAX_WRITES: usize = 50;

/// How many bytes of lists are held before they are written, and more are read: one of the largest, or those of thousands
/// of usual aliases.
const MAX_HELD_BYTES: usize = 4 << 20;

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
    snapshot: Snapshot,
    tags: BTreeSet<Tag>,
    /// How many of them one call asks for.
    at_once: usize,
}

/// Lists are to be written under aliases, in any order or all at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PutAliases {
    context: Context,
    snapshot: Snapshot,
    writes: Vec<AliasWrite>,
}

/// What a reconciliation has learned so far, and how much of its retries is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Context {
    request: Arc<AliasRequest>,
    /// What is reconciled. `None` before the first scan of a whole repository.
    targets: Option<Vec<Target>>,
    knowledge: Knowledge,
    /// What tags must name, unless someone else has written them.
    expected: BTreeMap<Tag, Digest>,
    attempts: Attempts,
    /// How many of [`PAUSES_MS`] are used.
    pauses: u8,
}

impl AliasStep {
    /// The first step of a reconciliation.
    pub fn start(request: Arc<AliasRequest>) -> Self {
        Self::Scan(ScanRepository::start(request))
    }

    /// Ends the reconciliation for lack of time. What is not settled is deferred to the sweep.
    #[must_use]
    pub fn defer(self) -> AliasReconciliation {
        match self {
            Self::Scan(scan) => scan.defer(),
            Self::Read(read) => read.context.deferred(Some(&read.snapshot)),
            Self::Put(put) => put.context.deferred(Some(&put.snapshot)),
            Self::Done(end) => end,
        }
    }
}

impl ScanRepository {
    /// The first step of a reconciliation. A sweep resumes it with the scan that it has made already.
    pub fn start(request: Arc<AliasRequest>) -> Self {
        let targets = request.targets();
        let mut knowledge = Knowledge::default();
        for list in request.lists.values() {
            knowledge.add(list, &request.settings);
            knowledge.keep(list.clone());
        }
        let (expected, attempts) = (request.written.clone(), Attempts::default());
        let context = Context { request, targets, knowledge, expected, attempts, pauses: 0 };
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
    pub fn is_confirmation(&self) -> bool {
        !self.context.attempts.rounds.is_empty()
    }

    /// Continues with the scan.
    pub fn resume(self, mut scan: AliasScan) -> AliasStep {
        let mut context = self.context;
        if let [release] = context.request.releases()
            && context.request.dry_run
        {
            for (tag, digest) in &std::mem::take(&mut context.expected) {
                scan.assume(release, tag, *digest);
            }
        }
        let streams = &context.request.settings.streams;
        context.expected.retain(|tag, digest| scan.digest(tag, streams) != Some(*digest));
        context.decide(Snapshot::new(scan))
    }

    /// Ends the reconciliation for lack of time. What is not settled is deferred to the sweep.
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

    /// What is to be read: as much as one call takes, or less.
    pub fn references(&self) -> Vec<Reference> {
        self.tags.iter().take(self.at_once).cloned().map(Reference::Tag).collect()
    }

    /// The first half of the read, which is too large for one response. The rest is asked for afterwards.
    #[must_use]
    pub fn half(mut self) -> Self {
        self.at_once = self.at_once.min(self.tags.len()).div_ceil(2);
        self
    }

    /// Continues with the manifests that exist.
    pub fn resume(self, mut manifests: Manifests) -> AliasStep {
        let Self { mut context, mut snapshot, tags, at_once } = self;
        let mut tags = tags.into_iter();
        for tag in tags.by_ref().take(at_once) {
            let stored = manifests.remove(&Reference::Tag(tag.clone()));
            snapshot.reads.insert(tag.clone(), stored.as_ref().map(|stored| stored.digest));
            let Some(stored) = stored else { continue };
            context.knowledge.add(&stored, &context.request.settings);
            let release = context.request.settings.streams.release(&tag).filter(|_| !context.request.dry_run);
            let is_yanked = |release: &Release| snapshot.scan.is_yanked(release);
            if release.is_some_and(|release| is_yanked(&release) || context.knowledge.missing(stored.digest).is_none())
            {
                context.knowledge.keep(stored);
            }
        }
        if tags.len() > 0 && !context.is_full() {
            return AliasStep::Read(Self { context, snapshot, tags: tags.collect(), at_once });
        }
        context.decide(snapshot)
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

    /// Continues with the responses. A write without one was not sent, for lack of time, and is deferred to the sweep.
    pub fn resume(self, mut responses: BTreeMap<Tag, Result<PutResponse, Error>>) -> AliasStep {
        let Self { mut context, snapshot, writes } = self;
        let attempts = &mut context.attempts;
        let mut is_written = false;
        let mut unseen = Vec::new();
        for AliasWrite { tag, release, list } in writes {
            match responses.remove(&tag) {
                Some(Ok(response @ (PutResponse::Stored | PutResponse::TagImmutable))) => {
                    is_written = true;
                    *attempts.rounds.entry(tag.clone()).or_default() += 1;
                    if response == PutResponse::TagImmutable {
                        attempts.immutable.insert(tag);
                    } else {
                        context.expected.insert(tag, list.digest);
                    }
                }
                Some(Ok(PutResponse::ReferencedImageNotFound)) => unseen.push(tag),
                Some(Err(error)) => {
                    attempts.given_up.insert(tag, GivenUp::Failed(error));
                }
                None => {
                    attempts.given_up.insert(tag, GivenUp::Pending(AliasPending::NotWritten, Some(release)));
                }
            }
        }
        if !unseen.is_empty() {
            if let Some(after) = context.pause() {
                return context.scan(snapshot, after);
            }
            for tag in unseen {
                let image = UnseenImage::ReferencedBy(context.request.image(&tag));
                context.attempts.given_up.insert(tag, GivenUp::Failed(not_yet_visible(image)));
            }
        }
        if is_written { context.scan(snapshot, Duration::ZERO) } else { context.decide(snapshot) }
    }
}

impl Context {
    /// Takes the next pause, if one remains.
    fn pause(&mut self) -> Option<Duration> {
        let pause_ms = *PAUSES_MS.get(usize::from(self.pauses))?;
        self.pauses += 1;
        Some(Duration::from_millis(pause_ms))
    }

    fn decider<'a>(&'a self, snapshot: &'a Snapshot) -> Decider<'a> {
        Decider::new(&self.request, &self.knowledge, &self.attempts, snapshot)
    }

    /// Scans again. What this snapshot shows was there before that scan.
    fn scan(mut self, snapshot: Snapshot, after: Duration) -> AliasStep {
        let targets = self.targets.iter().flatten();
        for (target, tag) in targets.filter_map(|target| Some((target, target.tag()?))) {
            let scanned = snapshot.scan.named(target).map(|named| named.digest);
            let digests = [scanned, snapshot.read(tag), self.expected.get(tag).copied()];
            self.knowledge.seen.extend(digests.into_iter().flatten().map(|digest| (tag.clone(), digest)));
        }
        self.knowledge.drop_written(&self.request.lists, &self.expected);
        self.knowledge.releases.extend(snapshot.scan.into_releases());
        self.attempts.reads = 0;
        AliasStep::Scan(ScanRepository { context: self, after })
    }

    fn read(self, snapshot: Snapshot, tags: BTreeSet<Tag>) -> AliasStep {
        AliasStep::Read(ReadTags { context: self, snapshot, tags, at_once: MAX_BATCH_IDS })
    }

    /// Whether the lists that are held are to be written before more is read.
    fn is_full(&self) -> bool {
        self.knowledge.bytes() > MAX_HELD_BYTES
    }

    /// What is due, according to a scan and to what was read after it.
    fn decide(mut self, snapshot: Snapshot) -> AliasStep {
        let unread: BTreeSet<Tag> =
            self.expected.keys().filter(|tag| !snapshot.reads.contains_key(*tag)).cloned().collect();
        if !unread.is_empty() {
            return self.read(snapshot, unread);
        }
        if let Some(outdated) = self.outdated(&snapshot) {
            if let Some(after) = self.pause() {
                return self.scan(snapshot, after);
            }
            let error = not_yet_visible(UnseenImage::Named(self.request.image(&outdated)));
            self.expected.clear();
            return self.give_up(&snapshot, |_| error.clone());
        }
        let targets = self.targets.take();
        let decider = self.decider(&snapshot);
        let targets = targets.unwrap_or_else(|| decider.due());
        let (mut tags, mut writes, mut active, mut must_scan) = (BTreeSet::new(), Vec::new(), 0, false);
        for target in &targets {
            match decider.decide(target) {
                Decision::Settled(..) | Decision::Failed(_) => continue,
                Decision::Scan => must_scan = true,
                Decision::Read(unread) => {
                    active += 1;
                    tags.extend(unread);
                }
                Decision::Write(write) => {
                    active += 1;
                    writes.push(write);
                }
            }
            if active == self.attempts.reach(MAX_WRITES) || writes.len() == MAX_WRITES {
                break;
            }
        }
        let is_done = tags.is_empty() && !must_scan && (writes.is_empty() || self.request.dry_run);
        if is_done {
            return AliasStep::Done(end(&targets, &decider, &self.attempts));
        }
        self.targets = Some(targets);
        let may_write = !writes.is_empty() && (self.is_full() || writes.len() == MAX_WRITES);
        if !tags.is_empty() && !may_write {
            self.attempts.reads = MAX_DOUBLINGS.min(self.attempts.reads + 1);
            return self.read(snapshot, tags);
        }
        if !writes.is_empty() && !self.request.dry_run {
            return AliasStep::Put(PutAliases { context: self, snapshot, writes });
        }
        if let Some(after) = self.pause() {
            return self.scan(snapshot, after);
        }
        let request = Arc::clone(&self.request);
        self.give_up(&snapshot, |tag| request.contended(tag, 1 + PAUSES_MS.len()))
    }

    /// A tag that the scan does not show as it is. Forgets the writes that others have replaced since.
    fn outdated(&mut self, snapshot: &Snapshot) -> Option<Tag> {
        let streams = &self.request.settings.streams;
        let is_outdated = |tag: &&Tag| snapshot.read(tag) != snapshot.scan.digest(tag, streams);
        let outdated = self.expected.keys().find(is_outdated).cloned();
        self.expected.retain(|tag, digest| snapshot.read(tag) == Some(*digest));
        outdated
    }

    /// Ends all targets that are not settled with an error.
    fn give_up(mut self, snapshot: &Snapshot, error: impl Fn(&Tag) -> Error) -> AliasStep {
        let targets = self.targets.take();
        let decider = self.decider(snapshot);
        let targets = targets.unwrap_or_else(|| decider.due());
        let is_open = |target: &&Target| !matches!(decider.decide(target), Decision::Settled(..) | Decision::Failed(_));
        let open: Vec<_> = targets.iter().filter(is_open).filter_map(Target::tag).cloned().collect();
        self.attempts.given_up.extend(open.into_iter().map(|tag| {
            let error = error(&tag);
            (tag, GivenUp::Failed(error))
        }));
        AliasStep::Done(end(&targets, &self.decider(snapshot), &self.attempts))
    }

    fn deferred(self, snapshot: Option<&Snapshot>) -> AliasReconciliation {
        let targets = self.targets.as_deref().unwrap_or_default();
        match snapshot {
            Some(snapshot) => end(targets, &self.decider(snapshot), &self.attempts),
            None => end_without_scan(targets, &self.request, &self.attempts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::settings_of_app;
    use crate::oci::manifest::StoredManifest;
    use crate::oci::media_type::MediaType;

    #[test]
    fn lists_are_written_before_more_than_the_limit_is_held() {
        let settings = settings_of_app(&[("PLATFORMS", "linux/amd64"), ("ALIASES", "latest")]);
        for (bytes, expected) in [(MAX_HELD_BYTES, false), (MAX_HELD_BYTES + 1, true)] {
            let request = AliasRequest::for_repository("app".parse().unwrap(), &settings);
            let AliasStep::Scan(ScanRepository { mut context, .. }) = AliasStep::start(Arc::new(request)) else {
                unreachable!("it begins with a scan")
            };
            let (media_type, text) = (MediaType::OciIndex.to_string(), "x".repeat(bytes).into());
            context.knowledge.keep(StoredManifest { digest: Digest::sha256(""), media_type, text });
            assert_eq!(context.is_full(), expected, "{bytes}");
        }
    }
}
