//! The write rate of the sweep.

use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Admits writes at a fixed rate. Few hold a slot at a time: whoever waits for one observes its version again, so that
/// no manifest list is written from an old observation.
#[derive(Debug)]
pub(super) struct RateLimiter {
    interval: Duration,
    next: Mutex<Option<Instant>>,
    queue: Semaphore,
}

/// A slot for one write, held until the write has ended.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    limiter: &'a RateLimiter,
    /// Whether the caller had to wait for it.
    pub(super) waited: bool,
    _permit: Option<SemaphorePermit<'a>>,
}

impl RateLimiter {
    pub(super) fn new(puts_per_second: f64) -> Self {
        // A read takes well under a second, so that many slots are enough to have the next write ready in time.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the setting is within 0 to 1000")]
        let slots = puts_per_second.ceil() as usize + 1;
        Self {
            interval: Duration::from_secs_f64(1.0 / puts_per_second),
            next: Mutex::new(None),
            queue: Semaphore::new(slots),
        }
    }

    /// Reserves a slot, waiting for one if none is free.
    pub(super) async fn reserve(&self) -> Slot<'_> {
        if let Ok(permit) = self.queue.try_acquire() {
            return Slot { limiter: self, waited: false, _permit: Some(permit) };
        }
        let permit = self.queue.acquire().await.ok();
        Slot { limiter: self, waited: true, _permit: permit }
    }
}

impl Slot<'_> {
    /// Waits until the write may be sent, and until ECR is ready for it. No two are closer together than the rate allows.
    pub(super) async fn ready(&self, ready: impl Future<Output = ()>) {
        let mut next = self.limiter.next.lock().await;
        if let Some(at) = *next {
            sleep_until(at).await;
        }
        ready.await;
        *next = Some(Instant::now() + self.limiter.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn writes_are_sent_at_the_configured_rate() {
        let limiter = RateLimiter::new(4.0);
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..9 {
            limiter.reserve().await.ready(async {}).await;
            at.push(start.elapsed().as_millis());
        }
        for (index, at_ms) in (0..).zip(&at) {
            assert!((index * 250..=index * 250 + 20).contains(at_ms), "{at:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn writes_that_waited_for_ecr_are_not_sent_in_a_burst() {
        let limiter = RateLimiter::new(4.0);
        let open = Instant::now() + Duration::from_secs(5);
        let write = async || {
            limiter.reserve().await.ready(sleep_until(open)).await;
            Instant::now()
        };
        let (one, two, three) = tokio::join!(write(), write(), write());
        for (earlier, later) in [(one, two), (two, three)] {
            assert!(later - earlier >= Duration::from_millis(250));
        }
    }

    #[tokio::test]
    async fn slot_that_was_not_free_is_marked_as_waited() {
        let limiter = RateLimiter::new(0.5);
        let (one, two) = (limiter.reserve().await, limiter.reserve().await);
        assert!(!one.waited && !two.waited);
        let third = async {
            let slot = limiter.reserve().await;
            slot.waited
        };
        let (waited, ()) = tokio::join!(third, async { drop(one) });
        assert!(waited);
    }
}
