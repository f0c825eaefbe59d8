//! The options of the command line.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use ecr_multiarch_core::{RepositoryName, Tag};

use super::parameters::Parameters;
use crate::exit::exit_codes;

/// Find what would stop the function at its start, before it is deployed
///
/// Reads the settings by the function's own code, and prints its message if one is invalid. They are the function's
/// environment variables (PLATFORMS, TAG_TEMPLATE, ALIASES, STREAMS, RULES, AWS_ENDPOINT_URL_ECR, ...), or the parameters
/// of its template, if any are given. Needs no AWS account.
#[derive(Debug, Args)]
#[command(after_help = exit_codes!("a setting is invalid"))]
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
    /// The text of the file with parameters, if one is given.
    ///
    /// # Errors
    /// A message, if it cannot be read.
    pub fn read_file(&self) -> Result<Option<String>, String> {
        let text = self
            .parameter_file
            .as_ref()
            .map(|path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display())));
        text.transpose()
    }

    /// The parameters that are given, if any are, with those of this text of the file.
    ///
    /// # Errors
    /// A message, if they are not written as parameters, or if the template has none of a name.
    pub fn parameters(&self, file: Option<&str>) -> Result<Option<Parameters>, String> {
        if self.parameters.is_empty() && file.is_none() {
            return Ok(None);
        }
        let mut parameters = Parameters::default();
        if let Some((path, text)) = self.parameter_file.as_ref().zip(file) {
            parameters.add_text(path, text).map_err(|message| format!("{}: {message}", path.display()))?;
        }
        self.parameters.iter().try_for_each(|text| parameters.add_overrides(text))?;
        Ok(Some(parameters))
    }
}
