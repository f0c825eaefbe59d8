//! The time as of which an audit judges, as a person writes it.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use ecr_multiarch_core::time_span::TimeSpan;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How far from now the time may be: a hundred years, so that every date has the four digits that RFC 3339 allows.
const FARTHEST: Duration = Duration::from_hours(100 * 365 * 24);

/// The time as of which an audit judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// That of the audit.
    Now,
    /// So long after it.
    Later(TimeSpan),
    /// This time.
    At(SystemTime),
}

impl AsOf {
    /// The time, where it is not now.
    pub fn time(self, now: SystemTime) -> Option<SystemTime> {
        match self {
            Self::Now => None,
            Self::Later(span) => now.checked_add(span.into()),
            Self::At(time) => Some(time),
        }
    }
}

impl FromStr for AsOf {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let later = || {
            let span: TimeSpan = text.strip_prefix('+')?.parse().ok()?;
            (Duration::from(span) <= FARTHEST).then_some(Self::Later(span))
        };
        let at = || {
            let seconds = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp();
            Some(Self::At(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().ok()?)))
        };
        let now = (text == "now").then_some(Self::Now);
        now.or_else(later).or_else(at).ok_or(
            "expected now, a time from now such as +3h (with s, m, h or d), or a time of RFC 3339 such as \
             2026-12-01T00:00:00Z",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_now_later_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24);
        for (text, hours) in [
            ("now", None),
            ("+0s", Some(24)),
            ("+3h", Some(27)),
            ("1970-01-03T00:00:00Z", Some(48)),
            ("1970-01-03T02:00:00.5+02:00", Some(48)),
        ] {
            let expected = hours.map(|hours| SystemTime::UNIX_EPOCH + Duration::from_hours(hours));
            assert_eq!(text.parse::<AsOf>().unwrap().time(now), expected, "{text}");
        }
        for text in ["", "3h", "+", "-3h", "+36501d", "2026-12-01", "2026-12-01T00:00:00", "1969-12-31T00:00:00Z"] {
            assert!(text.parse::<AsOf>().unwrap_err().starts_with("expected now"), "{text}");
        }
    }
}
