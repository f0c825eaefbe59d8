//! The report as one HTML file, which needs no network.
//!
//! The page has a policy that allows its own style and its own script by their hashes, and nothing else: no request,
//! and no text that becomes HTML. The report is data of a script element, which the browser does not run, and the
//! script writes it into text nodes.

use sha2::{Digest as _, Sha256};

use crate::report::Report;
use crate::request::{ASSEMBLE_COMMAND, SWEEP_COMMAND};

const PAGE: &str = include_str!("../page/page.html");
const STYLE: &str = include_str!("../page/page.css");
const SCRIPT: &str = include_str!("../page/page.js");

/// Renders the page.
///
/// # Errors
/// If the report does not serialize, which no report does.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let report = escape(&serde_json::to_string(report)?);
    let (style_hash, script_hash) = (source_hash(STYLE), source_hash(SCRIPT));
    let values = [
        ("style hash", style_hash.as_str()),
        ("script hash", &script_hash),
        ("style", STYLE),
        ("sweep command", SWEEP_COMMAND),
        ("assemble command", ASSEMBLE_COMMAND),
        ("report", &report),
        ("script", SCRIPT),
    ];
    Ok(fill(PAGE, &values))
}

/// Fills the places of a template in one pass, so that a value which looks like a place stays as it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = template;
    while let Some((before, place)) = rest.split_once("{{") {
        page.push_str(before);
        let (name, after) = place.split_once("}}").unwrap_or((place, ""));
        page.extend(values.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value));
        rest = after;
    }
    page.push_str(rest);
    page
}

/// JSON that can stand in a script element: it cannot end the element, and holds no line separator.
///
/// In JSON, these characters stand in strings only, where an escape means the same.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            char => escaped.push(char),
        }
    }
    escaped
}

/// The hash of an inline element, as a content security policy names it. (Content Security Policy Level 3,
/// `hash-source`.)
fn source_hash(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text)))
}

/// Base64 with padding. (RFC 4648, section 4.)
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut padded = [0; 3];
        padded[..group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for position in 0..4 {
            let index = (bits >> (18 - 6 * position)) & 0x3f;
            text.push(if position <= group.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")]
        {
            assert_eq!(base64(text.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn hash_is_that_of_the_specification() {
        // The example of Content Security Policy Level 3, "Using hashes".
        assert_eq!(source_hash("alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }

    #[test]
    fn data_cannot_end_its_element() {
        let hostile = serde_json::json!({"</script><!--<script>": "&amp;\u{2028}\u{2029}{{script}}"});
        let escaped = escape(&hostile.to_string());
        assert!(!escaped.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{escaped}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), hostile);
    }

    #[test]
    fn every_place_is_filled_and_values_are_not_templates() {
        assert_eq!(fill("a{{x}}b{{y}}c", &[("x", "{{y}}"), ("y", "2")]), "a{{y}}b2c");
        let places: Vec<_> = PAGE.split("{{").skip(1).filter_map(|place| Some(place.split_once("}}")?.0)).collect();
        assert_eq!(
            places,
            ["style hash", "script hash", "style", "assemble command", "sweep command", "report", "script"]
        );
    }

    #[test]
    fn page_has_no_address_and_no_inline_handler() {
        for text in [PAGE, STYLE, SCRIPT] {
            for forbidden in
                ["http://", "https://", "innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("]
            {
                let rest = text.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xhtml", "");
                assert!(!rest.contains(forbidden), "{forbidden}");
            }
        }
        assert!(!PAGE.contains(" style=") && !PAGE.contains(" onclick"));
    }
}
