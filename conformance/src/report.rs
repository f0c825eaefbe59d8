//! What was seen.

use serde::Serialize;

use crate::assumption::Assumption;
use crate::exchange::Exchange;

/// The report of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The version of the program.
    pub version: &'static str,
    /// When the run began, in seconds since 1970.
    pub began_at: u64,
    /// The Region.
    pub region: String,
    /// Whether the calls went to an endpoint that the environment names, and not to AWS.
    pub has_own_endpoint: bool,
    /// What was seen of each assumption, in the order in which they were tried.
    pub findings: Vec<Finding>,
    /// What could not be removed, which has to be removed by hand.
    pub left_behind: Vec<String>,
}

/// What was seen of an assumption.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// The assumption.
    #[serde(flatten)]
    pub assumption: Assumption,
    /// How it compares with what was expected.
    pub verdict: Verdict,
    /// What was seen, or why nothing was.
    pub seen: String,
    /// The calls of the probe.
    pub exchanges: Vec<Exchange>,
}

/// How what was seen compares with what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The assumption holds.
    AsExpected,
    /// It does not.
    Differs,
    /// It was not tried, or there was no answer.
    Unknown,
}

impl Report {
    /// The findings of assumptions that do not hold.
    pub fn differing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Differs)
    }

    /// How many calls were made.
    pub fn calls(&self) -> usize {
        self.findings.iter().map(|finding| finding.exchanges.len()).sum()
    }
}
