//! The function at work on a local ECR: it publishes versions and moves aliases, and both are checked.

mod aliases;
mod versions;

const PLATFORMS: [(&str, &str); 3] = [("linux/amd64", "amd64"), ("linux/arm64", "arm64"), ("linux/arm/v7", "armv7")];

/// Runs the demonstration.
pub async fn run() -> Result<(), String> {
    versions::run().await?;
    aliases::run().await
}
