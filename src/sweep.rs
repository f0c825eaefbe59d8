//! The sweep: every served repository made right, whatever became of its events.
//!
//! Listings find the versions that need work, since they count as no pull. Those versions then go through the same
//! reconciliation as an event, their first reads joined into few calls, their writes at an even pace.

mod group;
mod pacer;

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use crate::answer::{FailedVersion, IncompleteVersion, Listed, PendingVersion, Swept};
use crate::ecr::{ListedImage, MAX_BATCH, Registry};
use crate::error::Error;
use crate::inventory::{Inventory, Sighting, Standing, Version};
use crate::reconcile::{Job, Verdict};
use crate::repository::{RepositoryGlob, RepositoryName};
use crate::settings::{Policy, Settings};
use pacer::Pacer;

/// How many repositories are listed at a time.
const PARALLEL_LISTINGS: usize = 4;
/// How many groups of versions are read at a time.
const PARALLEL_GROUPS: usize = 4;

/// What a sweep is asked to do.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The repositories, by name or glob; all that are served, where none is given.
    pub repositories: Option<Vec<RepositoryGlob>>,
    /// Nothing is written.
    pub dry_run: bool,
    /// Every complete version is compared by digest.
    pub deep: bool,
    /// When no more work is begun.
    pub stop_at: Instant,
    /// When what is under way is broken off.
    pub deadline: Instant,
}

/// What a sweep shows while it runs.
pub trait Watch {
    /// A repository was listed: that many versions, of which that many need to be read.
    fn listed(&self, _repository: &RepositoryName, _versions: usize, _to_read: usize) {}

    /// A version was dealt with.
    fn dealt_with(&self, _repository: &RepositoryName, _policy: &Policy, _version: &Version, _state: &State) {}
}

impl Watch for () {}

/// What became of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was right already.
    Unchanged,
    /// It got its list.
    Published,
    /// It would have got its list, were this no dry run.
    WouldPublish,
    /// It lacks a platform.
    Incomplete,
    /// It is held back, as this says.
    HeldBack(String),
    /// It failed.
    Failed(Error),
    /// Time was up.
    Unfinished,
}

/// Sweeps one registry.
///
/// # Errors
/// Those of listing the repositories. Everything after that is part of the answer.
pub async fn sweep(registry: &Registry, settings: &Settings, scope: &Scope, watch: &dyn Watch) -> Result<Swept, Error> {
    let Some(repositories) = before(scope.stop_at, repositories(registry, settings, scope)).await.transpose()? else {
        return Ok(Swept::of(scope));
    };
    let pacer = Pacer::new(settings.sweep().puts_per_second);
    let run = Run { registry, settings, scope, watch, pacer };
    let run = &run;
    let mut swept = Swept { complete: true, ..Swept::of(scope) };

    let listings = stream::iter(repositories).map(async |repository| {
        let versions = before(scope.stop_at, run.list(&repository)).await;
        (repository, versions)
    });
    let mut groups = Vec::new();
    let mut listings = std::pin::pin!(listings.buffer_unordered(PARALLEL_LISTINGS));
    let mut under_way = stream::FuturesUnordered::new();
    loop {
        while under_way.len() < PARALLEL_GROUPS
            && let Some(group) = groups.pop()
        {
            under_way.push(run.reconcile_group(group));
        }
        tokio::select! {
            Some(results) = under_way.next() => {
                for (repository, version, state) in results {
                    swept.count(run, &repository, &version, state);
                }
            }
            Some((repository, listed)) = listings.next(), if groups.len() < PARALLEL_GROUPS => {
                match listed {
                    Some(Ok(versions)) => groups.extend(swept.take_in(run, &repository, versions)),
                    Some(Err(error)) => swept.failed.push(FailedVersion { repository, version: None, error }),
                    None => swept.complete = false,
                }
            }
            else => break,
        }
    }
    Ok(swept)
}

async fn before<T>(instant: Instant, work: impl Future<Output = T>) -> Option<T> {
    timeout_at(instant, work).await.ok()
}

/// The repositories to sweep. They are listed only where neither the request nor the settings name them.
async fn repositories(registry: &Registry, settings: &Settings, scope: &Scope) -> Result<Vec<RepositoryName>, Error> {
    let literals = |globs: &[RepositoryGlob]| globs.iter().map(RepositoryGlob::literal).collect::<Option<Vec<_>>>();
    let stated = scope.repositories.as_deref().and_then(literals).or_else(|| literals(settings.repositories()));
    let mut names = match stated {
        Some(names) => names,
        None => registry.repositories().await?,
    };
    let asked = |name: &RepositoryName| {
        scope.repositories.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.matches(name)))
    };
    names.retain(|name| asked(name) && settings.policy(name).is_some());
    names.sort();
    names.dedup();
    Ok(names)
}

/// Versions of one repository whose tags fit into one read.
struct Group<'a> {
    repository: RepositoryName,
    policy: &'a Policy,
    versions: Vec<Version>,
}

/// What all parts of a sweep share.
struct Run<'a> {
    registry: &'a Registry,
    settings: &'a Settings,
    scope: &'a Scope,
    watch: &'a dyn Watch,
    pacer: Pacer,
}

impl Run<'_> {
    async fn list(&self, repository: &RepositoryName) -> Result<Vec<Version>, Error> {
        let Some(policy) = self.settings.policy(repository) else { return Ok(Vec::new()) };
        let mut inventory = Inventory::new(policy);
        let add = |images: Vec<ListedImage>| {
            for image in &images {
                for tag in &image.tags {
                    inventory.add(Sighting { tag, pushed_at: image.pushed_at, media_type: &image.media_type });
                }
            }
        };
        self.registry.tagged_images(repository, add).await?;
        Ok(inventory.versions(SystemTime::now(), &self.settings.sweep()))
    }

    fn job(&self, group: &Group<'_>, version: &Version) -> Option<Arc<Job>> {
        let Policy { naming, revisions, attestations, .. } = group.policy;
        Some(Arc::new(Job {
            repository: group.repository.clone(),
            version: version.tag.clone(),
            platforms: naming.tags(&version.tag).ok()?,
            revisions: *revisions,
            attestations: *attestations,
            dry_run: self.scope.dry_run,
            force: false,
            pushed: None,
        }))
    }
}

impl Swept {
    /// The answer of a sweep that has not begun.
    pub(crate) fn of(scope: &Scope) -> Self {
        Self { pending: scope.dry_run.then(Listed::default), ..Self::default() }
    }

    /// Counts what a listing tells, and hands back the versions that are to be read.
    fn take_in<'a>(&mut self, run: &Run<'a>, repository: &RepositoryName, versions: Vec<Version>) -> Vec<Group<'a>> {
        self.repositories += 1;
        let Some(policy) = run.settings.policy(repository) else { return Vec::new() };
        let needs_reading = |version: &Version| match version.standing {
            Standing::NeedsWork => true,
            Standing::Settled => run.scope.deep,
            Standing::Incomplete => false,
        };
        let count = versions.len();
        let (to_read, settled): (Vec<_>, Vec<_>) = versions.into_iter().partition(needs_reading);
        run.watch.listed(repository, count, to_read.len());
        self.versions += count;
        for version in settled {
            let state = if version.standing == Standing::Incomplete { State::Incomplete } else { State::Unchanged };
            self.count(run, repository, &version, state);
        }
        let size = (MAX_BATCH / (policy.naming.platforms().len() + 1)).max(1);
        let group = |versions: &[Version]| Group { repository: repository.clone(), policy, versions: versions.into() };
        to_read.chunks(size).rev().map(group).collect()
    }

    fn count(&mut self, run: &Run<'_>, repository: &RepositoryName, version: &Version, state: State) {
        let Some(policy) = run.settings.policy(repository) else { return };
        run.watch.dealt_with(repository, policy, version, &state);
        let incomplete = |missing, reason| IncompleteVersion {
            repository: repository.clone(),
            version: version.tag.clone(),
            missing,
            reason,
        };
        match state {
            State::Unchanged => self.unchanged += 1,
            State::Published => self.published += 1,
            State::WouldPublish => {
                let pending = PendingVersion { repository: repository.clone(), version: version.tag.clone() };
                self.pending.get_or_insert_default().push(pending);
            }
            State::Incomplete if version.is_in_window => {
                let missing: Vec<_> = version.missing(&policy.naming).map(ToString::to_string).collect();
                tracing::warn!(%repository, version = %version.tag, missing = missing.join(","), "incomplete");
                self.incomplete.push(incomplete(missing, None));
            }
            State::HeldBack(reason) if version.is_in_window => {
                tracing::warn!(%repository, version = %version.tag, reason, "held back");
                self.incomplete.push(incomplete(Vec::new(), Some(reason)));
            }
            State::Incomplete | State::HeldBack(_) => {}
            State::Failed(error) => {
                tracing::error!(%repository, version = %version.tag, error = %error.error_type(), reason = %error, "failed");
                let version = Some(version.tag.clone());
                self.failed.push(FailedVersion { repository: repository.clone(), version, error });
            }
            State::Unfinished => self.complete = false,
        }
    }
}

impl State {
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Published(_) => Self::Published,
            Verdict::Unchanged(_) => Self::Unchanged,
            Verdict::WouldPublish(_) => Self::WouldPublish,
            Verdict::Incomplete(_) => Self::Incomplete,
            Verdict::RevisionsDiffer(reason) => Self::HeldBack(reason),
        }
    }
}
