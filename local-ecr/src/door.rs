//! The doors of the server: which one a request knocks at, and what it asks for there.

use crate::api;
use crate::blob;
use crate::distribution;
use crate::error::{ApiError, THROTTLED};
use crate::fault::BLOB;
use crate::journal::CallInfo;
use crate::reply::Reply;
use crate::server::Shared;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use serde_json::{Value, json};

/// The protocols that are spoken on the one port.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door<'a> {
    /// ECR's API.
    Api,
    /// Presigned URLs, and what follows their prefix.
    Blob(&'a str),
    /// The registry protocol.
    Distribution,
}

impl<'a> Door<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        match path.strip_prefix(blob::PREFIX) {
            Some(rest) => Self::Blob(rest),
            None if path.starts_with(distribution::PREFIX) || path == "/v2" => Self::Distribution,
            None => Self::Api,
        }
    }

    /// An error as this door words it.
    pub(crate) fn refuse(self, error: ApiError) -> Reply {
        match self {
            Self::Api => Reply::api(Err(error)),
            Self::Blob(_) if error.code == THROTTLED => {
                Reply::s3_error(503, "SlowDown", "Please reduce your request rate.")
            }
            Self::Blob(_) => Reply::s3_error(error.status, &error.code, &error.message),
            Self::Distribution => distribution::refuse(&error),
        }
    }
}

/// What a request asks for, as far as it can be told.
pub(crate) fn identify(shared: &Shared, request: &Request<Bytes>) -> CallInfo {
    match Door::of(request.uri().path()) {
        Door::Blob(path) => identify_blob(shared, path),
        Door::Distribution => distribution::identify(shared, request),
        Door::Api => identify_api(shared, request),
    }
}

/// Carries a request out.
pub(crate) fn enter(shared: &Shared, request: &Request<Bytes>, info: &CallInfo) -> Reply {
    match Door::of(request.uri().path()) {
        Door::Blob(_) => shared.download(request),
        Door::Distribution => distribution::answer(shared, request, info),
        Door::Api => Reply::api(call_api(shared, request, info)),
    }
}

fn identify_blob(shared: &Shared, path: &str) -> CallInfo {
    let mut parts = path.splitn(3, '/');
    let mut part = |default: &str| parts.next().unwrap_or(default).to_owned();
    let account = part(&shared.options.account);
    let region = part(&shared.options.region);
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

fn identify_api(shared: &Shared, request: &Request<Bytes>) -> CallInfo {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let region = scope_region(header(AUTHORIZATION.as_str())).unwrap_or(&shared.options.region);
    let target = header("x-amz-target");
    CallInfo {
        operation: target.strip_prefix(api::TARGET).unwrap_or_default().to_owned(),
        account: field("registryId").unwrap_or_else(|| shared.options.account.clone()),
        region: region.to_owned(),
        repository: field("repositoryName"),
        request: body,
    }
}

/// The Region of a Signature Version 4 header: `Credential=<id>/<date>/<region>/ecr/aws4_request`.
fn scope_region(authorization: &str) -> Option<&str> {
    authorization.split_once("Credential=")?.1.split('/').nth(2)
}

fn call_api(shared: &Shared, request: &Request<Bytes>, info: &CallInfo) -> Result<Value, ApiError> {
    if request.method() != Method::POST || request.uri().path() != "/" {
        return Err(ApiError { status: 404, ..ApiError::new("UnknownOperationException", "") });
    }
    if !request.headers().contains_key(AUTHORIZATION) {
        return Err(ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
    }
    if !info.request.is_object() {
        return Err(ApiError::new("SerializationException", "The request is not a JSON object"));
    }
    api::run(shared, &info.operation, &info.region, &info.request)
}
