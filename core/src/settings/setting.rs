//! One setting: its name, its value, and the expected value.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::variable::Variable;
use crate::time_span::TimeSpan;

/// An invalid setting. Its message names the variable, its value and what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// A required variable is not set.
    #[error("{variable} is not set: expected {expected}")]
    Missing {
        /// The variable.
        variable: Variable,
        /// The expected value.
        expected: &'static str,
    },
    /// A variable has an invalid value.
    #[error("{name} is \"{value}\": {reason}. Expected {expected}")]
    Value {
        /// The variable, with the path within it for one that holds JSON.
        name: String,
        /// Its value.
        value: String,
        /// Why it is invalid.
        reason: String,
        /// The expected value.
        expected: &'static str,
    },
}

impl InvalidSetting {
    /// The variable that is invalid, also where it is a part of its JSON. `None` for a variable of the SDK.
    pub fn variable(&self) -> Option<Variable> {
        match self {
            Self::Missing { variable, .. } => Some(*variable),
            Self::Value { name, .. } => {
                let name = name.split('[').next()?;
                Variable::ALL.iter().copied().find(|variable| variable.name() == name)
            }
        }
    }
}

/// A setting that is not parsed yet.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) value: String,
    name: String,
    expected: &'static str,
}

impl Setting {
    /// The value of a variable, or else its default.
    pub(super) fn lookup(variable: Variable, lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let (name, expected) = (variable.name(), variable.expected());
        let value = lookup(name).or_else(|| variable.default().map(str::to_owned));
        let value = value.ok_or(InvalidSetting::Missing { variable, expected })?;
        Ok(Self { value, name: name.to_owned(), expected })
    }

    /// A setting within another one, such as a field of a rule.
    pub(super) fn at(&self, path: fmt::Arguments<'_>, value: &str) -> Self {
        Self { value: value.to_owned(), name: format!("{}{path}", self.name), expected: self.expected }
    }

    /// Replaces the value, and the name under which errors report it.
    pub(super) fn override_with(&mut self, name: String, value: Option<&String>) {
        if let Some(value) = value {
            self.value.clone_from(value);
            self.name = name;
        }
    }

    /// The path of a setting within this one.
    pub(super) fn path(&self, path: fmt::Arguments<'_>) -> String {
        format!("{}{path}", self.name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    pub(super) fn invalid(&self, reason: impl fmt::Display) -> InvalidSetting {
        InvalidSetting::Value {
            name: self.name.clone(),
            value: self.value.clone(),
            reason: reason.to_string(),
            expected: self.expected,
        }
    }

    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, InvalidSetting> {
        self.value.parse().map_err(|error| self.invalid(error))
    }

    /// A comma-separated list.
    pub(super) fn list<T: FromStr<Err: fmt::Display>>(&self) -> Result<Vec<T>, InvalidSetting> {
        self.value.split(',').map(|item| item.trim().parse().map_err(|error| self.invalid(error))).collect()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, InvalidSetting> {
        let chosen = choices.iter().find(|(name, _)| *name == self.value);
        chosen.map(|(_, choice)| *choice).ok_or_else(|| self.invalid("unknown value"))
    }

    /// A whole number of seconds, minutes, hours or days.
    pub(super) fn duration(&self) -> Result<Duration, InvalidSetting> {
        let span = self.value.parse::<TimeSpan>().map_err(|_| self.invalid("not a valid duration"))?;
        Ok(span.into())
    }
}

#[cfg(test)]
mod tests {
    use crate::fixtures::settings;

    #[test]
    fn error_states_the_expectation_once() {
        for (variable, value, expectation) in [
            ("PLATFORMS", "linux/amd64,arm64", "os[(os.version)]/arch"),
            ("TAG_TEMPLATE", "{version}", "each exactly once"),
            ("IMAGE_TAGS", "{version}", "each exactly once"),
        ] {
            let error = settings(&[(variable, value), ("PLATFORMS", "linux/amd64")]).unwrap_err().to_string();
            assert_eq!(error.matches(expectation).count(), 1, "{error}");
        }
    }
}
