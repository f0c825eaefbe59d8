//! Colours, the same in all commands: where a terminal shows them, and unless `NO_COLOR` is set.

use std::env;
use std::ffi::OsString;
use std::io::{IsTerminal as _, stderr, stdout};
use std::sync::LazyLock;

/// The style of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A heading.
    Bold,
    /// What is secondary.
    Dim,
    /// What is right, or has been published.
    Success,
    /// What is not right yet, or may not be meant.
    Warning,
    /// What is wrong, or failed.
    Failure,
}

/// Whether standard output is coloured. The tests compare text, also where they run in a terminal.
static IS_OUTPUT_COLOURED: LazyLock<bool> =
    LazyLock::new(|| !cfg!(test) && shows_colours(stdout().is_terminal(), |name| env::var_os(name)));
/// Whether standard error is.
static IS_ERROR_COLOURED: LazyLock<bool> =
    LazyLock::new(|| !cfg!(test) && shows_colours(stderr().is_terminal(), |name| env::var_os(name)));

/// Whether a stream shows colours, in this environment: <https://no-color.org>, and a terminal that is `dumb` has none.
fn shows_colours(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let has_refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !has_refused && variable("TERM").is_none_or(|kind| kind != "dumb")
}

impl Style {
    /// The text in this style, for standard output.
    pub fn paint(self, text: &str) -> String {
        self.paint_if(*IS_OUTPUT_COLOURED, text)
    }

    /// The text in this style, for standard error.
    pub fn paint_error(self, text: &str) -> String {
        self.paint_if(*IS_ERROR_COLOURED, text)
    }

    fn paint_if(self, is_coloured: bool, text: &str) -> String {
        let code = match self {
            Self::Bold => 1,
            Self::Dim => 2,
            Self::Success => 32,
            Self::Warning => 33,
            Self::Failure => 31,
        };
        if is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_that_shows_colours_gets_them() {
        let variables = |name: &str, value: &str| {
            let (name, value) = (name.to_owned(), OsString::from(value));
            move |asked: &str| (asked == name).then(|| value.clone())
        };
        for (is_terminal, name, value, is_coloured) in [
            (true, "TERM", "xterm", true),
            (false, "TERM", "xterm", false),
            (true, "TERM", "dumb", false),
            (true, "NO_COLOR", "1", false),
            (true, "NO_COLOR", "", true),
        ] {
            assert_eq!(shows_colours(is_terminal, variables(name, value)), is_coloured, "{name}={value}");
        }
    }

    #[test]
    fn colour_ends_with_the_text() {
        assert_eq!(Style::Failure.paint_if(true, "failed"), "\x1b[31mfailed\x1b[0m");
        assert_eq!(Style::Failure.paint_if(false, "failed"), "failed");
    }
}
