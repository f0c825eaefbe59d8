//! The reading of one variable, and the refusal of what it says.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A setting that cannot be followed. Its message names the variable, its value and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// A variable without which there is nothing to do is not there.
    #[error("{variable} is not set: {allowed}")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A variable has a value that is not allowed.
    #[error("{variable} is \"{value}\": {reason}. Allowed is {allowed}")]
    Value {
        /// The variable, with the place within it for one that holds JSON.
        variable: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// One variable: its name, its value, what is allowed there.
pub(super) struct Reading<'a> {
    pub(super) variable: String,
    pub(super) value: &'a str,
    pub(super) allowed: &'static str,
}

impl<'a> Reading<'a> {
    pub(super) fn new(variable: impl Into<String>, value: &'a str, allowed: &'static str) -> Self {
        Self { variable: variable.into(), value, allowed }
    }

    pub(super) fn refuse(&self, reason: impl fmt::Display) -> InvalidSetting {
        InvalidSetting::Value {
            variable: self.variable.clone(),
            value: self.value.to_owned(),
            reason: reason.to_string(),
            allowed: self.allowed,
        }
    }

    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, InvalidSetting> {
        self.value.parse().map_err(|error| self.refuse(error))
    }

    pub(super) fn list<T: FromStr<Err: fmt::Display>>(&self) -> Result<Vec<T>, InvalidSetting> {
        self.value.split(',').map(|item| item.trim().parse().map_err(|error| self.refuse(error))).collect()
    }

    pub(super) fn one_of<T: Copy>(&self, choices: [(&str, T); 2]) -> Result<T, InvalidSetting> {
        let chosen = choices.into_iter().find(|(name, _)| *name == self.value);
        chosen.map(|(_, choice)| choice).ok_or_else(|| self.refuse("it is neither of the two"))
    }

    pub(super) fn age(&self) -> Result<Duration, InvalidSetting> {
        let seconds = self.value.split_at_checked(self.value.len().saturating_sub(1)).and_then(|(number, unit)| {
            let unit_seconds: u64 = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3_600,
                "d" => 86_400,
                _ => return None,
            };
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            number.parse::<u64>().ok().filter(|_| digits)?.checked_mul(unit_seconds)
        });
        seconds.map(Duration::from_secs).ok_or_else(|| self.refuse("it is no age"))
    }
}
