//! The annotations that manifest lists get: fixed ones, and ones that are taken over from the images.

use std::collections::BTreeMap;
use std::str::FromStr;

/// How many bytes the setting may have: as many as Lambda allows all environment variables of a function together.
const MAX_BYTES: usize = 4 << 10;

/// The key of the time of a build, which equal images have different values of.
const CREATED: &str = "org.opencontainers.image.created";

/// The annotations of a manifest list, by the settings. There may be none.
///
/// OCI image specification, "Annotations".
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ListAnnotations(BTreeMap<String, Value>);

/// The value of an annotation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Value {
    /// This one.
    Fixed(String),
    /// The one that all images state.
    TakenOver,
}

/// Why annotations are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidListAnnotations {
    /// They are too large.
    #[error("it has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    /// A key is missing.
    #[error("a key is empty")]
    Empty,
    /// A key has other characters.
    #[error("\"{0}\" is not a key: expected letters, digits and . _ - /, beginning with a letter or digit")]
    Key(String),
    /// A key stands there already.
    #[error("the key {0} stands twice")]
    Duplicate(String),
    /// A key has other values for equal images.
    #[error("{CREATED} is not allowed: equal images must give equal lists, whenever they are assembled")]
    Created,
}

impl ListAnnotations {
    /// The keys that are taken over from the images.
    pub fn taken_over(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| **value == Value::TakenOver).map(|(key, _)| key.as_str())
    }

    /// The annotations of the list of these images, by what each of them states: the fixed ones, and those that all state with
    /// one value.
    pub fn of_images<'a>(&'a self, images: &[&'a BTreeMap<String, String>]) -> BTreeMap<&'a str, &'a str> {
        let common = |key: &str| {
            let mut values = images.iter().map(|stated| stated.get(key));
            let first = values.next()??;
            values.all(|value| value == Some(first)).then_some(first.as_str())
        };
        let annotation = |(key, value): (&'a String, &'a Value)| match value {
            Value::Fixed(value) => Some((key.as_str(), value.as_str())),
            Value::TakenOver => Some((key.as_str(), common(key)?)),
        };
        self.0.iter().filter_map(annotation).collect()
    }
}

impl FromStr for ListAnnotations {
    type Err = InvalidListAnnotations;

    fn from_str(text: &str) -> Result<Self, InvalidListAnnotations> {
        if text.len() > MAX_BYTES {
            return Err(InvalidListAnnotations::TooLarge(text.len()));
        }
        let mut annotations = BTreeMap::new();
        for item in items(text) {
            let (key, value) = match item.split_once('=') {
                Some((key, value)) => (key.trim(), Value::Fixed(value.trim().to_owned())),
                None => (item.trim(), Value::TakenOver),
            };
            check_key(key)?;
            if annotations.insert(key.to_owned(), value).is_some() {
                return Err(InvalidListAnnotations::Duplicate(key.to_owned()));
            }
        }
        Ok(Self(annotations))
    }
}

/// The items between commas, with each `\,` as a comma. None of an empty text.
fn items(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut parts = text.split(',');
    while let Some(part) = parts.next().filter(|_| !text.is_empty()) {
        let mut item = part.to_owned();
        while item.ends_with('\\')
            && let Some(part) = parts.next()
        {
            item.pop();
            item.push(',');
            item.push_str(part);
        }
        items.push(item);
    }
    items
}

fn check_key(key: &str) -> Result<(), InvalidListAnnotations> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    match key.as_bytes() {
        [] => Err(InvalidListAnnotations::Empty),
        _ if key == CREATED => Err(InvalidListAnnotations::Created),
        [first, ..] if first.is_ascii_alphanumeric() && key.bytes().all(is_legal) => Ok(()),
        _ => Err(InvalidListAnnotations::Key(key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_over_and_values_are_fixed() {
        let fixed = |value: &str| Value::Fixed(value.to_owned());
        for (text, expected) in [
            ("", vec![]),
            ("a", vec![("a", Value::TakenOver)]),
            (" b.c/d-e_f , a = x ", vec![("a", fixed("x")), ("b.c/d-e_f", Value::TakenOver)]),
            ("a=,b==x=", vec![("a", fixed("")), ("b", fixed("=x="))]),
            (r"a=x\,y\,,b=\,", vec![("a", fixed("x,y,")), ("b", fixed(","))]),
            (r"a=\\,b=\n,c=\", vec![("a", fixed(r"\,b=\n")), ("c", fixed("\\"))]),
        ] {
            let expected = expected.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            assert_eq!(text.parse(), Ok(ListAnnotations(expected)), "{text}");
        }
    }

    #[test]
    fn invalid_keys_and_sizes_are_refused() {
        let key = |key: &str| InvalidListAnnotations::Key(key.to_owned());
        for (text, expected) in [
            (" ", InvalidListAnnotations::Empty),
            ("a,", InvalidListAnnotations::Empty),
            (",a", InvalidListAnnotations::Empty),
            ("=x", InvalidListAnnotations::Empty),
            ("a b", key("a b")),
            (r"a\,b", key("a,b")),
            ("index:a=x", key("index:a")),
            ("-a", key("-a")),
            ("\u{e4}=x", key("\u{e4}")),
            ("a=x,b,a", InvalidListAnnotations::Duplicate("a".to_owned())),
            ("org.opencontainers.image.created", InvalidListAnnotations::Created),
            ("org.opencontainers.image.created=2026-01-01T00:00:00Z", InvalidListAnnotations::Created),
        ] {
            assert_eq!(text.parse::<ListAnnotations>(), Err(expected), "{text}");
        }
        let of_size = |size: usize| format!("a={}", "x".repeat(size - 2)).parse::<ListAnnotations>();
        assert!(of_size(MAX_BYTES).is_ok());
        assert_eq!(of_size(MAX_BYTES + 1), Err(InvalidListAnnotations::TooLarge(MAX_BYTES + 1)));
        assert_eq!(MAX_BYTES, 4_096, "as the expected value says");
    }

    #[test]
    fn list_of_no_images_takes_nothing_over() {
        let annotations: ListAnnotations = "a,b=x".parse().unwrap();
        assert_eq!(annotations.of_images(&[]), BTreeMap::from([("b", "x")]));
    }

    #[test]
    fn only_what_all_images_state_is_taken_over() {
        let annotations: ListAnnotations = "a,b,c".parse().unwrap();
        let stating = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let images: [BTreeMap<_, _>; 2] =
            [stating(&[("a", "1"), ("b", "1"), ("c", "1")]), stating(&[("a", "1"), ("b", "2")])];
        assert_eq!(annotations.of_images(&images.each_ref()), BTreeMap::from([("a", "1")]));
    }
}
