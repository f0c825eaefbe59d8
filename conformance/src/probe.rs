//! A probe: it tries one assumption.

use aws_sdk_ecr::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::future::LocalBoxFuture;
use serde::Serialize;

use crate::assumption::Assumption;
use crate::bench::Bench;

/// Tries one assumption.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// What it tries.
    pub assumption: Assumption,
    /// What a run must allow, where it is more than a few calls.
    pub opt_in: Option<OptIn>,
    /// Tries it.
    pub run: for<'a> fn(&'a Bench) -> LocalBoxFuture<'a, Result<Seen, NotTried>>,
}

impl Probe {
    /// A probe that everybody may run.
    pub const fn new(
        assumption: Assumption,
        run: for<'a> fn(&'a Bench) -> LocalBoxFuture<'a, Result<Seen, NotTried>>,
    ) -> Self {
        Self { assumption, opt_in: None, run }
    }
}

/// What some probes do that not everybody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptIn {
    /// Exceeds the rate of `PutImage` of the account for a second or two.
    Throttling,
}

impl OptIn {
    /// The option that allows it.
    pub fn option(self) -> &'static str {
        match self {
            Self::Throttling => "--throttling",
        }
    }
}

/// What a probe has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whether it is what was expected.
    pub is_expected: bool,
    /// In a few words.
    pub text: String,
}

impl Seen {
    /// Something that is expected if the condition holds.
    pub fn new(is_expected: bool, text: impl Into<String>) -> Self {
        Self { is_expected, text: text.into() }
    }
}

/// How ECR answered a call: with a result, or with an exception.
pub type Outcome<T> = Result<T, Exception>;

/// An exception of ECR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// Its name, such as `ImageAlreadyExistsException`, or the HTTP status where it has none.
    pub code: String,
    /// The HTTP status.
    pub status: u16,
    /// Its message.
    pub message: String,
}

/// Why nothing can be said of an assumption: ECR did not answer, or refused what a probe needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not tried: {0}")]
pub struct NotTried(pub String);

/// How ECR answered.
///
/// # Errors
/// [`NotTried`], if it did not.
pub fn outcome<T, E>(result: Result<T, SdkError<E, HttpResponse>>) -> Result<Outcome<T>, NotTried>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(SdkError::ServiceError(error)) => {
            let status = error.raw().status().as_u16();
            let code = error.err().code().map_or_else(|| format!("HTTP {status}"), str::to_owned);
            Ok(Err(Exception { code, status, message: error.err().message().unwrap_or_default().to_owned() }))
        }
        Err(error) => Err(NotTried(DisplayErrorContext(&error).to_string())),
    }
}

/// What was seen of a call that one of these exceptions should end.
pub fn refused<T>(outcome: &Outcome<T>, expected: &[&str]) -> Seen {
    match outcome {
        Ok(_) => Seen::new(false, "accepted"),
        Err(exception) => Seen::new(expected.contains(&exception.code.as_str()), &exception.code),
    }
}

/// What was seen of a call that should succeed.
pub fn accepted<T>(outcome: &Outcome<T>) -> Seen {
    match outcome {
        Ok(_) => Seen::new(true, "accepted"),
        Err(exception) => Seen::new(false, format!("{}: {}", exception.code, exception.message)),
    }
}
