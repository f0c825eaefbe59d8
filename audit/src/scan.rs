//! What a scan tells of a repository.

use ecr_multiarch_core::RepositoryName;
use ecr_multiarch_core::name::glob_matches;

use crate::image::Image;
use crate::reading::Reading;

/// A repository as it was scanned.
#[derive(Debug)]
pub struct RepositoryScan {
    /// Its name.
    pub name: RepositoryName,
    /// Which of its tags are immutable, if that is known.
    pub mutability: Option<TagMutability>,
    /// Its images; untagged ones as well if there is a reading.
    pub images: Vec<Image>,
    /// Its manifests and configs, if they were read.
    pub reading: Option<Reading>,
}

impl RepositoryScan {
    /// Whether a tag that exists may not be moved, as far as is known.
    pub fn is_immutable(&self, tag: &str) -> bool {
        self.mutability.as_ref().is_some_and(|mutability| mutability.is_immutable(tag))
    }
}

/// Which tags of a repository may not be moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagMutability {
    /// Whether tags are immutable that no filter excludes.
    pub are_immutable: bool,
    /// The filters of the tags for which the opposite holds. In each, `*` stands for any characters.
    pub exclusions: Vec<String>,
}

impl TagMutability {
    /// Whether a tag that exists may not be moved.
    pub fn is_immutable(&self, tag: &str) -> bool {
        self.are_immutable != self.exclusions.iter().any(|filter| glob_matches(filter, tag))
    }
}
