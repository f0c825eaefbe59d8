//! Types of text: strings that are validated once, at the edge, and trusted from there on.

/// Declares a string newtype with its grammar, and the error of a string outside of it.
///
/// The type parses with `FromStr`, deserializes by the same rule, and displays and serializes as its string. It has no
/// other constructor.
macro_rules! validated_string {
    ($(#[$docs:meta])* $name:ident, $(#[$error_docs:meta])* $error:ident: $expected:literal, $is_valid:expr) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Box<str>);

        $(#[$error_docs])*
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error("{text:?} is not {expected}", text = .0, expected = $expected)]
        pub struct $error(String);

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) { Ok(Self(text.into())) } else { Err($error(text.to_owned())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0.into()
            }
        }

        $crate::newtype::text!($name);
    };
}

/// Shows the text of a newtype as it is.
macro_rules! text {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

pub(crate) use {text, validated_string};
