//! The grammar of repository names and tags.

/// Whether `name` is a repository name: components of alphanumerics, single separators within, slashes between.
pub(crate) fn is_repository_name(name: &str) -> bool {
    (2..=256).contains(&name.len())
        && name.split('/').all(|component| {
            component
                .split(['.', '_', '-'])
                .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        })
}

/// Whether `tag` is an image tag: at most 300 word characters, dots and dashes, the first a word character.
pub(crate) fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 300
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names_follow_the_grammar() {
        for valid in ["ab", "team-a/app", "a.b_c-d/e0", &"a".repeat(256)] {
            assert!(is_repository_name(valid), "{valid}");
        }
        for invalid in ["a", "App", "a--b", "/ab", "ab/", "a//b", "-ab", &"a".repeat(257)] {
            assert!(!is_repository_name(invalid), "{invalid}");
        }
    }

    #[test]
    fn tags_follow_the_grammar() {
        for valid in ["_1.2-x", &"t".repeat(300)] {
            assert!(is_tag(valid), "{valid}");
        }
        for invalid in ["", "-x", "a/b", &"t".repeat(301)] {
            assert!(!is_tag(invalid), "{invalid}");
        }
    }
}
