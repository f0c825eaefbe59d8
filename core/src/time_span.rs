//! Spans of time as settings and requests state them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A whole number of seconds, minutes, hours or days, such as `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TimeSpan(Duration);

/// A string that is not a valid span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a valid duration: expected a whole number followed by s, m, h or d, for example 30d")]
pub struct InvalidTimeSpan(String);

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl FromStr for TimeSpan {
    type Err = InvalidTimeSpan;

    fn from_str(text: &str) -> Result<Self, InvalidTimeSpan> {
        let seconds = UNITS.iter().find_map(|(unit, seconds)| {
            let number = text.strip_suffix(*unit)?;
            let is_digits = number.bytes().all(|byte| byte.is_ascii_digit());
            number.parse::<u64>().ok().filter(|_| is_digits)?.checked_mul(*seconds)
        });
        seconds.map(|seconds| Self(Duration::from_secs(seconds))).ok_or_else(|| InvalidTimeSpan(text.to_owned()))
    }
}

impl TryFrom<String> for TimeSpan {
    type Error = InvalidTimeSpan;

    fn try_from(text: String) -> Result<Self, InvalidTimeSpan> {
        text.parse()
    }
}

impl From<TimeSpan> for String {
    fn from(span: TimeSpan) -> Self {
        span.to_string()
    }
}

impl From<TimeSpan> for Duration {
    fn from(TimeSpan(duration): TimeSpan) -> Self {
        duration
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let whole = UNITS.iter().find(|(_, unit)| seconds.is_multiple_of(*unit)).unwrap_or(&('s', 1));
        write!(f, "{}{}", seconds / whole.1, whole.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_is_a_number_with_a_unit() {
        for (text, seconds) in [("90s", 90), ("2m", 120), ("3h", 10_800), ("30d", 2_592_000), ("0d", 0)] {
            let span: TimeSpan = text.parse().unwrap();
            assert_eq!((Duration::from(span).as_secs(), span.to_string().as_str()), (seconds, text));
            assert_eq!((String::from(span), span), (text.to_owned(), text.to_owned().try_into().unwrap()));
        }
        for text in ["", "d", "30", "-1d", "+1d", "1.5h", "1 d", "1w", "99999999999999999999d", "400000000000000d"] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text}");
        }
    }
}
