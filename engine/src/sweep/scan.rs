//! The first stage: scans the repositories in ascending order, and queues the versions that need to be reconciled.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::SystemTime;

use ecr_multiarch_core::image_tags::scan::ListsToTag;
use ecr_multiarch_core::{Error, Inventory, RepositoryGlob, RepositoryName, RepositoryStart};
use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::RegistrySweep;
use super::repository::{Shares, SweptRepository};
use crate::end::settle;
use crate::log;

/// How many repositories are scanned at a time: enough to hide the latency of a page.
const MAX_PARALLEL_SCANS: usize = 4;

/// The repositories to sweep.
struct TargetNames {
    /// In ascending order.
    names: Vec<RepositoryName>,
    /// Whether the registry had them when the sweep began, so that one that it lacks was deleted since.
    are_scanned: bool,
}

/// Why a scan has no result.
enum Unscanned {
    /// Time was up.
    OutOfTime,
    Failed(Error),
}

impl<'a> RegistrySweep<'a> {
    /// Scans all repositories of the scope.
    ///
    /// # Errors
    /// That of the scan of the repository names. Errors of single repositories are reported.
    pub(super) async fn scan(&self) -> Result<(), Error> {
        let start = || self.scope.from.clone().unwrap_or_else(RepositoryStart::lowest);
        let names = match self.target_names().await {
            Ok(names) => names,
            Err(Unscanned::Failed(error)) => return Err(error),
            Err(Unscanned::OutOfTime) => {
                self.reporter.defer(start());
                return Ok(());
            }
        };
        let TargetNames { names, are_scanned } = names;
        let globs = self.scope.repositories.iter().flatten();
        let requested: BTreeSet<_> = globs.filter_map(RepositoryGlob::literal).collect();
        let count = names.iter().filter(|name| requested.contains(name)).count();
        let shares = Shares::new(self.time.stop_at.saturating_duration_since(Instant::now()), count);
        let served = |name: RepositoryName| Some((self.settings.for_repository(&name)?, name));
        let targets = names.into_iter().filter_map(served);
        // Only the start of a scan waits for room in the queue: a call in flight that is not polled would time out.
        let repositories = stream::unfold(targets, async |mut targets| {
            let (settings, name) = targets.next()?;
            if self.time.before_stop(self.queue.room()).await.is_none() {
                self.reporter.defer(name.into());
                return None;
            }
            self.reporter.begin(&name);
            let share = shares.share(requested.contains(&name));
            let lists = ListsToTag::new(SystemTime::now(), self.settings.sweep().settled_after, self.scope.deep);
            Some((SweptRepository::new(name, settings, share, lists), targets))
        });
        repositories
            .for_each_concurrent(MAX_PARALLEL_SCANS, async |repository| {
                self.scan_repository(repository, are_scanned).await;
            })
            .await;
        Ok(())
    }

    /// The names to sweep. They are scanned only where neither the request nor the settings name them.
    async fn target_names(&self) -> Result<TargetNames, Unscanned> {
        let literals = |globs: &[RepositoryGlob]| globs.iter().map(RepositoryGlob::literal).collect::<Option<Vec<_>>>();
        let requested = self.scope.repositories.as_deref();
        let (mut names, are_scanned) = if let Some(names) = requested.and_then(literals) {
            (names, false)
        } else {
            let (mut names, are_scanned) = if let Some(names) = literals(self.settings.repositories()) {
                (names, false)
            } else {
                let names = self.scan_names().await?;
                self.tell_unmatched(&names);
                (names, true)
            };
            names.retain(|name| requested.is_none_or(|globs| globs.iter().any(|glob| glob.matches(name))));
            (names, are_scanned)
        };
        names.retain(|name| self.scope.from.as_ref().is_none_or(|from| from.includes(name)));
        names.sort_unstable();
        names.dedup();
        Ok(TargetNames { names, are_scanned })
    }

    /// Records what the request or the settings name and the registry lacks, and logs the globs that match nothing, unless
    /// there is nothing to match: once, not in the runs that continue a sweep.
    fn tell_unmatched(&self, names: &[RepositoryName]) {
        if self.scope.from.is_some() {
            return;
        }
        let patterns = self.scope.repositories.as_deref().unwrap_or(self.settings.repositories());
        let is_unmatched = |pattern: &&RepositoryGlob| !names.iter().any(|name| pattern.matches(name));
        for pattern in patterns.iter().filter(is_unmatched) {
            match pattern.literal() {
                Some(name) => drop(self.missing.borrow_mut().insert(name)),
                None if self.scope.covers_all_registries && !names.is_empty() => {
                    log::unmatched(&self.reporter.registry, pattern);
                }
                None => {}
            }
        }
    }

    async fn scan_names(&self) -> Result<Vec<RepositoryName>, Unscanned> {
        let (mut names, mut next) = (Vec::new(), None);
        loop {
            let page = self.time.before_stop(self.registry.scan_repositories(next)).await;
            let page = self.page(page)?;
            names.extend(page.rows);
            next = page.next;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// The result of a page's call, unless time is up.
    fn page<T>(&self, page: Option<Result<T, Error>>) -> Result<T, Unscanned> {
        settle(self.time.stop_at, page).map_err(Unscanned::Failed)?.ok_or(Unscanned::OutOfTime)
    }

    async fn scan_repository(&self, repository: SweptRepository<'a>, was_there: bool) {
        let mut inventory = Inventory::new(repository.settings);
        let mut images = self.registry.scan_images(&repository.name);
        let started = Instant::now();
        loop {
            let page = self.time.before_stop(images.next_page()).await;
            match self.page(page) {
                Ok(None) => break,
                Ok(Some(page)) => {
                    let mut aliases = repository.aliases.borrow_mut();
                    let mut lists = repository.lists.borrow_mut();
                    for scanned in page.iter().flat_map(|image| image.scanned_tags(repository.settings)) {
                        inventory.add(&scanned);
                        if let Some(aliases) = &mut *aliases {
                            aliases.scan.add(&scanned);
                        }
                        if let Some(lists) = &mut *lists {
                            lists.add_scanned(&scanned);
                        }
                    }
                    if let Some(aliases) = &mut *aliases {
                        aliases.scan_time = started.elapsed();
                    }
                }
                // The name stays open in the report, and so becomes one of the unfinished.
                Err(Unscanned::OutOfTime) => return,
                Err(Unscanned::Failed(Error::RepositoryNotFound { .. })) => {
                    self.reporter.finish(&repository.name);
                    if !was_there {
                        self.missing.borrow_mut().insert(repository.name);
                    }
                    return;
                }
                Err(Unscanned::Failed(error)) => return self.reporter.scan_failed(&repository.name, error),
            }
        }
        repository.took(started.elapsed());
        let versions = inventory.versions(SystemTime::now(), &self.settings.sweep(), self.scope.max_age);
        let to_read = self.reporter.scanned(&repository, versions, self.scope.deep);
        if to_read.is_empty() && !repository.has_following_tags() {
            self.reporter.finish(&repository.name);
        } else {
            self.queue.push(Rc::new(repository), to_read);
        }
    }
}
