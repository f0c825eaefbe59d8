//! The calls of the server, in order of arrival.

use crate::lock::lock;
use serde_json::Value;
use std::sync::Mutex;
use std::time::Instant;

/// The request of a call.
#[derive(Debug, Clone)]
pub struct CallInfo {
    /// The API's name of the operation, [`BLOB`](crate::BLOB) for a presigned URL, or the method and
    /// resource of the registry protocol, such as `PUT manifests`.
    pub operation: String,
    /// The account of the registry.
    pub account: String,
    /// The Region of the registry.
    pub region: String,
    /// The repository, if the call names one.
    pub repository: Option<String>,
    /// The request's JSON; null if it has none.
    pub request: Value,
}

/// One call and its result.
#[derive(Debug, Clone)]
pub struct Call {
    /// See [`CallInfo::operation`].
    pub operation: String,
    /// The account of the registry.
    pub account: String,
    /// The Region of the registry.
    pub region: String,
    /// The repository, if the call named one.
    pub repository: Option<String>,
    /// The request's JSON; null if it had none.
    pub request: Value,
    /// Whether the request carried an Authorization header.
    pub authorized: bool,
    /// When it arrived.
    pub started: Instant,
    /// When its response was ready or its connection was closed; `None` until then.
    pub ended: Option<Instant>,
    /// The status of the response; `None` if the connection was closed, or until the response is sent.
    pub status: Option<u16>,
    /// The error code of the response.
    pub error: Option<String>,
    /// Whether the operation was carried out, whether or not the client received the response.
    pub took_effect: bool,
}

/// The result of a call.
#[derive(Debug, Default)]
pub(crate) struct CallEnd {
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) took_effect: bool,
}

/// The calls so far. A call keeps its number when the calls before it are cleared.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    cleared: usize,
    calls: Vec<Call>,
}

impl Journal {
    pub(crate) fn begin(&self, info: &CallInfo, authorized: bool) -> usize {
        let mut entries = lock(&self.0);
        let info = info.clone();
        entries.calls.push(Call {
            operation: info.operation,
            account: info.account,
            region: info.region,
            repository: info.repository,
            request: info.request,
            authorized,
            started: Instant::now(),
            ended: None,
            status: None,
            error: None,
            took_effect: false,
        });
        entries.cleared + entries.calls.len() - 1
    }

    pub(crate) fn end(&self, number: usize, end: CallEnd) {
        let mut entries = lock(&self.0);
        let position = number.checked_sub(entries.cleared);
        if let Some(call) = position.and_then(|position| entries.calls.get_mut(position)) {
            call.ended = Some(Instant::now());
            call.status = end.status;
            call.error = end.error;
            call.took_effect = end.took_effect;
        }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.0).calls.clone()
    }

    pub(crate) fn clear(&self) {
        let mut entries = lock(&self.0);
        entries.cleared += entries.calls.len();
        entries.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_cleared_call_changes_no_other_call() {
        let info = CallInfo {
            operation: String::from("PutImage"),
            account: String::new(),
            region: String::new(),
            repository: None,
            request: Value::Null,
        };
        let journal = Journal::default();
        let first = journal.begin(&info, true);
        journal.clear();
        let second = journal.begin(&info, true);
        journal.end(first, CallEnd::default());
        assert_eq!(journal.calls()[0].ended, None);
        journal.end(second, CallEnd::default());
        assert!(journal.calls()[0].ended.is_some());
    }
}
