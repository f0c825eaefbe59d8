//! An invocation, and when its work ends.

use std::str::FromStr;
use std::time::Duration;

use ecr_multiarch_core::{Access, AccountId};
use tokio::time::Instant;

use ecr_multiarch_engine::end::WorkTime;

/// How long before Lambda's deadline the answer is due, so that the invocation ends with an answer and not with a
/// timeout. A second is ample to log and send it, also with the share of a CPU that a function of 128 MB has.
pub(super) const ANSWER_MARGIN: Duration = Duration::from_secs(1);
/// How long before Lambda's deadline a sweep stops beginning work: a version takes a few seconds at most, unless its
/// calls have to be retried.
const SWEEP_MARGIN: Duration = Duration::from_secs(20);
/// How long before Lambda's deadline no more versions of a batch are begun: what was written by then is confirmed within
/// a second, and the other records go back to the queue.
const BATCH_MARGIN: Duration = Duration::from_secs(5);
/// How long before its answer is due a request begins nothing more: what was written by then is confirmed, and the answer
/// says why a call was given up.
const REQUEST_MARGIN: Duration = Duration::from_secs(1);

const _: () = assert!(
    SWEEP_MARGIN.as_secs() > ANSWER_MARGIN.as_secs() && BATCH_MARGIN.as_secs() > ANSWER_MARGIN.as_secs(),
    "work in flight needs time to finish"
);

/// The ARN by which the function was invoked: that of the function, or of one of its aliases or versions.
///
/// AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes" and "Using versions".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvokedArn {
    account: AccountId,
    qualifier: Option<String>,
}

/// A string that is not the ARN of a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the ARN of a function")]
pub struct InvalidArn(String);

impl FromStr for InvokedArn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, InvalidArn> {
        let invalid = || InvalidArn(text.to_owned());
        let parts: Vec<_> = text.split(':').collect();
        let (account, qualifier) = match parts[..] {
            ["arn", _, "lambda", _, account, "function", _] => (account, None),
            ["arn", _, "lambda", _, account, "function", _, qualifier] => (account, Some(qualifier.to_owned())),
            _ => return Err(invalid()),
        };
        Ok(Self { account: account.parse().map_err(|_| invalid())?, qualifier })
    }
}

impl InvokedArn {
    /// The account of the function.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// What whoever invoked the function by this ARN may ask for.
    pub fn access(&self) -> Access {
        Access::of(self.qualifier.as_deref())
    }
}

/// An invocation as Lambda describes it.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The account of the function, if Lambda states it.
    pub own_account: Option<AccountId>,
    /// What it may ask for.
    pub access: Access,
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

    /// When the work on a request or an event ends: what was written is still confirmed. Short invocations keep three
    /// quarters of their time.
    pub(super) fn request_time(&self) -> WorkTime {
        let deadline = self.answer_deadline();
        WorkTime { stop_at: earlier(deadline, REQUEST_MARGIN, 4), deadline }
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

/// The deadline minus a margin, but at most one part in `share` of the time that remains.
fn earlier(deadline: Instant, margin: Duration, share: u32) -> Instant {
    let remaining = deadline.saturating_duration_since(Instant::now());
    deadline - (remaining / share).min(margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:assembler";

    fn access(arn: &str) -> Access {
        arn.parse::<InvokedArn>().unwrap().access()
    }

    #[test]
    fn qualifier_of_the_arn_decides_the_access() {
        for (qualifier, expected) in
            [("", Access::Full), (":wait", Access::Wait), (":live", Access::Full), (":$LATEST", Access::Full)]
        {
            assert_eq!(access(&format!("{FUNCTION}{qualifier}")), expected, "{qualifier}");
        }
    }

    #[test]
    fn function_that_is_named_like_the_alias_is_no_alias() {
        assert_eq!(access("arn:aws:lambda:eu-central-1:123456789012:function:wait"), Access::Full);
        assert_eq!(access("arn:aws:lambda:eu-central-1:123456789012:function:wait:wait"), Access::Wait);
    }

    #[test]
    fn arn_names_the_account() {
        for arn in [FUNCTION.to_owned(), format!("{FUNCTION}:wait"), FUNCTION.replace(":aws:", ":aws-cn:")] {
            assert_eq!(arn.parse::<InvokedArn>().unwrap().account().as_str(), "123456789012");
        }
    }

    #[test]
    fn other_text_is_no_arn_of_a_function() {
        for text in [
            "",
            "function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function",
            "arn:aws:lambda:eu-central-1:1234:function:assembler",
            "arn:aws:lambda:eu-central-1:123456789012:layer:assembler:wait",
            "arn:aws:sqs:eu-central-1:123456789012:function:wait",
            "arn:aws:lambda:eu-central-1:123456789012:function:assembler:wait:more",
        ] {
            assert!(text.parse::<InvokedArn>().is_err(), "{text}");
        }
    }
}
