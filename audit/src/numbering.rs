//! Numberings: what tags of one shape count, as an expression of `STREAMS` states it.

use crate::numbered_tag::{NumberedTag, Part};
use crate::text::words;

/// The expression of a commit.
const HASH: &str = "[0-9a-f]{7,40}";

/// How many numbers are guessed: as many as there are names for them.
const MAX_NUMBERS: usize = NAMES.len();

/// What numbers are called, unless they are a date.
const NAMES: [&str; 4] = ["major", "minor", "patch", "build"];

/// Names that by convention follow each build. Others, such as `stable` or `prod`, may be moved by a person.
const FOLLOWING: [&str; 7] = ["latest", "edge", "nightly", "main", "master", "trunk", "develop"];

/// The first words of what is not a release yet: its aliases would be those of nothing that is released.
const BEFORE_RELEASE: [&str; 9] = ["alpha", "beta", "rc", "pre", "preview", "snapshot", "dev", "canary", "m"];

/// A part that tags of a numbering have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    Text(&'a str),
    Number {
        name: &'static str,
        /// Whether other tags have a commit in its place, so that more digits are one.
        is_short: bool,
    },
    Hash,
}

/// What tags of one shape count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbering<'a> {
    places: Vec<Place<'a>>,
}

impl<'a> Numbering<'a> {
    /// The numbering of tags that have one shape. `None`, if they count nothing, or more than is understood.
    pub fn of(tags: &[NumberedTag<'a>]) -> Option<Self> {
        // Where one tag has a commit, digits of another can be one; where one has few digits, they are not.
        let any =
            |at: usize, is: fn(Part<'a>) -> bool| tags.iter().any(|tag| tag.parts.get(at).copied().is_some_and(is));
        let place = |(at, part): (usize, &Part<'a>)| {
            let Part::Text(text) = part else {
                let (has_hash, is_short) =
                    (any(at, |part| matches!(part, Part::Hash(_))), any(at, Part::is_short_number));
                let number = Place::Number { name: "", is_short: has_hash };
                return if has_hash && !is_short { Place::Hash } else { number };
            };
            Place::Text(text)
        };
        let mut numbering = Self { places: tags.first()?.parts.iter().enumerate().map(place).collect() };
        let admitted: Vec<_> = tags.iter().filter_map(|tag| numbering.numbers(tag)).collect();
        let names = names(&admitted)?;
        let mut names = names.iter();
        for place in &mut numbering.places {
            if let Place::Number { name, .. } = place {
                *name = names.next()?;
            }
        }
        (!numbering.is_before_release()).then_some(numbering)
    }

    /// The numbers of a tag. `None`, if it does not follow this numbering.
    pub fn numbers(&self, tag: &NumberedTag<'a>) -> Option<Vec<&'a str>> {
        let number = |place: &Place<'a>, part: &Part<'a>| match (place, part) {
            (Place::Number { is_short, .. }, Part::Number(digits)) => {
                (!is_short || part.is_short_number()).then_some(Some(*digits))
            }
            (Place::Hash, Part::Hash(_) | Part::Number(_)) => Some(None),
            (Place::Text(one), Part::Text(other)) => (one == other).then_some(None),
            _ => None,
        };
        let numbers = self.places.iter().zip(&tag.parts).map(|(place, part)| number(place, part));
        let numbers = numbers.collect::<Option<Vec<_>>>().filter(|_| self.places.len() == tag.parts.len())?;
        Some(numbers.into_iter().flatten().collect())
    }

    /// The names of its numbers.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.places.iter().filter_map(|place| match place {
            Place::Number { name, .. } => Some(*name),
            _ => None,
        })
    }

    /// The expression that its tags match. Of all that a tag may have, only a dot has a meaning in an expression.
    pub fn expression(&self) -> String {
        let text = |place: &Place<'a>| match place {
            Place::Text(text) => text.replace('.', r"\."),
            Place::Number { name, is_short: false } => format!(r"(?<{name}>\d+)"),
            Place::Number { name, is_short: true } => format!(r"(?<{name}>\d{{1,6}})"),
            Place::Hash => HASH.to_owned(),
        };
        self.places.iter().map(text).collect()
    }

    /// The template by which an alias follows this numbering, if it is one of the release with these numbers: it has
    /// some of the first numbers, or none, beside words of the tags or those that by convention follow builds.
    pub fn template(&self, alias: &str, numbers: &[&str]) -> Option<String> {
        let suffix = self.suffix().trim_start_matches(|char: char| !char.is_ascii_alphanumeric());
        let (head, tail) = alias.strip_suffix(suffix).map_or((alias, ""), |head| (head, suffix));
        let divided = NumberedTag::of(head);
        let named = divided.numbers().count();
        if named >= numbers.len() || !divided.numbers().eq(numbers[..named].iter().copied()) {
            return None;
        }
        let mut placeholders = self.names().map(|name| format!("{{{name}}}"));
        let mut template = String::new();
        for part in divided.parts {
            match part {
                Part::Text(text) if words(text).all(|(_, word)| self.is_usual(word)) => template.push_str(text),
                Part::Number(_) => template.push_str(&placeholders.next()?),
                Part::Text(_) | Part::Hash(_) => return None,
            }
        }
        Some(template + tail)
    }

    /// The text after all numbers.
    fn suffix(&self) -> &'a str {
        match self.places.last() {
            Some(Place::Text(text)) => text,
            _ => "",
        }
    }

    fn is_usual(&self, word: &str) -> bool {
        let texts = self.places.iter().filter_map(|place| match place {
            Place::Text(text) => Some(*text),
            _ => None,
        });
        FOLLOWING.contains(&word) || texts.into_iter().any(|text| words(text).any(|(_, other)| word == other))
    }

    fn is_before_release(&self) -> bool {
        let first = words(self.suffix()).next().map_or("", |(_, word)| word);
        let letters = first.trim_end_matches(|char: char| char.is_ascii_digit()).to_ascii_lowercase();
        BEFORE_RELEASE.contains(&letters.as_str())
    }
}

/// What to call the numbers of tags.
fn names(tags: &[Vec<&str>]) -> Option<&'static [&'static str]> {
    let digits = |at: usize, count: usize| tags.iter().all(|numbers| numbers.get(at).is_some_and(|n| n.len() == count));
    let begins_with_year = tags.iter().all(|numbers| numbers.first().is_some_and(|first| first.starts_with("20")));
    let names: &[_] = match tags.first()?.len() {
        1 if begins_with_year && digits(0, 8) => &["date"],
        1 => &["build"],
        2 if begins_with_year && digits(0, 8) => &["date", "build"],
        3 if begins_with_year && digits(0, 4) && digits(1, 2) && digits(2, 2) => &["year", "month", "day"],
        count @ 2..=MAX_NUMBERS => &NAMES[..count],
        _ => return None,
    };
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tags: &str, expression: Option<&str>, aliases: &[(&str, Option<&str>)]) {
        let tags: Vec<_> = tags.split(' ').map(NumberedTag::of).collect();
        let numbering = Numbering::of(&tags);
        assert_eq!(numbering.as_ref().map(Numbering::expression).as_deref(), expression, "{tags:?}");
        let Some(numbering) = numbering else { return };
        for (alias, template) in aliases {
            let numbers = numbering.numbers(&tags[0]).unwrap();
            assert_eq!(numbering.template(alias, &numbers).as_deref(), *template, "{alias} {tags:?}");
        }
    }

    #[test]
    fn trunk_is_followed_by_its_own_name_and_usual_ones() {
        let aliases = [
            ("main", Some("main")),
            ("latest", Some("latest")),
            ("latest-main", Some("latest-main")),
            ("stable", None),
            ("main-412", None),
            ("3f9c2d1", None),
            ("pr-7", None),
        ];
        check("main-412-3f9c2d1 main-413-1234567", Some(r"main-(?<build>\d+)-[0-9a-f]{7,40}"), &aliases);
    }

    #[test]
    fn aliases_have_the_first_numbers() {
        let aliases = [("16", Some("{major}")), ("2", None), ("16.3", None), ("v16", None), ("16-alpine", None)];
        check("16.2 16.10", Some(r"(?<major>\d+)\.(?<minor>\d+)"), &aliases);
        let aliases = [("1.2-alpine", Some("{major}.{minor}-alpine")), ("alpine", Some("alpine")), ("1.2.3", None)];
        check("1.2.3-alpine", Some(r"(?<major>\d+)\.(?<minor>\d+)\.(?<patch>\d+)-alpine"), &aliases);
        check(
            "feature-x-12",
            Some(r"feature-x-(?<build>\d+)"),
            &[("feature-x", Some("feature-x")), ("feature-y", None)],
        );
    }

    #[test]
    fn dates_are_called_so() {
        check("20261129.3", Some(r"(?<date>\d+)\.(?<build>\d+)"), &[("20261129", Some("{date}"))]);
        let aliases = [("2026-11", Some("{year}-{month}")), ("2026-12", None)];
        check("2026-11-29", Some(r"(?<year>\d+)-(?<month>\d+)-(?<day>\d+)"), &aliases);
    }

    #[test]
    fn commits_and_previews_count_nothing() {
        check("sha-3f9c2d1 sha-1234567", None, &[]);
        check("main-3f9c2d1 main-412 main-1234567", Some(r"main-(?<build>\d{1,6})"), &[]);
        check("1.2.3-rc1 1.3.0-rc1", None, &[]);
        check("1.2.3.4.5", None, &[]);
        check("latest", None, &[]);
    }
}
