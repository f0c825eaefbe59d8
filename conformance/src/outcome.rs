//! How ECR answered a call.

use aws_sdk_ecr::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// How ECR answered a call: with a result, or with an exception.
pub type Outcome<T> = Result<T, Exception>;

/// An exception of ECR.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The result of a call without which a probe cannot go on.
///
/// # Errors
/// [`NotTried`], for an exception.
pub fn must<T>(outcome: Outcome<T>) -> Result<T, NotTried> {
    outcome.map_err(|Exception { code, message, .. }| NotTried(format!("{code} {message}").trim_end().to_owned()))
}

/// The end of a call that removes something, which this exception says is not there.
///
/// # Errors
/// [`NotTried`], for another exception.
pub fn removed<T>(outcome: Outcome<T>, not_there: &str) -> Result<(), NotTried> {
    match outcome {
        Err(exception) if exception.code == not_there => Ok(()),
        outcome => must(outcome).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_counts_as_removed() {
        let refused = |code: &str| {
            let exception = Exception { code: code.to_owned(), status: 400, message: "It is refused.".to_owned() };
            removed::<()>(Err(exception), "ResourceNotFoundException")
        };
        assert_eq!(removed(Ok(()), "ResourceNotFoundException"), Ok(()));
        assert_eq!(refused("ResourceNotFoundException"), Ok(()));
        let reason = "AccessDeniedException It is refused.".to_owned();
        assert_eq!(refused("AccessDeniedException"), Err(NotTried(reason)));
    }
}
