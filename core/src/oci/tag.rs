//! The tag of a manifest.

use crate::newtype::validated_string;

/// How many characters a tag may have.
///
/// OCI distribution specification, "Pulling manifests".
pub(crate) const MAX_LENGTH: usize = 128;

/// Whether a tag may have this byte anywhere but at its start.
pub(crate) fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
}

validated_string!(
    /// A tag such as `1.2.3-amd64`. A version is a tag as well: the one of its manifest list.
    ///
    /// Grammar: OCI distribution specification, "Pulling manifests": `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    Tag,
    /// A string that is not a valid tag.
    InvalidTag: "a valid tag: expected 1 to 128 letters, digits, underscores, dots and hyphens, \
                 the first of them neither a dot nor a hyphen",
    |text| (1..=MAX_LENGTH).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(is_tag_byte)
);

impl Tag {
    /// Whether clients derive it from the digest of an image, for the list of what refers to it, or with a suffix for one of
    /// these, as cosign does.
    ///
    /// OCI distribution specification, "Referrers Tag Schema".
    pub fn names_referrers(&self) -> bool {
        const HEX_DIGITS: usize = 64;
        let Some(digest) = self.as_str().strip_prefix("sha256-") else { return false };
        let (hex, suffix) = digest.split_at_checked(HEX_DIGITS).unwrap_or_default();
        hex.len() == HEX_DIGITS
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
            && (suffix.is_empty() || suffix.starts_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_follows_the_distribution_specification() {
        for text in ["1", "_", "1.2.3-amd64", "v1_RC.2", &"x".repeat(128)] {
            assert!(text.parse::<Tag>().is_ok(), "{text}");
        }
        for text in ["", ".1", "-1", "a b", "a/b", "a:b", "ü", &"x".repeat(129)] {
            assert!(text.parse::<Tag>().is_err(), "{text}");
        }
    }
}
