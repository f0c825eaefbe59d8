//! Text of images that is kept, in bounded length.

use serde::Deserializer;

use super::digest::Digest;
use super::platform::null_as_default;

/// How many bytes of a platform's field, a revision or an artifact's type are kept. Real ones have less than a hundred.
const MAX_TEXT_BYTES: usize = 256;

/// A text that is kept, in bounded length: of a longer one its beginning, and a digest that tells it from others.
pub(super) fn bounded(text: String) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text;
    }
    let end = (0..=MAX_TEXT_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}… ({})", &text[..end], Digest::sha256(&text))
}

/// Deserializes a text in bounded length; `null` as an empty one.
pub(super) fn bounded_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    null_as_default(deserializer).map(bounded)
}
