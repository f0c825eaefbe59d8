//! The lists of an answer, of which it shows what fits.

use serde::Serialize;

/// How many entries each list of a sweep's answer has at most: enough to act on.
pub const MAX_ENTRIES: usize = 100;

/// A list of which the answer shows only the first entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncated<T> {
    /// The first [`MAX_ENTRIES`] entries.
    pub first: Vec<T>,
    /// How many there are in all.
    pub total: usize,
}

impl<T> Default for Truncated<T> {
    fn default() -> Self {
        Self { first: Vec::new(), total: 0 }
    }
}

impl<T> Truncated<T> {
    /// Adds an entry.
    pub fn push(&mut self, entry: T) {
        self.total += 1;
        if self.first.len() < MAX_ENTRIES {
            self.first.push(entry);
        }
    }
}

/// The sizes of a list's entries as JSON, each with the comma after it.
pub(super) fn sizes<T: Serialize>(entries: &[T]) -> Vec<usize> {
    entries.iter().map(|entry| serde_json::to_vec(entry).map_or(0, |json| json.len() + 1)).collect()
}

/// How many bytes each of several lists may have, so that all of them together keep the limit: a list that needs less
/// than its share leaves the rest to the others.
pub(super) fn byte_limits<const N: usize>(sizes: &[Vec<usize>; N], limit: usize) -> [usize; N] {
    let needed = sizes.each_ref().map(|sizes| sizes.iter().sum::<usize>());
    let mut ascending: [usize; N] = std::array::from_fn(|index| index);
    ascending.sort_by_key(|index| needed[*index]);
    let (mut limits, mut remaining) = ([0; N], limit);
    for (place, index) in ascending.into_iter().enumerate() {
        limits[index] = needed[index].min(remaining / (N - place));
        remaining -= limits[index];
    }
    limits
}

/// The entries of these sizes that fit the limit, in order. One that does not fit is omitted, and not those after it.
pub(super) fn fitting<'a, T>(entries: &'a [T], sizes: &[usize], limit: usize) -> Vec<&'a T> {
    let mut remaining = limit;
    let fits = |size: &usize| {
        let fits = *size <= remaining;
        remaining -= if fits { *size } else { 0 };
        fits
    };
    let kept: Vec<_> = sizes.iter().map(fits).collect();
    entries.iter().zip(kept).filter_map(|(entry, fits)| fits.then_some(entry)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_shows_its_first_hundred_entries() {
        let mut list = Truncated::default();
        for entry in 0..=MAX_ENTRIES {
            list.push(entry);
        }
        assert_eq!((list.first.len(), list.first.last(), list.total), (100, Some(&99), 101));
    }

    #[test]
    fn lists_share_the_bytes_that_others_leave() {
        let sizes = [vec![10, 10], vec![100], vec![30, 30]];
        for (limit, expected) in [(200, [20, 100, 60]), (180, [20, 100, 60]), (179, [20, 99, 60]), (60, [20, 20, 20])] {
            assert_eq!(byte_limits(&sizes, limit), expected, "{limit}");
        }
        assert_eq!(byte_limits(&sizes, 100), [20, 40, 40]);
    }

    #[test]
    fn entry_that_does_not_fit_is_left_out_alone() {
        let entries = ["a", "b", "c", "d"];
        assert_eq!(sizes(&entries), [4; 4]);
        for (limit, expected) in [(10, vec![&"a", &"c", &"d"]), (5, vec![&"a", &"c"]), (9, vec![&"a", &"c", &"d"])] {
            assert_eq!(fitting(&entries, &[2, 9, 3, 4], limit), expected, "{limit}");
        }
    }
}
