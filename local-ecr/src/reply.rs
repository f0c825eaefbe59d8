//! An answer before it is sent, and what faults make of it.

use crate::body::Payload;
use crate::door::Door;
use crate::error::{ApiError, THROTTLED};
use crate::fault::FaultKind;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

/// The content type of the API.
const AWS_JSON: &str = "application/x-amz-json-1.1";

/// An answer.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The exception that it carries.
    pub(crate) error: Option<String>,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), ..Self::default() }
    }

    /// Adds a header; one that no header can hold is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE, content_type)
    }

    pub(crate) fn failing(mut self, code: &str) -> Self {
        self.error = Some(code.to_owned());
        self
    }

    /// An answer of the API.
    pub(crate) fn api(answer: Result<Value, ApiError>) -> Self {
        match answer {
            Ok(value) => Self::status(200).body(AWS_JSON, value.to_string()),
            Err(error) => {
                let body = json!({"__type": error.code, "message": error.message});
                Self::status(error.status)
                    .body(AWS_JSON, body.to_string())
                    .header(HeaderName::from_static("x-amzn-errortype"), &error.code)
                    .failing(&error.code)
            }
        }
    }

    /// An error of the blob store, as S3 writes it.
    pub(crate) fn s3_error(status: u16, code: &str, message: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        Self::status(status).body("application/xml", body).failing(code)
    }

    /// The answer of a call that a fault keeps from taking effect; none for other faults.
    pub(crate) fn refusal(fault: &FaultKind, door: Door<'_>) -> Option<Self> {
        match fault {
            FaultKind::Throttle => Some(door.refuse(ApiError::new(THROTTLED, "Rate exceeded"))),
            FaultKind::Error { status, code, message } => {
                Some(door.refuse(ApiError { status: *status, code: code.clone(), message: message.clone() }))
            }
            FaultKind::Status(status) => Some(Self::status(*status)),
            FaultKind::Redirect(location) => Some(Self::status(302).header(LOCATION, location)),
            _ => None,
        }
    }

    /// The response on the wire, broken as the fault says.
    pub(crate) fn into_response(mut self, fault: Option<&FaultKind>) -> Response<Payload> {
        let payload = match fault {
            Some(FaultKind::NotJson) => {
                Payload::Whole(Some(Bytes::from_static(b"<html><body>It works!</body></html>")))
            }
            Some(FaultKind::Corrupt) => {
                let mut bytes = self.body.to_vec();
                let middle = bytes.len() / 2;
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 1;
                }
                Payload::Whole(Some(bytes.into()))
            }
            Some(FaultKind::Truncated) => {
                self.headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
                Payload::Cut(Some(self.body.slice(..self.body.len() / 2)))
            }
            Some(FaultKind::Endless) => Payload::Endless(Bytes::from_static(&[b' '; 4_096])),
            _ if self.body.is_empty() => Payload::Whole(None),
            _ => Payload::Whole(Some(self.body)),
        };
        let mut response = Response::new(payload);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
