//! The shapes of the API's parameters: patterns, lengths and ranges of ECR's service model.

use crate::name::is_repository_name;
use serde::Deserialize;
use std::ops::Deref;

/// A string of `MIN` to `MAX` bytes.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Text<const MIN: usize, const MAX: usize>(String);

/// A list of `MIN` to `MAX` members.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<T>", bound = "T: Deserialize<'de>")]
pub(super) struct List<T, const MIN: usize, const MAX: usize>(Vec<T>);

/// `registryId`: `[0-9]{12}`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Account(String);

/// `repositoryName`, 2 to 256 characters of the grammar.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RepositoryName(String);

/// `maxResults`: 1 to 1,000, by default 100.
#[derive(Debug, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct PageSize(usize);

impl<const MIN: usize, const MAX: usize> TryFrom<String> for Text<MIN, MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.len() {
            length if (MIN..=MAX).contains(&length) => Ok(Self(text)),
            length => Err(constraint(
                &format!("a string of length {length}"),
                &format!("Member must have length between {MIN} and {MAX}, inclusive"),
            )),
        }
    }
}

impl<T, const MIN: usize, const MAX: usize> TryFrom<Vec<T>> for List<T, MIN, MAX> {
    type Error = String;

    fn try_from(members: Vec<T>) -> Result<Self, String> {
        match members.len() {
            length if (MIN..=MAX).contains(&length) => Ok(Self(members)),
            length => Err(constraint(
                &format!("a list of length {length}"),
                &format!("Member must have length between {MIN} and {MAX}, inclusive"),
            )),
        }
    }
}

impl TryFrom<String> for Account {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(text));
        }
        Err(constraint("'registryId'", "Member must satisfy regular expression pattern: [0-9]{12}"))
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if is_repository_name(&text) {
            return Ok(Self(text));
        }
        Err(constraint(
            "'repositoryName'",
            "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'",
        ))
    }
}

impl TryFrom<u64> for PageSize {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        match usize::try_from(number) {
            Ok(size @ 1..=1000) => Ok(Self(size)),
            _ => Err(constraint("'maxResults'", "Member must have value between 1 and 1000, inclusive")),
        }
    }
}

impl PageSize {
    /// The page size of a request, or the default.
    pub(super) fn or_default(parameter: Option<&Self>) -> usize {
        parameter.map_or(100, |size| size.0)
    }
}

impl<T, const MIN: usize, const MAX: usize> Deref for List<T, MIN, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for Account {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for RepositoryName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

fn constraint(at: &str, what: &str) -> String {
    format!("Invalid parameter at {at} failed to satisfy constraint: '{what}'")
}
