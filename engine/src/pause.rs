//! Pauses before calls.

use std::time::Duration;

use tokio::time::sleep;

/// Waits, unless there is nothing to wait for: tokio rounds a sleep of no time up to a millisecond, and most reads need no
/// pause.
pub(crate) async fn pause(after: Duration) {
    if !after.is_zero() {
        sleep(after).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn no_pause_takes_no_time() {
        assert_eq!(pause(Duration::ZERO).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn pause_waits() {
        assert_eq!(pause(Duration::from_mins(1)).now_or_never(), None);
    }
}
