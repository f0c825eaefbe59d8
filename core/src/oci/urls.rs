//! The URLs of a descriptor, in little memory.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::annotations::MAX_ENTRY_BYTES;

/// URLs, in their order.
///
/// They are kept as JSON: a list of empty strings takes eight times as much memory as its text, and up to twice that
/// while it grows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Urls {
    /// A JSON array; empty for none.
    json: Box<str>,
    /// How many bytes they have as JSON. If these exceed the limit, `json` is not complete.
    bytes: usize,
}

impl Urls {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// How many bytes they have as JSON.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Serialize for Urls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let urls: Vec<String> = serde_json::from_str(&self.json).unwrap_or_default();
        urls.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Urls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(UrlsVisitor)
    }
}

struct UrlsVisitor;

impl<'de> Visitor<'de> for UrlsVisitor {
    type Value = Urls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Urls, A::Error> {
        let (mut json, mut bytes) = (String::new(), 0);
        while let Some(url) = sequence.next_element::<String>()? {
            bytes += url.len() + r#""","#.len();
            if bytes <= MAX_ENTRY_BYTES {
                json.push(if json.is_empty() { '[' } else { ',' });
                // A string is always JSON.
                json.push_str(&serde_json::to_string(&url).unwrap_or_default());
            }
        }
        if !json.is_empty() {
            json.push(']');
        }
        Ok(Urls { json: json.into(), bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Urls {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn urls_keep_their_order_and_repetitions() {
        for (text, written) in [(r#"["b","\u0061","b",""]"#, r#"["b","a","b",""]"#), ("[]", "[]")] {
            assert_eq!(serde_json::to_string(&parse(text)).unwrap(), written);
        }
        assert!(parse("[]").is_empty() && !parse(r#"[""]"#).is_empty());
        assert!(serde_json::from_str::<Urls>("[null]").is_err());
    }

    #[test]
    fn what_exceeds_the_limit_is_counted_and_not_kept() {
        let long = parse(&format!(r#"["{}","a"]"#, "x".repeat(MAX_ENTRY_BYTES)));
        assert_eq!((long.bytes(), &*long.json), (MAX_ENTRY_BYTES + 7, ""));
    }

    #[test]
    fn error_says_what_was_expected() {
        assert!(serde_json::from_str::<Urls>("7").unwrap_err().to_string().contains("a sequence of strings"));
    }
}
