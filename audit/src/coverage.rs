//! Coverage: how many versions of each period have each platform.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use ecr_multiarch_core::timestamp::utc;
use serde::Serialize;
use time::{Date, UtcDateTime};

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
        const HALF_A_YEAR: Duration = Duration::from_hours(26 * 7 * 24);
        const TEN_YEARS: Duration = Duration::from_hours(3_653 * 24);
        match span {
            span if span <= HALF_A_YEAR => Self::Week,
            span if span <= TEN_YEARS => Self::Month,
            _ => Self::Year,
        }
    }

    /// The number of the period of this time, counted from some period in the past.
    fn number(self, time: SystemTime) -> i32 {
        let date = utc(time).date();
        match self {
            // Day 0 was a Monday.
            Self::Week => date.to_julian_day() / 7,
            Self::Month => date.year() * 12 + i32::from(u8::from(date.month())) - 1,
            Self::Year => date.year(),
        }
    }

    /// The label of a period: the Monday of a week, a month, a year.
    fn label(self, number: i32) -> String {
        match self {
            Self::Week => Date::from_julian_day(number * 7).unwrap_or(UtcDateTime::UNIX_EPOCH.date()).to_string(),
            Self::Month => format!("{:04}-{:02}", number / 12, number % 12 + 1),
            Self::Year => format!("{number:04}"),
        }
    }
}

/// Consecutive periods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// How long they are.
    pub unit: Unit,
    /// Their labels: the Monday of a week, a month, a year.
    pub periods: Vec<String>,
    #[serde(skip)]
    first: i32,
}

impl Timeline {
    /// The periods from the first of these times to the last. Times after `now`, by clocks that differ, count as `now`.
    pub fn of(times: impl IntoIterator<Item = SystemTime>, now: SystemTime) -> Self {
        let bounds = times.into_iter().map(|time| time.min(now)).fold(None, |bounds, time| match bounds {
            None => Some((time, time)),
            Some((first, last)) => Some((time.min(first), time.max(last))),
        });
        let Some((first, last)) = bounds else { return Self { unit: Unit::Month, first: 0, periods: Vec::new() } };
        let unit = Unit::fitting(last.duration_since(first).unwrap_or_default());
        let (first, last) = (unit.number(first), unit.number(last));
        Self { unit, first, periods: (first..=last).map(|number| unit.label(number)).collect() }
    }

    /// The position of the period of a time. A time before the first period counts as in it, and one after the last
    /// as in that.
    fn position(&self, time: SystemTime) -> Option<usize> {
        let offset = usize::try_from(self.unit.number(time) - self.first).unwrap_or_default();
        Some(offset.min(self.periods.len().checked_sub(1)?))
    }
}

/// The coverage of a repository, or of all of them, period by period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// How many versions were pushed in each period, of those whose platforms are known.
    pub versions: Vec<usize>,
    /// The platforms, those with the most versions first.
    pub platforms: Vec<PlatformCoverage>,
}

/// The coverage of one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformCoverage {
    /// The platform.
    pub platform: String,
    /// How many versions of each period have it.
    pub versions: Vec<usize>,
}

impl Coverage {
    /// The coverage of these versions: when each was pushed, and its platforms.
    pub fn of<'a, P>(versions: impl IntoIterator<Item = (SystemTime, P)>, timeline: &Timeline) -> Self
    where
        P: IntoIterator<Item = &'a str>,
    {
        let none = vec![0; timeline.periods.len()];
        let mut all = none.clone();
        let mut by_platform = BTreeMap::<&str, Vec<usize>>::new();
        for (pushed_at, platforms) in versions {
            let Some(position) = timeline.position(pushed_at) else { continue };
            all[position] += 1;
            for platform in platforms {
                by_platform.entry(platform).or_insert_with(|| none.clone())[position] += 1;
            }
        }
        let covered = |(platform, versions): (&str, _)| PlatformCoverage { platform: platform.to_owned(), versions };
        let mut platforms: Vec<_> = by_platform.into_iter().map(covered).collect();
        platforms.sort_by_key(|platform| std::cmp::Reverse(platform.versions.iter().sum::<usize>()));
        Self { versions: all, platforms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(days: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(24 * days)
    }

    #[test]
    fn short_time_has_weeks_from_monday() {
        // 5 January 1970 was the first Monday.
        let timeline = Timeline::of([day(10), day(4)], day(11));
        assert_eq!((timeline.unit, timeline.periods), (Unit::Week, vec!["1970-01-05".to_owned()]));
        let timeline = Timeline::of([day(3), day(11)], day(11));
        assert_eq!(timeline.periods, ["1969-12-29", "1970-01-05", "1970-01-12"]);
        assert_eq!(
            [day(3), day(4), day(10), day(11)].map(|time| timeline.position(time)),
            [Some(0), Some(1), Some(1), Some(2)]
        );
    }

    #[test]
    fn long_time_has_months_and_a_longer_one_years() {
        let timeline = Timeline::of([day(0), day(250)], day(300));
        assert_eq!(timeline.unit, Unit::Month);
        assert_eq!((timeline.periods[0].as_str(), timeline.periods[8].as_str()), ("1970-01", "1970-09"));
        let timeline = Timeline::of([day(0), day(4_000)], day(5_000));
        assert_eq!((timeline.unit, timeline.periods.len()), (Unit::Year, 11));
    }

    #[test]
    fn time_after_now_counts_as_now() {
        let timeline = Timeline::of([day(0), day(1_000_000)], day(1));
        assert_eq!((timeline.periods.len(), timeline.position(day(1_000_000))), (1, Some(0)));
    }

    #[test]
    fn no_time_has_no_period() {
        let timeline = Timeline::of([], day(1));
        assert_eq!((timeline.periods.len(), timeline.position(day(1))), (0, None));
    }

    #[test]
    fn each_version_counts_in_its_period() {
        let versions = [
            (day(4), vec!["linux/amd64"]),
            (day(5), vec!["linux/amd64", "linux/arm64"]),
            (day(20), vec!["linux/amd64"]),
        ];
        let timeline = Timeline::of(versions.iter().map(|(time, _)| *time), day(30));
        let coverage = Coverage::of(versions, &timeline);
        assert_eq!(timeline.periods, ["1970-01-05", "1970-01-12", "1970-01-19"]);
        assert_eq!(coverage.versions, [2, 0, 1]);
        let platforms: Vec<_> =
            coverage.platforms.iter().map(|covered| (covered.platform.as_str(), covered.versions.as_slice())).collect();
        assert_eq!(platforms, [("linux/amd64", [2, 0, 1].as_slice()), ("linux/arm64", [1, 0, 0].as_slice())]);
    }
}
