//! Coverage: how many versions of each period have each platform.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

use crate::calendar::Timeline;

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
        let mut all = vec![0; timeline.count()];
        let mut by_platform = BTreeMap::<&str, Vec<usize>>::new();
        for (pushed_at, platforms) in versions {
            let Some(position) = timeline.position(pushed_at) else { continue };
            all[position] += 1;
            for platform in platforms {
                by_platform.entry(platform).or_insert_with(|| vec![0; timeline.count()])[position] += 1;
            }
        }
        let mut platforms: Vec<_> = by_platform
            .into_iter()
            .map(|(platform, versions)| PlatformCoverage { platform: platform.to_owned(), versions })
            .collect();
        let total = |platform: &PlatformCoverage| platform.versions.iter().sum::<usize>();
        platforms.sort_by_key(|platform| std::cmp::Reverse(total(platform)));
        Self { versions: all, platforms }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_version_counts_in_its_period() {
        let day = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
        let versions = [
            (day(4), vec!["linux/amd64"]),
            (day(5), vec!["linux/amd64", "linux/arm64"]),
            (day(20), vec!["linux/amd64"]),
        ];
        let timeline = Timeline::of(versions.iter().map(|(time, _)| *time), day(30));
        let coverage = Coverage::of(versions, &timeline);
        assert_eq!(timeline.labels(), ["1970-01-05", "1970-01-12", "1970-01-19"]);
        assert_eq!(coverage.versions, [2, 0, 1]);
        let platforms: Vec<_> =
            coverage.platforms.iter().map(|covered| (covered.platform.as_str(), covered.versions.as_slice())).collect();
        assert_eq!(platforms, [("linux/amd64", [2, 0, 1].as_slice()), ("linux/arm64", [1, 0, 0].as_slice())]);
    }
}
