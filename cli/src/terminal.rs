//! What the commands write to a terminal: coloured text, errors, short digests, names of media types, and progress.

use std::env;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::sync::LazyLock;
use std::time::Duration;

use ecr_multiarch_core::Error;
use indicatif::{ProgressBar, ProgressStyle};

use crate::credentials;

/// The style of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Bold,
    Dim,
    Success,
    Pending,
    Failure,
}

/// Whether standard output is a terminal and `NO_COLOR` is not set. (<https://no-color.org>)
static IS_COLOURED: LazyLock<bool> =
    LazyLock::new(|| stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()));

impl Style {
    /// The text with the escape codes of this style, if output is coloured.
    pub fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Bold => 1,
            Self::Dim => 2,
            Self::Success => 32,
            Self::Pending => 33,
            Self::Failure => 31,
        };
        if *IS_COLOURED { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Writes to standard output, which a reader such as `head` may close.
pub fn print(text: impl AsRef<[u8]>) -> Result<(), String> {
    stdout().lock().write_all(text.as_ref()).map_err(|error| format!("standard output: {error}"))
}

/// An error of the function, with its type.
pub fn error_text(error: &Error) -> String {
    described(error, &error.to_string())
}

/// An error of the function, with its type and this message.
pub fn described(error: &Error, message: &str) -> String {
    match credentials::hint(error) {
        Some(hint) => hint.to_owned(),
        None => format!("{}: {message}", error.error_type()),
    }
}

/// A bar without a length that counts these things on standard error. It hides itself where that is not a terminal.
pub fn progress_bar(things: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = format!("{{spinner}} {{pos}} of {{len}} {things} {{wide_bar}} {{elapsed}} {{msg}}");
    bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// The first twelve digits of a digest, as docker shows them.
pub fn short_digest(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..12).unwrap_or(hex)
}

/// The name of a media type in plain words.
pub fn media_type_name(media_type: &str) -> &str {
    use local_ecr::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
    match media_type {
        DOCKER_MANIFEST => "Docker image",
        DOCKER_LIST => "Docker manifest list",
        OCI_MANIFEST => "OCI image",
        OCI_INDEX => "OCI image index",
        other => other,
    }
}
