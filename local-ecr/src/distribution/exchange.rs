//! One request of the protocol and its context.

use super::error::name_invalid;
use super::route::{PREFIX, Route, query};
use crate::error::ApiError;
use crate::name::is_repository_name;
use crate::registry_id::RegistryId;
use crate::repository::Repository;
use crate::response::Response;
use crate::state::SharedState;
use crate::store::Store;
use bytes::Bytes;
use http::header::HeaderName;
use http::{Method, Request};
use std::time::SystemTime;

/// The header that carries the digest of the content.
pub(super) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A response, or an error that is not in the protocol's form yet.
pub(super) type ExchangeResult = Result<Response, ApiError>;

/// A request, and the store, locked until it is answered.
pub(super) struct Exchange<'a> {
    pub(super) state: &'a SharedState,
    pub(super) store: &'a mut Store,
    pub(super) registry: &'a RegistryId,
    pub(super) request: &'a Request<Bytes>,
    pub(super) route: &'a Route,
    pub(super) now: SystemTime,
}

impl Exchange<'_> {
    pub(super) fn method(&self) -> &Method {
        self.request.method()
    }

    pub(super) fn repository(&mut self) -> Result<&mut Repository, ApiError> {
        self.store.repository(self.registry, &self.route.name)
    }

    /// Creates the repository, unless it exists.
    pub(super) fn create_repository(&mut self) -> Result<(), ApiError> {
        let name = &self.route.name;
        if !is_repository_name(name) {
            return Err(name_invalid(name));
        }
        let created = || self.state.new_repository();
        self.store.repositories(self.registry).entry(name.clone()).or_insert_with(created);
        Ok(())
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        query(self.request.uri().query().unwrap_or_default(), name)
    }

    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// The path of a resource of this repository.
    pub(super) fn path(&self, resource: &str) -> String {
        format!("{PREFIX}{}/{resource}", self.route.name)
    }
}
