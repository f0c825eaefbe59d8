//! What is said of all findings of a kind.

use serde::Serialize;

/// What is said of all findings of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindTexts {
    /// A short name.
    pub title: &'static str,
    /// What it means to those who pull.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}
