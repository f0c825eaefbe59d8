//! Dates in UTC: what the report writes, and the periods of the coverage.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

const SECONDS_PER_DAY: u64 = 86_400;

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u64,
    month: u64,
    day: u64,
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn days(time: SystemTime) -> u64 {
    since_epoch(time).as_secs() / SECONDS_PER_DAY
}

impl Date {
    /// The day of this time.
    pub fn of(time: SystemTime) -> Self {
        Self::from_days(days(time))
    }

    /// The day that is this many days after 1 January 1970.
    ///
    /// Years are counted from March, so that a leap day is the last day of its year. 400 years have 146,097 days.
    fn from_days(days: u64) -> Self {
        /// The days from 1 March of year 0 to 1 January 1970.
        const TO_EPOCH: u64 = 719_468;
        let days = days + TO_EPOCH;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self { year: era * 400 + year_of_era + u64::from(month <= 2), month, day }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day } = self;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Serializes a time as [`rfc_3339`] writes it.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_rfc_3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc_3339(*time))
}

/// The time as RFC 3339 writes it, to the second.
pub fn rfc_3339(time: SystemTime) -> String {
    let seconds = since_epoch(time).as_secs() % SECONDS_PER_DAY;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{}T{hours:02}:{minutes:02}:{seconds:02}Z", Date::of(time))
}

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A week from Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl Unit {
    /// The unit with which a chart of this time has neither too few periods nor too many.
    fn fitting(span: Duration) -> Self {
        const HALF_A_YEAR: u64 = 26 * 7;
        const TEN_YEARS: u64 = 3_653;
        let days = span.as_secs() / SECONDS_PER_DAY;
        if days <= HALF_A_YEAR {
            Self::Week
        } else if days <= TEN_YEARS {
            Self::Month
        } else {
            Self::Year
        }
    }

    /// The number of the period of this time, counted from some period in the past.
    fn number(self, time: SystemTime) -> u64 {
        let date = Date::of(time);
        match self {
            // 1 January 1970 was a Thursday.
            Self::Week => (days(time) + 3) / 7,
            Self::Month => date.year * 12 + date.month - 1,
            Self::Year => date.year,
        }
    }

    fn label(self, number: u64) -> String {
        match self {
            Self::Week => Date::from_days((number * 7).saturating_sub(3)).to_string(),
            Self::Month => format!("{:04}-{:02}", number / 12, number % 12 + 1),
            Self::Year => format!("{number:04}"),
        }
    }
}

/// Consecutive periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    unit: Unit,
    first: u64,
    count: usize,
}

impl Timeline {
    /// The periods from the first of these times to the last. Times after `now`, by clocks that differ, count as `now`.
    pub fn of(times: impl IntoIterator<Item = SystemTime>, now: SystemTime) -> Self {
        let bounds = times.into_iter().map(|time| time.min(now)).fold(None, |bounds, time| match bounds {
            None => Some((time, time)),
            Some((first, last)) => Some((time.min(first), time.max(last))),
        });
        let Some((first, last)) = bounds else { return Self { unit: Unit::Month, first: 0, count: 0 } };
        let unit = Unit::fitting(last.duration_since(first).unwrap_or_default());
        let count = usize::try_from(unit.number(last) - unit.number(first) + 1).unwrap_or(usize::MAX);
        Self { unit, first: unit.number(first), count }
    }

    /// How long its periods are.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// How many periods it has.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The position of the period of a time. A time before the first period counts as in it, and one after the last
    /// as in that.
    pub fn position(&self, time: SystemTime) -> Option<usize> {
        let offset = self.unit.number(time).saturating_sub(self.first);
        let last = self.count.checked_sub(1)?;
        Some(usize::try_from(offset).map_or(last, |offset| offset.min(last)))
    }

    /// The labels of the periods: the Monday of a week, a month, a year.
    pub fn labels(&self) -> Vec<String> {
        (self.first..).take(self.count).map(|number| self.unit.label(number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn day(days: u64) -> SystemTime {
        at(days * SECONDS_PER_DAY)
    }

    #[test]
    fn time_is_written_as_rfc_3339() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_530_775, "2026-11-24T14:32:55Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc_3339(at(seconds)), expected);
        }
    }

    #[test]
    fn short_time_has_weeks_from_monday() {
        // 5 January 1970 was the first Monday.
        let timeline = Timeline::of([day(10), day(4)], day(11));
        assert_eq!((timeline.unit(), timeline.labels()), (Unit::Week, vec!["1970-01-05".to_owned()]));
        let timeline = Timeline::of([day(3), day(11)], day(11));
        assert_eq!(timeline.labels(), ["1970-01-01", "1970-01-05", "1970-01-12"]);
        assert_eq!(
            [day(3), day(4), day(10), day(11)].map(|time| timeline.position(time)),
            [Some(0), Some(1), Some(1), Some(2)]
        );
    }

    #[test]
    fn long_time_has_months_and_a_longer_one_years() {
        let timeline = Timeline::of([day(0), day(250)], day(300));
        assert_eq!(timeline.unit(), Unit::Month);
        assert_eq!(timeline.labels().first().map(String::as_str), Some("1970-01"));
        assert_eq!(timeline.labels().last().map(String::as_str), Some("1970-09"));
        let timeline = Timeline::of([day(0), day(4_000)], day(5_000));
        assert_eq!((timeline.unit(), timeline.count()), (Unit::Year, 11));
    }

    #[test]
    fn time_after_now_counts_as_now() {
        let timeline = Timeline::of([day(0), day(1_000_000)], day(1));
        assert_eq!(timeline.count(), 1);
        assert_eq!(timeline.position(day(1_000_000)), Some(0));
    }

    #[test]
    fn no_time_has_no_period() {
        let timeline = Timeline::of([], day(1));
        assert_eq!((timeline.labels().len(), timeline.position(day(1))), (0, None));
    }
}
