//! The options of the command line.

use std::path::PathBuf;

use clap::Args;
use ecr_multiarch_core::{RepositoryName, Tag};

use super::parameters::Parameters;

/// Find what would stop the function at its start, before it is deployed
///
/// Reads the settings by the function's own code, and prints its message if one is invalid. They are the function's
/// environment variables (PLATFORMS, TAG_TEMPLATE, ALIASES, STREAMS, RULES, AWS_ENDPOINT_URL_ECR, ...), or the parameters
/// of its template, if any are given. Needs no AWS account.
///
/// The exit code is 0, or 1 if a setting is invalid.
#[derive(Debug, Args)]
pub struct Options {
    /// Parameters of the template, written as for `sam deploy --parameter-overrides`
    #[arg(long, value_name = "KEY=VALUE", num_args = 1..)]
    pub parameters: Vec<String>,
    /// A file with parameters, which --parameters override: samconfig.toml, or JSON as the AWS CLI reads and prints it
    #[arg(long, value_name = "FILE")]
    pub parameter_file: Option<PathBuf>,
    /// Show what these repositories get
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub repository: Vec<RepositoryName>,
    /// The version by which it is shown
    #[arg(long, value_name = "VERSION", default_value = "1.2.3")]
    pub example: Tag,
}

impl Options {
    /// The parameters that are given, if any are.
    ///
    /// # Errors
    /// A message, if they cannot be read, or if the template has none of a name.
    pub fn parameters(&self) -> Result<Option<Parameters>, String> {
        if self.parameters.is_empty() && self.parameter_file.is_none() {
            return Ok(None);
        }
        let mut parameters = Parameters::default();
        if let Some(path) = &self.parameter_file {
            parameters.add_file(path)?;
        }
        self.parameters.iter().try_for_each(|text| parameters.add_overrides(text))?;
        Ok(Some(parameters))
    }
}
