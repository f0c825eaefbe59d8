//! The registry of a request.

use ecr_multiarch_core::{AccountId, Region};
use serde::Serialize;

/// A registry as a request names it: what the audit was told, so that the request reaches the same one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The account; absent, if it is the function's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The Region; absent, if it is the function's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}
