//! What a sweep has come to so far: counted, logged and shown.

use super::{State, Target, Watch, needs_reading};
use crate::answer::{FailedVersion, IncompleteVersion, Listed, PendingVersion, Swept};
use crate::error::Error;
use crate::inventory::{Standing, Version};
use crate::repository::RepositoryName;

/// The answer of a sweep while it grows.
pub(super) struct Tally<'a> {
    swept: Swept,
    watch: &'a dyn Watch,
}

impl<'a> Tally<'a> {
    pub(super) fn new(watch: &'a dyn Watch, dry_run: bool) -> Self {
        Self { swept: Swept::empty(dry_run), watch }
    }

    /// The answer.
    pub(super) fn swept(self) -> Swept {
        self.swept
    }

    /// The answer of a sweep whose time was up.
    pub(super) fn unfinished(mut self) -> Swept {
        self.interrupted();
        self.swept
    }

    /// Something was left for the next run.
    pub(super) fn interrupted(&mut self) {
        self.swept.complete = false;
    }

    /// A repository could not be listed.
    pub(super) fn unlisted(&mut self, repository: RepositoryName, error: Error) {
        tracing::error!(%repository, error = %error.error_type(), reason = %error, "not listed");
        self.swept.failed(FailedVersion { repository, version: None, error });
    }

    /// Counts what a listing tells, and hands back the versions that are to be read.
    pub(super) fn take_in(&mut self, target: &Target<'_>, versions: Vec<Version>, deep: bool) -> Vec<Version> {
        self.swept.repositories += 1;
        self.swept.versions += versions.len();
        let count = versions.len();
        let (to_read, told): (Vec<_>, Vec<_>) = versions.into_iter().partition(|version| needs_reading(version, deep));
        self.watch.listed(&target.repository, count, to_read.len());
        for version in told {
            let state = match version.standing {
                Standing::Incomplete => State::Incomplete(version.missing(&target.policy.naming).cloned().collect()),
                Standing::Settled | Standing::NeedsWork => State::Unchanged,
            };
            self.count(target, &version, state);
        }
        to_read
    }

    /// Counts what became of a version.
    pub(super) fn count(&mut self, target: &Target<'_>, version: &Version, state: State) {
        let Target { repository, policy } = target;
        self.watch.dealt_with(repository, policy, version, &state);
        let swept = &mut self.swept;
        let incomplete = |missing, reason| IncompleteVersion {
            repository: repository.clone(),
            version: version.tag.clone(),
            missing,
            reason,
        };
        match state {
            State::Unchanged => swept.unchanged += 1,
            State::Published => swept.published += 1,
            State::WouldPublish => {
                let pending = PendingVersion { repository: repository.clone(), version: version.tag.clone() };
                swept.pending.get_or_insert_with(Listed::default).push(pending);
            }
            State::Incomplete(missing) if version.is_in_window => {
                let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
                tracing::warn!(%repository, version = %version.tag, missing = missing.join(","), "incomplete");
                swept.incomplete.push(incomplete(missing, None));
            }
            State::HeldBack(reason) if version.is_in_window => {
                tracing::warn!(%repository, version = %version.tag, reason, "held back");
                swept.incomplete.push(incomplete(Vec::new(), Some(reason)));
            }
            State::Incomplete(_) | State::HeldBack(_) => {}
            State::Failed(error) => {
                let error_type = error.error_type();
                tracing::error!(%repository, version = %version.tag, error = %error_type, reason = %error, "failed");
                let version = Some(version.tag.clone());
                swept.failed(FailedVersion { repository: repository.clone(), version, error });
            }
            State::Unfinished => swept.complete = false,
        }
    }
}
