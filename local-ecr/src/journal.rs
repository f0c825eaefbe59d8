//! What was asked of the server, in order of arrival.

use crate::lock;
use serde_json::Value;
use std::sync::Mutex;
use std::time::Instant;

/// What a call asks for.
#[derive(Debug, Clone)]
pub struct CallInfo {
    /// The API's name of the operation, [`BLOB`](crate::BLOB) for a presigned URL, or the method and
    /// resource of the registry protocol, such as `PUT manifests`.
    pub operation: String,
    /// The account whose registry is meant.
    pub account: String,
    /// The Region whose registry is meant.
    pub region: String,
    /// The repository, where the call names one.
    pub repository: Option<String>,
    /// The request's JSON; null where it has none.
    pub request: Value,
}

/// One call and what came of it.
#[derive(Debug, Clone)]
pub struct Call {
    /// See [`CallInfo::operation`].
    pub operation: String,
    /// The account whose registry was meant.
    pub account: String,
    /// The Region whose registry was meant.
    pub region: String,
    /// The repository, where the call named one.
    pub repository: Option<String>,
    /// The request's JSON; null where it had none.
    pub request: Value,
    /// Whether the request carried an Authorization header.
    pub authorized: bool,
    /// When it had arrived.
    pub started: Instant,
    /// When its answer was ready or its connection dropped; none while it is held.
    pub ended: Option<Instant>,
    /// The status answered; none where the connection was dropped or the call is held.
    pub status: Option<u16>,
    /// The exception answered.
    pub error: Option<String>,
    /// Whether the operation was carried out, whatever the client got to know of it.
    pub took_effect: bool,
}

/// What came of a call.
#[derive(Debug, Default)]
pub(crate) struct End {
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) took_effect: bool,
}

/// The calls so far. A call keeps its number when those before it are cleared away.
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

    pub(crate) fn end(&self, number: usize, end: End) {
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
    fn the_end_of_a_call_that_was_cleared_away_is_not_anothers() {
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
        journal.end(first, End::default());
        assert_eq!(journal.calls()[0].ended, None);
        journal.end(second, End::default());
        assert!(journal.calls()[0].ended.is_some());
    }
}
