//! Alias templates, such as `{major}.{minor}` and `latest`.

use std::fmt;
use std::str::FromStr;

use super::release::Release;
use crate::oci::tag::{InvalidTag, Tag};
use crate::oci::tag_pattern::Pattern;

/// How an alias is made of a release: a tag in which `{major}` and `{minor}` may stand, each once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AliasTemplate {
    text: Box<str>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    Literal(Box<str>),
    Number(Number),
}

/// A number of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Number {
    Major,
    Minor,
}

/// A string that is not a valid alias template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAliasTemplate {
    /// It has another placeholder than the two, or a brace without a counterpart.
    #[error(
        "the alias template {template:?} has {found:?}: expected no other placeholders than {{major}} and {{minor}}"
    )]
    Placeholder {
        /// The template.
        template: String,
        /// What stands there.
        found: String,
    },
    /// It has a placeholder twice.
    #[error("the alias template {template:?} has {placeholder} twice: expected each placeholder at most once")]
    Repeated {
        /// The template.
        template: String,
        /// The placeholder.
        placeholder: &'static str,
    },
    /// What it gives is not a tag.
    #[error("the alias template {template:?} gives no valid tag: {error}")]
    NotATag {
        /// The template.
        template: String,
        /// Why what it gives for release `0.0.0` is not a tag.
        error: InvalidTag,
    },
}

impl Number {
    const ALL: [Self; 2] = [Self::Major, Self::Minor];

    const fn placeholder(self) -> &'static str {
        match self {
            Self::Major => "{major}",
            Self::Minor => "{minor}",
        }
    }
}

impl FromStr for AliasTemplate {
    type Err = InvalidAliasTemplate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, placeholder)) = rest.find('{').map(|at| rest.split_at(at)) {
            let length = placeholder.find('}').map_or(placeholder.len(), |end| end + 1);
            let (found, after) = placeholder.split_at(length);
            let Some(number) = Number::ALL.into_iter().find(|number| number.placeholder() == found) else {
                return Err(InvalidAliasTemplate::Placeholder { template: text.to_owned(), found: found.to_owned() });
            };
            if parts.contains(&Part::Number(number)) {
                let (template, placeholder) = (text.to_owned(), number.placeholder());
                return Err(InvalidAliasTemplate::Repeated { template, placeholder });
            }
            parts.extend([Part::Literal(literal.into()), Part::Number(number)]);
            rest = after;
        }
        if let Some(at) = rest.find('}') {
            return Err(InvalidAliasTemplate::Placeholder { template: text.to_owned(), found: rest[at..].to_owned() });
        }
        parts.push(Part::Literal(rest.into()));
        let template = Self { text: text.into(), parts };
        match template.text_of("", "0", "0").parse::<Tag>() {
            Ok(_) => Ok(template),
            Err(error) => Err(InvalidAliasTemplate::NotATag { template: text.to_owned(), error }),
        }
    }
}

impl AliasTemplate {
    /// The template as the setting states it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The alias of a release: its numbers as they stand, and a leading `v` in front of the first of them. `None`, if
    /// the alias would exceed the length of a tag.
    pub fn alias(&self, release: &Release) -> Option<Tag> {
        let v = if release.has_v() { "v" } else { "" };
        self.text_of(v, release.major(), release.minor()).parse().ok()
    }

    /// A release of which this tag is the alias, whether or not it exists. `None`, if the template cannot give the tag.
    pub fn release_of(&self, alias: &Tag) -> Option<Release> {
        let mut found = Match::default();
        found.parts(&self.parts, alias.as_str()).then(|| found.release()).flatten()
    }

    /// All that the template can give.
    pub(crate) fn pattern(&self) -> Pattern {
        let (pattern, _) = self.parts.iter().fold((Pattern::default(), true), |(pattern, is_first), part| match part {
            Part::Literal(text) => (pattern.literal(text), is_first),
            Part::Number(_) if is_first => (pattern.optional(b'v').number(), false),
            Part::Number(_) => (pattern.number(), false),
        });
        pattern
    }

    fn text_of(&self, v: &str, major: &str, minor: &str) -> String {
        let mut v = Some(v);
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Number(number) => {
                    text.push_str(v.take().unwrap_or_default());
                    text.push_str(if *number == Number::Major { major } else { minor });
                }
            }
        }
        text
    }
}

/// A text as a template gives it, matched part by part.
#[derive(Debug, Default)]
struct Match<'a> {
    /// What precedes the first number.
    v: Option<&'a str>,
    major: Option<&'a str>,
    minor: Option<&'a str>,
}

impl<'a> Match<'a> {
    /// Matches all of the text. A number may end at any of its digits, since digits may follow it.
    fn parts(&mut self, parts: &[Part], text: &'a str) -> bool {
        let Some((part, parts)) = parts.split_first() else { return text.is_empty() };
        let number = match part {
            Part::Literal(literal) => {
                return text.strip_prefix(&**literal).is_some_and(|rest| self.parts(parts, rest));
            }
            Part::Number(number) => *number,
        };
        let is_first = self.v.is_none();
        let after_v = text.strip_prefix('v').filter(|_| is_first);
        let digits = after_v.unwrap_or(text);
        if is_first {
            self.v = Some(&text[..text.len() - digits.len()]);
        }
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        for length in (1..=count).rev() {
            let (value, rest) = digits.split_at(length);
            *if number == Number::Major { &mut self.major } else { &mut self.minor } = Some(value);
            if self.parts(parts, rest) {
                return true;
            }
        }
        if is_first {
            self.v = None;
        }
        false
    }

    /// A release with the numbers that were found, and 0 for the others.
    fn release(&self) -> Option<Release> {
        let [major, minor] = [self.major, self.minor].map(|number| number.unwrap_or("0"));
        let tag = format!("{}{major}.{minor}.0", self.v.unwrap_or_default()).parse().ok()?;
        Release::from_tag(&tag)
    }
}

impl fmt::Display for AliasTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for AliasTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> AliasTemplate {
        text.parse().unwrap()
    }

    fn release(text: &str) -> Release {
        Release::from_tag(&text.parse().unwrap()).unwrap()
    }

    #[track_caller]
    fn check(text: &str, of: &str, expected: &str) {
        assert_eq!(template(text).alias(&release(of)).unwrap().as_str(), expected, "{text} {of}");
        let found = template(text).release_of(&expected.parse().unwrap()).unwrap();
        assert_eq!(template(text).alias(&found).unwrap().as_str(), expected, "{text} {found}");
    }

    #[test]
    fn alias_has_the_numbers_as_they_stand() {
        check("{major}.{minor}", "1.2.3", "1.2");
        check("{major}", "01.2.3", "01");
        check("latest", "1.2.3", "latest");
        check("{minor}-of-{major}", "1.2.3", "2-of-1");
        check("{major}{minor}", "1.12.0", "112");
        check("{major}0{minor}", "1.0.0", "100");
        check("{minor}", "1.2.3", "2");
    }

    #[test]
    fn leading_v_is_kept_in_front_of_the_first_number() {
        check("{major}.{minor}", "v1.2.3", "v1.2");
        check("release-{minor}.{major}", "v1.2.3", "release-v2.1");
        check("v{major}", "v1.2.3", "vv1");
        check("v{major}", "1.2.3", "v1");
        check("latest", "v1.2.3", "latest");
    }

    #[test]
    fn tags_that_a_template_cannot_give_are_not_its_aliases() {
        for (text, tags) in [
            ("{major}.{minor}", "1 1.2.3 1.v2 vv1.2 1.2-x"),
            ("{major}{minor}", "1"),
            ("{major}", "v x1"),
            ("latest", "vlatest latest1"),
        ] {
            for tag in tags.split(' ') {
                assert_eq!(template(text).release_of(&tag.parse().unwrap()), None, "{text} {tag}");
            }
        }
    }

    #[test]
    fn alias_beyond_the_length_of_a_tag_does_not_exist() {
        let template = template(&format!("{}{{major}}", "x".repeat(126)));
        assert!(template.alias(&release("10.0.0")).is_some());
        assert!(template.alias(&release("100.0.0")).is_none());
        assert!(template.alias(&release("v10.0.0")).is_none());
    }

    #[test]
    fn number_beyond_the_length_of_a_release_is_not_an_alias() {
        for (digits, is_alias) in [(124, true), (125, false)] {
            let tag = "1".repeat(digits).parse().unwrap();
            assert_eq!(template("{major}").release_of(&tag).is_some(), is_alias, "{digits}");
        }
    }

    #[test]
    fn invalid_template_is_named_with_what_is_expected() {
        for (texts, expected) in [
            ("{patch} {major major} {} {Major} {{major}}", "no other placeholders than {major} and {minor}"),
            ("{major}.{major}", "{major} twice"),
            ("{minor}{major}{minor}", "{minor} twice"),
            ("", "expected 1 to 128"),
            ("-{major} a/b", "expected 1 to 128"),
            (&"x".repeat(129), "expected 1 to 128"),
            (&format!("{}{{major}}", "x".repeat(128)), "expected 1 to 128"),
        ] {
            for text in texts.split(' ') {
                let error = text.parse::<AliasTemplate>().expect_err(text).to_string();
                assert!(error.contains(expected) && error.contains(&format!("{text:?}")), "{error}");
            }
        }
    }
}
