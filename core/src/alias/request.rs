//! Which aliases are to be reconciled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::target::Target;
use crate::error::Error;
use crate::name::{ImageReference, Reference, RepositoryName};
use crate::oci::digest::Digest;
use crate::oci::manifest::StoredManifest;
use crate::oci::tag::Tag;
use crate::reconcile::manifest_list::ManifestList;
use crate::settings::RepositorySettings;
use crate::settings::release::Release;
use crate::settings::yank_marker::YankMarker;

/// The aliases to be reconciled, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AliasRequest {
    /// The repository.
    pub repository: RepositoryName,
    /// Whether to write nothing.
    pub(super) dry_run: bool,
    /// Whether to replace what is not the function's own.
    pub(super) force: bool,
    pub(super) scope: Scope,
    pub(super) settings: Arc<RepositorySettings>,
    /// What tags name according to the caller, who has just written or read them.
    pub(super) written: BTreeMap<Tag, Digest>,
    /// The manifest lists whose bytes the caller has.
    pub(super) lists: BTreeMap<Digest, StoredManifest>,
}

/// Which aliases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// Those of these releases, of which there is at least one.
    Releases(Vec<Release>),
    /// All of the repository.
    Repository,
}

impl AliasRequest {
    /// A request for the aliases of one release, after it was published, found unchanged, or yanked.
    pub fn for_release(repository: RepositoryName, release: Release, settings: &Arc<RepositorySettings>) -> Self {
        Self { scope: Scope::Releases(vec![release]), ..Self::for_repository(repository, settings) }
    }

    /// A request for all aliases of a repository.
    pub fn for_repository(repository: RepositoryName, settings: &Arc<RepositorySettings>) -> Self {
        Self {
            repository,
            dry_run: false,
            force: false,
            scope: Scope::Repository,
            settings: Arc::clone(settings),
            written: BTreeMap::new(),
            lists: BTreeMap::new(),
        }
    }

    /// The same request, for a dry run or for real.
    #[must_use]
    pub fn with_dry_run(self, dry_run: bool) -> Self {
        Self { dry_run, ..self }
    }

    /// The same request, which replaces what is not the function's own, or leaves it alone.
    #[must_use]
    pub fn with_force(self, force: bool) -> Self {
        Self { force, ..self }
    }

    /// The same request, with a list whose bytes the caller has, so that they are not read. In a request for one version,
    /// it is the list that the version's tag names, which a scan must show; in a dry run, the one that it would name.
    #[must_use]
    pub fn with_list(mut self, list: &ManifestList) -> Self {
        if let [release] = self.releases() {
            self.written.insert(release.tag().clone(), list.digest);
        }
        self.lists.insert(list.digest, list.into());
        self
    }

    /// The same request, with the list that the release's yank marker names: a scan must show it. In a dry run, the
    /// list that the marker would name.
    #[must_use]
    pub fn with_marker(mut self, digest: Digest) -> Self {
        if let [release] = self.releases()
            && let Some(marker) = YankMarker::of(release)
        {
            self.written.insert(marker.tag().clone(), digest);
        }
        self
    }

    /// A request for the aliases of these releases and of others of the same repository, as one: neither is a dry run, and
    /// neither is forced.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        if let (Scope::Releases(releases), Scope::Releases(others)) = (&mut self.scope, other.scope) {
            releases.extend(others);
        }
        self.written.extend(other.written);
        self.lists.extend(other.lists);
        self
    }

    /// The settings of the repository, by which its tags are scanned.
    pub fn settings(&self) -> &RepositorySettings {
        &self.settings
    }

    /// The releases, where the request is for the aliases of some.
    pub fn releases(&self) -> &[Release] {
        match &self.scope {
            Scope::Releases(releases) => releases,
            Scope::Repository => &[],
        }
    }

    /// Which aliases and markers these are. `None`, if only a scan tells.
    pub(super) fn targets(&self) -> Option<Vec<Target>> {
        let Scope::Releases(releases) = &self.scope else { return None };
        let mut targets = Vec::new();
        for release in releases {
            targets.extend(self.settings.aliases(release).into_iter().map(Target::from));
            targets.extend(YankMarker::of(release).map(Target::Marker));
        }
        let mut seen = BTreeSet::new();
        targets.retain(|target| seen.insert(target.name().to_owned()));
        Some(targets)
    }

    /// The full name of a tag.
    pub fn image(&self, tag: &Tag) -> ImageReference {
        ImageReference { repository: self.repository.clone(), reference: Reference::Tag(tag.clone()) }
    }

    /// The error of a tag that others changed during each of so many attempts.
    pub(super) fn contended(&self, tag: &Tag, rounds: usize) -> Error {
        Error::Contended { tag: self.image(tag), rounds: u8::try_from(rounds).unwrap_or(u8::MAX) }
    }
}
