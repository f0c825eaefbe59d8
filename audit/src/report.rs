//! The report: the whole result of an audit.

pub mod failure;
pub mod kind;
pub mod named;
pub mod repository;
pub mod timeline;
pub mod totals;
pub mod version;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::audited_registry::AuditedRegistry;
use crate::coverage::Coverage;
use crate::finding::Finding;
use failure::Failure;
use kind::KindReport;
use repository::RepositoryReport;
use timeline::TimelineReport;
use totals::Totals;

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was audited.
    pub registry: AuditedRegistry,
    /// When, as RFC 3339 writes it.
    pub audited_at: String,
    /// Whether manifests were read.
    pub deep: bool,
    /// Its size.
    pub totals: Totals,
    /// Settings for the function, as environment variables; empty, where no repository needs it.
    pub settings: BTreeMap<&'static str, String>,
    /// Why the function would not take these settings as they are, in full sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings_doubts: Vec<String>,
    /// The kinds of the findings, in the order of the findings.
    pub kinds: Vec<KindReport>,
    /// The findings, by repository.
    pub findings: Vec<Finding>,
    /// The periods of all coverage.
    pub timeline: TimelineReport,
    /// The coverage of all repositories.
    pub coverage: Coverage,
    /// The repositories, in ascending order.
    pub repositories: Vec<RepositoryReport>,
    /// What the audit could not find out of all repositories, and what follows, in full sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// What could not be scanned or read.
    pub failures: Vec<Failure>,
}
