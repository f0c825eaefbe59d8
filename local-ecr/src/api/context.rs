//! The context that every operation works in.

use super::parameter::Account;
use crate::error::ApiError;
use crate::registry_id::RegistryId;
use crate::state::SharedState;
use crate::store::Store;
use serde_json::Value;
use std::time::SystemTime;

/// The JSON of an operation's response, or its exception.
pub(super) type OperationResult = Result<Value, ApiError>;

/// One call of an operation: the store, locked for the whole of it, and what the request was signed for.
pub(super) struct Context<'a> {
    pub(super) state: &'a SharedState,
    pub(super) store: &'a mut Store,
    pub(super) region: &'a str,
    pub(super) now: SystemTime,
}

impl Context<'_> {
    /// The registry of a request: the account it names or the server's own, in the Region it was signed for.
    pub(super) fn registry(&self, account: Option<&Account>) -> RegistryId {
        RegistryId::new(account.map_or(self.state.options.account.as_str(), |account| account), self.region)
    }
}
