//! The registry's time, which a test may set.

use crate::lock::lock;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::UtcDateTime;

/// The registry's clock: the system's, until it is set.
#[derive(Debug, Default)]
pub struct Clock(Mutex<Option<SystemTime>>);

impl Clock {
    /// The time now.
    pub fn now(&self) -> SystemTime {
        lock(&self.0).unwrap_or_else(SystemTime::now)
    }

    /// Stops the clock at `time`.
    pub fn set(&self, time: SystemTime) {
        *lock(&self.0) = Some(time);
    }

    /// Stops the clock if it still runs, and advances it.
    pub fn advance(&self, by: Duration) {
        let mut time = lock(&self.0);
        *time = Some(time.unwrap_or_else(SystemTime::now) + by);
    }
}

/// `time` in AWS JSON: seconds since the epoch, to the millisecond.
#[allow(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53 for 285,000 years")]
pub(crate) fn epoch_seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as f64 / 1000.0
}

/// `time` as EventBridge writes it: RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let time = UtcDateTime::from(time);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.as_hms();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", u8::from(month))
}
