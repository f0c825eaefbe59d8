//! One patience for all calls of a client: where ECR throttles one of them, all of them slow down.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ecr::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ecr::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecr::error::BoxError;
use tokio::time::{Instant, sleep_until};

/// The first pause after a throttled call. It doubles while throttling goes on.
const MIN_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// When calls may go on.
///
/// The SDK's adaptive retries do the like, but estimate the rate at which they go on from the calls of the last
/// moments. A sweep makes few and large calls, so that a single throttled one would all but stop it.
#[derive(Debug, Default)]
pub(super) struct Backoff(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    closed_until: Option<Instant>,
    pause: Duration,
}

impl Backoff {
    /// Waits until calls may go on.
    pub(super) async fn wait(&self) {
        while let Some(until) = self.closed_until() {
            sleep_until(until).await;
        }
    }

    fn closed_until(&self) -> Option<Instant> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed_until.filter(|until| *until > Instant::now())
    }

    /// Takes note of how a call ended. Those that were under way together count as one.
    fn note(&self, throttled: bool) {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed_until.is_some_and(|until| until > now) {
            return;
        }
        state.pause = if throttled { (state.pause * 2).clamp(MIN_PAUSE, MAX_PAUSE) } else { Duration::ZERO };
        state.closed_until = throttled.then(|| now + state.pause);
    }
}

/// Tells a [`Backoff`] of every answer.
#[derive(Debug)]
pub(super) struct BackoffInterceptor(pub(super) std::sync::Arc<Backoff>);

impl Intercept for BackoffInterceptor {
    fn name(&self) -> &'static str {
        "BackoffInterceptor"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let status = response.status().as_u16();
        // No operation models its throttling, so the code is looked for in the answer itself.
        let body = response.body().bytes().unwrap_or_default();
        let named = || super::failure::THROTTLES.iter().any(|code| contains(body, code.as_bytes()));
        self.0.note(matches!(status, 429 | 503) || (status == 400 && named()));
        Ok(())
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_while_throttling_goes_on_and_end_with_the_first_success() {
        let backoff = Backoff::default();
        let paused = async || {
            let begun = Instant::now();
            backoff.wait().await;
            begun.elapsed().as_millis()
        };
        assert_eq!(paused().await, 0);
        for expected_ms in [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000] {
            backoff.note(true);
            backoff.note(true);
            backoff.note(false);
            assert!((expected_ms..=expected_ms + 2).contains(&paused().await), "{expected_ms}");
        }
        backoff.note(false);
        backoff.note(true);
        assert!((250..=252).contains(&paused().await));
    }
}
