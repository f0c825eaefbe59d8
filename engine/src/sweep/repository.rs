//! A repository that is being swept: how much of the run it has had, and when it is left.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use ecr_multiarch_core::error::{Resource, Unavailable};
use ecr_multiarch_core::image_tags::scan::ListsToTag;
use ecr_multiarch_core::{Error, IamAction, RepositoryName, RepositorySettings, Tag};
use tokio::time::Instant;

use super::alias_scan::RepositoryAliases;
use crate::ecr::QUOTA_CODE;
use crate::end::WorkTime;

/// How many writes may be refused for a reason that concerns the whole repository before it is left for this run: one
/// may be a passing fault of a single image, three are not.
const MAX_REFUSED_FOR_REPOSITORY: u8 = 3;

/// How many writes may be refused in a row, for whatever reason, before a repository is left for this run. Other reasons,
/// such as an immutable tag, concern single lists, so that a few of them must not keep the other versions from being
/// published. At two writes a second, twenty cost ten seconds of a run.
const MAX_REFUSED_IN_A_ROW: u8 = 20;

/// How many repositories at least share a run. As many batches are reconciled at a time, so that a few repositories
/// with a backlog take their turns beside those that are scanned for a quarter of the run, and later only what these
/// leave.
const MIN_SHARES: usize = super::MAX_PARALLEL_BATCHES;

/// The part of a run that a repository has before the others take precedence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) time: Duration,
    /// Whether the request names the repository. Then its share decides whether it can be finished at all.
    pub(super) is_named: bool,
}

/// How the time of a run is shared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    time: Duration,
}

impl Shares {
    /// Those of a run of this length that names so many repositories. All of them together have half of what the
    /// batches that are reconciled at a time can take, so that each gets its share even if scans, or the last batches of
    /// others, take longer than planned.
    pub(super) fn new(run: Duration, named: usize) -> Self {
        let shares = (2 * named / super::MAX_PARALLEL_BATCHES).max(MIN_SHARES);
        Self { time: run / u32::try_from(shares).unwrap_or(u32::MAX) }
    }

    /// The share of one repository.
    pub(super) fn share(self, is_named: bool) -> Share {
        Share { time: self.time, is_named }
    }
}

/// A repository that is being swept.
pub(super) struct SweptRepository<'a> {
    pub(super) name: RepositoryName,
    pub(super) settings: &'a Arc<RepositorySettings>,
    share: Share,
    /// How long it was scanned and its batches were reconciled.
    time_taken: Cell<Duration>,
    /// How many of its versions have no result yet.
    unfinished: Cell<usize>,
    /// How many of its versions were abandoned because its writes, or its reads, are refused.
    abandoned: Cell<usize>,
    /// For how many of its versions time was up.
    out_of_time: Cell<usize>,
    has_published: Cell<bool>,
    /// Whether one of its versions waited for its write when time was up, so that it had too little of the rate of writes.
    has_waited_for_write: Cell<bool>,
    refused_for_repository: Cell<u8>,
    refused_in_a_row: Cell<u8>,
    refusal: RefCell<Option<Error>>,
    /// Whether it was deleted since it was scanned, which is not a failure.
    is_deleted: Cell<bool>,
    /// Whether one of its batches is being reconciled.
    pub(super) is_in_progress: Cell<bool>,
    /// Its aliases, where the settings have any, until they are reconciled.
    pub(super) aliases: RefCell<Option<RepositoryAliases<'a>>>,
    /// The lists whose images are to be tagged, where the settings say so, until they are.
    pub(super) lists: RefCell<Option<ListsToTag>>,
}

/// What remains of a repository once all of its versions have results.
pub(super) enum RepositoryEnd {
    /// Nothing, apart from its aliases.
    Finished,
    /// Versions for which there was no time.
    OutOfTime {
        /// How many.
        versions: usize,
        /// Whether the next run would end in the same way, unless ECR throttled calls: the request names the repository,
        /// it had its share, and nothing of it was published.
        is_stuck: bool,
    },
    /// Versions that were not tried, since the repository was left.
    Refused(Error, usize),
}

impl<'a> SweptRepository<'a> {
    pub(super) fn new(
        name: RepositoryName,
        settings: &'a Arc<RepositorySettings>,
        share: Share,
        lists: ListsToTag,
    ) -> Self {
        Self {
            name,
            settings,
            share,
            time_taken: Cell::default(),
            unfinished: Cell::default(),
            abandoned: Cell::default(),
            out_of_time: Cell::default(),
            has_published: Cell::default(),
            has_waited_for_write: Cell::default(),
            refused_for_repository: Cell::default(),
            refused_in_a_row: Cell::default(),
            refusal: RefCell::default(),
            is_deleted: Cell::default(),
            is_in_progress: Cell::default(),
            aliases: RefCell::new(RepositoryAliases::new(settings)),
            lists: RefCell::new(settings.image_tags.is_some().then_some(lists)),
        }
    }

    /// The refusal for which the repository is left in this run.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.refusal.borrow().clone()
    }

    /// Leaves the repository for this run.
    pub(super) fn abandon(&self, error: Error) {
        self.refusal.borrow_mut().get_or_insert(error);
    }

    /// Whether a write was refused for a reason that concerns the whole repository.
    pub(super) fn refuses_writes(&self) -> bool {
        self.refused_for_repository.get() > 0
    }

    /// Leaves the repository if the error of a read says that it was deleted. Returns whether it does.
    pub(super) fn leave_deleted(&self, error: &Error) -> bool {
        if !matches!(error, Error::RepositoryNotFound { .. }) {
            return false;
        }
        self.is_deleted.set(true);
        self.aliases.take();
        self.lists.take();
        self.abandon(error.clone());
        true
    }

    /// Records a write that failed. One that was refused may be one too many; others may succeed another time.
    pub(super) fn write_failed(&self, error: &Error) {
        if error.error_type().is_retryable() {
            return;
        }
        let increment = |count: &Cell<u8>| {
            count.set(count.get().saturating_add(1));
            count.get()
        };
        let for_repository = concerns_repository(error).then(|| increment(&self.refused_for_repository));
        if for_repository >= Some(MAX_REFUSED_FOR_REPOSITORY)
            || increment(&self.refused_in_a_row) >= MAX_REFUSED_IN_A_ROW
        {
            self.abandon(error.clone());
        }
    }

    /// Whether tags that follow its versions are to be reconciled.
    pub(super) fn has_following_tags(&self) -> bool {
        self.aliases.borrow().is_some() || self.lists.borrow().as_ref().is_some_and(|lists| !lists.is_empty())
    }

    /// Records that a version was published.
    pub(super) fn version_published(&self, version: &Tag) {
        if let Some(lists) = &mut *self.lists.borrow_mut() {
            lists.add(version.clone());
        }
        self.has_published.set(true);
        self.refused_in_a_row.set(0);
    }

    /// Records that a version was abandoned.
    pub(super) fn version_abandoned(&self) {
        self.abandoned.set(self.abandoned.get() + 1);
    }

    /// Records that time was up for a version, for the run or for the turn of the repository.
    pub(super) fn version_out_of_time(&self, is_run_over: bool, error: Option<&Error>) {
        if is_run_over {
            self.out_of_time.set(self.out_of_time.get() + 1);
        }
        if matches!(error, Some(Error::RegistryUnavailable { action: IamAction::PutImage, .. })) {
            self.has_waited_for_write.set(true);
        }
    }

    /// Records that the repository was scanned, or a batch of it reconciled, for this long.
    pub(super) fn took(&self, time: Duration) {
        self.time_taken.set(self.time_taken.get() + time);
    }

    /// Whether it has had its share of the run.
    pub(super) fn has_had_its_share(&self) -> bool {
        self.time_taken.get() >= self.share.time
    }

    /// When its next turn in a run of this time ends. Where the request names it, with its share of the run, so that the
    /// others get theirs; otherwise, and once it had its share, with the run.
    pub(super) fn turn(&self, run: WorkTime) -> WorkTime {
        let remaining = self.share.time.saturating_sub(self.time_taken.get());
        if !self.share.is_named || remaining.is_zero() {
            return run;
        }
        WorkTime { stop_at: run.stop_at.min(Instant::now() + remaining), ..run }
    }

    /// Records that so many versions are to be reconciled.
    pub(super) fn begin(&self, versions: usize) {
        self.unfinished.set(versions);
    }

    /// Records that a version has its result.
    pub(super) fn version_finished(&self) {
        self.unfinished.set(self.unfinished.get().saturating_sub(1));
    }

    /// Whether all of its versions have results.
    pub(super) fn is_finished(&self) -> bool {
        self.unfinished.get() == 0
    }

    /// What remains of it. Its time is that of the batches that have ended.
    pub(super) fn end(&self) -> RepositoryEnd {
        let (abandoned, out_of_time) = (self.abandoned.get(), self.out_of_time.get());
        match self.refusal.take().filter(|_| !self.is_deleted.get()) {
            Some(error) if abandoned + out_of_time > 0 => RepositoryEnd::Refused(error, abandoned + out_of_time),
            None if out_of_time > 0 => {
                let gets_ahead = self.has_published.get() || self.has_waited_for_write.get();
                let is_stuck = self.share.is_named && self.has_had_its_share() && !gets_ahead;
                RepositoryEnd::OutOfTime { versions: out_of_time, is_stuck }
            }
            _ => RepositoryEnd::Finished,
        }
    }

    /// The error of a repository that had its share of the time, of whose versions none was published.
    pub(super) fn stuck(&self) -> Error {
        let message =
            "its versions take longer than a repository's share of the time of a sweep, and none was published";
        Error::RegistryUnavailable {
            action: IamAction::BatchGetImage,
            resource: Resource::Repository(self.name.clone()),
            message: message.into(),
            unavailable: Unavailable::Image,
        }
    }
}

/// Whether a refusal of a write concerns the repository as a whole. Others concern one manifest list.
pub(super) fn concerns_repository(error: &Error) -> bool {
    error.concerns_repository() || matches!(error, Error::RegistryRefused { code, .. } if code.as_str() == QUOTA_CODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_named_repositories_take_half_of_a_run() {
        let run = Duration::from_secs(880);
        for (named, seconds) in [(0, 220), (1, 220), (8, 220), (20, 88), (200, 8)] {
            assert_eq!(Shares::new(run, named).share(true).time.as_secs(), seconds, "{named}");
        }
    }
}
