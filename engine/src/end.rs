//! How a version, a marker or a request ended.

use ecr_multiarch_core::{Error, InvocationError};

/// The end of a piece of work.
#[derive(Debug, Clone)]
pub enum End<T> {
    /// It was done.
    Done(T),
    /// It failed.
    Failed(InvocationError),
    /// It was not done, since this error concerns all of its repository or registry.
    Abandoned(Error),
    /// Time was up, perhaps while a call failed.
    OutOfTime(Option<Error>),
}

impl<T> End<T> {
    /// The same end of something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> End<U> {
        match self {
            Self::Done(value) => End::Done(change(value)),
            Self::Failed(error) => End::Failed(error),
            Self::Abandoned(error) => End::Abandoned(error),
            Self::OutOfTime(error) => End::OutOfTime(error),
        }
    }
}

impl<T> From<Error> for End<T> {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}
