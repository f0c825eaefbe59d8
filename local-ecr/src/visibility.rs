//! Reads of a repository that do not find an image, or find an earlier one.

use std::collections::HashMap;

/// The scripted inconsistencies of one repository, by the tag or digest that a read asks for.
#[derive(Debug, Default)]
pub(crate) struct Visibility {
    /// How many more reads do not find it.
    pub(crate) hidden: HashMap<String, u32>,
    /// How many more reads of a tag are answered with the image that it named before.
    pub(crate) stale: HashMap<String, u32>,
    /// The failure code that every read gets.
    pub(crate) failing: HashMap<String, String>,
}

/// Uses up one of the reads that are left for `reference`, if any.
pub(crate) fn consume(reads: &mut HashMap<String, u32>, reference: &str) -> bool {
    match reads.get_mut(reference) {
        Some(left @ 1..) => {
            *left -= 1;
            true
        }
        _ => false,
    }
}
