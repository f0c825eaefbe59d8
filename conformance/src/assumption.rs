//! An assumption about ECR.

use serde::Serialize;

/// What the product takes for granted about ECR.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Assumption {
    /// Its identifier, which does not change.
    pub id: &'static str,
    /// One sentence.
    pub statement: &'static str,
    /// The file that relies on it.
    pub relied_on_by: &'static str,
    /// How bad it is if it does not hold.
    pub severity: Severity,
    /// What follows if it does not hold.
    pub consequence: &'static str,
}

/// How bad it is for the product that ECR differs from an assumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is wrong and nothing takes longer.
    Harmless,
    /// The result is right, and takes more calls or more time.
    Slower,
    /// Something is not published, or is wrong.
    Wrong,
}

impl Severity {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Slower => "slower",
            Self::Wrong => "wrong",
        }
    }
}
