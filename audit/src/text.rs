//! Texts of images and of ECR, as a person reads them.

use ecr_multiarch_core::excerpt::ImageText;
use ecr_multiarch_core::oci::platform::Platform;

/// A text without the characters that control a terminal, that are not seen, or that change the order of those around
/// them: whoever pushes an image chooses it.
pub fn plain(text: &str) -> String {
    text.chars().map(|char| if is_misleading(char) { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

/// A text of an image, plain and cut to a length that a person reads.
pub(crate) fn excerpt(text: &str) -> String {
    plain(ImageText::from(text).as_str())
}

/// A platform as the report shows it. Its text is that of an image.
pub(crate) fn shown(platform: &Platform) -> String {
    excerpt(&platform.to_string())
}

/// A number of things in words.
pub fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// The words of a tag, which are letters and digits, each with where it begins.
pub(crate) fn words(tag: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_separator = |char: char| !char.is_ascii_alphanumeric();
    let words = tag.split_inclusive(is_separator).scan(0, move |next, part| {
        let at = *next;
        *next += part.len();
        Some((at, part.trim_end_matches(is_separator)))
    });
    words.filter(|(_, word)| !word.is_empty())
}

/// Whether a character is a control character, has no width, separates lines, or sets the direction of text. (Unicode
/// Standard Annex #9, "Directional Formatting Characters".)
fn is_misleading(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misleading_characters_are_replaced() {
        for char in ["\u{1b}", "\n", "\u{85}", "\u{200e}", "\u{2028}", "\u{202e}", "\u{2066}", "\u{feff}"] {
            assert_eq!(excerpt(&format!("é{char}…")), "é\u{fffd}…", "{char:?}");
        }
    }
}
