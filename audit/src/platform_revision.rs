//! The revision of the image of a platform.

use serde::Serialize;

/// The revision from which the image of a platform was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformRevision {
    /// The platform.
    pub platform: String,
    /// The revision.
    pub revision: String,
}
