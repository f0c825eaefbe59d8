//! The settings of the function, checked before it is deployed with them.

mod effect;
mod options;
pub mod parameters;
#[cfg(test)]
mod tests;

use clap::Subcommand;
use ecr_multiarch_core::Settings;
use ecr_multiarch_core::settings::InvalidSetting;
use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_engine::sdk_environment::SdkEnvironment;

use effect::Effect;
use options::Options;
use parameters::Parameters;

use crate::exit::Exit;
use crate::style::Style;
use crate::terminal::print;

/// Check the settings of the function, and see what they mean
#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    Check(Options),
}

/// Checks the settings, and prints what repositories get by them.
pub fn run(command: &SettingsCommand) -> Result<Exit, String> {
    let SettingsCommand::Check(options) = command;
    let file = options.read_file()?;
    match check(options, file.as_deref(), |name| std::env::var(name).ok()) {
        Ok(text) => print(text).map(|()| Exit::Done),
        Err(wrong) => Ok(Exit::by_check(Err(wrong))),
    }
}

/// What repositories get by the settings of the options, with the text of their file, or else of this environment.
fn check(
    options: &Options,
    file: Option<&str>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let settings = match options.parameters(file)? {
        Some(parameters) => by_parameters(&parameters)?,
        None => by_environment(environment).map_err(|error| error.to_string())?,
    };
    let effects = options.repository.iter().map(|repository| {
        let effect = Effect { settings: &settings, repository, version: &options.example };
        format!("\n{effect}")
    });
    let warnings = settings.warnings().into_iter();
    let warnings = warnings.map(|warning| Style::Warning.paint(&format!("Warning: {warning}")) + "\n");
    let valid = Style::Success.paint("The settings are valid.");
    Ok(format!("{valid}\n{}{}", warnings.collect::<String>(), effects.collect::<String>()))
}

/// What the function reads at its start, in the same order.
fn by_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Settings, InvalidSetting> {
    let settings = Settings::from_lookup(&lookup)?;
    SdkEnvironment::from_lookup(&lookup)?;
    Ok(settings)
}

/// The settings of a function that is deployed with these parameters. An error names the parameter, too.
fn by_parameters(parameters: &Parameters) -> Result<Settings, String> {
    let value = |variable: Variable| variable.value_from(|name| parameters.get(name).map(str::to_owned));
    let lookup = |name: &str| Variable::ALL.iter().find(|variable| variable.name() == name).copied().and_then(value);
    Settings::from_lookup(lookup).map_err(|error| match error.variable() {
        Some(variable) => format!("Parameter {}: {error}", variable.parameter()),
        None => error.to_string(),
    })
}
