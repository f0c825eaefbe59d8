//! The name of an image within its repository.

use crate::text::checked_text;

checked_text!(
    /// A tag such as `1.2.3-amd64`. A version is a tag too: the one that its manifest list gets.
    ///
    /// Grammar: OCI distribution specification, "Pulling manifests": `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    Tag,
    /// Text that is no tag.
    InvalidTag: "no tag: 1 to 128 letters, digits, underscores, full stops and hyphens are expected, \
                 the first of them neither a full stop nor a hyphen",
    |text| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(allowed)
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_grammar_of_the_distribution_specification() {
        for text in ["1", "_", "1.2.3-amd64", "v1_RC.2", &"x".repeat(128)] {
            assert!(text.parse::<Tag>().is_ok(), "{text}");
        }
        for text in ["", ".1", "-1", "a b", "a/b", "a:b", "ü", &"x".repeat(129)] {
            assert!(text.parse::<Tag>().is_err(), "{text}");
        }
    }
}
