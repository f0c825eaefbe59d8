//! The options of the command line.

use std::path::{Path, PathBuf};

use clap::Args;
use ecr_multiarch_audit::as_of::AsOf;
use ecr_multiarch_core::RepositoryGlob;

use crate::exit::exit_codes;
use crate::registry_options::RegistryOptions;

/// Show what is wrong with the images of a registry
///
/// Works with your own AWS credentials, and writes nothing to the registry.
///
/// No settings are needed: tag template and platforms are guessed from the tags, and the report says what was guessed.
/// By default only scans are made, which do not count as pulls (ecr:DescribeRepositories, ecr:DescribeImages).
/// AWS_ENDPOINT_URL_ECR points to another ECR, such as a local one.
///
/// A version is judged once an hour has passed since its newest push: until then, its build may still run. --as-of +1h
/// judges all.
#[derive(Debug, Args)]
#[command(after_help = exit_codes!("there are findings, with --fail-on-findings"))]
pub struct Options {
    /// Names or globs of the repositories, such as 'team-a/*'; all by default
    #[arg(long, value_delimiter = ',')]
    pub repositories: Vec<RepositoryGlob>,
    #[command(flatten)]
    pub registry: RegistryOptions,
    /// Read manifests and configs as well, which counts as a pull of each image (ecr:BatchGetImage,
    /// ecr:GetDownloadUrlForLayer)
    #[arg(long)]
    pub deep: bool,
    /// Judge versions as if it were this time: a time from now, such as +1h, or one of RFC 3339, such as
    /// 2026-12-01T00:00:00Z
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub as_of: AsOf,
    /// Write the report as JSON to a file, or to standard output in place of the table
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
    /// Write the report as one HTML page, which needs no network
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// End with exit code 1 if there are findings
    #[arg(long)]
    pub fail_on_findings: bool,
    /// How many findings of a repository the table shows
    #[arg(long, default_value_t = 20)]
    pub rows: usize,
}

impl Options {
    /// The file for the JSON, unless it goes to standard output.
    pub fn json_file(&self) -> Option<&Path> {
        self.json.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// The files that are written.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.html.as_deref().into_iter().chain(self.json_file())
    }
}
