//! The queue between the stages: versions to be reconciled, which leave it in batches, each repository in its turn.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use ecr_multiarch_core::inventory::Version;
use tokio::sync::Notify;

use super::repository::SweptRepository;
use crate::group::versions_per_read;

/// How many repositories may wait for their first turn before the next scan begins. Few, so that a run that ends early
/// has scanned little that the next one scans again; more than batches are reconciled at a time.
const MAX_WAITING_REPOSITORIES: usize = 8;

const _: () = assert!(MAX_WAITING_REPOSITORIES > super::MAX_PARALLEL_BATCHES, "no batch has to wait for a scan");

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
/// those that had none, and both kinds take turns: neither a backlog nor a large registry starves the other. One that has
/// had its share of the run has its turns only while no other waits for one.
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
    /// How many batches are being reconciled, of which versions may come back.
    in_progress: usize,
    is_closed: bool,
}

impl<'a> WorkQueue<'a> {
    /// Waits until another repository may be scanned.
    pub(super) async fn room(&self) {
        self.wait_for(|waiting| (waiting.first_turn.len() < MAX_WAITING_REPOSITORIES).then_some(())).await;
    }

    /// Adds the versions of a repository.
    pub(super) fn push(&self, repository: Rc<SweptRepository<'a>>, versions: Vec<Version>) {
        repository.begin(versions.len());
        self.waiting.borrow_mut().first_turn.push_back(Work { repository, versions: versions.into() });
        self.changed.notify_waiters();
    }

    /// Ends the queue once it is empty.
    pub(super) fn close(&self) {
        self.waiting.borrow_mut().is_closed = true;
        self.changed.notify_waiters();
    }

    /// Ends the turn of a repository, so that it can have its next one. These versions of it were not done.
    pub(super) fn finish(&self, repository: Rc<SweptRepository<'a>>, undone: Vec<Version>) {
        repository.is_in_progress.set(false);
        self.waiting.borrow_mut().finish(repository, undone);
        self.changed.notify_waiters();
    }

    /// Takes the next batch, waiting for one. `None`, once the queue is closed and empty.
    pub(super) async fn next_batch(&self) -> Option<Batch<'a>> {
        let batch = self.wait_for(|waiting| match waiting.next_batch() {
            Some(batch) => Some(Some(batch)),
            None => (waiting.is_closed && waiting.is_over()).then_some(None),
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
    fn is_over(&self) -> bool {
        self.first_turn.is_empty() && self.further_turns.is_empty() && self.in_progress == 0
    }

    fn finish(&mut self, repository: Rc<SweptRepository<'a>>, undone: Vec<Version>) {
        self.in_progress -= 1;
        let work = self.further_turns.iter_mut().find(|work| Rc::ptr_eq(&work.repository, &repository));
        match work {
            Some(work) => work.versions.extend(undone),
            None if undone.is_empty() => {}
            None => self.further_turns.push_back(Work { repository, versions: undone.into() }),
        }
    }

    fn next_batch(&mut self) -> Option<Batch<'a>> {
        let mut work = self.next_work()?;
        // A repository that is abandoned needs no more turns: its versions end at once.
        let size = if work.repository.refusal().is_some() {
            work.versions.len()
        } else {
            versions_per_read(work.repository.settings.tag_scheme.platforms().len())
        };
        let versions = work.versions.drain(..size.min(work.versions.len())).collect();
        work.repository.is_in_progress.set(true);
        self.in_progress += 1;
        let batch = Batch { repository: Rc::clone(&work.repository), versions };
        if !work.versions.is_empty() {
            self.further_turns.push_back(work);
        }
        Some(batch)
    }

    fn next_work(&mut self) -> Option<Work<'a>> {
        let next = if self.is_further_turn_next {
            self.next_further_turn(false).or_else(|| self.first_turn.pop_front())
        } else {
            self.first_turn.pop_front().or_else(|| self.next_further_turn(false))
        };
        self.is_further_turn_next = !self.is_further_turn_next;
        next.or_else(|| self.next_further_turn(true))
    }

    /// The first of the repositories whose batch is finished, those included or not that have had their share of the run.
    fn next_further_turn(&mut self, is_beyond_share: bool) -> Option<Work<'a>> {
        let is_next = |Work { repository, .. }: &Work<'_>| {
            !repository.is_in_progress.get() && (is_beyond_share || !repository.has_had_its_share())
        };
        let position = self.further_turns.iter().position(is_next)?;
        self.further_turns.remove(position)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use ecr_multiarch_core::image_tags::scan::ListsToTag;
    use ecr_multiarch_core::inventory::VersionStatus;
    use ecr_multiarch_core::settings::platform_set::PlatformSet;
    use ecr_multiarch_core::{RepositoryName, Settings};

    use super::super::repository::Shares;
    use super::*;

    fn settings() -> Settings {
        Settings::from_lookup(|name| (name == "PLATFORMS").then(|| "linux/amd64".to_owned())).unwrap()
    }

    /// A repository in a run of forty seconds, whose shares are ten.
    fn repository<'a>(settings: &'a Settings, name: &str, is_named: bool) -> Rc<SweptRepository<'a>> {
        let name: RepositoryName = name.parse().unwrap();
        let share = Shares::new(Duration::from_secs(40), 1).share(is_named);
        let settings = settings.for_repository(&name).unwrap();
        let lists = ListsToTag::new(SystemTime::now(), Duration::ZERO, false);
        Rc::new(SweptRepository::new(name, settings, share, lists))
    }

    /// A version for each of these numbers.
    fn versions(numbers: std::ops::Range<u32>) -> Vec<Version> {
        let version = |number: u32| Version {
            has_index: false,
            tag: number.to_string().parse().unwrap(),
            platforms: PlatformSet::default(),
            archived: PlatformSet::default(),
            status: VersionStatus::OutOfDate,
            own: None,
            newest_platform: None,
            is_too_old: false,
            is_overdue: false,
        };
        numbers.map(version).collect()
    }

    /// Takes and ends so many batches, each of which takes this long, and returns their repositories.
    async fn turns(queue: &WorkQueue<'_>, count: usize, time: Duration) -> String {
        let mut turns = String::new();
        for _ in 0..count {
            let Batch { repository, .. } = queue.next_batch().await.unwrap();
            turns.push_str(repository.name.as_str());
            repository.took(time);
            queue.finish(repository, Vec::new());
        }
        turns
    }

    #[tokio::test]
    async fn repository_that_had_its_share_waits_for_the_others() {
        let settings = settings();
        let queue = WorkQueue::default();
        for name in ["aa", "bb"] {
            queue.push(repository(&settings, name, false), versions(0..400));
        }
        assert_eq!(turns(&queue, 4, Duration::from_secs(6)).await, "aaaabbbb");
        // Both had their share, and no other waits.
        assert_eq!(turns(&queue, 2, Duration::ZERO).await, "aabb");
        queue.push(repository(&settings, "cc", false), versions(0..150));
        assert_eq!(turns(&queue, 4, Duration::ZERO).await, "ccccccaa");
    }

    #[tokio::test]
    async fn versions_that_were_not_done_come_back() {
        let settings = settings();
        let queue = WorkQueue::default();
        queue.push(repository(&settings, "aa", true), versions(0..3));
        queue.close();
        let Batch { repository, versions } = queue.next_batch().await.unwrap();
        queue.finish(repository, versions);
        let Batch { repository, versions } = queue.next_batch().await.unwrap();
        assert_eq!(versions.len(), 3);
        queue.finish(repository, Vec::new());
        assert!(queue.next_batch().await.is_none());
    }
}
