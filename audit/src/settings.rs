//! The settings of the function as text: for a repository, and for all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecr_multiarch_core::settings::InvalidSetting;
use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::{RepositoryGlob, RepositoryName, RepositorySettings, Settings};
use serde::Serialize;

use crate::suggested_streams::SuggestedStreams;

/// How many bytes the environment variables of a Lambda function may have together: 4 KB. (AWS Lambda developer guide,
/// "Lambda quotas".)
const MAX_ENVIRONMENT_BYTES: usize = 4_096;

/// The settings for one repository, as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SuggestedSettings {
    /// `TAG_TEMPLATE`.
    pub tag_template: String,
    /// `PLATFORMS`: those that at least half of the newest versions have.
    pub platforms: String,
    /// `ALIASES` or `STREAMS`: the aliases that follow releases.
    #[serde(flatten, skip_serializing_if = "SuggestedStreams::is_empty")]
    pub streams: SuggestedStreams,
}

impl SuggestedSettings {
    /// Settings by which to judge streams alone: what they accept, the platforms of a repository may still exclude.
    pub(crate) fn of_streams(streams: SuggestedStreams) -> Self {
        let tag_template = Variable::TagTemplate.default().unwrap_or_default().to_owned();
        Self { tag_template, platforms: "linux/amd64".to_owned(), streams }
    }

    /// The environment variables.
    fn variables(&self) -> BTreeMap<&'static str, String> {
        let Self { tag_template, platforms, streams } = self;
        let variables = [(Variable::TagTemplate, tag_template.clone()), (Variable::Platforms, platforms.clone())];
        let streams = (!streams.is_empty()).then(|| (streams.variable(), streams.value()));
        variables.into_iter().chain(streams).map(|(variable, value)| (variable.name(), value)).collect()
    }

    /// The settings as the function reads them.
    ///
    /// # Errors
    /// Why it does not accept them.
    pub(crate) fn parse(&self, repository: &RepositoryName) -> Result<Arc<RepositorySettings>, String> {
        let variables = self.variables();
        match Settings::from_lookup(|name| variables.get(name).cloned()) {
            Ok(settings) => {
                settings.for_repository(repository).cloned().ok_or_else(|| "they do not serve it".to_owned())
            }
            Err(InvalidSetting::Value { reason, .. }) => Err(reason),
            Err(missing @ InvalidSetting::Missing { .. }) => Err(missing.to_string()),
        }
    }
}

/// Why the function would not take these variables as they are, in full sentences.
pub fn warnings(variables: &BTreeMap<&'static str, String>) -> Vec<String> {
    let these: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    // The template sets all of them.
    let others = Variable::ALL.iter().filter(|variable| !variables.contains_key(variable.name()));
    let default = |variable: &Variable| variable.default().unwrap_or_default();
    let others: usize = others.map(|variable| variable.name().len() + default(variable).len()).sum();
    let is_too_long = these + others > MAX_ENVIRONMENT_BYTES;
    let warning = || {
        format!(
            "These settings have {these} bytes, and Lambda accepts at most 4,096 bytes for all environment variables \
             together. The template sets others besides, which take {others} bytes with its defaults: use globs in \
             place of the names of repositories."
        )
    };
    is_too_long.then(warning).into_iter().collect()
}

/// The environment variables of the function for all repositories: those that most repositories have in common, and
/// rules for the others. It serves what these globs match, or everything if there are none. If there are repositories
/// without a suggestion, there is nothing to serve by a glob, and only those with one are served: the others would be
/// reported as incomplete.
pub fn variables(
    repositories: &[(&RepositoryName, &SuggestedSettings)],
    served: Option<&[RepositoryGlob]>,
) -> BTreeMap<&'static str, String> {
    #[derive(Serialize)]
    struct Rule<'a> {
        repositories: Vec<&'a RepositoryName>,
        #[serde(skip_serializing_if = "Option::is_none")]
        platforms: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tag_template: Option<&'a str>,
        #[serde(flatten)]
        streams: Option<&'a SuggestedStreams>,
    }
    let mut groups = BTreeMap::<&SuggestedSettings, Vec<&RepositoryName>>::new();
    for (name, settings) in repositories {
        groups.entry(settings).or_default().push(name);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    // Of as many, those with the template that is the function's default.
    let default = Variable::TagTemplate.default();
    let is_unusual = |settings: &SuggestedSettings| Some(settings.tag_template.as_str()) != default;
    groups.sort_by_key(|(settings, names)| (std::cmp::Reverse(names.len()), is_unusual(settings)));
    let mut groups = groups.into_iter();
    let Some((common, _)) = groups.next() else { return BTreeMap::new() };
    // A rule states what differs; the variables supply the rest.
    let differing = |field: fn(&SuggestedSettings) -> &String, settings| {
        let value: &String = field(settings);
        (value != field(common)).then_some(value.as_str())
    };
    let rules: Vec<_> = groups
        .map(|(settings, repositories)| Rule {
            repositories,
            platforms: differing(|settings| &settings.platforms, settings),
            tag_template: differing(|settings| &settings.tag_template, settings),
            streams: Some(&settings.streams).filter(|streams| **streams != common.streams),
        })
        .collect();
    let mut variables = common.variables();
    let served: Vec<_> = match served {
        Some(globs) => globs.iter().map(RepositoryGlob::as_str).collect(),
        None => repositories.iter().map(|(name, _)| name.as_str()).collect(),
    };
    if !served.is_empty() {
        variables.insert(Variable::Repositories.name(), served.join(","));
    }
    if !rules.is_empty()
        && let Ok(rules) = serde_json::to_string(&rules)
    {
        variables.insert(Variable::Rules.name(), rules);
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(template: &str, platforms: &str, aliases: &str) -> SuggestedSettings {
        let [tag_template, platforms] = [template, platforms].map(str::to_owned);
        let aliases = aliases.split(',').filter(|alias| !alias.is_empty()).map(|alias| (None, alias));
        SuggestedSettings { tag_template, platforms, streams: aliases.collect() }
    }

    #[test]
    fn function_accepts_the_settings_and_applies_them() {
        let usual = suggested("{version}-{platform}", "linux/amd64,linux/arm64=aarch64", "{major},latest");
        let other = suggested("{platform}-{version}", "linux/amd64=x86_64,linux/arm/v7", "");
        let [one, two, three]: [RepositoryName; 3] =
            ["team-a/x", "team-a/y", "team-b/z"].map(|name| name.parse().unwrap());
        let variables = variables(&[(&one, &usual), (&two, &usual), (&three, &other)], None);
        let settings = Settings::from_lookup(|name| variables.get(name).cloned()).unwrap();
        assert!(settings.for_repository(&"data/batch".parse().unwrap()).is_none());
        for (repository, tag, version) in
            [(&one, "1.0-aarch64", "1.0"), (&two, "1.0-amd64", "1.0"), (&three, "x86_64-1.0", "1.0")]
        {
            let settings = settings.for_repository(repository).unwrap();
            let parsed = settings.tag_scheme.parse(&tag.parse().unwrap()).unwrap();
            assert_eq!(parsed.version.as_str(), version, "{repository}");
            assert_eq!(!settings.has_aliases(), *repository == three, "{repository}");
        }
    }

    #[test]
    fn variables_of_the_template_count_as_well() {
        let others: usize = Variable::ALL.iter().map(|one| one.name().len() + one.default().map_or(0, str::len)).sum();
        let others = others - "RULES".len();
        let of_bytes = |bytes: usize| BTreeMap::from([("RULES", "x".repeat(bytes - "RULES".len()))]);
        assert_eq!(warnings(&of_bytes(4_096 - others)), [""; 0]);
        let expected = format!(
            "These settings have {} bytes, and Lambda accepts at most 4,096 bytes for all environment variables \
             together. The template sets others besides, which take {others} bytes with its defaults: use globs in \
             place of the names of repositories.",
            4_097 - others
        );
        assert_eq!(warnings(&of_bytes(4_097 - others)), [expected]);
    }

    #[test]
    fn rule_states_only_what_differs() {
        let usual = suggested("{version}-{platform}", "linux/amd64,linux/arm64", "latest");
        let other = suggested("{version}-{platform}", "linux/amd64,linux/arm64", "{major},latest");
        let [one, two, three]: [RepositoryName; 3] = ["one", "two", "three"].map(|name| name.parse().unwrap());
        let variables = variables(&[(&one, &usual), (&two, &usual), (&three, &other)], Some(&[]));
        assert_eq!(variables["RULES"], r#"[{"repositories":["three"],"aliases":"{major},latest"}]"#);
    }

    #[test]
    fn repositories_that_agree_need_no_rules() {
        let usual = suggested("{version}-{platform}", "linux/amd64,linux/arm64", "");
        let name = "app".parse().unwrap();
        assert_eq!(
            variables(&[(&name, &usual)], Some(&[])).keys().copied().collect::<Vec<_>>(),
            ["PLATFORMS", "TAG_TEMPLATE"]
        );
        assert_eq!(variables(&[], None), BTreeMap::new());
    }
}
