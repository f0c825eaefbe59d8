//! The even pace of the sweep's writes.

use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Lets writes through at an even pace, and few wait at a time: those that wait are about to be read afresh, so that
/// no list is written from what was true long ago.
#[derive(Debug)]
pub(super) struct Pacer {
    interval: Duration,
    next: Mutex<Option<Instant>>,
    front: Semaphore,
}

/// A place among those whose turn is near, kept until the write has gone out.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pacer: &'a Pacer,
    /// Whether it had to be waited for.
    pub(super) was_waited_for: bool,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Pacer {
    pub(super) fn new(puts_per_second: f64) -> Self {
        // A read takes well under a second, so that many in front are enough to have the next one ready in time.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the setting is within 0 to 1000")]
        let in_front = puts_per_second.ceil() as usize + 1;
        Self {
            interval: Duration::from_secs_f64(1.0 / puts_per_second),
            next: Mutex::new(None),
            front: Semaphore::new(in_front),
        }
    }

    /// Takes a place in front, waiting for one where all are taken.
    pub(super) async fn take_turn(&self) -> Turn<'_> {
        if let Ok(permit) = self.front.try_acquire() {
            return Turn { pacer: self, was_waited_for: false, _permit: Some(permit) };
        }
        let permit = self.front.acquire().await.ok();
        Turn { pacer: self, was_waited_for: true, _permit: permit }
    }
}

impl Turn<'_> {
    /// Waits until a write may go out, and until ECR is ready for one. No two are closer together than the pace allows.
    pub(super) async fn come(&self, ready: impl Future<Output = ()>) {
        let mut next = self.pacer.next.lock().await;
        if let Some(at) = *next {
            sleep_until(at).await;
        }
        ready.await;
        *next = Some(Instant::now() + self.pacer.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn writes_go_out_at_the_pace_that_is_allowed_and_no_faster() {
        let pacer = Pacer::new(4.0);
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..9 {
            pacer.take_turn().await.come(async {}).await;
            at.push(start.elapsed().as_millis());
        }
        for (index, at_ms) in (0..).zip(&at) {
            assert!((index * 250..=index * 250 + 20).contains(at_ms), "{at:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn writes_that_waited_for_ecr_to_be_ready_do_not_go_out_in_a_burst() {
        let pacer = Pacer::new(4.0);
        let open = Instant::now() + Duration::from_secs(5);
        let write = async || {
            pacer.take_turn().await.come(sleep_until(open)).await;
            Instant::now()
        };
        let (one, two, three) = tokio::join!(write(), write(), write());
        for (earlier, later) in [(one, two), (two, three)] {
            assert!(later - earlier >= Duration::from_millis(250));
        }
    }

    #[tokio::test]
    async fn who_finds_all_places_taken_is_told_to_read_afresh() {
        let pacer = Pacer::new(0.5);
        let (one, two) = (pacer.take_turn().await, pacer.take_turn().await);
        assert!(!one.was_waited_for && !two.was_waited_for);
        let third = async {
            let turn = pacer.take_turn().await;
            turn.was_waited_for
        };
        let (waited, ()) = tokio::join!(third, async { drop(one) });
        assert!(waited);
    }
}
