//! The identity of a registry: every account has one in every Region.

use serde::{Deserialize, Serialize};

/// An account's registry in a Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RegistryId {
    /// The account, twelve digits.
    pub account: String,
    /// The Region, such as `eu-central-1`.
    pub region: String,
}

impl RegistryId {
    pub(crate) fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self { account: account.into(), region: region.into() }
    }

    pub(crate) fn arn(&self, repository: &str) -> String {
        format!("arn:aws:ecr:{}:{}:repository/{repository}", self.region, self.account)
    }
}
