//! How commands end: by one of three exit codes, which mean the same for all of them.

use std::process::ExitCode;

use crate::terminal::complain;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is done, and there is nothing to complain of.
    Done,
    /// It is done, and what it looked at is not all right.
    Found,
    /// It could not be done, or not all of it. An invalid command line has this code by clap.
    Failed,
}

impl Exit {
    /// The end of a command by what it has checked. Says what is wrong.
    pub fn by_check(checked: Result<(), String>) -> Self {
        match checked {
            Ok(()) => Self::Done,
            Err(wrong) => {
                complain(&wrong);
                Self::Found
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Found => 1,
            Exit::Failed => 2,
        })
    }
}

/// The end of the help of a command: its exit codes, of which only 1 differs between commands, and some lack it.
macro_rules! exit_codes {
    ($($found:literal)?) => {
        concat!(
            "Exit codes:\n  0  done, and nothing to complain of\n",
            $("  1  done, but ", $found, "\n",)?
            "  2  could not be done, or not all of it: invalid arguments, no credentials, nothing that matches,\n     \
             no answer of ECR, an interruption"
        )
    };
}
pub(crate) use exit_codes;
