//! The work that an input asks for, after it was held against the settings.

use std::time::Duration;

use crate::alias::request::AliasRequest;
use crate::alias::yank::YankRequest;
use crate::image_tags::request::ImageTagRequest;
use crate::name::{RegistryId, RepositoryGlob, RepositoryStart};
use crate::reconcile::request::ReconcileRequest;
use crate::settings::yank_marker::YankMarker;

/// The work of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Reconcile a version, and wait for it for this long.
    Version(RegistryId, VersionTask, Option<Duration>),
    /// Tag the images of a list that was pushed.
    List(RegistryId, ImageTagRequest),
    /// Reconcile the aliases of a release that was marked as yanked.
    Marker(RegistryId, MarkerTask),
    /// Mark a release as yanked, or find out how to take that back.
    Yank(RegistryId, YankRequest),
    /// Sweep these registries.
    Sweep(Vec<RegistryId>, SweepScope),
    /// Name these registries.
    Registries(Vec<RegistryId>),
}

/// A version to be reconciled, and then the tags of its images and its aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionTask {
    /// The version.
    pub request: ReconcileRequest,
    /// Its aliases, to be reconciled once its tag names a manifest list. `None`, if it has none.
    pub aliases: Option<AliasRequest>,
    /// The tags of its images, to be written once its tag names a manifest list. `None`, if they get none.
    pub image_tags: Option<ImageTagRequest>,
}

/// A yank marker that was pushed, with the aliases to be reconciled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkerTask {
    /// The marker.
    pub marker: YankMarker,
    /// The aliases of its release.
    pub aliases: AliasRequest,
}

/// What a sweep covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepScope {
    /// The repositories, by name or glob; `None` for all that are served.
    pub repositories: Option<Vec<RepositoryGlob>>,
    /// The repository name to begin at.
    pub from: Option<RepositoryStart>,
    /// Whether to write nothing.
    pub dry_run: bool,
    /// Whether to compare every complete version by digest.
    pub deep: bool,
    /// How long ago the newest platform image of a version may have been pushed, if there is a limit.
    pub max_age: Option<Duration>,
    /// Whether the registries are all that are served, so that a repository that none of them has does not exist.
    pub covers_all_registries: bool,
}
