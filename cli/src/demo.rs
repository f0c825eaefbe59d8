//! The function at work on a local ECR: it publishes versions and moves aliases, and both are checked.

mod aliases;
mod versions;

use crate::exit::Exit;

const PLATFORMS: [(&str, &str); 3] = [("linux/amd64", "amd64"), ("linux/arm64", "arm64"), ("linux/arm/v7", "armv7")];

/// Runs the demonstration.
pub async fn run() -> Result<Exit, String> {
    match versions::run().await? {
        Exit::Done => aliases::run().await,
        found => Ok(found),
    }
}
