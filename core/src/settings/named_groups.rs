//! The named groups of a regular expression.
//!
//! `regex-lite` compiles an expression and shows nothing of its syntax. What is read here is only where groups begin and
//! end, in an expression that is known to be valid. What would take more than that to understand is refused.

/// A named group of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NamedGroup<'a> {
    pub(super) name: &'a str,
    /// What stands between its name and its closing parenthesis.
    pub(super) body: &'a str,
}

/// Why the groups of an expression are not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnsupportedGroup {
    /// A named group stands within another one.
    #[error("the group {0:?} stands within another named group: expected one after the other")]
    Nested(String),
    /// A group begins with flags.
    #[error("{0:?} begins with flags: expected no other groups than (…), (?:…) and (?<name>…)")]
    Flags(String),
}

/// The named groups of a valid expression, by their opening parentheses.
pub(super) fn named_groups(expression: &str) -> Result<Vec<NamedGroup<'_>>, UnsupportedGroup> {
    let mut groups: Vec<NamedGroup<'_>> = Vec::new();
    // Of each open group, where the body begins if it is named.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let at = expression.len() - rest.len();
        let mut length = first.len_utf8();
        match first {
            '\\' => length += rest[1..].chars().next().map_or(0, char::len_utf8),
            '[' => length = class_length(rest),
            '(' => {
                let named = ["(?P<", "(?<"].into_iter().find_map(|start| rest.strip_prefix(start));
                if let Some((name, _)) = named.and_then(|named| named.split_once('>')) {
                    if open.iter().any(Option::is_some) {
                        return Err(UnsupportedGroup::Nested(name.to_owned()));
                    }
                    length = rest.find('>').map_or(length, |end| end + 1);
                    open.push(Some(at + length));
                    groups.push(NamedGroup { name, body: "" });
                } else if rest.starts_with("(?") && !rest.starts_with("(?:") {
                    return Err(UnsupportedGroup::Flags(rest.to_owned()));
                } else {
                    open.push(None);
                }
            }
            ')' => {
                // Named groups do not nest, so the last one is that which ends.
                if let (Some(Some(start)), Some(group)) = (open.pop(), groups.last_mut()) {
                    group.body = &expression[start..at];
                }
            }
            _ => {}
        }
        rest = &rest[length..];
    }
    Ok(groups)
}

/// The length of the class of characters at the start of a text.
fn class_length(text: &str) -> usize {
    let content = text[1..].strip_prefix('^').unwrap_or(&text[1..]);
    let start = text.len() - content.len();
    let mut bytes = content.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            // As the first character, it stands for itself.
            b']' if at > 0 => return start + at + 1,
            // A class such as `[:digit:]`, whose own bracket follows a colon.
            b'[' => {
                let end = content[at..].find(":]").map_or(0, |end| end + 1);
                bytes.by_ref().take(end).for_each(drop);
            }
            _ => {}
        }
    }
    text.len()
}

impl NamedGroup<'_> {
    /// Whether the body can match nothing but digits, as far as its characters show: `\d`, digits, classes of these,
    /// quantifiers, alternatives, and groups without a name.
    pub(super) fn has_digits_only(self) -> bool {
        let mut rest = self.body;
        while let Some(first) = rest.bytes().next() {
            let length = match first {
                b'\\' if rest.starts_with("\\d") => 2,
                b'(' if rest.starts_with("(?:") => 3,
                b'{' => rest.find('}').map_or(rest.len(), |end| end + 1),
                b'[' => {
                    let length = class_length(rest);
                    let is_of_digits = rest[1..length - 1].replace("\\d", "0").bytes().all(is_digit_or_dash);
                    if !is_of_digits {
                        return false;
                    }
                    length
                }
                b'0'..=b'9' | b'|' | b'*' | b'+' | b'?' | b'(' | b')' => 1,
                _ => return false,
            };
            rest = &rest[length..];
        }
        true
    }
}

/// Whether a class of digits may have this byte.
fn is_digit_or_dash(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: &[(&str, &str)]) {
        let found = named_groups(expression).unwrap();
        let found: Vec<_> = found.iter().map(|group| (group.name, group.body)).collect();
        assert_eq!(found, expected, "{expression}");
    }

    #[test]
    fn named_groups_are_found_by_their_parentheses() {
        check(r"main-(?<build>\d+)-[0-9a-f]{7,40}", &[("build", r"\d+")]);
        check(r"(?P<a>\d)(x(?:y))?(?<b>(1|2)(?:3))", &[("a", r"\d"), ("b", "(1|2)(?:3)")]);
        check(r"\((?<a>\)[)]\d)\)", &[("a", r"\)[)]\d")]);
        check(r"[](?<x>](?<a>[^](?<y>]é)é", &[("a", "[^](?<y>]é")]);
        check(r"[[:digit:](?<x>](?<a>[\](]1)", &[("a", r"[\](]1")]);
        check("(1|(2))", &[]);
    }

    #[test]
    fn groups_that_are_not_understood_are_refused() {
        let error = |expression: &str| named_groups(expression).unwrap_err().to_string();
        assert!(error(r"(?<a>x(?<b>\d+))").contains(r#"group "b" stands within"#));
        assert!(error(r"(?<a>(x(?P<b>\d+)))").contains(r#""b""#));
        for flags in ["(?i)a", "(?i:a)", "(x(?-s)y)"] {
            assert!(error(flags).contains("flags"), "{flags}");
        }
    }

    #[test]
    fn number_is_a_body_of_digits() {
        for (body, expected) in [
            (r"\d+", true),
            (r"20\d\d|19[0-9]{2}", true),
            (r"(?:[1-9][\d]*)(0|1)?", true),
            (r"\w+", false),
            ("(a)", false),
            (r"\d+\.\d+", false),
            (r"[^1]", false),
            (r"[[:digit:]]", false),
            (r"[0-9a-f]", false),
            (".", false),
            (r"\D", false),
        ] {
            assert_eq!(NamedGroup { name: "x", body }.has_digits_only(), expected, "{body}");
        }
    }
}
