//! The progress of an audit, on standard error, where that is a terminal.

use ecr_multiarch_core::RepositoryName;
use indicatif::ProgressBar;

use crate::terminal::progress_bar;

/// A bar of repositories.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar without a length.
    pub fn new() -> Self {
        Self(progress_bar("repositories"))
    }

    /// The number of repositories is known.
    pub fn begin(&self, repositories: usize) {
        self.0.set_length(repositories as u64);
    }

    /// What is being done.
    pub fn show(&self, repository: &RepositoryName, doing: &str) {
        self.0.set_message(format!("{repository}: {doing}"));
    }

    /// A repository is done.
    pub fn finish_one(&self) {
        self.0.inc(1);
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
