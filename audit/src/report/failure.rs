//! What could not be audited.

use ecr_multiarch_core::RepositoryName;
use serde::Serialize;

/// A repository that could not be scanned, or not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The repository.
    pub repository: RepositoryName,
    /// Why.
    pub message: String,
}
