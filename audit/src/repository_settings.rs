//! The settings for one repository, as text.

use serde::Serialize;

/// The settings for one repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RepositorySettings {
    /// `TAG_TEMPLATE`.
    pub tag_template: String,
    /// `PLATFORMS`: those that at least half of the newest versions have.
    pub platforms: String,
    /// `ALIASES`: those that follow releases; empty, if there are none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub aliases: String,
}
