//! The requests: by hand, by a schedule or by a deploy job.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::name::{AccountId, Region, RepositoryGlob, RepositoryName, RepositoryStart};
use crate::oci::tag::Tag;
use crate::time_span::TimeSpan;

/// A request to assemble one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssembleRequest {
    /// The repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
    /// Whether to write nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Whether to replace what is not replaced otherwise, and a list that is right: anything but an artifact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// The account of the registry; by default the function's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The Region of the registry; by default the function's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// How long to wait until the version is published; by default not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<WaitSeconds>,
}

/// How many seconds a request waits for: at least one, and at most as many as a Lambda invocation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct WaitSeconds(u64);

/// A number of seconds that a request cannot wait for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a valid number of seconds to wait: expected 1 to 900")]
pub struct InvalidWaitSeconds(u64);

impl TryFrom<u64> for WaitSeconds {
    type Error = InvalidWaitSeconds;

    fn try_from(seconds: u64) -> Result<Self, InvalidWaitSeconds> {
        if (1..=900).contains(&seconds) { Ok(Self(seconds)) } else { Err(InvalidWaitSeconds(seconds)) }
    }
}

impl From<WaitSeconds> for Duration {
    fn from(WaitSeconds(seconds): WaitSeconds) -> Self {
        Self::from_secs(seconds)
    }
}

/// A request to yank a release, or to take that back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Tag,
    /// Whether to write nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// The account of the registry; by default the function's own.
    pub account: Option<AccountId>,
    /// The Region of the registry; by default the function's own.
    pub region: Option<Region>,
}

/// A request to list the registries that are served.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistriesRequest {
    /// The accounts; by default all that the settings name.
    pub accounts: Option<Vec<AccountId>>,
}

/// A request to sweep repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepRequest {
    /// The repositories; by default all that are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repositories: Option<Vec<RepositoryGlob>>,
    /// Whether to write nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Whether to compare every complete version by digest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deep: bool,
    /// How long ago the newest platform image of a version may have been pushed; by default, all versions are
    /// reconciled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<TimeSpan>,
    /// The account of the registry; by default all that are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The Region of the registry; by default all that are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The repository name to begin at; names below it are skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<RepositoryStart>,
}
