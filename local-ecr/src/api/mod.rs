//! ECR's API: its operations, and how a request reaches one.

mod authorization;
mod context;
mod image_id;
mod images;
mod layer_uploads;
mod layers;
mod listing;
mod parameter;
mod repositories;

use crate::error::ApiError;
use crate::journal::CallInfo;
use crate::response::Response;
use crate::state::SharedState;
use bytes::Bytes;
use context::{Context, OperationResult};
use http::header::{AUTHORIZATION, HeaderName};
use http::{Method, Request};
use serde::Deserialize;
use serde_json::{Value, json};

/// The prefix of an operation's name in `x-amz-target`.
const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.";

/// The content type of the API.
const AWS_JSON: &str = "application/x-amz-json-1.1";

/// The operation and the resource that a request names.
pub(crate) fn identify(state: &SharedState, request: &Request<Bytes>) -> CallInfo {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let region = scope_region(header(AUTHORIZATION.as_str())).unwrap_or(&state.options.region);
    let target = header("x-amz-target");
    CallInfo {
        operation: target.strip_prefix(TARGET).unwrap_or_default().to_owned(),
        account: field("registryId").unwrap_or_else(|| state.options.account.clone()),
        region: region.to_owned(),
        repository: field("repositoryName"),
        request: body,
    }
}

/// The Region of a Signature Version 4 header: `Credential=<id>/<date>/<region>/ecr/aws4_request`.
fn scope_region(authorization: &str) -> Option<&str> {
    authorization.split_once("Credential=")?.1.split('/').nth(2)
}

/// Executes a request.
pub(crate) fn answer(state: &SharedState, request: &Request<Bytes>, call: &CallInfo) -> Response {
    match check(request, call).and_then(|()| run(state, call)) {
        Ok(value) => Response::new(200).body(AWS_JSON, value.to_string()),
        Err(error) => error_response(&error),
    }
}

/// An exception in the form of the API.
pub(crate) fn error_response(error: &ApiError) -> Response {
    let body = json!({"__type": error.code, "message": error.message});
    Response::new(error.status)
        .body(AWS_JSON, body.to_string())
        .header(HeaderName::from_static("x-amzn-errortype"), &error.code)
        .error(&error.code)
}

/// Rejects a request that is not a signed JSON object. Applies to every operation.
fn check(request: &Request<Bytes>, call: &CallInfo) -> Result<(), ApiError> {
    if request.method() != Method::POST || request.uri().path() != "/" {
        return Err(ApiError { status: 404, ..ApiError::new("UnknownOperationException", "") });
    }
    if !request.headers().contains_key(AUTHORIZATION) {
        return Err(ApiError::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
    }
    if !call.request.is_object() {
        return Err(ApiError::new("SerializationException", "The request is not a JSON object"));
    }
    Ok(())
}

/// Runs one operation.
fn run(state: &SharedState, call: &CallInfo) -> OperationResult {
    let mut store = state.store();
    let context = &mut Context { state, store: &mut store, region: &call.region, now: state.clock.now() };
    let request = &call.request;
    match call.operation.as_str() {
        "BatchCheckLayerAvailability" => with(context, request, layers::batch_check),
        "BatchDeleteImage" => with(context, request, images::batch_delete),
        "BatchGetImage" => with(context, request, images::batch_get),
        "CompleteLayerUpload" => with(context, request, layer_uploads::complete),
        "CreateRepository" => with(context, request, repositories::create),
        "DeleteRepository" => with(context, request, repositories::delete),
        "DescribeImages" => with(context, request, listing::describe_images),
        "DescribeRepositories" => with(context, request, repositories::describe),
        "GetAuthorizationToken" => with(context, request, authorization::get_token),
        "GetDownloadUrlForLayer" => with(context, request, layers::get_download_url),
        "InitiateLayerUpload" => with(context, request, layer_uploads::initiate),
        "ListImages" => with(context, request, listing::list_images),
        "PutImage" => with(context, request, images::put),
        "PutImageTagMutability" => with(context, request, repositories::put_mutability),
        "UpdateImageStorageClass" => with(context, request, images::update_storage_class),
        "UploadLayerPart" => with(context, request, layer_uploads::upload_part),
        _ => Err(ApiError::new("UnknownOperationException", "")),
    }
}

/// Parses an operation's parameters and runs it.
fn with<'de, P: Deserialize<'de>>(
    context: &mut Context<'_>,
    request: &'de Value,
    operation: fn(&mut Context<'_>, &P) -> OperationResult,
) -> OperationResult {
    let parameters = P::deserialize(request).map_err(|error| ApiError::invalid_parameter(error.to_string()))?;
    operation(context, &parameters)
}
