//! Times as answers and reports write them.

use std::time::SystemTime;

use serde::Serializer;
use time::UtcDateTime;

/// A time in UTC, to the second. What no date can tell counts as the beginning of 1970.
pub fn utc(time: SystemTime) -> UtcDateTime {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok().and_then(|since| since.as_secs().try_into().ok());
    let utc = seconds.and_then(|seconds| UtcDateTime::from_unix_timestamp(seconds).ok());
    utc.unwrap_or(UtcDateTime::UNIX_EPOCH)
}

/// A time as RFC 3339 writes it, in UTC and to the second.
pub fn rfc_3339(time: SystemTime) -> String {
    let (date, (hour, minute, second)) = (utc(time).date(), utc(time).as_hms());
    format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Serializes a time as [`rfc_3339`] writes it.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc_3339(*time))
}

/// Serializes a time that may be unknown, which is `null`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_option<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serialize(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_is_written_as_rfc_3339() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_530_775, "2026-11-24T14:32:55Z"),
            (1 << 60, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc_3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
        assert_eq!(rfc_3339(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
    }
}
