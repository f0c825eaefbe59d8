//! Annotations, in little memory.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bounded::bounded;
use super::digest::Digest;

/// The annotation, and the label, of the revision from which an image was built.
///
/// OCI image specification, "Pre-Defined Annotation Keys".
pub const REVISION: &str = "org.opencontainers.image.revision";

/// How many bytes the annotations, the URLs and the data of one entry may have as JSON. Real entries have some hundred; the limit
/// bounds the memory that a hostile one takes.
pub const MAX_ENTRY_BYTES: usize = 64 << 10;

/// Annotations, in the order in which Go's tools write a map.
///
/// They are kept as JSON: a map of short strings takes 25 times as much memory as its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Annotations {
    /// A JSON object with ascending keys; empty for none.
    json: Box<str>,
    /// How many bytes they have as JSON. If these exceed the limit, `json` is not complete.
    bytes: usize,
    revision: Option<Box<str>>,
    attested: Option<Box<str>>,
}

impl Annotations {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// How many bytes they have as JSON.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The revision from which the image was built, in bounded length, if it is stated.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// The digest of the image that a BuildKit attestation attests; `None`, if it is none.
    pub fn attested_digest(&self) -> Option<&str> {
        self.attested.as_deref()
    }

    /// Whether one of the values names this content.
    pub fn name(&self, digest: Digest) -> bool {
        self.json.contains(&format!(":\"{digest}\""))
    }
}

impl From<BTreeMap<String, String>> for Annotations {
    fn from(map: BTreeMap<String, String>) -> Self {
        let bytes = map.iter().map(|(key, value)| json_bytes(key, value)).sum();
        let is_attestation = map.get("vnd.docker.reference.type").is_some_and(|kind| kind == "attestation-manifest");
        let attested = map.get("vnd.docker.reference.digest").map_or("", String::as_str);
        Self {
            // A map of strings is always JSON.
            json: if map.is_empty() { "".into() } else { serde_json::to_string(&map).unwrap_or_default().into() },
            bytes,
            revision: map.get(REVISION).map(|revision| bounded(revision.clone()).into()),
            attested: is_attestation.then(|| attested.into()),
        }
    }
}

/// How many bytes a pair has in a JSON object, with its quotes, the colon and the comma.
fn json_bytes(key: &str, value: &str) -> usize {
    key.len() + value.len() + r#""":"","#.len()
}

impl Serialize for Annotations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map: BTreeMap<String, String> = serde_json::from_str(&self.json).unwrap_or_default();
        let mut serializer = serializer.serialize_map(Some(map.len()))?;
        for (key, value) in map {
            serializer.serialize_entry(&key, &value)?;
        }
        serializer.end()
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(AnnotationsVisitor)
    }
}

/// Reads a map as Go does: `null` is an empty one, and a `null` in it an empty string.
struct AnnotationsVisitor;

impl<'de> Visitor<'de> for AnnotationsVisitor {
    type Value = Annotations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }

    fn visit_none<E>(self) -> Result<Annotations, E> {
        Ok(Annotations::default())
    }

    fn visit_unit<E>(self) -> Result<Annotations, E> {
        Ok(Annotations::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Annotations, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Annotations, A::Error> {
        let (mut map, mut bytes) = (BTreeMap::<String, String>::new(), 0);
        while let Some((key, value)) = entries.next_entry::<String, Option<String>>()? {
            let value = value.unwrap_or_default();
            bytes += json_bytes(&key, &value);
            if bytes <= MAX_ENTRY_BYTES {
                map.insert(key, value);
            }
        }
        let is_complete = bytes <= MAX_ENTRY_BYTES;
        let annotations = Annotations::from(map);
        Ok(if is_complete { annotations } else { Annotations { bytes, ..annotations } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Annotations {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn annotations_are_written_in_order_and_each_once() {
        for (text, written) in [
            (r#"{"b":"1","a":"\u0041","b":"2","c":null}"#, r#"{"a":"A","b":"2","c":""}"#),
            ("null", "{}"),
            ("{}", "{}"),
        ] {
            assert_eq!(serde_json::to_string(&parse(text)).unwrap(), written);
        }
    }

    #[test]
    fn attestation_names_its_image() {
        let kind = r#""vnd.docker.reference.type":"attestation-manifest""#;
        assert_eq!(parse(&format!(r#"{{{kind},"vnd.docker.reference.digest":"d"}}"#)).attested_digest(), Some("d"));
        assert_eq!(parse(&format!("{{{kind}}}")).attested_digest(), Some(""));
        assert_eq!(parse(r#"{"vnd.docker.reference.digest":"d"}"#).attested_digest(), None);
        let digest = Digest::sha256("");
        assert!(parse(&format!(r#"{{"a":"{digest}"}}"#)).name(digest));
        assert!(!parse(&format!(r#"{{"{digest}":"a","b":"x{digest}"}}"#)).name(digest));
    }

    #[test]
    fn what_exceeds_the_limit_is_counted_and_not_kept() {
        let long = parse(&format!(r#"{{"a":"{}","b":"c"}}"#, "x".repeat(MAX_ENTRY_BYTES)));
        assert_eq!((long.bytes(), &*long.json), (MAX_ENTRY_BYTES + 15, ""));
    }
}
