//! The registry protocol: the OCI distribution specification as ECR's registry endpoint speaks it.

mod blobs;
mod manifests;
mod refusal;
mod route;
mod uploads;

use crate::error::ApiError;
use crate::journal::CallInfo;
use crate::registry_id::RegistryId;
use crate::reply::Reply;
use crate::repository::Repository;
use crate::server::Shared;
use crate::world::World;
use bytes::Bytes;
use http::header::{HOST, HeaderName};
use http::{Method, Request};
pub(crate) use refusal::refuse;
use refusal::{name_invalid, spelled};
use route::{Resource, Route};
use serde_json::json;
use std::time::SystemTime;

/// Where the protocol is spoken.
pub(crate) const PREFIX: &str = "/v2/";

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// What a request of the protocol is answered with.
type Outcome = Result<Reply, ApiError>;

/// One request, with what it works on.
struct Visit<'a> {
    shared: &'a Shared,
    world: &'a mut World,
    registry: &'a RegistryId,
    request: &'a Request<Bytes>,
    route: &'a Route,
    now: SystemTime,
}

impl Visit<'_> {
    fn repository(&mut self) -> Result<&mut Repository, ApiError> {
        self.world.repository(self.registry, &self.route.name)
    }

    fn query(&self, name: &str) -> Option<String> {
        route::query(self.request.uri().query().unwrap_or_default(), name)
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// The path of something of this repository.
    fn path(&self, rest: &str) -> String {
        format!("{PREFIX}{}/{rest}", self.route.name)
    }
}

/// What a request asks for: a method and the kind of thing it is applied to, such as `PUT manifests`.
pub(crate) fn identify(shared: &Shared, request: &Request<Bytes>) -> CallInfo {
    let route = Route::of(request.uri().path());
    let registry = registry(shared, request);
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

/// Carries a request out.
pub(crate) fn answer(shared: &Shared, request: &Request<Bytes>, call: &CallInfo) -> Reply {
    let registry = RegistryId::new(&*call.account, &*call.region);
    let outcome = Route::of(request.uri().path())
        .ok_or_else(|| spelled(404, "NAME_UNKNOWN", "There is no such resource"))
        .and_then(|route| {
            let mut visit = Visit {
                shared,
                world: &mut shared.world(),
                registry: &registry,
                request,
                route: &route,
                now: shared.clock.now(),
            };
            visit.run()
        });
    let reply = outcome.unwrap_or_else(|error| refuse(&error));
    reply.header(VERSION, "registry/2.0")
}

impl Visit<'_> {
    fn run(&mut self) -> Outcome {
        let is_push = matches!(*self.request.method(), Method::POST | Method::PUT);
        if is_push && self.shared.options.create_on_push {
            self.create()?;
        }
        let route = self.route;
        match &route.resource {
            Resource::Base => Ok(Reply::status(200).body("application/json", "{}")),
            Resource::Manifest(reference) => self.manifest(reference),
            Resource::Blob(digest) => self.blob(digest),
            Resource::Uploads => self.begin_upload(),
            Resource::Upload(id) => self.upload(id),
            Resource::Tags => self.tags(),
            Resource::Referrers(digest) => self.referrers(digest),
        }
    }

    fn create(&mut self) -> Result<(), ApiError> {
        let name = &self.route.name;
        if !crate::api::parameter::is_repository_name(name) {
            return Err(name_invalid(name));
        }
        let now = self.now;
        let created = || Repository::new(now, self.shared.options.mutability.clone());
        self.world.repositories(self.registry).entry(name.clone()).or_insert_with(created);
        Ok(())
    }
}

/// The registry that the host names, as in `123456789012.dkr.ecr.eu-central-1.amazonaws.com`, or else
/// the server's own.
fn registry(shared: &Shared, request: &Request<Bytes>) -> RegistryId {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [account, "dkr", "ecr", region, ..] => RegistryId::new(*account, *region),
        _ => RegistryId::new(&*shared.options.account, &*shared.options.region),
    }
}
