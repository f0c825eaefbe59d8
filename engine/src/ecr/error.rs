//! Classifies the errors of ECR and of its blob store.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::types::ImageFailure;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use ecr_multiarch_core::error::{Resource, Unavailable};
use ecr_multiarch_core::{Error, IamAction};

use crate::blob::BlobError;

/// The codes of missing permissions and of invalid credentials.
///
/// AWS general reference, "Common error types". ECR's API model lacks them.
const ACCESS_DENIED_CODES: [&str; 12] = [
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

/// The codes of throttling.
pub(super) const THROTTLING_CODES: [&str; 13] = [
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

/// The codes of server errors, which are temporary.
const SERVER_ERROR_CODES: [&str; 5] =
    ["InternalFailure", "RequestTimeout", "RequestTimeoutException", "ServerException", "ServiceUnavailable"];

/// The failure codes of an image whose upstream registry is temporarily unavailable.
const TRANSIENT_IMAGE_CODES: [&str; 2] = ["UpstreamTooManyRequests", "UpstreamUnavailable"];

/// The error code of ECR's response, if there was one.
pub(super) fn error_code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Whether ECR throttled a call.
///
/// No operation models its throttling, so the code is that of the response body. An exhausted quota is not throttling:
/// it does not end by waiting.
pub(super) fn is_throttling<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let is_status = error.raw_response().is_some_and(|response| response.status().as_u16() == 429);
    is_status || error_code(error).is_some_and(|code| THROTTLING_CODES.contains(&code))
}

/// The messages of an error and of its causes.
fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let messages = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
    messages.collect::<Vec<_>>().join(": ")
}

/// What to do where the SDK finds no credentials, before its own words.
const MISSING_CREDENTIALS: &str =
    "no AWS credentials were found; check the execution role of the function, or the credentials in the environment: ";

/// Whether an error comes from the search for credentials.
fn is_missing_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.any(|cause| {
        matches!(cause.downcast_ref::<CredentialsError>(), Some(CredentialsError::CredentialsNotLoaded(_)))
    })
}

/// The error of a call that a later one may mend.
fn unavailable(action: IamAction, resource: Resource, message: &str) -> Error {
    Error::RegistryUnavailable { action, resource, message: message.into(), unavailable: Unavailable::Registry }
}

/// Classifies a failed call.
pub(super) fn classify<E>(action: IamAction, resource: Resource, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(context) = error else {
        let advice = if is_missing_credentials(error) { MISSING_CREDENTIALS } else { "" };
        return unavailable(action, resource, &format!("{advice}{}", error_chain(error)));
    };
    let status = context.raw().status().as_u16();
    if (200..300).contains(&status) {
        let message = format!("the response (HTTP {status}) cannot be parsed");
        return unavailable(action, resource, &message);
    }
    let code = context.err().code().unwrap_or_default();
    let message = context.err().message().unwrap_or_default();
    if code == "RepositoryNotFoundException" {
        return Error::RepositoryNotFound { repository: resource.without_image(), message: message.into() };
    }
    if THROTTLING_CODES.contains(&code) || SERVER_ERROR_CODES.contains(&code) || matches!(status, 408 | 429 | 500..) {
        let message = format!("{code} (HTTP {status}) {message}");
        return unavailable(action, resource, message.trim());
    }
    if ACCESS_DENIED_CODES.contains(&code) || (code.is_empty() && matches!(status, 401 | 403)) {
        let message = format!("{code}: {message}").into();
        return Error::AccessDenied { action, resource, message };
    }
    let code = if code.is_empty() { format!("HTTP {status}") } else { code.to_owned() };
    Error::RegistryRefused { action, resource, code: code.into(), message: message.into() }
}

/// Classifies the failure of one image within a successful call.
pub(super) fn classify_image_failure(resource: Resource, failure: &ImageFailure) -> Error {
    let action = IamAction::BatchGetImage;
    let id = failure.image_id();
    let name = id.and_then(|id| id.image_tag().or_else(|| id.image_digest())).unwrap_or_default();
    let code = failure.failure_code().map_or("UnknownFailure", |code| code.as_str()).to_owned();
    let message = format!("{} ({name})", failure.failure_reason().unwrap_or("without a reason"));
    if TRANSIENT_IMAGE_CODES.contains(&code.as_str()) {
        let message = format!("{code}: {message}").into();
        return Error::RegistryUnavailable { action, resource, message, unavailable: Unavailable::Image };
    }
    Error::RegistryRefused { action, resource, code: code.into(), message: message.into() }
}

/// Classifies an error of the blob store.
pub(super) fn classify_blob_error(resource: Resource, error: &BlobError) -> Error {
    let action = IamAction::GetDownloadUrlForLayer;
    let message = error.to_string().into();
    match error {
        BlobError::Denied => Error::AccessDenied { action, resource, message },
        BlobError::Rejected(status) => {
            Error::RegistryRefused { action, resource, code: format!("HTTP {status}").into(), message }
        }
        BlobError::Redirect(_) | BlobError::TooLarge => {
            Error::RegistryRefused { action, resource, code: "UnusableBlob".into(), message }
        }
        BlobError::Unavailable(_) => {
            Error::RegistryUnavailable { action, resource, message, unavailable: Unavailable::Image }
        }
    }
}
