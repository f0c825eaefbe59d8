//! The refusals and faults of ECR, each brought to its error.

use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::types::ImageFailure;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::action;
use crate::blob::BlobError;
use crate::error::{Error, Reference};
use crate::repository::RepositoryName;

/// The codes by which AWS refuses for want of permission or of valid credentials.
///
/// AWS general reference, "Common error types"; none of them is modelled in ECR's API.
const DENIALS: [&str; 12] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// The codes by which AWS asks for patience.
pub(super) const THROTTLES: [&str; 13] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// The codes of faults that pass.
const FAULTS: [&str; 5] =
    ["InternalFailure", "RequestTimeout", "RequestTimeoutException", "ServerException", "ServiceUnavailable"];

/// The failure codes of an image that mean that an upstream registry is out of reach for a while.
const PASSING: [&str; 2] = ["UpstreamTooManyRequests", "UpstreamUnavailable"];

/// ECR's own code of an error, where it answered with one.
pub(super) fn code_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// How a message names what a read was about.
pub(super) fn resource_of(repository: &RepositoryName, references: &[Reference]) -> String {
    match references {
        [Reference::Tag(tag)] => format!("{repository}:{tag}"),
        [Reference::Digest(digest)] => format!("{repository}@{digest}"),
        _ => repository.to_string(),
    }
}

/// What an error says, and what those behind it say.
fn chain_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let said = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
    said.collect::<Vec<_>>().join(": ")
}

/// The error for a call that failed.
pub(super) fn error_of<E>(action: &'static str, resource: String, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(context) = error else {
        return Error::RegistryUnavailable { action, resource, message: chain_of(error) };
    };
    let status = context.raw().status().as_u16();
    if (200..300).contains(&status) {
        let message = format!("its answer (HTTP {status}) cannot be read");
        return Error::RegistryUnavailable { action, resource, message };
    }
    let code = context.err().code().unwrap_or_default();
    let message = context.err().message().unwrap_or_default().to_owned();
    if code == "RepositoryNotFoundException" {
        let repository = resource.split([':', '@']).next().unwrap_or_default().to_owned();
        return Error::RepositoryNotFound { repository, message };
    }
    if THROTTLES.contains(&code) || FAULTS.contains(&code) || matches!(status, 408 | 429 | 500..) {
        let message = format!("{code} (HTTP {status}) {message}");
        return Error::RegistryUnavailable { action, resource, message: message.trim().to_owned() };
    }
    if DENIALS.contains(&code) || (code.is_empty() && matches!(status, 401 | 403)) {
        let message = format!("{code}: {message}");
        return Error::AccessDenied { action, resource, message };
    }
    let code = if code.is_empty() { format!("HTTP {status}") } else { code.to_owned() };
    Error::RegistryRefused { action, resource, code, message }
}

/// The error for an image that ECR has and does not give.
pub(super) fn of_image(resource: String, failure: &ImageFailure) -> Error {
    let action = action::BATCH_GET_IMAGE;
    let id = failure.image_id();
    let name = id.and_then(|id| id.image_tag().or_else(|| id.image_digest())).unwrap_or_default();
    let code = failure.failure_code().map_or("an unnamed failure", |code| code.as_str()).to_owned();
    let message = format!("{} ({name})", failure.failure_reason().unwrap_or("no reason is given"));
    if PASSING.contains(&code.as_str()) {
        return Error::RegistryUnavailable { action, resource, message: format!("{code}: {message}") };
    }
    Error::RegistryRefused { action, resource, code, message }
}

/// The error for a blob that its store does not give.
pub(super) fn of_blob(resource: String, error: &BlobError) -> Error {
    let action = action::GET_DOWNLOAD_URL;
    let message = error.to_string();
    match error {
        BlobError::Denied => Error::AccessDenied { action, resource, message },
        BlobError::Refused(status) => {
            Error::RegistryRefused { action, resource, code: format!("HTTP {status}"), message }
        }
        BlobError::Redirected(_) | BlobError::TooLong => {
            Error::RegistryRefused { action, resource, code: "UnusableBlob".to_owned(), message }
        }
        BlobError::Unavailable(_) => Error::RegistryUnavailable { action, resource, message },
    }
}
