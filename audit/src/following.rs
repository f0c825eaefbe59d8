//! What an alias follows.

use crate::problem::Problem;

/// What an alias follows.
#[derive(Debug, PartialEq, Eq)]
pub enum Following {
    /// The highest release of its line, which it names.
    Highest,
    /// The same, which it should name and does not.
    ShouldName(Problem),
    /// The newest push, of a release that is not the highest: its project may have begun to number its releases anew.
    Pushes,
    /// Something else, such as a branch.
    SomethingElse,
}
