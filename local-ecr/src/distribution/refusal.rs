//! Refusals in the words of the distribution specification.

use crate::error::ApiError;
use crate::reply::Reply;
use serde_json::json;

/// A refusal with one of the specification's codes.
pub(super) fn spelled(status: u16, code: &str, message: &str) -> ApiError {
    ApiError { status, ..ApiError::new(code, message) }
}

pub(super) fn name_invalid(name: &str) -> ApiError {
    spelled(400, "NAME_INVALID", &format!("'{name}' is no name of a repository"))
}

pub(super) fn method_not_allowed() -> ApiError {
    spelled(405, "UNSUPPORTED", "The operation is unsupported")
}

pub(super) fn digest_invalid() -> ApiError {
    spelled(400, "DIGEST_INVALID", "The digest given is not the digest of the content")
}

/// The answer that carries a refusal, whether it is spelled in the API's words or in the specification's.
pub(crate) fn refuse(error: &ApiError) -> Reply {
    let (status, code) = match error.code.as_str() {
        "RepositoryNotFoundException" => (404, "NAME_UNKNOWN"),
        "LayersNotFoundException" | "ReferencedImagesNotFoundException" => (404, "MANIFEST_BLOB_UNKNOWN"),
        "ImageTagAlreadyExistsException" => (400, "TAG_INVALID"),
        "ImageDigestDoesNotMatchException" => (400, "DIGEST_INVALID"),
        // What ECR's schema does not know, clients report as "405 Method Not Allowed".
        "InvalidParameterException" => (405, "UNSUPPORTED"),
        "LimitExceededException" => (403, "DENIED"),
        "ThrottlingException" => (429, "TOOMANYREQUESTS"),
        code => (error.status, code),
    };
    let body = json!({"errors": [{"code": code, "message": error.message}]});
    Reply::status(status).body("application/json", body.to_string()).failing(code)
}
