//! Which aliases are to be reconciled.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// Those of one release.
    Release(Release),
    /// All of the repository.
    Repository,
}

impl AliasRequest {
    /// A request for the aliases of one release, after it was published, found unchanged, or yanked.
    pub fn for_release(repository: RepositoryName, release: Release, settings: &Arc<RepositorySettings>) -> Self {
        Self { scope: Scope::Release(release), ..Self::for_repository(repository, settings) }
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
        if let Scope::Release(release) = &self.scope {
            self.written.insert(release.tag().clone(), list.digest);
        }
        self.lists.insert(list.digest, list.into());
        self
    }

    /// The same request, with the list that the release's yank marker names: a scan must show it. In a dry run, the
    /// list that the marker would name.
    #[must_use]
    pub fn with_marker(mut self, digest: Digest) -> Self {
        if let Scope::Release(release) = &self.scope
            && let Some(marker) = YankMarker::of(release)
        {
            self.written.insert(marker.tag().clone(), digest);
        }
        self
    }

    /// The settings of the repository, by which its tags are scanned.
    pub fn settings(&self) -> &RepositorySettings {
        &self.settings
    }

    /// The release, where the request is for the aliases of one.
    pub fn release(&self) -> Option<&Release> {
        match &self.scope {
            Scope::Release(release) => Some(release),
            Scope::Repository => None,
        }
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
