//! An invocation, and when its work ends.

use std::time::Duration;

use ecr_multiarch_core::AccountId;
use tokio::time::Instant;

use crate::work_time::WorkTime;

/// How long before Lambda's deadline the answer is due, so that the invocation ends with an answer and not with a
/// timeout. A second is ample to log and send it, also with the share of a CPU that a function of 128 MB has.
pub(super) const ANSWER_MARGIN: Duration = Duration::from_secs(1);
/// How long before Lambda's deadline a sweep stops beginning work: a version takes a few seconds at most, unless its
/// calls have to be retried.
const SWEEP_MARGIN: Duration = Duration::from_secs(20);
/// How long before Lambda's deadline no more versions of a batch are begun: what was written by then is confirmed within
/// a second, and the other records go back to the queue.
const BATCH_MARGIN: Duration = Duration::from_secs(5);
/// How long before the answer is due a throttled call is given up, so that the answer says why.
const PATIENCE_MARGIN: Duration = Duration::from_secs(1);

const _: () = assert!(
    SWEEP_MARGIN.as_secs() > ANSWER_MARGIN.as_secs() && BATCH_MARGIN.as_secs() > ANSWER_MARGIN.as_secs(),
    "work in flight needs time to finish"
);

/// An invocation as Lambda describes it.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The account of the function, if Lambda states it.
    pub own_account: Option<AccountId>,
    /// When Lambda ends the invocation.
    pub deadline: Instant,
    /// The id that Lambda gave the invocation.
    pub request_id: String,
}

impl Invocation {
    /// When the answer is due. Short invocations keep four fifths of their time.
    pub(super) fn answer_deadline(&self) -> Instant {
        earlier(self.deadline, ANSWER_MARGIN, 5)
    }

    /// When a sweep ends. Short invocations keep three quarters of their time to begin work.
    pub(super) fn sweep_time(&self) -> WorkTime {
        WorkTime { stop_at: earlier(self.deadline, SWEEP_MARGIN, 4), deadline: self.answer_deadline() }
    }

    /// When the work on a batch ends. Short invocations keep three quarters of their time to begin work.
    pub(super) fn batch_time(&self) -> WorkTime {
        WorkTime { stop_at: earlier(self.deadline, BATCH_MARGIN, 4), deadline: self.answer_deadline() }
    }
}

/// When a throttled call is given up. Short invocations keep three quarters of their time.
pub(super) fn patience(deadline: Instant) -> Instant {
    earlier(deadline, PATIENCE_MARGIN, 4)
}

/// The deadline minus a margin, but at most one part in `share` of the time that is left.
fn earlier(deadline: Instant, margin: Duration, share: u32) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline - (left / share).min(margin)
}
