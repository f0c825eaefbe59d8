//! The progress of an audit, on standard error, where that is a terminal.

use std::time::Duration;

use ecr_multiarch_core::RepositoryName;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar of repositories. It hides itself where standard error is not a terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar without a length.
    pub fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{spinner} {pos} of {len} repositories {wide_bar} {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
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
