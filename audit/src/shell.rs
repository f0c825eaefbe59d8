//! The suggested settings as commands of a shell, ready to paste.

use std::collections::BTreeMap;

use ecr_multiarch_core::settings::variable::Variable;
use serde::Serialize;

/// The suggested settings as commands of a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingsCommands {
    /// Sets them as variables, for what is run in the shell.
    pub export: String,
    /// Deploys the function with them as parameters of its template.
    pub deploy: String,
}

impl SettingsCommands {
    /// The commands for these variables; `None`, where there are none.
    pub fn of(variables: &BTreeMap<&'static str, String>) -> Option<Self> {
        if variables.is_empty() {
            return None;
        }
        let export = variables.iter().map(|(name, value)| format!("export {name}={}", quoted(value)));
        let set = Variable::ALL.iter().filter_map(|variable| Some((variable, variables.get(variable.name())?)));
        let parameters = set.map(|(variable, value)| quoted(&parameter(&variable.parameter(), value)));
        let deploy = std::iter::once("sam deploy --parameter-overrides".to_owned()).chain(parameters);
        Some(Self { export: export.collect::<Vec<_>>().join("\n"), deploy: deploy.collect::<Vec<_>>().join(" \\\n  ") })
    }
}

/// A text as a shell takes it literally.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A parameter as `sam deploy` reads it, which ends a value at its own quote: JSON stands in single quotes. What is
/// suggested comes from tags, so it has no others.
fn parameter(name: &str, value: &str) -> String {
    let quote = if value.contains('"') { '\'' } else { '"' };
    format!("{name}={quote}{value}{quote}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_quotes_for_shell_and_sam() {
        let rules = r#"[{"repositories":["web"],"aliases":"latest"}]"#;
        let variables = BTreeMap::from([("PLATFORMS", "linux/amd64".to_owned()), ("RULES", rules.to_owned())]);
        let commands = SettingsCommands::of(&variables).unwrap();
        assert_eq!(commands.export, format!("export PLATFORMS='linux/amd64'\nexport RULES='{rules}'"));
        let deploy = [
            "sam deploy --parameter-overrides \\\n",
            "  'Platforms=\"linux/amd64\"' \\\n",
            &format!(r"  'Rules='\''{rules}'\'''"),
        ];
        assert_eq!(commands.deploy, deploy.concat());
        assert_eq!(SettingsCommands::of(&BTreeMap::new()), None);
    }
}
