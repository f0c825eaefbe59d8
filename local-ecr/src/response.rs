//! A response before it is sent, and how faults break it.

use crate::fault::FaultKind;
use crate::response_body::ResponseBody;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

/// A response of any endpoint, before it is sent.
#[derive(Debug, Default)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// The error code that it carries.
    pub(crate) error: Option<String>,
}

impl Response {
    pub(crate) fn new(status: u16) -> Self {
        Self { status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), ..Self::default() }
    }

    /// Adds a header; a value that HTTP does not allow is omitted.
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

    /// Marks it as an error, for the journal.
    pub(crate) fn error(mut self, code: &str) -> Self {
        self.error = Some(code.to_owned());
        self
    }

    /// The response as it is sent, broken by the fault.
    pub(crate) fn into_http(mut self, fault: Option<&FaultKind>) -> http::Response<ResponseBody> {
        let body = match fault {
            Some(FaultKind::NotJson) => {
                ResponseBody::Whole(Some(Bytes::from_static(b"<html><body>It works!</body></html>")))
            }
            Some(FaultKind::Corrupt) => {
                let mut bytes = self.body.to_vec();
                let middle = bytes.len() / 2;
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 1;
                }
                ResponseBody::Whole(Some(bytes.into()))
            }
            Some(FaultKind::Truncated) => {
                self.headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
                ResponseBody::Truncated(Some(self.body.slice(..self.body.len() / 2)))
            }
            Some(FaultKind::Endless) => ResponseBody::Endless(Bytes::from_static(&[b' '; 4_096])),
            _ if self.body.is_empty() => ResponseBody::Whole(None),
            _ => ResponseBody::Whole(Some(self.body)),
        };
        let mut response = http::Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
