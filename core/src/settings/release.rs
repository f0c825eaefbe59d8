//! Releases: versions of three numbers, and their order.

use std::cmp::Ordering;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::oci::tag::Tag;

/// A version of three decimal numbers, `1.2.3` or `v1.2.3`, with nothing after them.
///
/// Releases are ordered by their numbers, whose leading zeros do not count, and releases of equal numbers by their tags.
/// The numbers may have any length: a date and time such as `20260731120000` exceeds 32 bits, and a tag has room for
/// more than 64.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Release {
    tag: Tag,
    /// The positions of the two dots; a tag has at most 128 bytes.
    dots: [u8; 2],
}

impl Release {
    /// The release of this tag. `None`, if the tag is any other version, such as a pre-release.
    pub fn from_tag(tag: &Tag) -> Option<Self> {
        let text = tag.as_str();
        let start = usize::from(text.starts_with('v'));
        let mut numbers = text[start..].split('.');
        let mut number = || numbers.next().filter(|number| is_number(number)).map(str::len);
        let (major, minor, _patch) = (number()?, number()?, number()?);
        if numbers.next().is_some() {
            return None;
        }
        let first = start + major;
        let dots = [u8::try_from(first).ok()?, u8::try_from(first + 1 + minor).ok()?];
        Some(Self { tag: tag.clone(), dots })
    }

    /// The tag of the release.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    /// Whether a `v` precedes the numbers.
    pub fn has_v(&self) -> bool {
        self.tag.as_str().as_bytes().first() == Some(&b'v')
    }

    /// The first number, as it stands.
    pub fn major(&self) -> &str {
        &self.tag.as_str()[usize::from(self.has_v())..usize::from(self.dots[0])]
    }

    /// The second number, as it stands.
    pub fn minor(&self) -> &str {
        &self.tag.as_str()[usize::from(self.dots[0]) + 1..usize::from(self.dots[1])]
    }

    /// The third number, as it stands.
    pub fn patch(&self) -> &str {
        &self.tag.as_str()[usize::from(self.dots[1]) + 1..]
    }
}

/// Whether the text is a decimal number.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A decimal number of any length without its leading zeros, by which numbers compare.
fn magnitude(number: &str) -> (usize, &[u8]) {
    // As bytes, since a scan compares each release with some ten others.
    let zeros = number.bytes().take_while(|digit| *digit == b'0').count();
    let digits = &number.as_bytes()[zeros..];
    (digits.len(), digits)
}

impl Ord for Release {
    fn cmp(&self, other: &Self) -> Ordering {
        let by = |number: fn(&Self) -> &str| magnitude(number(self)).cmp(&magnitude(number(other)));
        by(Self::major)
            .then_with(|| by(Self::minor))
            .then_with(|| by(Self::patch))
            .then_with(|| self.tag.cmp(&other.tag))
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
            assert_eq!([release.major(), release.minor(), release.patch()], numbers);
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
}
