//! Releases: versions that a stream orders, by default those of three numbers.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use serde::{Serialize, Serializer};

use crate::oci::tag::Tag;

/// How many groups a release may have, numbers and texts together: more than any way of numbering that is known, and so
/// few that a release takes 32 bytes and those of its tag. A repository may have a hundred thousand.
pub(super) const MAX_GROUPS: usize = 7;

/// A version that a stream orders: by default one of three decimal numbers, `1.2.3` or `v1.2.3`, with nothing after them.
///
/// Releases of a stream are ordered by their numbers, whose leading zeros do not count, and releases of equal numbers by
/// their tags. The numbers may have any length: a date and time such as `20260731120000` exceeds 32 bits, and a tag has
/// room for more than 64.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Release {
    tag: Tag,
    /// The position of its stream.
    stream: u8,
    /// How many of the groups are numbers.
    numbers: u8,
    /// Where its numbers and then its texts stand in the tag, in the order of the stream's groups.
    groups: [Span; MAX_GROUPS],
}

/// A part of a tag, which has at most 128 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Span {
    start: u8,
    end: u8,
}

impl Span {
    /// Of a group that took no part in the match.
    const ABSENT: Self = Self { start: u8::MAX, end: 0 };

    fn new(range: Option<Range<usize>>) -> Self {
        let span = range.and_then(|range| {
            Some(Self { start: u8::try_from(range.start).ok()?, end: u8::try_from(range.end).ok()? })
        });
        span.unwrap_or(Self::ABSENT)
    }
}

impl Release {
    /// A release with so many numbers, and texts after them, each of which stands in this range of the tag or is absent.
    pub(super) fn new(
        tag: &Tag,
        stream: u8,
        numbers: usize,
        ranges: impl Iterator<Item = Option<Range<usize>>>,
    ) -> Self {
        let mut groups = [Span::ABSENT; MAX_GROUPS];
        for (group, range) in groups.iter_mut().zip(ranges) {
            *group = Span::new(range);
        }
        Self { tag: tag.clone(), stream, numbers: u8::try_from(numbers.min(MAX_GROUPS)).unwrap_or_default(), groups }
    }

    /// The release of three numbers that a version is, as one of this stream. `None`, if it is any other version, such as
    /// a pre-release.
    pub(super) fn of_three_numbers(tag: &Tag, stream: u8) -> Option<Self> {
        let text = tag.as_str();
        let start = usize::from(text.starts_with('v'));
        let mut numbers = text[start..].split('.');
        let mut number = || numbers.next().filter(|number| is_number(number)).map(str::len);
        let (major, minor, patch) = (number()?, number()?, number()?);
        if numbers.next().is_some() {
            return None;
        }
        let first = start + major;
        let second = first + 1 + minor;
        let ranges = [start..first, first + 1..second, second + 1..second + 1 + patch];
        Some(Self::new(tag, stream, 3, ranges.into_iter().map(Some)))
    }

    /// The release of three numbers that a version is, where nothing else orders versions. `None`, if it is any other
    /// version, such as a pre-release.
    pub fn from_tag(tag: &Tag) -> Option<Self> {
        Self::of_three_numbers(tag, 0)
    }

    /// The tag of the release.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    /// The position of its stream in the policy of its repository.
    pub(super) fn stream(&self) -> u8 {
        self.stream
    }

    /// Whether a `v` precedes the numbers, where there are three.
    pub fn has_v(&self) -> bool {
        self.tag.as_str().as_bytes().first() == Some(&b'v')
    }

    /// The number at this position, as it stands; of three, the first is the major one. `None`, if it is absent.
    pub fn number(&self, position: usize) -> Option<&str> {
        self.group(position).filter(|_| position < usize::from(self.numbers))
    }

    /// A number of any length without its leading zeros, by which numbers compare. One that is absent is zero.
    fn magnitude(&self, position: usize) -> (usize, &[u8]) {
        // As bytes, since a scan compares each release with some ten others.
        let Span { start, end } = self.groups[position];
        let number = self.tag.as_str().as_bytes().get(usize::from(start)..usize::from(end)).unwrap_or_default();
        let zeros = number.iter().take_while(|digit| **digit == b'0').count();
        (number.len() - zeros, &number[zeros..])
    }

    /// What stands in a group of its stream. `None`, if the group took no part in the match.
    pub(super) fn group(&self, position: usize) -> Option<&str> {
        let Span { start, end } = *self.groups.get(position)?;
        self.tag.as_str().get(usize::from(start)..usize::from(end))
    }

    /// Whether a text took part that is not among these groups.
    pub(super) fn has_other_text(&self, named: &[usize]) -> bool {
        let texts = usize::from(self.numbers)..MAX_GROUPS;
        texts.into_iter().any(|position| self.group(position).is_some() && !named.contains(&position))
    }
}

/// Whether the text is a decimal number.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Ord for Release {
    fn cmp(&self, other: &Self) -> Ordering {
        let compare = |position| self.magnitude(position).cmp(&other.magnitude(position));
        let by_numbers = || (0..usize::from(self.numbers)).map(compare).find(|order| order.is_ne());
        let by_numbers = || by_numbers().unwrap_or(Ordering::Equal);
        self.stream.cmp(&other.stream).then_with(by_numbers).then_with(|| self.tag.cmp(&other.tag))
    }
}

impl PartialOrd for Release {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tag.fmt(f)
    }
}

impl fmt::Debug for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.tag, f)
    }
}

impl Serialize for Release {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.tag.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Option<Release> {
        Release::from_tag(&text.parse().unwrap())
    }

    #[test]
    fn release_has_three_numbers_and_may_have_a_v() {
        for (text, numbers) in [
            ("1.2.3", ["1", "2", "3"]),
            ("v1.2.3", ["1", "2", "3"]),
            ("0.0.0", ["0", "0", "0"]),
            ("01.020.3", ["01", "020", "3"]),
            ("v20260731120000.99999999999999999999.0", ["20260731120000", "99999999999999999999", "0"]),
        ] {
            let release = release(text).unwrap();
            assert_eq!([0, 1, 2].map(|position| release.number(position).unwrap()), numbers);
            assert_eq!((release.to_string().as_str(), release.has_v()), (text, text.starts_with('v')));
        }
    }

    #[test]
    fn other_versions_are_not_releases() {
        let texts = "1 1.2 1.2.3.4 1.2.3-rc.1 1.2.3-1 1.2.3_1 1.2.x V1.2.3 vv1.2.3 v.1.2.3 1..3 1.2. v1.2 latest v \
                     1.2.3a a1.2.3 2026";
        for text in texts.split(' ') {
            assert_eq!(release(text), None, "{text}");
        }
    }

    #[test]
    fn releases_are_ordered_as_numbers_and_then_as_tags() {
        let ascending = "0.0.0 0.0.1 0.9.9 0.10.0 1.02.3 1.2.03 1.2.3 v1.2.3 1.2.4 9.0.0 10.0.0 \
                         18446744073709551615.0.0 18446744073709551616.0.0 100000000000000000000.0.0";
        let releases: Vec<_> = ascending.split(' ').map(|text| release(text).unwrap()).collect();
        assert!(releases.is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn position_without_a_number_has_none() {
        assert_eq!(release("1.2.3").unwrap().number(3), None);
        let with_text = Release::new(&"7-rc".parse().unwrap(), 0, 1, [Some(0..1), Some(2..4)].into_iter());
        assert_eq!((with_text.number(0), with_text.number(1), with_text.group(1)), (Some("7"), None, Some("rc")));
        assert_eq!(format!("{with_text} {with_text:?}"), r#"7-rc "7-rc""#);
    }
}
