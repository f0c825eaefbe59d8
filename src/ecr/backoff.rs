//! One back-off for all calls of a client: when ECR throttles one of them, all of them slow down.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ecr::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ecr::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecr::error::BoxError;
use tokio::time::{Instant, sleep_until};

/// The first pause after a throttled call: ECR's rate quotas are per second, so a part of one is often enough. It
/// doubles while throttling continues.
const MIN_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause: a call every 8 s does not keep ECR busy, and a sweep, which may take minutes, loses little time.
const MAX_PAUSE: Duration = Duration::from_secs(8);
const _: () = assert!(MIN_PAUSE.as_millis() <= MAX_PAUSE.as_millis(), "a pause is clamped between the two");

/// When calls may continue.
///
/// The SDK's adaptive retry mode serves the same purpose, but derives its rate from the most recent calls. A sweep
/// makes few and large calls, so a single throttled one would almost stop it.
#[derive(Debug, Default)]
pub(super) struct Backoff(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    closed_until: Option<Instant>,
    pause: Duration,
}

impl Backoff {
    /// Waits until calls may continue.
    pub(super) async fn wait(&self) {
        while let Some(until) = self.closed_until() {
            sleep_until(until).await;
        }
    }

    fn closed_until(&self) -> Option<Instant> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed_until.filter(|until| *until > Instant::now())
    }

    /// Records how a call ended. Calls that were in flight together count as one.
    fn record(&self, throttled: bool) {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed_until.is_some_and(|until| until > now) {
            return;
        }
        state.pause = if throttled { (state.pause * 2).clamp(MIN_PAUSE, MAX_PAUSE) } else { Duration::ZERO };
        state.closed_until = throttled.then(|| now + state.pause);
    }
}

/// Reports every response to a [`Backoff`].
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
        // No operation models its throttling, so the code is searched in the response body.
        let body = response.body().bytes().unwrap_or_default();
        let is_throttling = || super::error::THROTTLING_CODES.iter().any(|code| contains(body, code.as_bytes()));
        self.0.record(matches!(status, 429 | 503) || (status == 400 && is_throttling()));
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
    async fn pauses_double_until_the_first_success() {
        let backoff = Backoff::default();
        let pause = async || {
            let begun = Instant::now();
            backoff.wait().await;
            begun.elapsed().as_millis()
        };
        assert_eq!(pause().await, 0);
        for expected_ms in [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000] {
            backoff.record(true);
            backoff.record(true);
            backoff.record(false);
            assert!((expected_ms..=expected_ms + 2).contains(&pause().await), "{expected_ms}");
        }
        backoff.record(false);
        backoff.record(true);
        assert!((250..=252).contains(&pause().await));
    }
}
