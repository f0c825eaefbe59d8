//! The parameters of the deployment template, as people write them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// The deployment template, of which only the names of the parameters are read.
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// The table of a configuration file of SAM that `sam deploy` reads, unless another one is given.
const SAM_TABLE: &str = "[default.deploy.parameters]";

/// The value of each parameter that is given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// The value of a parameter, if it is given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Adds parameters in the form of `sam deploy --parameter-overrides`.
    ///
    /// # Errors
    /// A message, if `sam deploy` would leave out a part of the text.
    pub fn add_overrides(&mut self, text: &str) -> Result<(), String> {
        let mut rest = text.trim();
        while !rest.is_empty() {
            let unreadable = || {
                format!(
                    "{rest}: expected KEY=VALUE, as sam deploy reads it: in quotes where the value is empty or has \
                     spaces or double quotes, such as Aliases=\"\" or Rules='[...]'"
                )
            };
            let (name, after) = rest.split_once('=').ok_or_else(unreadable)?;
            let (value, after) = after.split_at(value_length(after).ok_or_else(unreadable)?);
            if !after.is_empty() && !after.starts_with(' ') {
                return Err(unreadable());
            }
            self.insert(name, unquoted(value))?;
            rest = after.trim_start();
        }
        Ok(())
    }

    /// Adds the parameters of a file with this path and text.
    ///
    /// # Errors
    /// A message, if the text is not one of parameters.
    pub fn add_text(&mut self, path: &Path, text: &str) -> Result<(), String> {
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        if is_toml { self.add_sam_configuration(text) } else { self.add_json(text) }
    }

    /// Adds what a configuration file of SAM overrides: a string, or an array of strings.
    fn add_sam_configuration(&mut self, text: &str) -> Result<(), String> {
        let table = text.lines().map(str::trim).skip_while(|line| *line != SAM_TABLE).skip(1);
        let mut settings = table.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once('='));
        let overrides = settings.find(|(name, _)| name.trim() == "parameter_overrides");
        let (_, value) = overrides.ok_or_else(|| format!("{SAM_TABLE} has no parameter_overrides"))?;
        // In one line, TOML writes strings and arrays as JSON does.
        let unreadable =
            || "expected parameter_overrides to be a string in double quotes, or an array of them, in one line";
        match serde_json::from_str(value.trim()).map_err(|_| unreadable())? {
            Value::String(text) => self.add_overrides(&text),
            Value::Array(items) => {
                items.iter().try_for_each(|item| self.add_overrides(item.as_str().ok_or_else(unreadable)?))
            }
            _ => Err(unreadable().to_owned()),
        }
    }

    /// Adds an array of objects with `ParameterKey` and `ParameterValue`, as `aws cloudformation` reads and prints it.
    fn add_json(&mut self, text: &str) -> Result<(), String> {
        let unreadable = || "expected a JSON array of objects with ParameterKey and ParameterValue";
        let items: Vec<Value> = serde_json::from_str(text).map_err(|error| format!("{}: {error}", unreadable()))?;
        items.iter().try_for_each(|item| {
            let [name, value] = ["ParameterKey", "ParameterValue"].map(|field| item[field].as_str());
            let (name, value) = name.zip(value).ok_or_else(unreadable)?;
            self.insert(name, value.to_owned())
        })
    }

    fn insert(&mut self, name: &str, value: String) -> Result<(), String> {
        // The module for Terraform adds it to the template of its stack.
        if name == "TemplateHash" {
            return Ok(());
        }
        if !template_parameters().any(|known| known == name) {
            return Err(format!("{name} is not a parameter of the template, and sam deploy would ignore it"));
        }
        self.0.insert(name.to_owned(), value);
        Ok(())
    }
}

/// The names of the template's parameters: the keys of the first level of the section.
fn template_parameters() -> impl Iterator<Item = &'static str> {
    let lines = TEMPLATE.lines().skip_while(|line| *line != "Parameters:").skip(1);
    let section = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    section.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':')).filter(|name| !name.starts_with(' '))
}

/// How many bytes of a text `sam deploy` takes for a value: those in quotes, or else all up to a space or a double
/// quote. A backslash takes the next character along.
fn value_length(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let mut characters = text.char_indices().skip(usize::from(quote.is_some()));
    while let Some((position, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next()?;
            }
            _ if Some(character) == quote => return Some(position + 1),
            ' ' | '"' if quote.is_none() => return (position > 0).then_some(position),
            _ => {}
        }
    }
    (quote.is_none() && !text.is_empty()).then_some(text.len())
}

/// A value without the quotes around it, and without the backslashes before quotes and spaces.
fn unquoted(value: &str) -> String {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    let text = within('"').or_else(|| within('\'')).unwrap_or(value);
    text.replace("\\ ", " ").replace("\\\"", "\"").replace("\\'", "'")
}
