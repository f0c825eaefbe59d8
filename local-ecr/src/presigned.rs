//! Presigned URLs of blobs, answered as S3 answers them.

use crate::error::{ApiError, THROTTLED};
use crate::fault::BLOB;
use crate::journal::CallInfo;
use crate::registry_id::RegistryId;
use crate::response::Response;
use crate::state::SharedState;
use crate::store::{PresignedBlob, Store};
use crate::uuid::uuid;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use serde_json::json;
use std::time::Duration;

/// ECR signs for an hour: "X-Amz-Expires=3600".
const LIFETIME: Duration = Duration::from_hours(1);

/// The path below which blobs are served.
pub(crate) const PREFIX: &str = "/blobs/";

/// A URL that gives access to a blob.
pub(crate) fn presign(
    state: &SharedState,
    store: &mut Store,
    registry: &RegistryId,
    repository: &str,
    digest: &str,
    bytes: Bytes,
) -> String {
    let path = format!("{PREFIX}{}/{}/{repository}/{digest}", registry.account, registry.region);
    let signature = uuid(&mut store.random).replace('-', "") + &uuid(&mut store.random).replace('-', "");
    let url = format!(
        "{}{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host&X-Amz-Expires={}&X-Amz-Signature={signature}",
        state.url(),
        LIFETIME.as_secs()
    );
    let expires = state.clock.now() + LIFETIME;
    store.presigned.insert(signature, PresignedBlob { path, bytes, expires });
    url
}

/// Which blob a request is for.
pub(crate) fn identify(state: &SharedState, request: &Request<Bytes>) -> CallInfo {
    let path = request.uri().path();
    let mut parts = path.strip_prefix(PREFIX).unwrap_or_default().splitn(3, '/');
    let mut part = |default: &str| parts.next().unwrap_or(default).to_owned();
    let account = part(&state.options.account);
    let region = part(&state.options.region);
    let rest = part("");
    let (repository, digest) = rest.rsplit_once('/').unwrap_or_default();
    CallInfo {
        operation: BLOB.to_owned(),
        account,
        region,
        repository: Some(repository.to_owned()),
        request: json!({"digest": digest}),
    }
}

/// Serves the blob of a presigned URL.
pub(crate) fn answer(state: &SharedState, request: &Request<Bytes>) -> Response {
    if request.headers().contains_key(AUTHORIZATION) {
        return s3_error(
            400,
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
        );
    }
    let signature_mismatch = || s3_error(403, "SignatureDoesNotMatch", "The request signature does not match");
    if request.method() != Method::GET {
        return signature_mismatch();
    }
    let query = request.uri().query().unwrap_or_default();
    let signature = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Signature=")).unwrap_or_default();
    match state.store().presigned.get(signature) {
        Some(blob) if blob.path != request.uri().path() => signature_mismatch(),
        Some(blob) if blob.expires > state.clock.now() => {
            Response::new(200).body("application/octet-stream", blob.bytes.clone())
        }
        Some(_) => s3_error(403, "AccessDenied", "Request has expired"),
        None => s3_error(403, "AccessDenied", "Access Denied"),
    }
}

/// An error in S3's form.
pub(crate) fn error_response(error: &ApiError) -> Response {
    match error.code.as_str() {
        THROTTLED => s3_error(503, "SlowDown", "Please reduce your request rate."),
        code => s3_error(error.status, code, &error.message),
    }
}

fn s3_error(status: u16, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Response::new(status).body("application/xml", body).error(code)
}
