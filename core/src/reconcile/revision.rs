//! The revision from which an image was built, and where the image states it.

use crate::excerpt::ImageText;

/// How many digits the shortest abbreviation of a commit has. (git-config, `core.abbrev`.)
const MIN_ABBREVIATION: usize = 7;

/// The revision of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revision {
    text: Box<str>,
    place: Place,
}

/// Where an image states its revision and what else a list takes over: the first of these that states it counts. What an
/// image says of itself precedes the label of its config, which it may have from its base image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display)]
pub enum Place {
    /// In the index of the image.
    #[strum(to_string = "annotation of its index")]
    Index,
    /// In the manifest of the image.
    #[strum(to_string = "annotation of its manifest")]
    Manifest,
    /// In the config of the image.
    #[strum(to_string = "label of its config")]
    Config,
}

impl Revision {
    /// The revision of an image by what each place states, if one of them states any. White space around it does not
    /// count.
    pub fn of<'a>(places: impl IntoIterator<Item = (Option<&'a str>, Place)>) -> Option<Self> {
        let mut stated = places.into_iter().filter_map(|(text, place)| Some((text?.trim(), place)));
        let (text, place) = stated.find(|(text, _)| !text.is_empty())?;
        Some(Self { text: text.into(), place })
    }

    /// The revision as it stands.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether both name one revision: in whatever case, or as a commit and its abbreviation.
    pub fn is_same(&self, other: &Self) -> bool {
        let (short, long) = if self.text.len() <= other.text.len() { (self, other) } else { (other, self) };
        let (short, long) = (short.text.as_bytes(), long.text.as_bytes());
        long.get(..short.len()).is_some_and(|start| start.eq_ignore_ascii_case(short))
            && (short.len() == long.len() || short.len() >= MIN_ABBREVIATION && long.iter().all(u8::is_ascii_hexdigit))
    }

    /// What a message says of it.
    pub(super) fn describe(&self) -> String {
        let escaped = self.text.split_inclusive(char::is_control).map(escape_last_control);
        format!("{} ({})", ImageText::from(escaped.collect::<String>()), self.place)
    }
}

/// A text with a control character at its end shown as an escape, so that it does not break a line of a log or a terminal.
fn escape_last_control(text: &str) -> String {
    match text.char_indices().next_back().filter(|(_, last)| last.is_control()) {
        Some((at, last)) => format!("{}{}", &text[..at], last.escape_default()),
        None => text.to_owned(),
    }
}

/// Whether any two of these revisions differ: unless each is the same as the longest. Two abbreviations of one commit
/// are the same as each other.
pub fn differ(revisions: &[&Revision]) -> bool {
    let longest = revisions.iter().max_by_key(|revision| revision.text.len());
    longest.is_some_and(|longest| revisions.iter().any(|revision| !revision.is_same(longest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(text: &str) -> Revision {
        Revision::of([(Some(text), Place::Config)]).unwrap()
    }

    #[test]
    fn spellings_of_one_commit_are_the_same() {
        let commit = "3F9c2d1aa0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5";
        for (one, other, expected) in [
            (commit, "3f9c2d1", true),
            (commit, " 3f9c2d1aa0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5\n", true),
            (commit, "3f9c2d", false),
            (commit, "3f9c2d2", false),
            (commit, "3f9c2d1-dirty", false),
            ("release-1", "release-1.0", false),
            ("V1.0", "v1.0", true),
        ] {
            assert_eq!(revision(one).is_same(&revision(other)), expected, "{one} {other}");
            assert_eq!(revision(other).is_same(&revision(one)), expected, "{other} {one}");
        }
    }

    #[test]
    fn own_annotation_precedes_the_label_of_the_config() {
        for (index, manifest, config, expected) in [
            (Some("a"), Some("b"), Some("c"), Some("a (annotation of its index)")),
            (Some(" "), Some("b"), Some("c"), Some("b (annotation of its manifest)")),
            (None, None, Some("c\n"), Some("c (label of its config)")),
            (None, Some(""), None, None),
            (None, Some("a\nb\u{1b}"), None, Some("a\\nb\\u{1b} (annotation of its manifest)")),
        ] {
            let places = [(index, Place::Index), (manifest, Place::Manifest), (config, Place::Config)];
            assert_eq!(Revision::of(places).map(|it| it.describe()).as_deref(), expected);
        }
    }

    #[test]
    fn revisions_differ_if_two_of_them_do() {
        let texts = ["3f9c2d1", "3F9C2D1A", "3f9c2d1b", "3f9c2d1aa0", "3f9c2d", "main"];
        for one in texts {
            for two in texts {
                for three in texts {
                    let [one, two, three] = [one, two, three].map(revision);
                    let pairs = [(&one, &two), (&one, &three), (&two, &three)];
                    let expected = pairs.iter().any(|(one, other)| !one.is_same(other));
                    assert_eq!(differ(&[&one, &two, &three]), expected, "{one:?} {two:?} {three:?}");
                }
            }
        }
    }
}
