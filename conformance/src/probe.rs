//! A probe: it tries one assumption.

use futures_util::future::LocalBoxFuture;

use crate::assumption::Assumption;
use crate::bench::Bench;
use crate::outcome::{NotTried, Outcome};

/// Tries one assumption.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// What it tries.
    pub assumption: Assumption,
    /// What a run must allow, where it is more than a few calls.
    pub opt_in: Option<OptIn>,
    /// Tries it.
    pub run: for<'a> fn(&'a Bench) -> LocalBoxFuture<'a, Result<Seen, NotTried>>,
}

impl Probe {
    /// A probe that everybody may run.
    pub const fn new(
        assumption: Assumption,
        run: for<'a> fn(&'a Bench) -> LocalBoxFuture<'a, Result<Seen, NotTried>>,
    ) -> Self {
        Self { assumption, opt_in: None, run }
    }
}

/// What some probes do that not everybody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptIn {
    /// Makes a rule of EventBridge and a queue, and removes them again.
    Events,
    /// Writes a thousand tags, which takes minutes.
    ManyTags,
    /// Exceeds the rate of `PutImage` of the account for a second or two.
    Throttling,
}

impl OptIn {
    /// The option that allows it.
    pub fn option(self) -> &'static str {
        match self {
            Self::Events => "--events",
            Self::ManyTags => "--many-tags",
            Self::Throttling => "--throttling",
        }
    }
}

/// What a probe has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whether it is what was expected.
    pub is_expected: bool,
    /// In a few words.
    pub text: String,
}

impl Seen {
    /// Something that is expected if the condition holds.
    pub fn new(is_expected: bool, text: impl Into<String>) -> Self {
        Self { is_expected, text: text.into() }
    }
}

/// What was seen of a call that one of these exceptions should end.
pub fn refused<T>(outcome: &Outcome<T>, expected: &[&str]) -> Seen {
    match outcome {
        Ok(_) => Seen::new(false, "accepted"),
        Err(exception) => Seen::new(expected.contains(&exception.code.as_str()), &exception.code),
    }
}

/// What was seen of a call that should succeed.
pub fn accepted<T>(outcome: &Outcome<T>) -> Seen {
    match outcome {
        Ok(_) => Seen::new(true, "accepted"),
        Err(exception) => Seen::new(false, format!("{}: {}", exception.code, exception.message)),
    }
}
