//! What is audited.

use ecr_multiarch_core::{AccountId, Region};
use serde::Serialize;

/// What was audited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditedRegistry {
    /// The account; `None` for that of the credentials.
    pub account: Option<AccountId>,
    /// The Region.
    pub region: Region,
}
