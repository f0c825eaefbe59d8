//! Regular expressions that a whole tag must match.

use std::hash::{Hash, Hasher};
use std::str::FromStr;

use regex_lite::{Captures, Regex, RegexBuilder};

use crate::oci::tag::Tag;

/// How many bytes an expression may have once it is compiled: some thousand states. A tag is matched in a time that is
/// proportional to its length and to their number, and a scan matches each of a repository's tags.
const MAX_COMPILED_BYTES: usize = 64 << 10;

/// A regular expression that a whole tag must match.
#[derive(Debug, Clone)]
pub struct TagExpression(Regex);

impl TagExpression {
    /// Whether the whole tag matches.
    pub fn matches(&self, tag: &Tag) -> bool {
        self.matches_text(tag.as_str())
    }

    /// Whether the whole text matches.
    pub(super) fn matches_text(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// What the groups of the expression match in a tag, if it matches.
    pub(super) fn captures<'t>(&self, tag: &'t Tag) -> Option<Captures<'t>> {
        self.0.captures(tag.as_str())
    }

    /// The name of each group, or `None` for one without. The first is the whole match.
    pub(super) fn capture_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.0.capture_names()
    }
}

impl FromStr for TagExpression {
    type Err = regex_lite::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let compile = |text: &str| RegexBuilder::new(text).size_limit(MAX_COMPILED_BYTES).build();
        // First without the enclosing parentheses, which would make some unbalanced expressions valid.
        compile(text)?;
        compile(&format!("^(?:{text})$")).map(Self)
    }
}

impl PartialEq for TagExpression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for TagExpression {}

impl Hash for TagExpression {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_equal_if_their_texts_are() {
        let expression = |text: &str| text.parse::<TagExpression>().unwrap();
        assert_eq!(expression(r"\d+"), expression(r"\d+"));
        assert_ne!(expression(r"\d+"), expression(r"\d*"));
    }
}
