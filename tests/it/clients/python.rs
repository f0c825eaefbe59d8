//! Python with the packages that `.ci/clients` installs.

use std::path::Path;
use std::process::Command;

/// Runs one of the scripts beside this file.
pub fn script(name: &str) -> Command {
    let interpreter = std::env::var("CLIENTS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(interpreter);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients").join(name));
    command
}
