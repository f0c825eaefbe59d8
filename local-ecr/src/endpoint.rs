//! The endpoints that share the port, and the choice among them.

use crate::error::{ApiError, THROTTLED};
use crate::fault::FaultKind;
use crate::journal::CallInfo;
use crate::response::Response;
use crate::state::SharedState;
use crate::{api, distribution, presigned};
use bytes::Bytes;
use http::Request;
use http::header::LOCATION;

/// An endpoint, with its own protocol and its own form of errors.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Endpoint {
    /// ECR's API.
    Api,
    /// Presigned URLs of blobs.
    Presigned,
    /// The registry protocol.
    Distribution,
}

impl Endpoint {
    pub(crate) fn for_path(path: &str) -> Self {
        if path.starts_with(presigned::PREFIX) {
            Self::Presigned
        } else if path.starts_with(distribution::PREFIX) || path == "/v2" {
            Self::Distribution
        } else {
            Self::Api
        }
    }

    /// The operation and the resource that a request names, as far as it can be parsed.
    pub(crate) fn identify(self, state: &SharedState, request: &Request<Bytes>) -> CallInfo {
        match self {
            Self::Api => api::identify(state, request),
            Self::Presigned => presigned::identify(state, request),
            Self::Distribution => distribution::identify(state, request),
        }
    }

    /// Executes a request.
    pub(crate) fn dispatch(self, state: &SharedState, request: &Request<Bytes>, call: &CallInfo) -> Response {
        match self {
            Self::Api => api::answer(state, request, call),
            Self::Presigned => presigned::answer(state, request),
            Self::Distribution => distribution::answer(state, request, call),
        }
    }

    /// An error in the form of this endpoint.
    pub(crate) fn error_response(self, error: &ApiError) -> Response {
        match self {
            Self::Api => api::error_response(error),
            Self::Presigned => presigned::error_response(error),
            Self::Distribution => distribution::error_response(error),
        }
    }

    /// The response to a call that a fault rejects before it takes effect; `None` for other faults.
    pub(crate) fn fault_response(self, fault: &FaultKind) -> Option<Response> {
        match fault {
            FaultKind::Throttle => Some(self.error_response(&ApiError::new(THROTTLED, "Rate exceeded"))),
            FaultKind::Error { status, code, message } => {
                Some(self.error_response(&ApiError { status: *status, code: code.clone(), message: message.clone() }))
            }
            FaultKind::Status(status) => Some(Response::new(*status)),
            FaultKind::Redirect(location) => Some(Response::new(302).header(LOCATION, location)),
            _ => None,
        }
    }
}
