//! The queue between the stages: versions to be reconciled, which leave it in batches, each repository in its turn.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use ecr_multiarch_core::inventory::Version;
use ecr_multiarch_core::{Error, RepositoryName, RepositorySettings};
use tokio::sync::Notify;

use super::alias_scan::RepositoryAliases;
use crate::group::versions_per_read;

/// How many repositories may wait for their first turn before the next scan begins. Few, so that a run that ends early
/// has scanned little that the next one scans again; more than batches are reconciled at a time.
const MAX_WAITING_REPOSITORIES: usize = 8;

/// How many writes of a repository may be refused before it is abandoned for this sweep: one may be a passing fault of a
/// single image, three are not.
const MAX_REFUSED_WRITES: u8 = 3;

const _: () = assert!(MAX_WAITING_REPOSITORIES > super::MAX_PARALLEL_BATCHES, "no batch has to wait for a scan");

/// A repository that is being swept.
pub(super) struct SweptRepository<'a> {
    pub(super) name: RepositoryName,
    pub(super) settings: &'a Arc<RepositorySettings>,
    /// How many of its versions have no result yet.
    unfinished: Cell<usize>,
    /// How many of its versions were abandoned because its writes, or its reads, are refused.
    abandoned: Cell<usize>,
    /// Whether time was up for one of its versions.
    out_of_time: Cell<bool>,
    refused_writes: Cell<u8>,
    refusal: RefCell<Option<Error>>,
    /// Whether one of its batches is being reconciled.
    is_in_progress: Cell<bool>,
    /// Its aliases, where the settings have any, until they are reconciled.
    pub(super) aliases: RefCell<Option<RepositoryAliases<'a>>>,
}

/// What remains of a repository once all of its versions have results.
pub(super) struct RepositoryEnd {
    /// Whether time was up for one of its versions.
    pub(super) out_of_time: bool,
    /// The refusal for which it was abandoned, and how many versions were.
    pub(super) refusal: Option<(Error, usize)>,
}

impl<'a> SweptRepository<'a> {
    pub(super) fn new(name: RepositoryName, settings: &'a Arc<RepositorySettings>) -> Self {
        Self {
            name,
            settings,
            unfinished: Cell::new(0),
            abandoned: Cell::new(0),
            out_of_time: Cell::new(false),
            refused_writes: Cell::new(0),
            refusal: RefCell::new(None),
            is_in_progress: Cell::new(false),
            aliases: RefCell::new(RepositoryAliases::new(settings)),
        }
    }

    /// The refusal for which the repository is abandoned in this sweep.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.refusal.borrow().clone()
    }

    /// Abandons the repository for this sweep.
    pub(super) fn abandon(&self, error: Error) {
        self.refusal.borrow_mut().get_or_insert(error);
    }

    /// Records a refused write, which may be one too many.
    pub(super) fn write_refused(&self, error: &Error) {
        self.refused_writes.set(self.refused_writes.get().saturating_add(1));
        if self.refused_writes.get() >= MAX_REFUSED_WRITES {
            self.abandon(error.clone());
        }
    }

    /// Records that a version was abandoned.
    pub(super) fn version_abandoned(&self) {
        self.abandoned.set(self.abandoned.get() + 1);
    }

    /// Records that time was up for a version.
    pub(super) fn version_out_of_time(&self) {
        self.out_of_time.set(true);
    }

    /// Records that a version has its result. Returns the end of the repository with the last one.
    pub(super) fn version_finished(&self) -> Option<RepositoryEnd> {
        self.unfinished.set(self.unfinished.get().saturating_sub(1));
        (self.unfinished.get() == 0).then(|| RepositoryEnd {
            out_of_time: self.out_of_time.get(),
            refusal: self.refusal.take().map(|error| (error, self.abandoned.get())).filter(|(_, count)| *count > 0),
        })
    }

    /// Whether all of its versions have results.
    pub(super) fn is_finished(&self) -> bool {
        self.unfinished.get() == 0
    }
}

/// Versions of one repository that are read together. The next ones of this repository wait until they are finished, so
/// that a backlog takes one of the parallel batches and leaves the others to other repositories.
pub(super) struct Batch<'a> {
    pub(super) repository: Rc<SweptRepository<'a>>,
    pub(super) versions: Vec<Version>,
}

/// The versions of a repository that wait.
struct Work<'a> {
    repository: Rc<SweptRepository<'a>>,
    versions: VecDeque<Version>,
}

/// The queue. A repository has one batch at a time. Repositories with work remaining after their first turn wait apart from
/// those that had none, and both kinds take turns: neither a backlog nor a large registry starves the other.
#[derive(Default)]
pub(super) struct WorkQueue<'a> {
    waiting: RefCell<Waiting<'a>>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting<'a> {
    first_turn: VecDeque<Work<'a>>,
    further_turns: VecDeque<Work<'a>>,
    is_further_turn_next: bool,
    is_closed: bool,
}

impl<'a> WorkQueue<'a> {
    /// Waits until another repository may be scanned.
    pub(super) async fn room(&self) {
        self.wait_for(|waiting| (waiting.first_turn.len() < MAX_WAITING_REPOSITORIES).then_some(())).await;
    }

    /// Adds the versions of a repository.
    pub(super) fn push(&self, repository: Rc<SweptRepository<'a>>, versions: Vec<Version>) {
        repository.unfinished.set(versions.len());
        self.waiting.borrow_mut().first_turn.push_back(Work { repository, versions: versions.into() });
        self.changed.notify_waiters();
    }

    /// Ends the queue once it is empty.
    pub(super) fn close(&self) {
        self.waiting.borrow_mut().is_closed = true;
        self.changed.notify_waiters();
    }

    /// Ends a batch, so that its repository can have its next turn.
    pub(super) fn finish(&self, repository: &SweptRepository<'_>) {
        repository.is_in_progress.set(false);
        self.changed.notify_waiters();
    }

    /// Takes the next batch, waiting for one. `None`, once the queue is closed and empty.
    pub(super) async fn next_batch(&self) -> Option<Batch<'a>> {
        let batch = self.wait_for(|waiting| match waiting.next_batch() {
            Some(batch) => Some(Some(batch)),
            None => (waiting.is_closed && waiting.is_empty()).then_some(None),
        });
        let batch = batch.await;
        self.changed.notify_waiters();
        batch
    }

    async fn wait_for<T>(&self, mut condition: impl FnMut(&mut Waiting<'a>) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            if let Some(result) = condition(&mut self.waiting.borrow_mut()) {
                return result;
            }
            changed.await;
        }
    }
}

impl<'a> Waiting<'a> {
    fn is_empty(&self) -> bool {
        self.first_turn.is_empty() && self.further_turns.is_empty()
    }

    fn next_batch(&mut self) -> Option<Batch<'a>> {
        let mut work = if self.is_further_turn_next {
            self.next_further_turn().or_else(|| self.first_turn.pop_front())
        } else {
            self.first_turn.pop_front().or_else(|| self.next_further_turn())
        }?;
        self.is_further_turn_next = !self.is_further_turn_next;
        // A repository that is abandoned needs no more turns: its versions end at once.
        let size = if work.repository.refusal().is_some() {
            work.versions.len()
        } else {
            versions_per_read(work.repository.settings.tag_scheme.platforms().len())
        };
        let versions = work.versions.drain(..size.min(work.versions.len())).collect();
        work.repository.is_in_progress.set(true);
        let batch = Batch { repository: Rc::clone(&work.repository), versions };
        if !work.versions.is_empty() {
            self.further_turns.push_back(work);
        }
        Some(batch)
    }

    /// The first of the repositories whose batch is finished.
    fn next_further_turn(&mut self) -> Option<Work<'a>> {
        let position = self.further_turns.iter().position(|work| !work.repository.is_in_progress.get())?;
        self.further_turns.remove(position)
    }
}
