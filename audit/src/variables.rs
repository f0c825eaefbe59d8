//! The environment variables of the function for all repositories.

use std::collections::BTreeMap;

use ecr_multiarch_core::{RepositoryGlob, RepositoryName};
use serde::Serialize;

use crate::repository_settings::RepositorySettings;

/// How many bytes the environment variables of a Lambda function may have together: 4 KB. (AWS Lambda developer guide,
/// "Lambda quotas".)
const MAX_ENVIRONMENT_BYTES: usize = 4_096;

/// The variables that the template sets whether or not they are suggested, with its defaults: they count as well.
const VARIABLES_OF_TEMPLATE: [(&str, &str); 12] = [
    ("ALIASES", ""),
    ("REPOSITORIES", "*"),
    ("RULES", ""),
    ("VERSION_PATTERN", ""),
    ("REVISIONS", "same"),
    ("ATTESTATIONS", "keep"),
    ("ACCOUNTS", ""),
    ("REGIONS", ""),
    ("SWEEP_PUTS_PER_SECOND", "2"),
    ("SETTLED_AFTER", "3h"),
    ("INCOMPLETE_AFTER", "1h"),
    ("INCOMPLETE_UNTIL", "7d"),
];

fn bytes<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> usize {
    variables.into_iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// What keeps the function from taking these variables as they are, in full sentences.
pub fn doubts(variables: &BTreeMap<&'static str, String>) -> Vec<String> {
    let these = bytes(variables.iter().map(|(name, value)| (*name, value.as_str())));
    let others = bytes(VARIABLES_OF_TEMPLATE.into_iter().filter(|(name, _)| !variables.contains_key(name)));
    let is_too_long = these + others > MAX_ENVIRONMENT_BYTES;
    let doubt = || {
        format!(
            "These settings have {these} bytes, and Lambda accepts at most 4,096 bytes for all environment variables \
             together. The template sets others besides, which take {others} bytes with its defaults: use globs in \
             place of the names of repositories."
        )
    };
    is_too_long.then(doubt).into_iter().collect()
}

/// The environment variables of the function for all repositories: those that most repositories have in common, and
/// rules for the others. It serves what these globs match, or everything if there are none. If there are repositories
/// without a suggestion, there is nothing to serve by a glob, and only those with one are served: the others would be
/// reported as incomplete.
pub fn variables(
    repositories: &[(&RepositoryName, &RepositorySettings)],
    served: Option<&[RepositoryGlob]>,
) -> BTreeMap<&'static str, String> {
    #[derive(Serialize)]
    struct Rule<'a> {
        repositories: Vec<&'a RepositoryName>,
        #[serde(skip_serializing_if = "Option::is_none")]
        platforms: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tag_template: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        aliases: Option<&'a str>,
    }
    let mut groups = BTreeMap::<&RepositorySettings, Vec<&RepositoryName>>::new();
    for (name, settings) in repositories {
        groups.entry(settings).or_default().push(name);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    // Of as many, those with the template that is the function's default.
    let is_unusual = |settings: &RepositorySettings| settings.tag_template != "{version}-{platform}";
    groups.sort_by_key(|(settings, names)| (std::cmp::Reverse(names.len()), is_unusual(settings)));
    let mut groups = groups.into_iter();
    let Some((common, _)) = groups.next() else { return BTreeMap::new() };
    // A rule states what differs; the variables supply the rest.
    let differing = |field: fn(&RepositorySettings) -> &String, settings| {
        let value: &String = field(settings);
        (value != field(common)).then_some(value.as_str())
    };
    let rules: Vec<_> = groups
        .map(|(settings, repositories)| Rule {
            repositories,
            platforms: differing(|settings| &settings.platforms, settings),
            tag_template: differing(|settings| &settings.tag_template, settings),
            aliases: differing(|settings| &settings.aliases, settings),
        })
        .collect();
    let mut variables =
        BTreeMap::from([("PLATFORMS", common.platforms.clone()), ("TAG_TEMPLATE", common.tag_template.clone())]);
    if !common.aliases.is_empty() {
        variables.insert("ALIASES", common.aliases.clone());
    }
    let served: Vec<_> = match served {
        Some(globs) => globs.iter().map(RepositoryGlob::as_str).collect(),
        None => repositories.iter().map(|(name, _)| name.as_str()).collect(),
    };
    if !served.is_empty() {
        variables.insert("REPOSITORIES", served.join(","));
    }
    if !rules.is_empty()
        && let Ok(rules) = serde_json::to_string(&rules)
    {
        variables.insert("RULES", rules);
    }
    variables
}

#[cfg(test)]
mod tests {
    use ecr_multiarch_core::Settings;

    use super::*;

    fn settings(template: &str, platforms: &str, aliases: &str) -> RepositorySettings {
        let [tag_template, platforms, aliases] = [template, platforms, aliases].map(str::to_owned);
        RepositorySettings { tag_template, platforms, aliases }
    }

    #[test]
    fn function_accepts_the_settings_and_applies_them() {
        let usual = settings("{version}-{platform}", "linux/amd64,linux/arm64=aarch64", "{major},latest");
        let other = settings("{platform}-{version}", "linux/amd64=x86_64,linux/arm/v7", "");
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
            assert_eq!(settings.aliases.is_empty(), *repository == three, "{repository}");
        }
    }

    #[test]
    fn variables_of_the_template_count_as_well() {
        let template = include_str!("../../template.yaml");
        for (name, _) in VARIABLES_OF_TEMPLATE {
            assert!(template.contains(&format!("\n        {name}: ")), "{name}");
        }
        let others = bytes(VARIABLES_OF_TEMPLATE) - "RULES".len();
        let of_bytes = |bytes: usize| BTreeMap::from([("RULES", "x".repeat(bytes - "RULES".len()))]);
        assert_eq!(doubts(&of_bytes(4_096 - others)), [""; 0]);
        let expected = format!(
            "These settings have {} bytes, and Lambda accepts at most 4,096 bytes for all environment variables \
             together. The template sets others besides, which take {others} bytes with its defaults: use globs in \
             place of the names of repositories.",
            4_097 - others
        );
        assert_eq!(doubts(&of_bytes(4_097 - others)), [expected]);
    }

    #[test]
    fn rule_states_only_what_differs() {
        let usual = settings("{version}-{platform}", "linux/amd64,linux/arm64", "latest");
        let other = RepositorySettings { aliases: "{major},latest".to_owned(), ..usual.clone() };
        let [one, two, three]: [RepositoryName; 3] = ["one", "two", "three"].map(|name| name.parse().unwrap());
        let variables = variables(&[(&one, &usual), (&two, &usual), (&three, &other)], Some(&[]));
        assert_eq!(variables["RULES"], r#"[{"repositories":["three"],"aliases":"{major},latest"}]"#);
    }

    #[test]
    fn repositories_that_agree_need_no_rules() {
        let usual = settings("{version}-{platform}", "linux/amd64,linux/arm64", "");
        let name = "app".parse().unwrap();
        assert_eq!(
            variables(&[(&name, &usual)], Some(&[])).keys().copied().collect::<Vec<_>>(),
            ["PLATFORMS", "TAG_TEMPLATE"]
        );
        assert_eq!(variables(&[], None), BTreeMap::new());
    }
}
