//! The registry protocol: the OCI distribution specification as ECR's registry endpoint implements it.

mod blobs;
mod error;
mod exchange;
mod manifests;
mod referrers;
mod route;
mod tags;
mod uploads;

pub(crate) use error::error_response;
pub(crate) use route::PREFIX;

use crate::journal::CallInfo;
use crate::registry_id::RegistryId;
use crate::response::Response;
use crate::state::SharedState;
use bytes::Bytes;
use error::oci_error;
use exchange::{Exchange, ExchangeResult};
use http::header::{HOST, HeaderName};
use http::{Method, Request};
use route::{Resource, Route};
use serde_json::json;

const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The method and the kind of resource that a request names, such as `PUT manifests`.
pub(crate) fn identify(state: &SharedState, request: &Request<Bytes>) -> CallInfo {
    let route = Route::parse(request.uri().path());
    let registry = registry(state, request);
    let kind = route.as_ref().map_or("unknown", Route::kind);
    CallInfo {
        operation: format!("{} {kind}", request.method()),
        account: registry.account,
        region: registry.region,
        repository: route.as_ref().map(|route| route.name.clone()).filter(|name| !name.is_empty()),
        request: json!({
            "path": request.uri().path(),
            "query": request.uri().query(),
        }),
    }
}

/// The registry that the host names, as in `123456789012.dkr.ecr.eu-central-1.amazonaws.com`, or else
/// the server's own.
fn registry(state: &SharedState, request: &Request<Bytes>) -> RegistryId {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [account, "dkr", "ecr", region, ..] => RegistryId::new(*account, *region),
        _ => RegistryId::new(&*state.options.account, &*state.options.region),
    }
}

/// Executes a request.
pub(crate) fn answer(state: &SharedState, request: &Request<Bytes>, call: &CallInfo) -> Response {
    let registry = RegistryId::new(&*call.account, &*call.region);
    let result = Route::parse(request.uri().path())
        .ok_or_else(|| oci_error(404, "NAME_UNKNOWN", "The resource does not exist"))
        .and_then(|route| {
            run(Exchange {
                state,
                store: &mut state.store(),
                registry: &registry,
                request,
                route: &route,
                now: state.clock.now(),
            })
        });
    let response = result.unwrap_or_else(|error| error_response(&error));
    response.header(VERSION, "registry/2.0")
}

fn run(mut exchange: Exchange<'_>) -> ExchangeResult {
    let is_push = matches!(*exchange.method(), Method::POST | Method::PUT);
    if is_push && exchange.state.options.create_on_push {
        exchange.create_repository()?;
    }
    match &exchange.route.resource {
        Resource::Base => Ok(Response::new(200).body("application/json", "{}")),
        Resource::Manifest(reference) => manifests::answer(&mut exchange, reference),
        Resource::Blob(digest) => blobs::answer(&mut exchange, digest),
        Resource::Uploads => uploads::begin(&mut exchange),
        Resource::Upload(id) => uploads::answer(&mut exchange, id),
        Resource::Tags => tags::list(&mut exchange),
        Resource::Referrers(digest) => referrers::list(&mut exchange, digest),
    }
}
