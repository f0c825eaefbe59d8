//! The log lines of what is found in a registry. Each names the account and the Region of it.

use ecr_multiarch_core::answer::sweep::{ArchivedVersion, Failed, IgnoredVersion, IncompleteVersion};
use ecr_multiarch_core::excerpt::ImageText;
use ecr_multiarch_core::{Digest, ImageTagReport, RegistryId, RepositoryGlob, RepositoryName, Tag};

/// Logs an alias that was left alone.
pub fn conflict(registry: &RegistryId, repository: &str, tag: &ImageText, reason: &str) {
    let (account, region) = registry.fields();
    tracing::warn!(account, region, repository, alias = tag.as_str(), reason, "alias conflict");
}

/// Logs an image tag that was left alone.
pub fn image_tag_conflict(registry: &RegistryId, repository: &str, version: &Tag, image_tag: &ImageTagReport) {
    let (account, region) = registry.fields();
    let (tag, reason) = (image_tag.tag.as_str(), image_tag.reason());
    tracing::warn!(account, region, repository, %version, image_tag = tag, reason, "image tag conflict");
}

/// Logs a version that has been incomplete for too long.
pub(crate) fn incomplete(version: &IncompleteVersion) {
    let IncompleteVersion { registry, repository, version, missing, reason, .. } = version;
    let (account, region) = registry.fields();
    let missing = missing.join(",");
    tracing::warn!(account, region, %repository, %version, missing, reason, "incomplete");
}

/// Logs a list that a sweep wrote over another one.
pub(crate) fn replaced(
    registry: &RegistryId,
    repository: &RepositoryName,
    version: &Tag,
    digest: Digest,
    replaced: Digest,
) {
    let (account, region) = registry.fields();
    tracing::info!(account, region, %repository, %version, %digest, %replaced, "replaced");
}

/// Logs a version that is not published, which is not a failure.
pub(crate) fn ignored(version: &IgnoredVersion) {
    let IgnoredVersion { registry, repository, version, reason } = version;
    let (account, region) = registry.fields();
    tracing::info!(account, region, %repository, %version, reason, "ignored");
}

/// Logs a version that has an archived image.
pub(crate) fn archived(version: &ArchivedVersion) {
    let ArchivedVersion { registry, repository, version, platforms } = version;
    let (account, region) = registry.fields();
    let platforms = platforms.join(",");
    tracing::info!(account, region, %repository, %version, platforms, "archived");
}

/// Logs a glob of repositories that matches none, which is probably misspelt.
pub(crate) fn unmatched(registry: &RegistryId, glob: &RepositoryGlob) {
    let (account, region) = registry.fields();
    tracing::warn!(account, region, unmatched = %glob, "no repository matches");
}

/// Logs what failed.
pub(crate) fn failed(failed: &Failed) {
    let Failed { registry, repository, version, error, .. } = failed;
    let (account, region) = registry.fields();
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
