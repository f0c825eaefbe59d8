//! Ways of numbering: which versions are releases, and by which numbers they are ordered.

use super::named_groups::{UnsupportedGroup, named_groups};
use super::release::{MAX_GROUPS, Release};
use super::tag_expression::TagExpression;
use crate::oci::tag::Tag;

/// A way of numbering versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Numbering {
    rule: Rule,
    /// What alias templates may name: the numbers in their order, and the texts.
    groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Rule {
    /// Three numbers, `1.2.3` or `v1.2.3`.
    ThreeNumbers,
    /// What this expression matches.
    Expression {
        expression: TagExpression,
        /// The capture of each of the groups.
        captures: Vec<usize>,
    },
}

/// A part of a release that alias templates can name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub(super) name: Box<str>,
    pub(super) kind: GroupKind,
}

/// What stands in a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum GroupKind {
    /// A decimal number, which orders releases.
    Number,
    /// A text that the body of the group matches, which parts lines.
    Text {
        /// The body, as the expression states it.
        body: Box<str>,
    },
}

/// Why a regular expression orders no versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidNumbering {
    /// It is not a regular expression, or too large.
    #[error("{0}")]
    Expression(String),
    /// Its groups are not understood.
    #[error(transparent)]
    Groups(#[from] UnsupportedGroup),
    /// No group of it is a number.
    #[error(r"it has no number to order versions by: expected a named group of digits, such as (?<build>\d+)")]
    NoNumber,
    /// It has too many groups.
    #[error("it has {0} named groups: expected at most {MAX_GROUPS}")]
    TooManyGroups(usize),
}

impl Default for Numbering {
    /// The numbering of releases of three numbers. Templates can name the first two: with all three, an alias would be a
    /// release.
    fn default() -> Self {
        let number = |name: &str| Group { name: name.into(), kind: GroupKind::Number };
        Self { rule: Rule::ThreeNumbers, groups: ["major", "minor"].map(number).to_vec() }
    }
}

impl Numbering {
    /// The numbering of the versions that this regular expression matches.
    ///
    /// # Errors
    /// [`InvalidNumbering`], if it has no group of digits, or is not understood.
    pub(super) fn from_expression(text: &str) -> Result<Self, InvalidNumbering> {
        let invalid = |error: regex_lite::Error| InvalidNumbering::Expression(error.to_string());
        let expression: TagExpression = text.parse().map_err(invalid)?;
        let named = named_groups(text)?;
        if named.len() > MAX_GROUPS {
            return Err(InvalidNumbering::TooManyGroups(named.len()));
        }
        let mut groups = Vec::new();
        for group in named {
            let body: TagExpression = group.body.parse().map_err(invalid)?;
            let is_number = group.has_digits_only() && !body.matches_text("");
            let kind = if is_number { GroupKind::Number } else { GroupKind::Text { body: group.body.into() } };
            groups.push(Group { name: group.name.into(), kind });
        }
        groups.sort_by_key(|group| group.kind != GroupKind::Number);
        if groups.first().is_none_or(|group| group.kind != GroupKind::Number) {
            return Err(InvalidNumbering::NoNumber);
        }
        let position = |group: &Group| expression.capture_names().position(|name| name == Some(&*group.name));
        let captures = groups.iter().filter_map(position).collect();
        Ok(Self { rule: Rule::Expression { expression, captures }, groups })
    }

    /// Whether it is the numbering by three numbers, whose aliases keep a leading `v`.
    pub(super) fn is_default(&self) -> bool {
        self.rule == Rule::ThreeNumbers
    }

    /// What alias templates may name.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The release that a version is in the stream of this number. `None`, if it does not follow this numbering.
    pub(super) fn release(&self, version: &Tag, stream: u8) -> Option<Release> {
        match &self.rule {
            Rule::ThreeNumbers => Release::of_three_numbers(version, stream),
            Rule::Expression { expression, captures } => {
                let found = expression.captures(version)?;
                let numbers = self.groups.iter().take_while(|group| group.kind == GroupKind::Number).count();
                let ranges = captures.iter().map(|capture| found.get(*capture).map(|group| group.range()));
                Some(Release::new(version, stream, numbers, ranges))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expression_has_as_many_named_groups_as_a_release_keeps() {
        let numbering = |groups: usize| {
            let groups: Vec<_> = (0..groups).map(|group| format!(r"(?<g{group}>\d+)")).collect();
            Numbering::from_expression(&groups.join("-"))
        };
        assert_eq!(numbering(MAX_GROUPS).unwrap().groups().len(), MAX_GROUPS);
        assert_eq!(numbering(MAX_GROUPS + 1), Err(InvalidNumbering::TooManyGroups(MAX_GROUPS + 1)));
        assert_eq!(numbering(0), Err(InvalidNumbering::NoNumber));
    }

    #[test]
    fn numbers_come_before_texts() {
        let numbering = Numbering::from_expression(r"(?<kind>rc|beta)-(?<n>\d+)(?<maybe>\d*)").unwrap();
        let names: Vec<_> = numbering.groups().iter().map(|group| &*group.name).collect();
        assert_eq!(names, ["n", "kind", "maybe"]);
        let release = numbering.release(&"rc-7".parse().unwrap(), 3).unwrap();
        assert_eq!((release.stream(), release.number(0), release.number(1)), (3, Some("7"), None));
        assert_eq!([1, 2].map(|position| release.group(position)), [Some("rc"), Some("")]);
        assert!(numbering.release(&"alpha-7".parse().unwrap(), 3).is_none());
    }
}
