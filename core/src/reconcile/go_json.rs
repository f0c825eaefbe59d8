//! JSON as Go's `encoding/json` indents and escapes it, which is what the docker tools write.

use serde::Serialize;
use serde_json::ser::PrettyFormatter;

/// The characters that Go escapes beyond JSON's own rules. In valid JSON they occur within strings only.
const GO_ESCAPES: [(char, &str); 5] =
    [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];

/// Serializes a value with this indentation.
///
/// # Panics
/// If the value has a map whose keys are not strings.
#[expect(clippy::expect_used, reason = "writing to memory does not fail, and all keys are strings")]
pub fn to_go_json(indent: &str, value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter)).expect("a value of JSON");
    escape(String::from_utf8(bytes).expect("JSON is UTF-8"))
}

/// JSON with the characters escaped that Go escapes, so that it can stand in a script element of HTML.
pub fn escape(json: String) -> String {
    GO_ESCAPES.into_iter().fold(
        json,
        |json, (character, escape)| {
            if json.contains(character) { json.replace(character, escape) } else { json }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_go_escapes_are_escaped() {
        let json = to_go_json("  ", &["<a> & \"b\"\\<", "\u{2028}\u{2029}"]);
        let expected = "[\n  \"\\u003ca\\u003e \\u0026 \\\"b\\\"\\\\\\u003c\",\n  \"\\u2028\\u2029\"\n]";
        assert_eq!(json, expected);
    }
}
