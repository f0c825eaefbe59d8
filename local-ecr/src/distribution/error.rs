//! Errors in the form of the distribution specification.

use crate::error::{ApiError, THROTTLED};
use crate::response::Response;
use serde_json::json;

/// An error with one of the specification's codes.
pub(super) fn oci_error(status: u16, code: &str, message: &str) -> ApiError {
    ApiError { status, ..ApiError::new(code, message) }
}

pub(super) fn name_invalid(name: &str) -> ApiError {
    oci_error(400, "NAME_INVALID", &format!("'{name}' is not a valid repository name"))
}

pub(super) fn method_not_allowed() -> ApiError {
    oci_error(405, "UNSUPPORTED", "The operation is unsupported")
}

pub(super) fn digest_invalid() -> ApiError {
    oci_error(400, "DIGEST_INVALID", "The digest given is not the digest of the content")
}

/// The response that carries an error, whether its code is the API's or the specification's.
pub(crate) fn error_response(error: &ApiError) -> Response {
    let (status, code) = match error.code.as_str() {
        "RepositoryNotFoundException" => (404, "NAME_UNKNOWN"),
        "LayersNotFoundException" | "ReferencedImagesNotFoundException" => (404, "MANIFEST_BLOB_UNKNOWN"),
        "ImageAlreadyExistsException" | "ImageTagAlreadyExistsException" => (400, "TAG_INVALID"),
        "ImageDigestDoesNotMatchException" => (400, "DIGEST_INVALID"),
        // Clients report "405 Method Not Allowed" for a manifest that ECR's schema does not accept.
        "InvalidParameterException" => (405, "UNSUPPORTED"),
        "LimitExceededException" => (403, "DENIED"),
        THROTTLED => (429, "TOOMANYREQUESTS"),
        code => (error.status, code),
    };
    let body = json!({"errors": [{"code": code, "message": error.message}]});
    Response::new(status).body("application/json", body.to_string()).error(code)
}
