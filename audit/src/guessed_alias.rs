//! A guess of aliases.

use serde::Serialize;

/// A template of which the tags of a repository follow its releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuessedAlias {
    /// The template, as `ALIASES` has it.
    pub template: &'static str,
    /// How many tags of it name a release, or should.
    pub tags: usize,
}
