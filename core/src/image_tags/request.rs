//! Which version's images get their tags.

use std::sync::Arc;

use crate::error::Error;
use crate::name::{ImageReference, Reference, RepositoryName};
use crate::oci::tag::Tag;
use crate::reconcile::manifest_list::ManifestList;
use crate::settings::RepositorySettings;

/// The version whose list has the images, and how they are to be tagged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageTagRequest {
    /// The repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
    /// The settings of the repository.
    pub settings: Arc<RepositorySettings>,
    /// Whether to write nothing.
    pub dry_run: bool,
    /// Whether to replace a list or an artifact that has the tag of an image.
    pub force: bool,
    /// Whether the version's tag must exist, since somebody has just written it.
    pub is_expected: bool,
    /// The list that the version's tag would name after a dry run.
    pub proposal: Option<ManifestList>,
}

impl ImageTagRequest {
    /// A request for the images of a version's list. `None`, if they get no tags.
    pub fn new(repository: RepositoryName, version: Tag, settings: &Arc<RepositorySettings>) -> Option<Self> {
        settings.image_tags.as_ref()?;
        let settings = Arc::clone(settings);
        Some(Self { repository, version, settings, dry_run: false, force: false, is_expected: false, proposal: None })
    }

    /// The same request, for the list that the version's tag names, or that it would name after a dry run.
    #[must_use]
    pub fn with_list(self, list: &ManifestList) -> Self {
        let proposal = self.dry_run.then(|| list.clone());
        Self { is_expected: true, proposal, ..self }
    }

    /// The full name of the version's manifest list.
    pub fn target(&self) -> ImageReference {
        self.image(Reference::Tag(self.version.clone()))
    }

    /// The full name of an image.
    pub(super) fn image(&self, reference: Reference) -> ImageReference {
        ImageReference { repository: self.repository.clone(), reference }
    }

    /// The error of tags that others changed during each of so many attempts.
    pub(super) fn contended(&self, rounds: u8) -> Error {
        Error::Contended { tag: self.target(), rounds }
    }
}
