//! What the commands write to a terminal: text, complaints, files, short digests, names of media types, and progress.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _, stdout};
use std::path::Path;
use std::time::Duration;

use ecr_multiarch_audit::text::{counted, plain};
use ecr_multiarch_core::Error;
use indicatif::{ProgressBar, ProgressStyle};

use crate::credentials;
use crate::style::Style;

/// Writes to standard output, which a reader such as `head` may close.
pub fn print(text: impl AsRef<[u8]>) -> Result<(), String> {
    stdout().lock().write_all(text.as_ref()).map_err(|error| format!("standard output: {error}"))
}

/// Whether a file can be written later, so that no long work is lost. Leaves the file as it is.
pub fn check_writable(path: &Path) -> Result<(), String> {
    // A link to nothing is somebody's link, too.
    let exists = fs::symlink_metadata(path).is_ok();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.and_then(|_| if exists { Ok(()) } else { fs::remove_file(path) }).map_err(|error| file_error(path, &error))
}

/// Writes a file, and says so.
pub fn write_file(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| file_error(path, &error))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

fn file_error(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Says on standard error what is wrong, or why something could not be done.
pub fn complain(message: &str) {
    say(Style::Failure, message);
}

/// Says on standard error what is probably not meant.
pub fn warn(message: &str) {
    say(Style::Warning, &format!("warning: {message}"));
}

fn say(style: Style, message: &str) {
    for line in message.lines() {
        eprintln!("{}", style.paint_error(&plain(line)));
    }
}

/// How many calls were sent, in words.
pub fn calls_to_ecr(calls: u64) -> String {
    counted(usize::try_from(calls).unwrap_or(usize::MAX), "call to ECR", "calls to ECR")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checking_a_file_leaves_it_as_it_is() {
        let path = std::env::temp_dir().join(format!("ecr-multiarch-writable-{}", std::process::id()));
        assert_eq!((check_writable(&path), path.exists()), (Ok(()), false));
        fs::write(&path, "kept").unwrap();
        assert_eq!((check_writable(&path), fs::read_to_string(&path).unwrap()), (Ok(()), "kept".to_owned()));
        fs::remove_file(&path).unwrap();
        assert!(check_writable(&std::env::temp_dir()).is_err());
    }
}
