//! The accounts that are served.

use crate::name::AccountId;

/// The accounts whose registries are served beside the function's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// Any account: which events arrive is decided by the event bus.
    Any,
    /// These, in ascending order.
    Listed(Vec<AccountId>),
}

impl Accounts {
    /// Whether an account is served.
    pub fn contains(&self, account: &AccountId) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(accounts) => accounts.contains(account),
        }
    }

    /// The accounts that are known by name.
    pub fn listed(&self) -> &[AccountId] {
        match self {
            Self::Any => &[],
            Self::Listed(accounts) => accounts,
        }
    }
}
