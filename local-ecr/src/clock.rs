//! Time as the registry sees it, which a test may set.

use crate::lock;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

    /// Stops the clock if it still runs, and moves it on.
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
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let second = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// The Gregorian date of a day since the epoch, by counting 400-year eras that begin in March.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_gregorian() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_573_869_274, "2019-11-16T01:54:34Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
