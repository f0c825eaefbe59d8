//! The options of the command line.

use clap::Args;
use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::time_span::TimeSpan;
use ecr_multiarch_core::{RepositoryGlob, RepositoryStart};

use crate::registry_options::RegistryOptions;

/// Publish the manifest lists that a registry lacks
///
/// Does what the function's sweep does, with your own AWS credentials; --dry-run shows what that would be.
///
/// Settings are the function's environment variables (PLATFORMS, TAG_TEMPLATE, VERSION_PATTERN, REVISIONS,
/// ATTESTATIONS, ALIASES, STREAMS, IMAGE_TAGS, ANNOTATIONS, RULES, SWEEP_PUTS_PER_SECOND, ...). AWS_ENDPOINT_URL_ECR points
/// to another ECR, such as a local one.
///
/// The exit code is 0, or 1 if anything failed.
#[derive(Debug, Args)]
pub struct Options {
    /// Names or globs of the repositories, such as 'team-a/*'; all by default
    #[arg(long, value_delimiter = ',')]
    pub repositories: Vec<RepositoryGlob>,
    /// The platforms that every list must contain, such as linux/amd64,linux/arm64; PLATFORMS by default
    #[arg(long)]
    pub platforms: Option<String>,
    /// Show what would be published, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Compare every complete version by digest, also those that a scan shows as up to date
    #[arg(long)]
    pub deep: bool,
    /// Only versions whose newest platform image was pushed no longer ago, such as 30d; all by default
    #[arg(long)]
    pub max_age: Option<TimeSpan>,
    #[command(flatten)]
    pub registry: RegistryOptions,
    /// The repository name to begin at; names below it are skipped
    #[arg(long)]
    pub from: Option<RepositoryStart>,
    /// How many versions of a repository the table shows; those that need attention first
    #[arg(long, default_value_t = 50)]
    pub rows: usize,
}

impl Options {
    /// A setting of the function, from the command line or else the environment.
    pub fn setting(&self, name: &str) -> Option<String> {
        let given = if name == Variable::Platforms.name() { self.platforms.clone() } else { None };
        given.or_else(|| std::env::var(name).ok())
    }
}
