//! The sweep: every served repository made right, whatever became of its events.
//!
//! Listings find the versions that need work, since they count as no pull. Those versions then go through the same
//! reconciliation as an event, their first reads joined into few calls, their writes at an even pace.

mod group;
mod pacer;
mod tally;

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use crate::answer::Swept;
use crate::ecr::{ListedImage, MAX_BATCH, Registry};
use crate::error::Error;
use crate::inventory::{Inventory, Sighting, Standing, Version};
use crate::platform::RequiredPlatform;
use crate::reconcile::{Job, Verdict};
use crate::repository::{RepositoryGlob, RepositoryName};
use crate::settings::{Policy, Settings};
use pacer::Pacer;
use tally::Tally;

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
    /// It lacks these platforms.
    Incomplete(Vec<RequiredPlatform>),
    /// It is held back, as this says.
    HeldBack(String),
    /// It failed.
    Failed(Error),
    /// Time was up.
    Unfinished,
}

impl State {
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Published(_) => Self::Published,
            Verdict::Unchanged(_) => Self::Unchanged,
            Verdict::WouldPublish(_) => Self::WouldPublish,
            Verdict::Incomplete(missing) => Self::Incomplete(missing),
            Verdict::RevisionsDiffer(reason) => Self::HeldBack(reason),
        }
    }
}

/// Sweeps one registry.
///
/// # Errors
/// Those of listing the repositories. Everything after that is part of the answer.
pub async fn sweep(registry: &Registry, settings: &Settings, scope: &Scope, watch: &dyn Watch) -> Result<Swept, Error> {
    let mut tally = Tally::new(watch, scope.dry_run);
    let targets = before(scope.stop_at, targets(registry, settings, scope)).await.transpose()?;
    let Some(mut targets) = targets.map(Vec::into_iter) else {
        return Ok(tally.unfinished());
    };
    let run = &Run { registry, settings, scope, pacer: Pacer::new(settings.sweep().puts_per_second) };
    let mut listings = FuturesUnordered::new();
    let mut groups = Vec::new();
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < PARALLEL_GROUPS
            && let Some(group) = groups.pop()
        {
            under_way.push(run.reconcile_group(group));
        }
        // Listings wait for groups before they begin, never in their middle: a call that nobody polls times out.
        while groups.len() < PARALLEL_GROUPS
            && listings.len() < PARALLEL_LISTINGS
            && let Some(target) = targets.next()
        {
            listings.push(async { (before(scope.stop_at, run.list(&target)).await, target) });
        }
        tokio::select! {
            Some((target, results)) = under_way.next() => {
                for (version, state) in results {
                    tally.count(&target, &version, state);
                }
            }
            Some((listed, target)) = listings.next() => match listed {
                Some(Ok(versions)) => {
                    let to_read = tally.take_in(&target, versions, scope.deep);
                    groups.extend(Group::split(&target, &to_read));
                }
                Some(Err(error)) => tally.unlisted(target.repository, error),
                None => tally.interrupted(),
            },
            else => return Ok(tally.swept()),
        }
    }
}

async fn before<T>(instant: Instant, work: impl Future<Output = T>) -> Option<T> {
    timeout_at(instant, work).await.ok()
}

/// A repository with the settings that hold for it.
#[derive(Debug, Clone)]
struct Target<'a> {
    repository: RepositoryName,
    policy: &'a Policy,
}

/// The repositories to sweep. They are listed only where neither the request nor the settings name them.
async fn targets<'a>(registry: &Registry, settings: &'a Settings, scope: &Scope) -> Result<Vec<Target<'a>>, Error> {
    let literals = |globs: &[RepositoryGlob]| globs.iter().map(RepositoryGlob::literal).collect::<Option<Vec<_>>>();
    let stated = scope.repositories.as_deref().and_then(literals).or_else(|| literals(settings.repositories()));
    let mut names = match stated {
        Some(names) => names,
        None => registry.repositories().await?,
    };
    names.sort();
    names.dedup();
    let asked = |name: &RepositoryName| {
        scope.repositories.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.matches(name)))
    };
    let served = |repository: RepositoryName| Some(Target { policy: settings.policy(&repository)?, repository });
    Ok(names.into_iter().filter(asked).filter_map(served).collect())
}

/// Versions of one repository whose tags fit into one read.
struct Group<'a> {
    target: Target<'a>,
    versions: Vec<Version>,
}

impl<'a> Group<'a> {
    /// The versions in groups, the first of them last.
    fn split(target: &Target<'a>, versions: &[Version]) -> Vec<Self> {
        let size = (MAX_BATCH / (target.policy.naming.platforms().len() + 1)).max(1);
        let group = |versions: &[Version]| Self { target: target.clone(), versions: versions.into() };
        versions.chunks(size).rev().map(group).collect()
    }
}

/// What all parts of a sweep share.
struct Run<'a> {
    registry: &'a Registry,
    settings: &'a Settings,
    scope: &'a Scope,
    pacer: Pacer,
}

impl Run<'_> {
    async fn list(&self, target: &Target<'_>) -> Result<Vec<Version>, Error> {
        let mut inventory = Inventory::new(target.policy);
        let add = |images: Vec<ListedImage>| {
            for image in &images {
                for tag in &image.tags {
                    inventory.add(Sighting { tag, pushed_at: image.pushed_at, media_type: &image.media_type });
                }
            }
        };
        self.registry.tagged_images(&target.repository, add).await?;
        Ok(inventory.versions(SystemTime::now(), &self.settings.sweep()))
    }

    /// The job of a version; none, where its tags are another's, which no inventory says.
    fn job(&self, target: &Target<'_>, version: &Version) -> Option<Arc<Job>> {
        let Policy { naming, revisions, attestations, .. } = target.policy;
        Some(Arc::new(Job {
            repository: target.repository.clone(),
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

/// Whether the version's manifests are to be read.
fn needs_reading(version: &Version, deep: bool) -> bool {
    match version.standing {
        Standing::NeedsWork => true,
        Standing::Settled => deep,
        Standing::Incomplete => false,
    }
}
