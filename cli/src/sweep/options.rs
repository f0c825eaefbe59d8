//! The options of the command line.

use clap::Args;
use ecr_multiarch_core::settings::InvalidSetting;
use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::time_span::TimeSpan;
use ecr_multiarch_core::{RepositoryGlob, RepositoryStart, Settings};

use crate::exit::exit_codes;
use crate::registry_options::RegistryOptions;

/// What to do where neither the options nor the environment name platforms.
const NO_PLATFORMS: &str = "no platforms: pass --platforms or set PLATFORMS, such as linux/amd64,linux/arm64";

/// Publish the manifest lists that a registry lacks
///
/// Does what the function's sweep does, with your own AWS credentials; --dry-run shows what that would be.
///
/// Settings are the function's environment variables (PLATFORMS, TAG_TEMPLATE, VERSION_PATTERN, REVISIONS,
/// ATTESTATIONS, ALIASES, STREAMS, IMAGE_TAGS, ANNOTATIONS, RULES, SWEEP_PUTS_PER_SECOND, ...). AWS_ENDPOINT_URL_ECR points
/// to another ECR, such as a local one.
#[derive(Debug, Args)]
#[command(after_help = exit_codes!("a version failed"))]
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
    /// The repository name to begin at; names that sort before it are skipped
    #[arg(long)]
    pub from: Option<RepositoryStart>,
    /// How many versions of a repository the table shows; those that need attention first
    #[arg(long, default_value_t = 50)]
    pub rows: usize,
}

impl Options {
    /// The settings of the function, from the command line or else this environment.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn settings(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Settings, String> {
        let given = |name: &str| self.platforms.clone().filter(|_| name == Variable::Platforms.name());
        let settings = Settings::from_lookup(|name| given(name).or_else(|| environment(name)));
        settings.map_err(|error| match error {
            InvalidSetting::Missing { variable: Variable::Platforms, .. } => NO_PLATFORMS.to_owned(),
            invalid => invalid.to_string(),
        })
    }

    /// The patterns of which each is to match a repository: those of the command line, or else of the settings, where
    /// these are limited to some. A sweep that begins in the middle passes over repositories, so none must.
    pub fn patterns<'a>(&'a self, settings: &'a Settings) -> &'a [RepositoryGlob] {
        match (&self.from, self.repositories.as_slice()) {
            (None, []) if is_limited(settings) => settings.repositories(),
            (None, patterns) => patterns,
            (Some(_), _) => &[],
        }
    }
}

/// Whether the settings serve some repositories only.
pub fn is_limited(settings: &Settings) -> bool {
    settings.repositories().iter().all(|glob| glob.as_str() != "*")
}
