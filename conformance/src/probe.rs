//! A probe: it tries one assumption.

use futures_util::future::LocalBoxFuture;

use crate::assumption::Assumption;
use crate::bench::Bench;
use crate::opt_in::OptIn;
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

    /// The same probe, where a run must allow this.
    #[must_use]
    pub const fn with(mut self, opt_in: OptIn) -> Self {
        self.opt_in = Some(opt_in);
        self
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
