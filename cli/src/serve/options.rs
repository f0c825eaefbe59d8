//! The options of the command line.

use std::path::PathBuf;

use clap::Args;

use crate::exit::exit_codes;

/// Serve a local ECR to push to, with the function attached
///
/// Shows the function's outcome for each push, until Ctrl-C. Needs no AWS account and no login, and begins with the commands
/// for docker, podman, skopeo and crane.
#[derive(Debug, Args)]
#[command(after_help = exit_codes!())]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,

    /// The platforms that every list must contain, comma-separated
    #[arg(long, default_value = "linux/amd64,linux/arm64")]
    pub platforms: String,

    /// The template of platform tags
    #[arg(long, default_value = "{version}-{platform}")]
    pub tag_template: String,

    /// The alias templates, comma-separated, such as {major}.{minor},{major},latest; none by default
    #[arg(long, value_name = "TEMPLATES", default_value = "", hide_default_value = true)]
    pub aliases: String,

    /// Other numberings and their aliases, in place of the alias templates: the JSON of STREAMS
    #[arg(long, value_name = "JSON", default_value = "", hide_default_value = true, conflicts_with = "aliases")]
    pub streams: String,

    /// The template of a tag for each image inside a list, such as {version}_{platform}; none by default
    #[arg(long, value_name = "TEMPLATE", default_value = "", hide_default_value = true)]
    pub image_tags: String,

    /// The annotations of lists, comma-separated: a key, which is taken over from the images, or key=value; none by default
    #[arg(long, value_name = "LIST", default_value = "", hide_default_value = true)]
    pub annotations: String,

    /// Make all tags immutable
    #[arg(long)]
    pub immutable: bool,

    /// Milliseconds by which every response of the registry is delayed
    #[arg(long, default_value_t = 0)]
    pub latency_ms: u64,

    /// The directory that keeps pushed images from one run to the next; without it, they are kept in memory
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}
