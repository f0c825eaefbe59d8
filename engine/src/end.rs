//! When work ends, and how: from one time on nothing is begun, and at a later one calls in flight are dropped.

use std::time::{Duration, SystemTime};

use ecr_multiarch_core::error::{Resource, Unavailable};
use ecr_multiarch_core::{Answer, Error, IamAction, InvocationError};
use tokio::time::{Instant, sleep, timeout_at};

/// When work ends.
#[derive(Debug, Clone, Copy)]
pub struct WorkTime {
    /// When no more work is begun. What was written by then is still confirmed.
    pub stop_at: Instant,
    /// When calls in flight are dropped.
    pub deadline: Instant,
}

impl WorkTime {
    /// The time of the next of so many parts, which share what remains.
    pub(crate) fn share(self, parts: usize) -> Self {
        let remaining = self.stop_at.saturating_duration_since(Instant::now());
        let share = remaining / u32::try_from(parts.max(1)).unwrap_or(u32::MAX);
        let stop_at = self.stop_at - remaining.saturating_sub(share);
        Self { stop_at, deadline: stop_at + self.margin() }
    }

    /// How long work in flight may take after the stop.
    fn margin(self) -> Duration {
        self.deadline.saturating_duration_since(self.stop_at)
    }

    /// Whether no more work is begun.
    pub(crate) fn is_up(self) -> bool {
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

/// The result of a call that had until this time. `None`, if there was no time for it: ECR may have throttled it until
/// then, so that a retryable error says nothing any more.
pub(crate) fn settle<T>(until: Instant, result: Option<Result<T, Error>>) -> Result<Option<T>, Error> {
    match result {
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(error)) if !(error.error_type().is_retryable() && Instant::now() >= until) => Err(error),
        _ => Ok(None),
    }
}

/// Waits, unless there is nothing to wait for: tokio rounds a sleep of zero up to a millisecond, and most reads need no
/// pause.
pub(crate) async fn pause(after: Duration) {
    if !after.is_zero() {
        sleep(after).await;
    }
}

/// The result of a call that is dropped at the deadline.
///
/// # Errors
/// Those of the call; [`Error::RegistryUnavailable`], if ECR has not answered by the deadline.
pub(crate) async fn with_deadline<T>(
    deadline: Instant,
    action: IamAction,
    resource: impl Fn() -> Resource,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout_at(deadline, call).await.unwrap_or_else(|_| Err(deadline_reached(action, resource())))
}

/// The error of a call that was dropped at the deadline.
pub(crate) fn deadline_reached(action: IamAction, resource: Resource) -> Error {
    let message = "the deadline of the invocation was reached".into();
    Error::RegistryUnavailable { action, resource, message, unavailable: Unavailable::Registry }
}

/// The end of a piece of work.
#[derive(Debug, Clone)]
pub enum End<T> {
    /// It was done.
    Done(T),
    /// It failed.
    Failed(InvocationError),
    /// It was not done, since this error concerns all of its repository or registry.
    Abandoned(Error),
    /// Time was up, perhaps while a call failed.
    OutOfTime(Option<Error>),
}

impl<T> End<T> {
    /// The same end of something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> End<U> {
        match self {
            Self::Done(value) => End::Done(change(value)),
            Self::Failed(error) => End::Failed(error),
            Self::Abandoned(error) => End::Abandoned(error),
            Self::OutOfTime(error) => End::OutOfTime(error),
        }
    }
}

/// How a task ended.
pub type TaskEnd = End<Answered>;

/// A task that was done.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// When that was so; of a version with aliases, before these.
    pub at: SystemTime,
}

impl From<Result<Answer, InvocationError>> for TaskEnd {
    fn from(result: Result<Answer, InvocationError>) -> Self {
        result.map_or_else(Self::Failed, |answer| Self::Done(Answered { answer, at: SystemTime::now() }))
    }
}

impl<T> From<Error> for End<T> {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
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
