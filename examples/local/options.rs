//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::Parser;

/// The function at work on a local ECR, with no AWS account and no Docker.
///
/// Without options: pushes two versions, platform by platform, shows what the function makes of each event, checks the
/// lists that come of it, and ends.
#[derive(Debug, Parser)]
#[command(name = "local")]
pub(crate) struct Options {
    /// Stay up as a registry to push to, with the function attached, until Ctrl-C
    #[arg(long)]
    pub(crate) serve: bool,

    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0, requires = "serve")]
    pub(crate) port: u16,

    /// The platforms that every list must have, comma-separated
    #[arg(long, default_value = "linux/amd64,linux/arm64", requires = "serve")]
    pub(crate) platforms: String,

    /// How a platform's tag is made
    #[arg(long, default_value = "{version}-{platform}", requires = "serve")]
    pub(crate) tag_template: String,

    /// Let no tag be moved
    #[arg(long, requires = "serve")]
    pub(crate) immutable: bool,

    /// Milliseconds by which every answer of the registry is late
    #[arg(long, default_value_t = 0, requires = "serve")]
    pub(crate) latency_ms: u64,

    /// The folder that keeps what was pushed from one run to the next; without it, memory does
    #[arg(long, value_name = "DIR", requires = "serve")]
    pub(crate) data: Option<PathBuf>,
}
