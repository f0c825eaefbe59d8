//! Sets of texts, each given by a sequence of characters, and whether two sets have a tag in common.

use std::collections::{BTreeSet, VecDeque};

use crate::oci::tag::{MAX_LENGTH, Tag, is_tag_byte};

/// A set of texts: those that its elements match, one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pattern(Vec<Element>);

#[derive(Debug, Clone, Copy)]
struct Element {
    class: Class,
    occurs: Occurs,
}

/// Which characters an element matches.
#[derive(Debug, Clone, Copy)]
enum Class {
    Byte(u8),
    Digit,
    TagStart,
    TagByte,
}

/// How often an element matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occurs {
    Once,
    AtMostOnce,
    AnyNumberOfTimes,
}

impl Class {
    fn contains(self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => own == byte,
            Self::Digit => byte.is_ascii_digit(),
            Self::TagStart => is_tag_byte(byte) && !b".-".contains(&byte),
            Self::TagByte => is_tag_byte(byte),
        }
    }
}

impl Pattern {
    fn with(mut self, class: Class, occurs: Occurs) -> Self {
        self.0.push(Element { class, occurs });
        self
    }

    /// Continues with this text.
    pub(crate) fn literal(self, text: &str) -> Self {
        text.bytes().fold(self, |pattern, byte| pattern.with(Class::Byte(byte), Occurs::Once))
    }

    /// Continues with this character, or without it.
    pub(crate) fn optional(self, byte: u8) -> Self {
        self.with(Class::Byte(byte), Occurs::AtMostOnce)
    }

    /// Continues with a decimal number.
    pub(crate) fn number(self) -> Self {
        self.with(Class::Digit, Occurs::Once).with(Class::Digit, Occurs::AnyNumberOfTimes)
    }

    /// Continues with any tag.
    pub(crate) fn tag(self) -> Self {
        self.with(Class::TagStart, Occurs::Once).with(Class::TagByte, Occurs::AnyNumberOfTimes)
    }

    /// Whether a tag is in the set, in a time that is proportional to its length and to the number of elements.
    pub(crate) fn matches(&self, tag: &Tag) -> bool {
        // Few positions are possible at a time: one, but for numbers that digits may follow.
        let (mut positions, mut next) = (vec![0], Vec::new());
        for byte in tag.as_str().bytes() {
            for position in positions.drain(..) {
                for after in self.after(position, byte) {
                    if !next.contains(&after) {
                        next.push(after);
                    }
                }
            }
            if next.is_empty() {
                return false;
            }
            std::mem::swap(&mut positions, &mut next);
        }
        positions.iter().any(|position| self.may_end(*position))
    }

    /// A shortest tag that is in both sets, if there is one.
    ///
    /// It is searched in the product of the two patterns, in which each pair of positions is visited once.
    pub(crate) fn common_tag(&self, other: &Self) -> Option<Tag> {
        // Digits first, so that examples have numbers where they can.
        let bytes: Vec<u8> = (b'1'..=b'9').chain(0..=u8::MAX).filter(|byte| is_tag_byte(*byte)).collect();
        let mut visited = BTreeSet::from([(0, 0)]);
        let mut queue = VecDeque::from([((0, 0), String::new())]);
        while let Some(((here, there), text)) = queue.pop_front() {
            if self.may_end(here) && other.may_end(there) {
                return text.parse().ok();
            }
            if text.len() == MAX_LENGTH {
                continue;
            }
            for byte in &bytes {
                for one in self.after(here, *byte) {
                    for two in other.after(there, *byte) {
                        if visited.insert((one, two)) {
                            queue.push_back(((one, two), format!("{text}{}", char::from(*byte))));
                        }
                    }
                }
            }
        }
        None
    }

    /// Whether nothing more needs to be matched at this position.
    fn may_end(&self, position: usize) -> bool {
        self.0[position..].iter().all(|element| element.occurs != Occurs::Once)
    }

    /// The positions after one more character.
    fn after(&self, position: usize, byte: u8) -> impl Iterator<Item = usize> {
        let rest = &self.0[position..];
        // Elements behind one that must occur are not reached yet.
        let reached =
            rest.iter().position(|element| element.occurs == Occurs::Once).map_or(rest.len(), |last| last + 1);
        let matching = rest[..reached].iter().enumerate().filter(move |(_, element)| element.class.contains(byte));
        matching.map(move |(offset, element)| {
            let stays = element.occurs == Occurs::AnyNumberOfTimes;
            position + offset + usize::from(!stays)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &Pattern, other: &Pattern, expected: Option<&str>) {
        let common = |one: &Pattern, other: &Pattern| one.common_tag(other).map(|tag| tag.to_string());
        assert_eq!(common(one, other).as_deref(), expected);
        assert_eq!(common(other, one).is_some(), expected.is_some());
    }

    fn release() -> Pattern {
        Pattern::default().optional(b'v').number().literal(".").number().literal(".").number()
    }

    #[test]
    fn numbers_meet_literal_digits() {
        check(&Pattern::default().literal("1.2.3"), &release(), Some("1.2.3"));
        check(&Pattern::default().literal("v10.20.30"), &release(), Some("v10.20.30"));
        check(&Pattern::default().number().literal(".0.").number(), &release(), Some("1.0.1"));
        check(&Pattern::default().literal("1.2"), &release(), None);
        check(&Pattern::default().number().literal("-2022"), &Pattern::default().tag().literal("22"), Some("1-2022"));
    }

    #[test]
    fn tag_within_a_pattern_starts_like_a_tag() {
        check(&Pattern::default().literal("-arm"), &Pattern::default().tag().literal("arm"), None);
        check(&Pattern::default().literal("x-arm"), &Pattern::default().tag().literal("-arm"), Some("x-arm"));
        check(&Pattern::default().literal("x-arm"), &Pattern::default().literal("x").tag().literal("arm"), None);
        check(&Pattern::default().literal("x"), &Pattern::default().literal("x").tag(), None);
    }

    #[test]
    fn common_text_beyond_the_length_of_a_tag_is_not_a_tag() {
        for (length, is_tag) in [(MAX_LENGTH, true), (MAX_LENGTH + 1, false)] {
            let pattern = Pattern::default().literal(&"x".repeat(length));
            assert_eq!(pattern.common_tag(&Pattern::default().tag()).is_some(), is_tag, "{length}");
        }
    }
}
