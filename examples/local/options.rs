//! The options of the command line.

use std::path::PathBuf;

use clap::Parser;

/// Run the function on a local ECR, without an AWS account and without Docker.
///
/// Without options: pushes two versions, platform by platform, shows the function's outcome for each event, and checks
/// the published lists; then publishes releases, shows the aliases that follow them, and ends.
#[derive(Debug, Parser)]
#[command(name = "local")]
pub(crate) struct Options {
    /// Stay up as a registry to push to, with the function attached, until Ctrl-C
    #[arg(long)]
    pub(crate) serve: bool,

    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0, requires = "serve")]
    pub(crate) port: u16,

    /// The platforms that every list must contain, comma-separated
    #[arg(long, default_value = "linux/amd64,linux/arm64", requires = "serve")]
    pub(crate) platforms: String,

    /// The template of platform tags
    #[arg(long, default_value = "{version}-{platform}", requires = "serve")]
    pub(crate) tag_template: String,

    /// The alias templates, comma-separated, such as {major}.{minor},{major},latest; none by default
    #[arg(long, value_name = "TEMPLATES", default_value = "", hide_default_value = true, requires = "serve")]
    pub(crate) aliases: String,

    /// Make all tags immutable
    #[arg(long, requires = "serve")]
    pub(crate) immutable: bool,

    /// Milliseconds by which every response of the registry is delayed
    #[arg(long, default_value_t = 0, requires = "serve")]
    pub(crate) latency_ms: u64,

    /// The directory that keeps pushed images from one run to the next; without it, they are kept in memory
    #[arg(long, value_name = "DIR", requires = "serve")]
    pub(crate) data: Option<PathBuf>,
}
