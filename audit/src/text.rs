//! Texts of images and of ECR, and times, as a person reads them.

use std::time::SystemTime;

use ecr_multiarch_core::excerpt::ImageText;
use ecr_multiarch_core::oci::platform::Platform;
use serde::Serializer;
use time::UtcDateTime;

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

/// A time in UTC, to the second. What no date can tell counts as the beginning of 1970.
pub(crate) fn utc(time: SystemTime) -> UtcDateTime {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok().and_then(|since| since.as_secs().try_into().ok());
    let utc = seconds.and_then(|seconds| UtcDateTime::from_unix_timestamp(seconds).ok());
    utc.unwrap_or(UtcDateTime::UNIX_EPOCH)
}

/// A time as RFC 3339 writes it, to the second.
pub fn rfc_3339(time: SystemTime) -> String {
    let (date, (hour, minute, second)) = (utc(time).date(), utc(time).as_hms());
    format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Serializes a time as [`rfc_3339`] writes it.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_rfc_3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc_3339(*time))
}

/// Whether a character is a control character, has no width, separates lines, or sets the direction of text. (Unicode
/// Standard Annex #9, "Directional Formatting Characters".)
fn is_misleading(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_is_written_as_rfc_3339() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_530_775, "2026-11-24T14:32:55Z"),
            (1 << 60, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc_3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
        assert_eq!(rfc_3339(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn misleading_characters_are_replaced() {
        for char in ["\u{1b}", "\n", "\u{85}", "\u{200e}", "\u{2028}", "\u{202e}", "\u{2066}", "\u{feff}"] {
            assert_eq!(excerpt(&format!("é{char}…")), "é\u{fffd}…", "{char:?}");
        }
    }
}
