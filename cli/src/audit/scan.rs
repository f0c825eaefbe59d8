//! The scans of an audit, and the reads of a deep one.

use std::collections::BTreeSet;

use ecr_multiarch_audit::audit::Audit;
use ecr_multiarch_audit::reading::Reading;
use ecr_multiarch_audit::scan::{RepositoryScan, TagMutability};
use ecr_multiarch_audit::text::counted;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::reconcile::observation::Manifests;
use ecr_multiarch_core::{
    AccountId, Digest, Error, ErrorType, Reference, RepositoryGlob, RepositoryName, ScannedImage,
};
use ecr_multiarch_engine::ecr::{ReadError, Registry, SharedRead, StoredRepository};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::progress::Progress;
use crate::terminal::error_text;

/// How many repositories are scanned at a time: enough to hide the latency of a page.
const MAX_PARALLEL_REPOSITORIES: usize = 4;
/// How many manifests are read in one call: half of what ECR accepts, so that the usual ones stay far below
/// [`MAX_READ_BYTES`].
const MANIFESTS_PER_READ: usize = 50;
/// How many of these calls are made at a time for a repository. With all repositories, their responses stay below
/// 64 MiB together.
const MAX_PARALLEL_READS: usize = 2;
/// How many bytes a response with several manifests may have. A larger one is read manifest by manifest.
const MAX_READ_BYTES: usize = 8 << 20;
/// How many configs are asked for together. The client limits how many of them are in flight.
const CONFIGS_PER_READ: usize = 64;

/// The repositories to audit.
#[derive(Debug, Default)]
pub struct Repositories {
    /// In ascending order of their names, each with the mutability of its tags, if that is known.
    all: Vec<(RepositoryName, Option<TagMutability>)>,
    /// The account of their registry, if ECR told it.
    pub account: Option<AccountId>,
    /// Those that ECR did not describe, though their names are known.
    undescribed: Vec<RepositoryName>,
    /// Why, as it said of the first one.
    reason: Option<Error>,
}

impl Repositories {
    /// Adds a repository that ECR described.
    fn add(&mut self, repository: StoredRepository) {
        let StoredRepository { name, account, is_immutable, exclusions } = repository;
        self.account = self.account.take().or(account);
        self.all.push((name, Some(TagMutability { are_immutable: is_immutable, exclusions })));
    }
}

/// Describes the repositories to audit. Where there are only names and no globs, they are audited even if ECR does not
/// describe them. The report names those that do not exist, and globs that match nothing.
///
/// # Errors
/// That of the scan of the repositories.
pub async fn repositories(registry: &Registry, globs: &[RepositoryGlob]) -> Result<Repositories, String> {
    let names: Option<BTreeSet<_>> = globs.iter().map(RepositoryGlob::literal).collect();
    match names {
        Some(names) if !names.is_empty() => Ok(named(registry, names).await),
        _ => matching(registry, globs).await,
    }
}

/// Describes repositories one by one, so that neither a missing one nor a denial hides the others.
async fn named(registry: &Registry, names: BTreeSet<RepositoryName>) -> Repositories {
    let descriptions = names.into_iter().map(async |name| {
        let description = registry.describe_repository(&name).await;
        (name, description)
    });
    let mut descriptions = stream::iter(descriptions).buffered(MAX_PARALLEL_REPOSITORIES);
    let mut found = Repositories::default();
    while let Some((name, description)) = descriptions.next().await {
        match description {
            Ok(Some(repository)) => {
                found.add(repository);
                continue;
            }
            Err(error) if error.error_type() == ErrorType::RepositoryNotFound => continue,
            Err(error) => {
                found.undescribed.push(name.clone());
                found.reason.get_or_insert(error);
            }
            Ok(None) => found.undescribed.push(name.clone()),
        }
        found.all.push((name, None));
    }
    found
}

/// Describes all repositories, and takes those that globs match; without globs, all.
async fn matching(registry: &Registry, globs: &[RepositoryGlob]) -> Result<Repositories, String> {
    let (mut found, mut next) = (Repositories::default(), None);
    loop {
        let page = registry.scan_stored_repositories(next).await.map_err(|error| error_text(&error))?;
        let is_chosen = |name: &_| globs.is_empty() || globs.iter().any(|glob| glob.matches(name));
        page.rows.into_iter().filter(|repository| is_chosen(&repository.name)).for_each(|chosen| found.add(chosen));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    found.all.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// Audits repositories, in the order in which their scans end.
pub async fn audit_all(
    registry: &Registry,
    repositories: Repositories,
    is_deep: bool,
    audit: &mut Audit,
    progress: &Progress,
) {
    if let Some((first, others)) = repositories.undescribed.split_first() {
        let others = match others.len() {
            0 => String::new(),
            more => format!(" and of {}", counted(more, "more repository", "more repositories")),
        };
        let reason = repositories.reason.map(|error| format!(" ({})", error_text(&error))).unwrap_or_default();
        audit.add_limit(format!(
            "Which tags of {first}{others} are immutable is not known, so a request that moves an existing tag may \
             fail.{reason}"
        ));
    }
    progress.begin(repositories.all.len());
    let scans = repositories.all.into_iter().map(async |(name, mutability)| {
        let is_described = mutability.is_some();
        let scan = scan(registry, &name, mutability, is_deep, progress).await;
        (name, is_described, scan)
    });
    let mut scans = stream::iter(scans).buffer_unordered(MAX_PARALLEL_REPOSITORIES);
    while let Some((name, is_described, result)) = scans.next().await {
        match result {
            Ok((scan, unread)) => {
                audit.add(&scan);
                if let Some(unread) = unread {
                    audit.add_failure(name, unread);
                }
            }
            // Where ECR does not describe repositories, only the scan tells that there is none of this name.
            Err(Error::RepositoryNotFound { .. }) if !is_described => {}
            Err(error) => audit.add_failure(name, error_text(&error)),
        }
        progress.finish_one();
    }
}

/// Scans a repository. Where it cannot be read, or not all of it, the rest is audited all the same, and the result says
/// why.
async fn scan(
    registry: &Registry,
    name: &RepositoryName,
    mutability: Option<TagMutability>,
    is_deep: bool,
    progress: &Progress,
) -> Result<(RepositoryScan, Option<String>), Error> {
    let (mut images, mut next) = (Vec::new(), None);
    loop {
        progress.show(name, &format!("{} images", images.len()));
        let page = registry.scan_stored_images(name, is_deep, next).await?;
        images.extend(page.rows);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let (reading, unread) = if is_deep {
        let mut unread = Unread::default();
        match read(registry, name, &images, &mut unread, progress).await {
            Ok(reading) => (Some(reading), unread.message()),
            Err(error) => (None, Some(format!("not read: {}", error_text(&error)))),
        }
    } else {
        (None, None)
    };
    Ok((RepositoryScan { name: name.clone(), mutability, images, reading }, unread))
}

/// The images that ECR refused to hand out. That is not their fault, so it is not a finding.
#[derive(Debug, Default)]
struct Unread {
    count: usize,
    first: Option<Error>,
}

impl Unread {
    fn add(&mut self, error: Error) {
        self.count += 1;
        self.first.get_or_insert(error);
    }

    fn message(&self) -> Option<String> {
        Some(format!("{} not read: {}", counted(self.count, "image", "images"), error_text(self.first.as_ref()?)))
    }
}

async fn read(
    registry: &Registry,
    name: &RepositoryName,
    images: &[ScannedImage],
    unread: &mut Unread,
    progress: &Progress,
) -> Result<Reading, Error> {
    let mut reading = Reading::default();
    read_manifests(registry, name, Reading::of_tags(images), &mut reading, unread, progress).await?;
    let entries = reading.of_entries(images);
    read_manifests(registry, name, entries, &mut reading, unread, progress).await?;
    let configs = reading.of_configs();
    for (index, part) in configs.chunks(CONFIGS_PER_READ).enumerate() {
        progress.show(name, &format!("{} of {} configs", index * CONFIGS_PER_READ, configs.len()));
        if let Ok(found) = registry.get_configs(name, part).await {
            reading.add_configs(found);
            continue;
        }
        // One config that cannot be read must not hide the others.
        for config in part {
            match registry.get_configs(name, &[*config]).await {
                Ok(found) => reading.add_configs(found),
                Err(error) if error.concerns_repository() => return Err(error),
                Err(error) => unread.add(error),
            }
        }
    }
    Ok(reading)
}

async fn read_manifests(
    registry: &Registry,
    name: &RepositoryName,
    digests: Vec<Digest>,
    reading: &mut Reading,
    unread: &mut Unread,
    progress: &Progress,
) -> Result<(), Error> {
    let mut done = 0;
    let reads = digests.chunks(MANIFESTS_PER_READ).map(async |digests| read_together(registry, name, digests).await);
    let mut reads = stream::iter(reads).buffer_unordered(MAX_PARALLEL_READS);
    while let Some(results) = reads.try_next().await? {
        done += results.len();
        progress.show(name, &format!("{done} of {} manifests", digests.len()));
        for (_, manifest) in results {
            match manifest {
                Ok(Some(manifest)) => reading.add_manifest(manifest),
                // It was deleted during the audit.
                Ok(None) => {}
                Err(error) => unread.add(error),
            }
        }
    }
    Ok(())
}

/// A manifest, if it is there, or why ECR does not hand it out.
type ReadManifest = (Digest, Result<Option<StoredManifest>, Error>);

async fn read_together(
    registry: &Registry,
    name: &RepositoryName,
    digests: &[Digest],
) -> Result<Vec<ReadManifest>, Error> {
    let references: Vec<_> = digests.iter().copied().map(Reference::Digest).collect();
    let shared = SharedRead { is_attempted_once: false, max_bytes: MAX_READ_BYTES };
    let mut found = match registry.batch_get_shared_manifests(name, &references, shared).await {
        Ok(found) => found,
        Err(ReadError::Call(error)) => return Err(error),
        Err(ReadError::Image(_) | ReadError::TooLarge(_)) => {
            let mut results = Vec::new();
            for digest in digests {
                let reference = [Reference::Digest(*digest)];
                match registry.batch_get_manifests(name, &reference).await {
                    Ok(mut found) => results.push(taken(*digest, &mut found)),
                    Err(ReadError::Image(error)) => results.push((*digest, Err(error))),
                    Err(error) => return Err(error.into()),
                }
            }
            return Ok(results);
        }
    };
    Ok(digests.iter().map(|digest| taken(*digest, &mut found)).collect())
}

fn taken(digest: Digest, found: &mut Manifests) -> ReadManifest {
    (digest, Ok(found.remove(&Reference::Digest(digest))))
}
