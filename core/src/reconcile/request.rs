//! The request to reconcile a version.

use std::collections::BTreeSet;
use std::time::SystemTime;

use crate::name::{ImageReference, Reference, RepositoryName};
use crate::oci::tag::Tag;
use crate::settings::tag_scheme::PlatformTag;
use crate::settings::{Attestations, ListAnnotations, RepositorySettings, Revisions, VersionNotServed};

/// A version to be reconciled, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct ReconcileRequest {
    /// The repository.
    pub repository: RepositoryName,
    /// The version, which is the tag of its manifest list.
    pub version: Tag,
    /// Its platforms, in ascending order of their tags.
    pub platforms: Vec<PlatformTag>,
    /// What to do with differing revisions.
    pub revisions: Revisions,
    /// What to do with attestations.
    pub attestations: Attestations,
    /// The annotations of the list.
    pub annotations: ListAnnotations,
    /// Whether to write nothing.
    pub dry_run: bool,
    /// Whether to replace what is not replaced otherwise, and a list that is right, with the function's own.
    pub force: bool,
    /// The platform tags whose pushes were announced so recently that they must exist. The caller knows the time.
    pub pushed: BTreeSet<Tag>,
    /// Whether to find out if the platforms that are missing are archived, in another call: an event does without, since the
    /// other platforms of a new version are pushed at any moment.
    pub looks_for_archived: bool,
    /// Whether an artifact under a platform tag counts as absent: in a sweep, nobody asked for it to be assembled.
    pub passes_over_artifacts: bool,
    /// When the last push of a platform tag was that an event announced, however long ago.
    pub announced_at: Option<SystemTime>,
}

impl ReconcileRequest {
    /// A request by the settings of the repository: not a dry run, without force, and without an announced push.
    ///
    /// # Errors
    /// [`VersionNotServed`], if the settings exclude the version.
    pub fn new(
        repository: RepositoryName,
        version: Tag,
        settings: &RepositorySettings,
    ) -> Result<Self, VersionNotServed> {
        Ok(Self {
            platforms: settings.platform_tags(&version)?,
            repository,
            version,
            revisions: settings.revisions,
            attestations: settings.attestations,
            annotations: settings.annotations.clone(),
            dry_run: false,
            force: false,
            pushed: BTreeSet::new(),
            looks_for_archived: false,
            passes_over_artifacts: false,
            announced_at: None,
        })
    }

    /// The full name of an image of this version.
    pub fn image(&self, reference: Reference) -> ImageReference {
        ImageReference { repository: self.repository.clone(), reference }
    }

    /// The full name of the version's manifest list.
    pub fn target(&self) -> ImageReference {
        self.image(Reference::Tag(self.version.clone()))
    }

    /// All tags of the version, its own included: what each observation reads.
    pub fn references(&self) -> Vec<Reference> {
        let platforms = self.platforms.iter().map(|platform| &platform.tag);
        platforms.chain([&self.version]).cloned().map(Reference::Tag).collect()
    }
}
