//! The log lines of what is found in a registry. Each names the account and the Region of it.

use ecr_multiarch_core::answer::sweep::{Failed, IncompleteVersion};
use ecr_multiarch_core::{AccountId, RegistryId, Tag};

/// The account and the Region of a registry, as log lines have them.
pub fn registry_fields(registry: &RegistryId) -> (Option<&str>, &str) {
    (registry.account.as_ref().map(AccountId::as_str), registry.region.as_str())
}

/// Logs an alias that was left alone.
pub fn conflict(registry: &RegistryId, repository: &str, tag: &Tag, reason: &str) {
    let (account, region) = registry_fields(registry);
    tracing::warn!(account, region, repository, alias = tag.as_str(), reason, "alias conflict");
}

/// Logs a version that has been incomplete for too long.
pub(crate) fn incomplete(version: &IncompleteVersion) {
    let IncompleteVersion { registry, repository, version, missing, reason } = version;
    let (account, region) = registry_fields(registry);
    let missing = missing.join(",");
    tracing::warn!(account, region, %repository, %version, missing, reason, "incomplete");
}

/// Logs what failed.
pub(crate) fn failed(failed: &Failed) {
    let Failed { registry, repository, version, error, .. } = failed;
    let (account, region) = registry_fields(registry);
    tracing::error!(
        account,
        region,
        repository = repository.as_ref().map(ToString::to_string),
        version = version.as_ref().map(ToString::to_string),
        error = %error.error_type(),
        reason = failed.message(),
        "failed"
    );
}
