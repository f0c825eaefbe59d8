//! Text for people: colour where it helps, digests as short as they are told apart by.

use std::env;
use std::io::{IsTerminal as _, stdout};
use std::sync::LazyLock;

/// A way to set text off from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Strong,
    Faint,
    Good,
    Pending,
    Bad,
}

/// Whether there is a terminal, and nobody who asked for plain text. (<https://no-color.org>)
static IS_COLOURED: LazyLock<bool> =
    LazyLock::new(|| stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()));

impl Ink {
    pub(crate) fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Strong => 1,
            Self::Faint => 2,
            Self::Good => 32,
            Self::Pending => 33,
            Self::Bad => 31,
        };
        if *IS_COLOURED { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The first twelve digits of a digest, as docker shows them.
pub(crate) fn short(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..12).unwrap_or(hex)
}

/// What a media type stands for.
pub(crate) fn kind(media_type: &str) -> &str {
    use local_ecr::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
    match media_type {
        DOCKER_MANIFEST => "Docker image",
        DOCKER_LIST => "Docker manifest list",
        OCI_MANIFEST => "OCI image",
        OCI_INDEX => "OCI image index",
        other => other,
    }
}
