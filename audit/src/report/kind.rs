//! A kind of finding in the report.

use serde::Serialize;

use crate::kind::Kind;
use crate::kind_texts::KindTexts;

/// A kind of which there are findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindReport {
    /// The kind.
    pub kind: Kind,
    /// Its texts.
    #[serde(flatten)]
    pub texts: KindTexts,
    /// How many findings.
    pub findings: usize,
}
