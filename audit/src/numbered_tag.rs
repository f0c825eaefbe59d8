//! Tags divided into what their pipeline counts, what it takes from the commit, and the text around both.

use crate::text::words;

/// How many hexadecimal digits a commit has in a tag: Git abbreviates to seven, and a whole id has forty.
const HASH_DIGITS: std::ops::RangeInclusive<usize> = 7..=40;

/// A part of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text, which tags of one pipeline have in common.
    Text(&'a str),
    /// Decimal digits. If there are as many as a commit has, they can be one.
    Number(&'a str),
    /// The id of a commit, with at least one letter.
    Hash(&'a str),
}

impl Part<'_> {
    /// Whether it is a number of too few digits for a commit.
    pub fn is_short_number(self) -> bool {
        matches!(self, Self::Number(digits) if !HASH_DIGITS.contains(&digits.len()))
    }
}

/// A tag, divided. What follows its numbers and is neither a number nor a commit is one text, whatever digits it has:
/// `1.2.3-alpine3.19` has three numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedTag<'a> {
    /// The parts in their order, of which no two texts are neighbours.
    pub parts: Vec<Part<'a>>,
}

impl<'a> NumberedTag<'a> {
    /// Divides a tag.
    pub fn of(tag: &'a str) -> Self {
        let (mut parts, mut text_start, mut has_number) = (Vec::new(), 0, false);
        for (at, word) in words(tag) {
            let Some((before, part)) = part_of(word, has_number) else {
                if has_number {
                    break;
                }
                continue;
            };
            let text = &tag[text_start..at + before];
            parts.extend((!text.is_empty()).then_some(Part::Text(text)));
            parts.push(part);
            has_number |= matches!(part, Part::Number(_));
            text_start = at + word.len();
        }
        let rest = &tag[text_start..];
        parts.extend((!rest.is_empty()).then_some(Part::Text(rest)));
        Self { parts }
    }

    /// Its numbers, as they stand.
    pub fn numbers(&self) -> impl Iterator<Item = &'a str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Number(digits) => Some(*digits),
            _ => None,
        })
    }

    /// What tags of one pipeline have in common: the text, with `#` for each number and commit, which no tag has.
    pub fn shape(&self) -> String {
        let text = |part: &Part<'a>| match part {
            Part::Text(text) => *text,
            Part::Number(_) | Part::Hash(_) => "#",
        };
        self.parts.iter().map(text).collect()
    }
}

/// The number or the commit that a word is, with the length of the letters before it: those of `v16`, or the `g` of
/// `git describe`.
fn part_of(word: &str, follows_number: bool) -> Option<(usize, Part<'_>)> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(word) {
        return Some((0, Part::Number(word)));
    }
    if is_hash(word) {
        return Some((0, Part::Hash(word)));
    }
    if follows_number {
        return word.strip_prefix('g').filter(|rest| is_hash(rest)).map(|rest| (1, Part::Hash(rest)));
    }
    let letters = word.len() - word.trim_start_matches(|char: char| char.is_ascii_alphabetic()).len();
    is_number(&word[letters..]).then(|| (letters, Part::Number(&word[letters..])))
}

fn is_hash(word: &str) -> bool {
    HASH_DIGITS.contains(&word.len()) && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_is_divided_into_texts_numbers_and_commits() {
        for (tag, shape, numbers) in [
            ("main-412-3f9c2d1", "main-#-#", "412"),
            ("build.412", "build.#", "412"),
            ("20261129.3", "#.#", "20261129 3"),
            ("v16.2", "v#.#", "16 2"),
            ("1.2.3-alpine3.19", "#.#.#-alpine3.19", "1 2 3"),
            ("1.2.3-14-g3f9c2d1", "#.#.#-#-g#", "1 2 3 14"),
            ("feature-2fa-x-12", "feature-2fa-x-#", "12"),
            ("sha-3f9c2d1", "sha-#", ""),
            ("3F9C2D1", "3F9C2D1", ""),
            ("latest", "latest", ""),
            ("1..-_2", "#..-_#", "1 2"),
        ] {
            let divided = NumberedTag::of(tag);
            let found = (divided.shape(), divided.numbers().collect::<Vec<_>>().join(" "));
            assert_eq!(found, (shape.to_owned(), numbers.to_owned()), "{tag}");
            let text = |part: &Part<'_>| match part {
                Part::Text(text) | Part::Number(text) | Part::Hash(text) => (*text).to_owned(),
            };
            assert_eq!(divided.parts.iter().map(text).collect::<String>(), tag);
        }
    }
}
