//! Versions that are built alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::version::Version;

/// How many versions with known platforms a major line needs to be compared by itself: with fewer, one broken build
/// among them would be the majority.
const MIN_LINE: usize = 3;

/// How many hexadecimal digits are a hash of a commit: Git abbreviates to seven.
const MIN_HASH: usize = 7;

/// Versions that are built alike, by their positions among all of the repository.
pub struct Family {
    /// The members, the newest first.
    pub members: Vec<usize>,
    /// Whether each member is judged by this family.
    pub is_judged: Vec<bool>,
}

impl Family {
    /// The families of the versions whose platforms are known. Releases are compared within their major line, which may
    /// be built in a way of its own; in a line with few versions, with all releases.
    pub fn all_of(versions: &[Version<'_>]) -> Vec<Self> {
        let mut by_shape = BTreeMap::<String, Vec<usize>>::new();
        let mut by_major = BTreeMap::<&str, Vec<usize>>::new();
        let mut releases = Vec::new();
        let known = || versions.iter().enumerate().filter(|(_, version)| version.platforms.is_some());
        for (index, version) in known() {
            if version.is_release {
                releases.push(index);
                let major = version.tag.split('.').next().unwrap_or_default();
                by_major.entry(major.trim_start_matches('v')).or_default().push(index);
            } else {
                by_shape.entry(shape(version.tag)).or_default().push(index);
            }
        }
        let all = |members: Vec<usize>| Self { is_judged: vec![true; members.len()], members };
        let (lines, few): (Vec<_>, Vec<_>) = by_major.into_values().partition(|line| line.len() >= MIN_LINE);
        let few: BTreeSet<_> = few.into_iter().flatten().collect();
        let is_judged = releases.iter().map(|index| few.contains(index)).collect();
        let others = Self { members: releases, is_judged };
        by_shape.into_values().chain(lines).map(all).chain([others]).collect()
    }
}

/// A tag with `#` in place of its numbers and hashes, so that tags of one shape are of one pipeline: `pr-#`, `main-#`,
/// `#.#.#-alpine`.
fn shape(tag: &str) -> String {
    let is_hash = |word: &str| word.len() >= MIN_HASH && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut shape = String::new();
    for part in tag.split_inclusive(|char: char| !char.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|char: char| !char.is_ascii_alphanumeric());
        if is_hash(word) {
            shape.push('#');
        } else {
            let mut numbers = word.split(|char: char| char.is_ascii_digit());
            shape.push_str(numbers.next().unwrap_or_default());
            let mut is_number = false;
            for text in numbers {
                if !is_number {
                    shape.push('#');
                }
                is_number = text.is_empty();
                shape.push_str(text);
            }
        }
        shape.push_str(&part[word.len()..]);
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_leaves_numbers_and_hashes_out() {
        for (tag, expected) in [
            ("pr-12", "pr-#"),
            ("main-1a2b3c4", "main-#"),
            ("1.22.3-alpine3.19", "#.#.#-alpine#.#"),
            ("v2.0.0-rc1", "v#.#.#-rc#"),
            ("feature_x-abc", "feature_x-abc"),
            ("20260101", "#"),
        ] {
            assert_eq!(shape(tag), expected, "{tag}");
        }
    }
}
