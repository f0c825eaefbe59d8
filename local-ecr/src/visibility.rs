//! Reads of a repository that do not find an image.

use std::collections::HashMap;

/// The scripted failures of one repository, by the tag or digest that a read asks for.
#[derive(Debug, Default)]
pub(crate) struct Visibility {
    /// How many more reads do not find it.
    pub(crate) hidden: HashMap<String, u32>,
    /// The failure code that every read gets.
    pub(crate) failing: HashMap<String, String>,
}

/// Uses up one of the reads that remain for `reference`, if any.
pub(crate) fn consume(reads: &mut HashMap<String, u32>, reference: &str) -> bool {
    match reads.get_mut(reference) {
        Some(remaining @ 1..) => {
            *remaining -= 1;
            true
        }
        _ => false,
    }
}
