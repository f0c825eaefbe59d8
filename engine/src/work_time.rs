//! When work ends: a time from which on nothing is begun, and a later one at which calls in flight are dropped.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// When work ends.
#[derive(Debug, Clone, Copy)]
pub struct WorkTime {
    /// When no more work is begun. What was written by then is still confirmed.
    pub stop_at: Instant,
    /// When calls in flight are dropped.
    pub deadline: Instant,
}

impl WorkTime {
    /// The time of the next of so many parts, which share what is left.
    #[must_use]
    pub fn share(self, parts: usize) -> Self {
        let left = self.stop_at.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(parts.max(1)).unwrap_or(u32::MAX);
        let stop_at = self.stop_at - left.saturating_sub(share);
        Self { stop_at, deadline: stop_at + self.margin() }
    }

    /// How long work in flight may take after the stop.
    fn margin(self) -> Duration {
        self.deadline.saturating_duration_since(self.stop_at)
    }

    /// Whether no more work is begun.
    pub fn is_up(self) -> bool {
        Instant::now() >= self.stop_at
    }

    /// The result of work that is dropped when the time is up.
    pub(crate) async fn before_stop<T>(self, work: impl Future<Output = T>) -> Option<T> {
        before(self.stop_at, work).await
    }
}

/// The result of work that is dropped at this time.
pub(crate) async fn before<T>(until: Instant, work: impl Future<Output = T>) -> Option<T> {
    // `timeout_at` polls the work before the clock, and so would begin it.
    if Instant::now() >= until {
        return None;
    }
    timeout_at(until, work).await.ok()
}
