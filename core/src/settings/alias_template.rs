//! Alias templates, such as `{major}.{minor}` and `latest`.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::numbering::{Group, GroupKind, Numbering};
use super::release::Release;
use super::tag_expression::TagExpression;
use crate::oci::tag::{InvalidTag, Tag};
use crate::oci::tag_pattern::Pattern;

/// How an alias is made of a release: a tag in which placeholders of the stream's groups may stand, each once.
#[derive(Clone)]
pub struct AliasTemplate {
    text: Box<str>,
    /// The position of its stream.
    stream: u8,
    parts: Vec<Part>,
    /// Whether the `v` of a release precedes its first number. Not where the template has one there already.
    keeps_v: bool,
    given: Given,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(Box<str>),
    /// The group at this position.
    Group(usize),
}

impl Part {
    fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Group(_) => None,
        }
    }
}

/// All that a template can give.
#[derive(Debug, Clone)]
enum Given {
    /// Without texts, this is known exactly.
    Pattern(Pattern),
    /// With texts, each is what the body of its group matches.
    Expression(TagExpression),
}

/// A string that is not a valid alias template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAliasTemplate {
    /// It has a placeholder that its stream does not have, or a brace without a counterpart.
    #[error("the alias template {template:?} has {found:?}: expected only the placeholders {expected}")]
    Placeholder {
        /// The template.
        template: String,
        /// What stands there.
        found: String,
        /// The placeholders that it may have.
        expected: String,
    },
    /// It has a placeholder twice.
    #[error("the alias template {template:?} has {placeholder} twice: expected each placeholder at most once")]
    Repeated {
        /// The template.
        template: String,
        /// The placeholder.
        placeholder: String,
    },
    /// What it gives is not a tag.
    #[error("the alias template {template:?} gives no valid tag: {error}")]
    NotATag {
        /// The template.
        template: String,
        /// Why what it gives, with zeros in the placeholders, is not a tag.
        error: InvalidTag,
    },
    /// A text of it cannot be matched.
    #[error("the alias template {template:?} cannot be matched: {error}")]
    Expression {
        /// The template.
        template: String,
        /// Why not.
        error: String,
    },
}

impl AliasTemplate {
    /// The template of a stream, at this position among the streams of its repository.
    ///
    /// # Errors
    /// [`InvalidAliasTemplate`], if it has other placeholders than the groups of the numbering, or gives no tag.
    pub(super) fn new(text: &str, stream: u8, numbering: &Numbering) -> Result<Self, InvalidAliasTemplate> {
        let groups = numbering.groups();
        let parts = parse(text, groups)?;
        let before = parts.iter().find_map(Part::literal).unwrap_or_default();
        let has_v = before == "v" || [".v", "_v", "-v"].iter().any(|v| before.ends_with(v));
        let keeps_v = numbering.is_default() && !has_v;
        let given = given(&parts, groups, keeps_v).map_err(|error| InvalidAliasTemplate::Expression {
            template: text.to_owned(),
            error: error.to_string(),
        })?;
        let template = Self { text: text.into(), stream, parts, keeps_v, given };
        match template.text_of("", |_| Some("0")).unwrap_or_default().parse::<Tag>() {
            Ok(_) => Ok(template),
            Err(error) => Err(InvalidAliasTemplate::NotATag { template: text.to_owned(), error }),
        }
    }

    /// The template as the setting states it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The position of its stream.
    pub(super) fn stream(&self) -> u8 {
        self.stream
    }

    /// Whether it has no placeholder, so that it gives one tag.
    pub(super) fn is_literal(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Literal(_)])
    }

    /// What it gives for a release of its stream, which need not be a tag: the groups as they stand, and a leading `v` in
    /// front of the first number. `None`, if it does not apply: a text of the release is not in it, or a group of it is not
    /// in the release.
    pub fn alias(&self, release: &Release) -> Option<String> {
        let named: Vec<_> = self.groups().collect();
        if release.has_other_text(&named) {
            return None;
        }
        let v = if self.keeps_v && release.has_v() { "v" } else { "" };
        self.text_of(v, |position| release.group(position))
    }

    /// What it gives with a number of so many digits in each placeholder. `None`, if it has placeholders of texts.
    pub(super) fn example(&self, digits: usize) -> Option<String> {
        self.pattern()?;
        let number = "1".repeat(digits);
        self.text_of("", |_| Some(&number))
    }

    /// Whether the template can give this tag.
    pub fn gives(&self, tag: &Tag) -> bool {
        match &self.given {
            Given::Pattern(pattern) => pattern.matches(tag),
            Given::Expression(expression) => expression.matches(tag),
        }
    }

    /// All that the template can give, where it has no placeholder of a text.
    pub(super) fn pattern(&self) -> Option<&Pattern> {
        match &self.given {
            Given::Pattern(pattern) => Some(pattern),
            Given::Expression(_) => None,
        }
    }

    fn groups(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part {
            Part::Group(position) => Some(*position),
            Part::Literal(_) => None,
        })
    }

    fn text_of<'g>(&self, v: &str, group: impl Fn(usize) -> Option<&'g str>) -> Option<String> {
        let mut v = Some(v);
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Group(position) => {
                    text.push_str(v.take().unwrap_or_default());
                    text.push_str(group(*position)?);
                }
            }
        }
        Some(text)
    }
}

/// The parts of a template.
fn parse(text: &str, groups: &[Group]) -> Result<Vec<Part>, InvalidAliasTemplate> {
    let unknown = |found: &str| {
        let names: Vec<_> = groups.iter().map(|group| format!("{{{}}}", group.name)).collect();
        let (template, found, expected) = (text.to_owned(), found.to_owned(), names.join(", "));
        InvalidAliasTemplate::Placeholder { template, found, expected }
    };
    let (mut parts, mut named) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some((literal, placeholder)) = rest.find('{').map(|at| rest.split_at(at)) {
        let length = placeholder.find('}').map_or(placeholder.len(), |end| end + 1);
        let (found, after) = placeholder.split_at(length);
        let name = found.strip_prefix('{').and_then(|name| name.strip_suffix('}')).ok_or_else(|| unknown(found))?;
        let position = groups.iter().position(|group| *group.name == *name).ok_or_else(|| unknown(found))?;
        if named.contains(&position) {
            let (template, placeholder) = (text.to_owned(), found.to_owned());
            return Err(InvalidAliasTemplate::Repeated { template, placeholder });
        }
        named.push(position);
        parts.extend([Part::Literal(literal.into()), Part::Group(position)]);
        rest = after;
    }
    if let Some(at) = rest.find('}') {
        return Err(unknown(&rest[at..]));
    }
    parts.push(Part::Literal(rest.into()));
    Ok(parts)
}

/// All that these parts can give.
fn given(parts: &[Part], groups: &[Group], keeps_v: bool) -> Result<Given, regex_lite::Error> {
    let is_text = |part: &Part| match part {
        Part::Literal(_) => false,
        Part::Group(position) => groups[*position].kind != GroupKind::Number,
    };
    if !parts.iter().any(is_text) {
        let mut keeps_v = keeps_v;
        let pattern = parts.iter().fold(Pattern::default(), |pattern, part| match part {
            Part::Literal(text) => pattern.literal(text),
            Part::Group(_) if std::mem::take(&mut keeps_v) => pattern.optional(b'v').number(),
            Part::Group(_) => pattern.number(),
        });
        return Ok(Given::Pattern(pattern));
    }
    let texts = parts.iter().map(|part| match part {
        Part::Literal(text) => regex_lite::escape(text),
        Part::Group(position) => match &groups[*position].kind {
            GroupKind::Number => r"\d+".to_owned(),
            GroupKind::Text { body } => format!("(?:{body})"),
        },
    });
    texts.collect::<String>().parse().map(Given::Expression)
}

/// Templates of one stream are equal if their texts are.
impl PartialEq for AliasTemplate {
    fn eq(&self, other: &Self) -> bool {
        (self.stream, &self.text) == (other.stream, &other.text)
    }
}

impl Eq for AliasTemplate {}

impl Hash for AliasTemplate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.stream, &self.text).hash(state);
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

    fn parse(text: &str) -> Result<AliasTemplate, InvalidAliasTemplate> {
        AliasTemplate::new(text, 0, &Numbering::default())
    }

    fn template(text: &str) -> AliasTemplate {
        parse(text).unwrap()
    }

    fn release(text: &str) -> Release {
        Release::from_tag(&text.parse().unwrap()).unwrap()
    }

    #[track_caller]
    fn check(text: &str, of: &str, expected: &str) {
        assert_eq!(template(text).alias(&release(of)).unwrap(), expected, "{text} {of}");
        assert!(template(text).gives(&expected.parse().unwrap()), "{text} {of}");
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
        check("latest", "v1.2.3", "latest");
        check("dev{major}", "v1.2.3", "devv1");
    }

    #[test]
    fn template_with_a_v_gives_it_once() {
        for text in ["v{major}", "app-v{major}", "app_v{major}", "app.v{major}"] {
            let expected = text.replace("{major}", "1");
            check(text, "v1.2.3", &expected);
            check(text, "1.2.3", &expected);
        }
        assert!(!template("v{major}").gives(&"vv1".parse().unwrap()));
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
                assert!(!template(text).gives(&tag.parse().unwrap()), "{text} {tag}");
            }
        }
    }

    #[test]
    fn invalid_template_is_named_with_what_is_expected() {
        for (texts, expected) in [
            ("{patch} {major major} {} {Major} {{major}}", "only the placeholders {major}, {minor}"),
            ("{major}.{major}", "{major} twice"),
            ("{minor}{major}{minor}", "{minor} twice"),
            ("", "expected 1 to 128"),
            ("-{major} a/b", "expected 1 to 128"),
            (&"x".repeat(129), "expected 1 to 128"),
            (&format!("{}{{major}}", "x".repeat(128)), "expected 1 to 128"),
        ] {
            for text in texts.split(' ') {
                let error = parse(text).expect_err(text).to_string();
                assert!(error.contains(expected) && error.contains(&format!("{text:?}")), "{error}");
            }
        }
    }

    #[test]
    fn template_without_placeholders_gives_one_tag() {
        for (text, is_literal, example) in
            [("latest", true, "latest"), ("{major}", false, "11"), ("{major}.{minor}-x", false, "11.11-x")]
        {
            let template = template(text);
            assert_eq!((template.as_str(), template.is_literal()), (text, is_literal));
            assert_eq!(template.example(2).as_deref(), Some(example));
            assert_eq!(format!("{template:?} {template}"), format!("{text:?} {text}"));
        }
    }
}
