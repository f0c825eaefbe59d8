//! The settings of the function for what was guessed.

use std::collections::BTreeMap;

use ecr_multiarch_core::RepositoryName;
use ecr_multiarch_core::alias::policy::AliasPolicy;
use ecr_multiarch_core::alias::template::InvalidAliasTemplate;
use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
use ecr_multiarch_core::settings::tag_scheme::TagScheme;
use serde::Serialize;

use crate::guess::{Guess, Layout};
use crate::version::{Version, Versions};

/// How many of the newest versions tell which platforms are built today: few enough that a platform which was added or
/// dropped is noticed soon, and enough that a broken build among them does not matter.
const NEWEST_VERSIONS: usize = 5;

/// The settings for one repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RepositorySettings {
    /// `TAG_TEMPLATE`.
    pub tag_template: String,
    /// `PLATFORMS`: those that at least half of the newest versions have.
    pub platforms: String,
    /// `ALIASES`: those that follow releases; empty, if there are none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub aliases: String,
}

/// The settings for one repository, as text and as the function reads them.
#[derive(Debug)]
pub struct Suggestion {
    /// The text.
    pub settings: RepositorySettings,
    /// The platform tags that the function would serve.
    pub tag_scheme: TagScheme,
    /// The aliases that it would move.
    pub aliases: AliasPolicy,
}

impl Suggestion {
    /// The settings of a repository. `None` if it needs no lists: its newest versions have fewer than two
    /// platforms by their tags.
    ///
    /// # Errors
    /// Why the function would not accept what was guessed.
    pub fn of(guess: &Guess, versions: &Versions<'_>) -> Result<Option<Self>, String> {
        let Some(layout) = guess.layout else { return Ok(None) };
        let tagged = || versions.all.iter().filter(|version| !version.images.is_empty());
        let has_releases = tagged().any(|version| version.is_release);
        let newest: Vec<_> =
            tagged().filter(|version| version.is_release == has_releases).take(NEWEST_VERSIONS).collect();
        let mut platforms = Vec::new();
        for (position, platform) in versions.platforms.iter().enumerate() {
            let has = newest.iter().filter(|version| version.images.iter().any(|image| image.platform == position));
            if 2 * has.count() >= newest.len()
                && let Some(part) = usual_part(layout, &newest, position)
            {
                platforms.push(configured(platform, part)?);
            }
        }
        if platforms.len() < 2 {
            return Ok(None);
        }
        platforms.sort_by(|(one, _), (other, _)| one.cmp(other));
        let tag_template = layout.template();
        let parsed = platforms.iter().map(|(_, platform)| platform.clone()).collect();
        let template = tag_template.parse().map_err(|invalid| format!("{invalid}"))?;
        let tag_scheme = TagScheme::new(template, parsed).map_err(|invalid| invalid.to_string())?;
        let platforms: Vec<_> = platforms.into_iter().map(|(text, _)| text).collect();
        let aliases: Vec<_> = guess.aliases.iter().map(|guessed| guessed.template).collect();
        let settings = RepositorySettings { tag_template, platforms: platforms.join(","), aliases: aliases.join(",") };
        let templates: Result<_, _> = aliases.into_iter().map(str::parse).collect();
        let templates = templates.map_err(|invalid: InvalidAliasTemplate| invalid.to_string())?;
        let aliases = AliasPolicy::new(templates, &tag_scheme).map_err(|invalid| invalid.to_string())?;
        Ok(Some(Self { settings, tag_scheme, aliases }))
    }
}

/// The part that names a platform in the most tags of these versions: an older spelling is not that of the next push.
fn usual_part<'a>(layout: Layout, versions: &[&Version<'a>], platform: usize) -> Option<&'a str> {
    let images = versions.iter().flat_map(|version| &version.images).filter(|image| image.platform == platform);
    let mut counts = BTreeMap::<&str, usize>::new();
    for divided in images.filter_map(|image| layout.divide(image.tag)) {
        *counts.entry(divided.part).or_default() += 1;
    }
    // Of as many, the one that sorts first.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(part, _)| part)
}

/// A platform of the settings, with its tag part where it is not the default.
fn configured(platform: &str, tag_part: &str) -> Result<(String, ConfiguredPlatform), String> {
    let parse = |text: &str| text.parse::<ConfiguredPlatform>().map_err(|invalid| invalid.to_string());
    let by_default = parse(platform)?;
    if by_default.tag_part().as_str() == tag_part {
        return Ok((platform.to_owned(), by_default));
    }
    let text = format!("{platform}={tag_part}");
    let configured = parse(&text)?;
    Ok((text, configured))
}

/// How many bytes the environment variables of a Lambda function may have together: 4 KB. (AWS Lambda developer guide,
/// "Lambda quotas".)
const MAX_ENVIRONMENT_BYTES: usize = 4_096;

/// What keeps the function from taking these variables as they are, in full sentences.
pub fn doubts(variables: &BTreeMap<&'static str, String>) -> Vec<String> {
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    let is_too_long = bytes > MAX_ENVIRONMENT_BYTES;
    let doubt = || {
        format!(
            "These settings have {bytes} bytes, and Lambda accepts 4,096 of all environment variables together: use globs \
             in place of the names of repositories."
        )
    };
    is_too_long.then(doubt).into_iter().collect()
}

/// The environment variables of the function for all repositories: those that most repositories have in common, and
/// rules for the others. If there are repositories without a suggestion, only those with one are served: the others
/// would be reported as incomplete.
pub fn variables(
    repositories: &[(&RepositoryName, &RepositorySettings)],
    are_all: bool,
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
    if !are_all {
        let names: Vec<_> = repositories.iter().map(|(name, _)| name.as_str()).collect();
        variables.insert("REPOSITORIES", names.join(","));
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
        let variables = variables(&[(&one, &usual), (&two, &usual), (&three, &other)], false);
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
    fn rule_states_only_what_differs() {
        let usual = settings("{version}-{platform}", "linux/amd64,linux/arm64", "latest");
        let other = RepositorySettings { aliases: "{major},latest".to_owned(), ..usual.clone() };
        let [one, two, three]: [RepositoryName; 3] = ["one", "two", "three"].map(|name| name.parse().unwrap());
        let variables = variables(&[(&one, &usual), (&two, &usual), (&three, &other)], true);
        assert_eq!(variables["RULES"], r#"[{"repositories":["three"],"aliases":"{major},latest"}]"#);
    }

    #[test]
    fn repositories_that_agree_need_no_rules() {
        let usual = settings("{version}-{platform}", "linux/amd64,linux/arm64", "");
        let name = "app".parse().unwrap();
        assert_eq!(
            variables(&[(&name, &usual)], true).keys().copied().collect::<Vec<_>>(),
            ["PLATFORMS", "TAG_TEMPLATE"]
        );
        assert_eq!(variables(&[], false), BTreeMap::new());
    }
}
