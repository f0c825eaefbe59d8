//! Annotations, in little memory.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
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

/// How many bytes a value may have that a list takes over: twice what GitHub accepts of a description.
pub const MAX_TAKEN_OVER_BYTES: usize = 1 << 10;

/// How many bytes the values up to that size, with their keys, may have as JSON in one place of an image, so that they are
/// kept. Images with many labels have some 3 KiB; the limit bounds the memory that a hostile one takes.
const MAX_SHORT_BYTES: usize = 16 << 10;

/// Annotations, in the order in which Go's tools write a map; or the labels of a config.
///
/// They are kept as JSON: a map of short strings takes 25 times as much memory as its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Annotations {
    /// A JSON object with ascending keys, in which `null` stands for a value that is not kept; empty for none.
    json: Box<str>,
    /// How many bytes they have as JSON.
    bytes: usize,
    /// Whether they exceed the limit, so that `json` does not have all of them.
    is_cut: bool,
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

    /// Those of these keys that are stated, each with its value, or `None` if it is not kept, or longer than a list takes
    /// over. White space alone states nothing. If the annotations were cut, any key may be among them.
    pub fn of_keys<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> BTreeMap<&'k str, Option<String>> {
        let mut keys = keys.into_iter().peekable();
        // Without keys, nothing need be parsed.
        if self.is_cut || keys.peek().is_none() {
            return keys.map(|key| (key, None)).collect();
        }
        let mut map = self.map();
        let stated = keys.filter_map(|key| Some((key, map.remove(key)?)));
        let is_taken_over = |value: &String| value.len() <= MAX_TAKEN_OVER_BYTES;
        let stated = stated.map(|(key, value)| (key, value.filter(is_taken_over)));
        stated.filter(|(_, value)| value.as_ref().is_none_or(|value| !value.trim().is_empty())).collect()
    }

    /// The same without the values of other keys. The revision stays.
    #[must_use]
    pub fn only<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        let Self { is_cut, revision, .. } = self.clone();
        let stated = self.of_keys(keys).into_iter().map(|(key, value)| (key.to_owned(), value));
        Self { is_cut, revision, ..Self::new(&stated.collect()) }
    }

    fn new(map: &BTreeMap<String, Option<String>>) -> Self {
        let text = |key: &str| map.get(key)?.as_deref();
        let is_attestation = text("vnd.docker.reference.type") == Some("attestation-manifest");
        let attested = text("vnd.docker.reference.digest").unwrap_or_default();
        Self {
            bytes: map.iter().map(|(key, value)| json_bytes(key, value.as_deref())).sum(),
            is_cut: false,
            revision: None,
            attested: is_attestation.then(|| attested.into()),
            // A map of strings is always JSON.
            json: if map.is_empty() { "".into() } else { serde_json::to_string(map).unwrap_or_default().into() },
        }
    }

    fn map(&self) -> BTreeMap<String, Option<String>> {
        serde_json::from_str(&self.json).unwrap_or_default()
    }
}

/// How many bytes a pair has in a JSON object, with its quotes, the colon and the comma.
fn json_bytes(key: &str, value: Option<&str>) -> usize {
    key.len() + value.map_or(0, str::len) + r#""":"","#.len()
}

impl Serialize for Annotations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map = self.map();
        let mut serializer = serializer.serialize_map(Some(map.len()))?;
        for (key, value) in map {
            serializer.serialize_entry(&key, &value.unwrap_or_default())?;
        }
        serializer.end()
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(AnnotationsVisitor { is_short: false })
    }
}

/// Deserializes the annotations or labels of an image, which are not written anywhere: values that a list could take over are
/// kept, and the revision.
pub(super) fn short_annotations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Annotations, D::Error> {
    deserializer.deserialize_option(AnnotationsVisitor { is_short: true })
}

/// Reads a map as Go does: `null` is an empty one, and a `null` in it an empty string.
struct AnnotationsVisitor {
    /// Whether long values, and what is not a string, are dropped. Otherwise all is kept up to the limit of an entry, and what is
    /// not a string is an error.
    is_short: bool,
}

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
        let max = if self.is_short { MAX_SHORT_BYTES } else { MAX_ENTRY_BYTES };
        let (mut map, mut bytes, mut revision) = (BTreeMap::new(), 0, None);
        while let Some(key) = entries.next_key::<String>()? {
            let value = if key == REVISION {
                let text = entries.next_value::<Option<String>>()?.unwrap_or_default();
                let kept = (!self.is_short || text.len() <= MAX_TAKEN_OVER_BYTES).then(|| text.clone());
                revision = (!text.trim().is_empty()).then(|| bounded(text).into());
                kept
            } else if self.is_short && bytes > max {
                entries.next_value::<IgnoredAny>()?;
                continue;
            } else if self.is_short {
                entries.next_value::<ShortText>()?.0
            } else {
                Some(entries.next_value::<Option<String>>()?.unwrap_or_default())
            };
            bytes += json_bytes(&key, value.as_deref());
            if bytes <= max {
                map.insert(key, value);
            }
        }
        let is_cut = bytes > max;
        if is_cut && self.is_short {
            map.clear();
        }
        let kept = Annotations::new(&map);
        Ok(Annotations { bytes: if is_cut { bytes } else { kept.bytes }, is_cut, revision, ..kept })
    }
}

/// A string that a list could take over; `None` for a longer one and for other JSON, of which nothing is kept.
struct ShortText(Option<String>);

impl<'de> Deserialize<'de> for ShortText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortTextVisitor)
    }
}

struct ShortTextVisitor;

impl<'de> Visitor<'de> for ShortTextVisitor {
    type Value = ShortText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ShortText, E> {
        Ok(ShortText((text.len() <= MAX_TAKEN_OVER_BYTES).then(|| text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<ShortText, E> {
        Ok(ShortText(Some(String::new())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<ShortText, E> {
        Ok(ShortText(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<ShortText, E> {
        Ok(ShortText(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<ShortText, E> {
        Ok(ShortText(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<ShortText, E> {
        Ok(ShortText(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<ShortText, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| ShortText(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ShortText, A::Error> {
        IgnoredAny.visit_map(map).map(|_| ShortText(None))
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

    fn short(text: &str) -> Annotations {
        short_annotations(&mut serde_json::Deserializer::from_str(text)).unwrap()
    }

    /// An object that counts as so many bytes: pairs of a thousand, and one that fills up.
    fn pairs_of(bytes: usize) -> String {
        let pair = |key: usize, size: usize| format!(r#""{key:04}":"{}""#, "x".repeat(size - 10));
        let mut pairs: Vec<_> = (0..bytes / 1_000).map(|key| pair(key, 1_000)).collect();
        pairs.push(pair(9_999, bytes % 1_000));
        format!("{{{}}}", pairs.join(","))
    }

    #[test]
    fn what_a_list_cannot_take_over_is_known_and_not_kept() {
        let (last, long) = ("x".repeat(MAX_TAKEN_OVER_BYTES), "x".repeat(MAX_TAKEN_OVER_BYTES + 1));
        let others = r#""n":7,"f":0.5,"m":-1,"t":true,"s":["a"],"o":{"a":"b"}"#;
        let text = format!(r#"{{"long":"{long}","last":"{last}","null":null,"blank":" \n",{others}}}"#);
        let stated = short(&text).of_keys(["long", "last", "null", "blank", "n", "f", "m", "t", "s", "o", "absent"]);
        let (kept, dropped): (Vec<_>, Vec<_>) = stated.iter().partition(|(_, value)| value.is_some());
        assert_eq!(kept, [(&"last", &Some(last))]);
        assert_eq!(dropped.iter().map(|(key, _)| **key).collect::<Vec<_>>(), ["f", "long", "m", "n", "o", "s", "t"]);
        assert_eq!(parse(&format!(r#"{{"a":"{long}"}}"#)).of_keys(["a"]), BTreeMap::from([("a", None)]));
    }

    #[test]
    fn place_with_too_many_values_states_all_keys() {
        let pairs = |size: usize| format!(r#"{{"a":"1",{}"b":"2"}}"#, r#""k":"xxxx","#.repeat(size / 11));
        let (fits, cut) = (short(&pairs(MAX_SHORT_BYTES - 20)), short(&pairs(MAX_SHORT_BYTES + 20)));
        assert_eq!(fits.of_keys(["a", "c"]), BTreeMap::from([("a", Some("1".to_owned()))]));
        assert_eq!(cut.of_keys(["a", "c"]), BTreeMap::from([("a", None), ("c", None)]));
        assert_eq!(cut.only(["a"]).of_keys(["a", "c"]), cut.of_keys(["a", "c"]));
        let one_more = pairs_of(MAX_SHORT_BYTES).replace('}', r#","z":""}"#);
        assert_eq!(short(&one_more).of_keys(["a"]), BTreeMap::from([("a", None)]));
    }

    #[test]
    fn revision_is_known_however_much_is_stated() {
        let many = r#""k":"xxxx","#.repeat(MAX_SHORT_BYTES);
        let stating = |revision: &str| short(&format!(r#"{{{many}"{REVISION}":"{revision}"}}"#));
        assert_eq!(stating("abc").only([]).revision(), Some("abc"));
        assert_eq!(stating(" ").revision(), None);
        let long = stating(&"r".repeat(MAX_SHORT_BYTES));
        assert!(long.revision().is_some_and(|revision| revision.contains('\u{2026}') && revision.len() < 400));
    }

    #[test]
    fn narrowed_labels_are_those_of_the_keys() {
        let labels = short(r#"{"a":"1","b":"2","c":"3"}"#);
        assert_eq!(labels.only(["c", "a", "d"]), short(r#"{"a":"1","c":"3"}"#));
        assert_eq!(labels.only([]), Annotations::default());
    }

    #[test]
    fn nothing_stated_is_empty() {
        for (text, expected) in [("null", true), ("{}", true), (r#"{"":""}"#, false), (r#"{"a":"b"}"#, false)] {
            assert_eq!((parse(text).is_empty(), short(text).is_empty()), (expected, expected), "{text}");
        }
    }

    #[test]
    fn limits_are_the_last_sizes_that_fit() {
        for (is_short, max) in [(true, MAX_SHORT_BYTES), (false, MAX_ENTRY_BYTES)] {
            for (bytes, is_cut) in [(max, false), (max + 1, true)] {
                let text = pairs_of(bytes);
                let annotations = if is_short { short(&text) } else { parse(&text) };
                assert_eq!((annotations.bytes(), annotations.is_cut), (bytes, is_cut), "{is_short}");
            }
        }
    }

    #[test]
    fn short_revision_is_an_annotation_as_well() {
        for (size, is_kept) in [(MAX_TAKEN_OVER_BYTES, true), (MAX_TAKEN_OVER_BYTES + 1, false)] {
            let text = format!(r#"{{"{REVISION}":"{}"}}"#, "r".repeat(size));
            assert_eq!(short(&text).of_keys([REVISION])[REVISION].is_some(), is_kept);
            assert!(serde_json::to_string(&parse(&text)).unwrap().contains(&"r".repeat(size)));
        }
    }

    #[test]
    fn error_says_what_was_expected() {
        let error = |text| serde_json::from_str::<Annotations>(text).unwrap_err().to_string();
        assert!(error("7").contains("a map of strings"));
    }
}
