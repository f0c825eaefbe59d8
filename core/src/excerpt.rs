//! Text from outside, cut to a bounded length where it enters an error or an answer.
//!
//! Whoever may push an image chooses its media types, platforms and labels, and each of them may be as long as a
//! manifest. Errors, logs and answers therefore hold such text as one of these types, which cannot be made of the whole.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

use crate::newtype::text;

/// The last character of a text that was cut.
const ELLIPSIS: char = '…';

/// Declares a text of at most so many characters, made from any text by the given function.
macro_rules! excerpt {
    ($(#[$docs:meta])* $name:ident, $max_chars:literal, $prepare:expr) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(Box<str>);

        impl $name {
            /// How many characters it has at most, the ellipsis included.
            pub const MAX_CHARS: usize = $max_chars;
        }

        impl<T: AsRef<str>> From<T> for $name {
            fn from(text: T) -> Self {
                let prepare: fn(&str) -> String = $prepare;
                Self(cut(prepare(text.as_ref()), Self::MAX_CHARS).into())
            }
        }

        text!($name);
    };
}

excerpt!(
    /// Text from an image: a media type, a platform, a revision, or what a parser says of its bytes.
    ///
    /// 256 characters hold every real one, and 100 failed versions still fit a sweep's answer.
    ImageText, 256, str::to_owned
);

excerpt!(
    /// The words of ECR or of the SDK, without the tokens and signatures that they may quote.
    ///
    /// 1,024 characters hold the longest messages known, which quote the policy that denies a call.
    RegistryText, 1_024, redacted
);

/// Cuts a text between characters.
fn cut(mut text: String, max_chars: usize) -> String {
    let mut boundaries = text.char_indices().map(|(index, _)| index).skip(max_chars - 1);
    if let (Some(end), Some(_)) = (boundaries.next(), boundaries.next()) {
        text.truncate(end);
        text.push(ELLIPSIS);
    }
    text
}

/// A secret name, what separates it from its value in URLs, headers and JSON, the value, and its end: such as
/// `X-Amz-Signature=`, `x-amz-security-token:` and `"Credential": "`.
#[expect(clippy::expect_used, reason = "the pattern is constant")]
static NAMED_SECRET: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r#"(?i)((?:signature|credential|token)["'\\]*(?:[=:]|%3[da])[ "'\\]*)"#,
        r#"([^\s"'\\&,;<>)}]+?)(%26|[\s"'\\&,;<>)}]|$)"#
    );
    Regex::new(pattern).expect("a constant pattern")
});

/// The words of base64 that are long enough to be secret.
#[expect(clippy::expect_used, reason = "the pattern is constant")]
static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new("[A-Za-z0-9+/=%_-]{16,}").expect("a constant pattern"));

/// How the session tokens of AWS STS begin. Real ones have hundreds of characters.
const TOKEN_PREFIXES: [&str; 4] = ["IQoJ", "FwoG", "FQoD", "AQoD"];

/// The length from which any word of base64 is secret: no tag is longer, and no digest.
const MIN_SECRET_CHARS: usize = 129;

/// How much of a text is searched for secrets, and kept: far more than is shown.
const MAX_SEARCHED_BYTES: usize = 16 << 10;

/// Replaces the secrets in a text: presigned URLs, canonical requests and tokens that an error message quotes.
fn redacted(text: &str) -> String {
    let searched = &text[..text.floor_char_boundary(MAX_SEARCHED_BYTES)];
    let unnamed = NAMED_SECRET.replace_all(searched, "${1}[redacted]${3}");
    let mut redacted = WORD.replace_all(&unnamed, |word: &Captures<'_>| {
        let word = &word[0];
        // Names of repositories are as long, but have no upper case.
        let is_long = word.len() >= MIN_SECRET_CHARS && word.bytes().any(|byte| byte.is_ascii_uppercase());
        let is_secret = is_long || TOKEN_PREFIXES.iter().any(|prefix| word.starts_with(prefix));
        (if is_secret { "[redacted]" } else { word }).to_owned()
    });
    if searched.len() < text.len() {
        redacted.to_mut().push(ELLIPSIS);
    }
    redacted.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        for character in ["a", "é", "…", "🦀"] {
            for (count, is_cut) in [(255, false), (256, false), (257, true), (10_000, true)] {
                let text = character.repeat(count);
                let excerpt = ImageText::from(text.as_str());
                if is_cut {
                    assert_eq!(excerpt.as_str(), character.repeat(255) + "…");
                } else {
                    assert_eq!(excerpt.as_str(), text);
                }
            }
        }
        assert_eq!(RegistryText::from("a".repeat(1_024)).as_str().chars().count(), 1_024);
        assert_eq!(RegistryText::from("a".repeat(5_000)).as_str().chars().count(), 1_024);
    }

    #[track_caller]
    fn check_redacted(text: &str, secrets: &[&str], kept: &[&str]) {
        let redacted = RegistryText::from(text).to_string();
        for secret in secrets {
            assert!(!redacted.contains(secret), "{secret:?} is in {redacted}");
        }
        for part in kept {
            assert!(redacted.contains(part), "{part:?} is not in {redacted}");
        }
    }

    #[test]
    fn presigned_url_loses_its_secrets() {
        check_redacted(
            "cannot read https://s3.example/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIASECRET%2F2026%2Feu\
             &X-Amz-Date=20261124T000000Z&x-amz-security-token=IQoJSECRET%2B%2Fx&X-Amz-Signature=00ffsecret and so on",
            &["SECRET", "secret", "00ff"],
            &["https://s3.example/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&", "&X-Amz-Date=20261124T000000Z&", " and so on"],
        );
        check_redacted("url=a%3FX-Amz-Signature%3D00ff%26X-Amz-Date%3D2026", &["00ff"], &["%26X-Amz-Date%3D2026"]);
    }

    #[test]
    fn canonical_request_loses_its_secrets() {
        check_redacted(
            "should have been 'POST\n/\n\nhost:api.ecr\nx-amz-date:2026\nx-amz-security-token:short-one\n\nhost;x-amz-date'",
            &["short-one"],
            &["host:api.ecr\nx-amz-date:2026\nx-amz-security-token:", "\n\nhost;x-amz-date'"],
        );
        check_redacted(
            "Authorization: AWS4-HMAC-SHA256 Credential=ASIA1/2026/eu, SignedHeaders=host;x-amz-date, Signature=00ff",
            &["ASIA1", "00ff"],
            &["SignedHeaders=host;x-amz-date"],
        );
        check_redacted(r#"{\"sessionToken\": \"abc\", \"a\":1}"#, &["abc"], &["a\\\":1}"]);
    }

    #[test]
    fn bare_token_is_lost() {
        let token = format!("{}=", "aB3/".repeat(60));
        check_redacted(&format!("the token {token} is invalid"), &[&token, "aB3/"], &["the token ", " is invalid"]);
        check_redacted("got IQoJb3JpZ2luX2VjEXAMPLE.", &["IQoJ"], &["got ", "."]);
    }

    #[test]
    fn secret_is_lost_also_where_the_text_is_cut_within_it() {
        let text = format!("{}X-Amz-Signature=00ffsecret", " ".repeat(1_005));
        check_redacted(&text, &["00ff"], &["X-Amz-Signature=["]);
    }

    #[test]
    fn text_of_secrets_alone_is_searched_in_time() {
        let text = "token=a signature=é ".repeat(200_000);
        let started = std::time::Instant::now();
        let redacted = RegistryText::from(text).to_string();
        assert!(redacted.starts_with("token=[redacted] signature=[redacted] token=") && redacted.ends_with('…'));
        assert!(started.elapsed() < std::time::Duration::from_secs(2));
    }

    #[test]
    fn other_words_are_kept() {
        let (digest, name) = (format!("sha256:{}", "0".repeat(64)), "a/".repeat(120));
        for text in [
            "The request signature we calculated does not match the signature you provided.",
            "The security token included in the request is expired",
            "user arn:aws:sts::123456789012:assumed-role/Role/session is not authorized to perform: ecr:PutImage",
            digest.as_str(),
            name.as_str(),
            "token=",
            "Signature",
        ] {
            assert_eq!(RegistryText::from(text).as_str(), text);
        }
    }

    #[test]
    fn end_that_was_not_searched_is_marked() {
        let text = |bytes: usize| RegistryText::from("A".repeat(bytes)).to_string();
        assert_eq!(
            (text(MAX_SEARCHED_BYTES), text(MAX_SEARCHED_BYTES + 1)),
            ("[redacted]".into(), "[redacted]…".into())
        );
    }
}
