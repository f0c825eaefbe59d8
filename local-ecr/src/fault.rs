//! Injected faults.

use crate::journal::CallInfo;
use crate::lock::lock;
use fastrand::Rng;
use serde_json::Value;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The operation of a presigned URL's download.
pub const BLOB: &str = "Blob";
/// Every operation.
pub const ANY: &str = "*";

/// The effect of a fault on a call.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// It is executed and answered after this delay.
    Latency(Duration),
    /// It is executed and answered after a random delay between the two.
    RandomLatency(Duration, Duration),
    /// It is rejected: `ThrottlingException`, "Rate exceeded"; `SlowDown` for a blob,
    /// `TOOMANYREQUESTS` in the registry protocol.
    Throttle,
    /// It takes a token from a bucket that is refilled at a rate, as AWS limits its operations, and is rejected like
    /// [`FaultKind::Throttle`] where the bucket is empty.
    RateLimit {
        /// How many tokens the bucket gains each second.
        per_second: f64,
        /// How many tokens it holds, at first as well.
        burst: f64,
    },
    /// It is rejected with this error.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error code.
        code: String,
        /// The message.
        message: String,
    },
    /// It is rejected with this status and an empty body.
    Status(u16),
    /// It is answered with a redirect to this address.
    Redirect(String),
    /// The connection is closed before the call takes effect.
    ResetBefore,
    /// The call takes effect, then the connection is closed without a response.
    ResetAfter,
    /// It is never answered and has no effect.
    Hang,
    /// It takes effect, and its response is a web page.
    NotJson,
    /// It takes effect, and its response is cut off in the middle.
    Truncated,
    /// It takes effect, and one byte of its response is wrong.
    Corrupt,
    /// It takes effect, and its response never ends.
    Endless,
}

impl FaultKind {
    /// An error of status 400, as are all of ECR's exceptions that the client causes.
    pub fn client_error(code: &str, message: &str) -> Self {
        Self::Error { status: 400, code: code.to_owned(), message: message.to_owned() }
    }

    /// `ServerException`, status 500.
    pub fn server_error() -> Self {
        Self::Error {
            status: 500,
            code: String::from("ServerException"),
            message: String::from("An internal error occurred"),
        }
    }
}

/// A fault and the calls that it affects: every call of its operation, unless a method restricts it.
#[derive(Debug, Clone)]
pub struct Fault {
    operation: String,
    registry: Option<(String, String)>,
    repository: Option<String>,
    text: Option<String>,
    skip: u64,
    remaining: Option<u64>,
    probability: f64,
    random: Rng,
    bucket: Option<Bucket>,
    kind: FaultKind,
}

/// A token bucket: what it holds, and since when.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Fault {
    /// A fault of an operation: an API name such as `PutImage`, [`BLOB`] or [`ANY`].
    pub fn on(operation: &str, kind: FaultKind) -> Self {
        Self {
            operation: operation.to_owned(),
            registry: None,
            repository: None,
            text: None,
            skip: 0,
            remaining: None,
            probability: 1.0,
            random: Rng::with_seed(0),
            bucket: None,
            kind,
        }
    }

    /// Only in the registry of this account and Region.
    #[must_use]
    pub fn registry(mut self, account: &str, region: &str) -> Self {
        self.registry = Some((account.to_owned(), region.to_owned()));
        self
    }

    /// Only where the JSON of the request has this string as a value, such as a tag.
    #[must_use]
    pub fn naming(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    /// Only in this repository.
    #[must_use]
    pub fn repository(mut self, name: &str) -> Self {
        self.repository = Some(name.to_owned());
        self
    }

    /// Not for the first `calls` that it otherwise affects.
    #[must_use]
    pub fn skip(mut self, calls: u64) -> Self {
        self.skip = calls;
        self
    }

    /// Only for this many calls.
    #[must_use]
    pub fn times(mut self, calls: u64) -> Self {
        self.remaining = Some(calls);
        self
    }

    /// Only with this probability, drawn from a generator with this seed.
    #[must_use]
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.probability = probability;
        self.seed(seed)
    }

    /// Draws probabilities and latencies from a generator with this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.random = Rng::with_seed(seed);
        self
    }

    /// Takes a token, if the fault is a rate limit and has one.
    fn has_token(&mut self) -> bool {
        let FaultKind::RateLimit { per_second, burst } = self.kind else { return false };
        let now = Instant::now();
        let bucket = self.bucket.get_or_insert(Bucket { tokens: burst, at: now });
        let gained = now.duration_since(bucket.at).as_secs_f64() * per_second;
        *bucket = Bucket { tokens: (bucket.tokens + gained).min(burst), at: now };
        let has_token = bucket.tokens >= 1.0;
        if has_token {
            bucket.tokens -= 1.0;
        }
        has_token
    }

    /// Its effect on this call, if it has one.
    fn apply(&mut self, call: &CallInfo) -> Option<FaultKind> {
        let is_affected = (self.operation == ANY || self.operation == call.operation)
            && (self.repository.is_none() || self.repository == call.repository)
            && self
                .registry
                .as_ref()
                .is_none_or(|(account, region)| *account == call.account && *region == call.region)
            && self.text.as_ref().is_none_or(|text| names(&call.request, text));
        if !is_affected || self.remaining == Some(0) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.random.f64() >= self.probability || self.has_token() {
            return None;
        }
        self.remaining = self.remaining.map(|calls| calls - 1);
        Some(match self.kind {
            FaultKind::RandomLatency(least, most) => {
                let range = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(0);
                let extra = self.random.u64(0..=range);
                FaultKind::Latency(least + Duration::from_micros(extra))
            }
            FaultKind::RateLimit { .. } => FaultKind::Throttle,
            ref kind => kind.clone(),
        })
    }
}

/// Whether a string of the JSON is this text.
fn names(json: &Value, text: &str) -> bool {
    match json {
        Value::String(string) => string == text,
        Value::Array(items) => items.iter().any(|item| names(item, text)),
        Value::Object(fields) => fields.values().any(|field| names(field, text)),
        _ => false,
    }
}

/// The faults of a server.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Adds a fault. Latencies add up; of other faults, the first added that affects a call wins.
    pub fn add(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    /// Removes all faults.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    /// The delay of a call, and its other fault if there is one.
    pub(crate) fn apply(&self, call: &CallInfo) -> (Duration, Option<FaultKind>) {
        let mut delay = Duration::ZERO;
        for fault in lock(&self.0).iter_mut() {
            match fault.apply(call) {
                Some(FaultKind::Latency(latency)) => delay += latency,
                Some(kind) => return (delay, Some(kind)),
                None => {}
            }
        }
        (delay, None)
    }
}
