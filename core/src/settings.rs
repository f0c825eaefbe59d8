//! The settings: which platforms, which repositories, which rules.

pub mod alias_template;
pub mod configured_platform;
pub mod image_tag;
pub mod platform_set;
pub mod release;
pub mod tag_meaning;
pub mod tag_scheme;
pub mod variable;
pub mod yank_marker;

mod accounts;
mod list_annotations;
mod named_groups;
mod numbering;
mod repository;
mod rule;
mod setting;
mod streams;
mod tag_expression;
mod warnings;

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::name::{AccountId, Region, RegistryId, RepositoryGlob, RepositoryName};
pub use accounts::Accounts;
pub use list_annotations::ListAnnotations;
pub use repository::{Attestations, RepositorySettings, Revisions};
use rule::{RuleSettings, UnparsedRepositorySettings, parse_rules};
pub use setting::InvalidSetting;
use setting::Setting;
pub use streams::Streams;
pub use tag_expression::TagExpression;
pub use tag_meaning::{NotAnAlias, TagMeaning, UnusableAlias, VersionNotServed};
use variable::Variable;

/// The settings of the sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SweepSettings {
    /// How many manifest lists it writes per second, in each registry.
    pub puts_per_second: f64,
    /// The age from which a complete version is trusted to be what a scan shows.
    pub settled_after: Duration,
    /// The age of its newest platform from which an incomplete version is reported.
    pub incomplete_after: Duration,
    /// The age up to which it is reported.
    pub incomplete_until: Duration,
}

/// The valid rates of [`Variable::SweepPutsPerSecond`]: ECR's quota can be raised to some hundreds per second, and with
/// less than one write in 100 s a sweep of 15 minutes could not publish ten versions.
const PUTS_PER_SECOND: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

/// All settings, validated.
#[derive(Debug, Clone)]
pub struct Settings {
    repositories: Vec<RepositoryGlob>,
    accounts: Accounts,
    regions: Vec<Region>,
    rules: Vec<RuleSettings>,
    defaults: Arc<RepositorySettings>,
    sweep: SweepSettings,
}

impl Settings {
    /// Parses the settings, looking each variable up by its name.
    ///
    /// # Errors
    /// [`InvalidSetting`], for the first variable that is invalid.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let unparsed = UnparsedRepositorySettings::lookup(&lookup)?;
        let defaults = Arc::new(unparsed.parse()?);
        Ok(Self {
            repositories: Setting::lookup(Variable::Repositories, &lookup)?.list()?,
            accounts: parse_accounts(&Setting::lookup(Variable::Accounts, &lookup)?)?,
            regions: parse_set(&Setting::lookup(Variable::Regions, &lookup)?)?,
            rules: parse_rules(&Setting::lookup(Variable::Rules, &lookup)?, &unparsed)?,
            defaults,
            sweep: parse_sweep(&lookup)?,
        })
    }

    /// The settings of a repository, if it is served.
    pub fn for_repository(&self, repository: &RepositoryName) -> Option<&Arc<RepositorySettings>> {
        let is_served = self.repositories.iter().any(|glob| glob.matches(repository));
        let rule = || self.rule_for(repository).map(|(index, _)| &self.rules[index].1);
        is_served.then(|| rule().unwrap_or(&self.defaults))
    }

    /// The position of the rule for a repository, and the glob of it that matches. `None`, where no rule applies.
    pub fn rule_for(&self, repository: &RepositoryName) -> Option<(usize, &RepositoryGlob)> {
        let mut rules = self.rules.iter().enumerate();
        rules.find_map(|(index, (globs, _))| Some((index, globs.iter().find(|glob| glob.matches(repository))?)))
    }

    /// Whether any repository can have aliases.
    pub fn has_aliases(&self) -> bool {
        self.of_any_repository().any(RepositorySettings::has_aliases)
    }

    /// Whether the images inside manifest lists of any repository get tags.
    pub fn has_image_tags(&self) -> bool {
        self.of_any_repository().any(|settings| settings.image_tags.is_some())
    }

    /// The keys that lists of any repository take over from their images.
    pub fn taken_over(&self) -> BTreeSet<String> {
        let keys = self.of_any_repository().flat_map(|settings| settings.annotations.taken_over());
        keys.map(str::to_owned).collect()
    }

    /// The settings of the rules, and those of all other repositories.
    fn of_any_repository(&self) -> impl Iterator<Item = &RepositorySettings> {
        self.rules.iter().map(|(_, settings)| &**settings).chain([&*self.defaults])
    }

    /// The repositories that are served, by name or glob.
    pub fn repositories(&self) -> &[RepositoryGlob] {
        &self.repositories
    }

    /// The additional accounts whose registries are served.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The additional Regions whose registries are served.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The registries of these accounts, or else of all that are known by name: the own account first, each account
    /// with the own Region first, the others ascending.
    pub fn registries(
        &self,
        own_account: Option<&AccountId>,
        own_region: &Region,
        accounts: Option<&[AccountId]>,
    ) -> Vec<RegistryId> {
        let is_own = |account: &&AccountId| Some(*account) == own_account;
        let includes_own = accounts.is_none_or(|accounts| accounts.iter().any(|account| is_own(&account)));
        let named = accounts.unwrap_or(self.accounts.listed()).iter();
        let others: BTreeSet<_> = named.filter(|account| !is_own(account)).collect();
        let accounts = includes_own.then(|| own_account.cloned()).into_iter();
        let accounts = accounts.chain(others.into_iter().cloned().map(Some));
        let regions = || std::iter::once(own_region).chain(self.regions.iter().filter(|region| *region != own_region));
        let registry = |account: Option<AccountId>| {
            regions().map(move |region| RegistryId { account: account.clone(), region: region.clone() })
        };
        accounts.flat_map(registry).collect()
    }

    /// The settings of the sweep.
    pub fn sweep(&self) -> SweepSettings {
        self.sweep
    }
}

fn parse_accounts(accounts: &Setting) -> Result<Accounts, InvalidSetting> {
    if accounts.value == "*" {
        return Ok(Accounts::Any);
    }
    parse_set(accounts).map(Accounts::Listed)
}

/// A comma-separated list without duplicates, in ascending order; empty for nothing.
fn parse_set<T: FromStr<Err: std::fmt::Display> + Ord>(setting: &Setting) -> Result<Vec<T>, InvalidSetting> {
    if setting.is_empty() {
        return Ok(Vec::new());
    }
    let items: BTreeSet<_> = setting.list()?.into_iter().collect();
    Ok(items.into_iter().collect())
}

fn parse_sweep(lookup: &impl Fn(&str) -> Option<String>) -> Result<SweepSettings, InvalidSetting> {
    let puts = Setting::lookup(Variable::SweepPutsPerSecond, lookup)?;
    let puts_per_second: f64 = puts.parse()?;
    if !PUTS_PER_SECOND.contains(&puts_per_second) {
        return Err(puts.invalid("out of range"));
    }
    let settled_after = Setting::lookup(Variable::SettledAfter, lookup)?.duration()?;
    let incomplete_after = Setting::lookup(Variable::IncompleteAfter, lookup)?.duration()?;
    let until = Setting::lookup(Variable::IncompleteUntil, lookup)?;
    let incomplete_until = until.duration()?;
    if incomplete_until <= incomplete_after {
        return Err(until.invalid("not longer than INCOMPLETE_AFTER"));
    }
    Ok(SweepSettings { puts_per_second, settled_after, incomplete_after, incomplete_until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::settings as parse;

    fn error(variable: &str, value: &str) -> String {
        parse(&[("PLATFORMS", "linux/amd64"), (variable, value)]).expect_err(value).to_string()
    }

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn platforms_are_the_only_required_setting() {
        let settings = parse(&[("PLATFORMS", "linux/amd64, linux/arm64")]).unwrap();
        let repository = settings.for_repository(&name("any/repository")).unwrap();
        assert_eq!(repository.tag_scheme.platforms().len(), 2);
        assert_eq!((repository.revisions, repository.attestations), (Revisions::Same, Attestations::Keep));
        assert!(repository.version_pattern.is_none());
        assert_eq!(settings.sweep().puts_per_second.to_string(), "2");
        assert_eq!(settings.sweep().incomplete_until, Duration::from_hours(7 * 24));
    }

    #[test]
    fn missing_platforms_are_an_error() {
        let error = parse(&[]).unwrap_err();
        assert_eq!(error.variable(), Some(Variable::Platforms));
        let message = error.to_string();
        assert!(message.contains("PLATFORMS") && message.contains("linux/amd64,linux/arm64"), "{message}");
    }

    #[test]
    fn error_names_variable_value_and_expectation() {
        for (variable, values, expected) in [
            ("PLATFORMS", "amd64||linux/amd64,|linux/arm64,linux/arm64", "os[(os.version)]/arch"),
            ("PLATFORMS", "linux/arm,linux/arm/v7", "linux/arm/v7"),
            ("TAG_TEMPLATE", "{version}|", "{platform}"),
            ("REPOSITORIES", "|Team", "team-a/*"),
            ("VERSION_PATTERN", "(", "regular expression"),
            ("REVISIONS", "Same", "same or any"),
            ("ATTESTATIONS", "yes", "keep or drop"),
            ("ALIASES", "latest,|{patch}", "{major}.{minor},{major},latest"),
            ("ALIASES", "{major}.{minor}.0", "which is a release"),
            ("ALIASES", "latest-amd64", "which is a platform tag"),
            ("ALIASES", "latest,latest", "twice"),
            ("ACCOUNTS", "123|*,111122223333", "12 digits"),
            ("REGIONS", "eu", "AWS Regions"),
            ("SETTLED_AFTER", "3", "7d"),
            ("RULES", "{", "JSON array"),
            ("SWEEP_PUTS_PER_SECOND", "0|1e-20|NaN|inf", "from 0.01"),
            ("INCOMPLETE_AFTER", "1w|+1h|h|1é", "7d"),
            ("INCOMPLETE_UNTIL", "30m", "INCOMPLETE_AFTER"),
            ("INCOMPLETE_UNTIL", "", "7d"),
        ] {
            for value in values.split('|') {
                // Of two values, the first one counts.
                let error = parse(&[(variable, value), ("PLATFORMS", "linux/amd64")]).expect_err(value).to_string();
                for part in [variable, &format!("\"{value}\""), expected] {
                    assert!(error.contains(part), "{variable}={value}: {part:?} is not in: {error}");
                }
            }
        }
        assert!(error("VERSION_PATTERN", "a)|(b").contains("regular expression"));
        assert!(error("RULES", r#"[{"repositories":["a*"],"platform":"x"}]"#).contains("JSON array"));
    }

    #[test]
    fn version_pattern_matches_the_whole_version() {
        let settings = parse(&[("PLATFORMS", "linux/amd64"), ("VERSION_PATTERN", r"\d+|v\d+")]).unwrap();
        let pattern = settings.for_repository(&name("app")).unwrap().version_pattern.clone().unwrap();
        for (version, expected) in [("12", true), ("v12", true), ("12x", false), ("x12", false), ("v1.2", false)] {
            assert_eq!(pattern.matches(&version.parse().unwrap()), expected, "{version}");
        }
    }

    #[test]
    fn first_matching_rule_overrides_the_variables() {
        let settings = parse(&[
            ("PLATFORMS", "linux/amd64,linux/arm64"),
            ("REPOSITORIES", "team-*"),
            ("ATTESTATIONS", "drop"),
            (
                "RULES",
                r#"[{"repositories":["team-a/x"],"platforms":"linux/s390x"},
                          {"repositories":["team-a/*"],"attestations":"keep","revisions":"any"},
                          {"repositories":["other"],"platforms":"linux/386"}]"#,
            ),
        ])
        .unwrap();
        let repository = |text: &str| settings.for_repository(&name(text));
        let platforms = |text| repository(text).unwrap().tag_scheme.platforms().len();
        assert_eq!((platforms("team-a/x"), platforms("team-a/y"), platforms("team-b/x")), (1, 2, 2));
        assert_eq!(repository("team-a/x").unwrap().attestations, Attestations::Drop);
        assert_eq!(repository("team-a/y").unwrap().attestations, Attestations::Keep);
        assert_eq!(repository("team-a/y").unwrap().revisions, Revisions::Any);
        assert!(repository("other").is_none(), "a rule serves no repository that REPOSITORIES leaves out");
        let rule = |text| settings.rule_for(&name(text)).map(|(index, glob)| format!("{index} {glob}"));
        let rules = ["team-a/x", "team-a/y", "team-b/x"].map(rule);
        assert_eq!(rules, [Some("0 team-a/x".to_owned()), Some("1 team-a/*".to_owned()), None]);
    }

    #[track_caller]
    fn check_registries(variables: &[(&str, &str)], accounts: Option<&[&str]>, expected: &str) {
        let settings = parse(&[&[("PLATFORMS", "linux/amd64")], variables].concat()).unwrap();
        let accounts: Option<Vec<AccountId>> =
            accounts.map(|accounts| accounts.iter().map(|account| account.parse().unwrap()).collect());
        let (own, region) = ("222222222222".parse().unwrap(), "eu-west-1".parse().unwrap());
        let registries = settings.registries(Some(&own), &region, accounts.as_deref());
        let digit = |id: &RegistryId| id.account.as_ref().unwrap().as_str()[..1].to_owned();
        let registries = registries.iter().map(|id| format!("{} {}", digit(id), id.region));
        assert_eq!(registries.collect::<Vec<_>>().join(", "), expected);
    }

    #[test]
    fn own_account_and_own_region_come_first() {
        check_registries(&[], None, "2 eu-west-1");
        check_registries(
            &[("ACCOUNTS", "333333333333,111111111111,222222222222"), ("REGIONS", "us-east-1,eu-west-1,ap-south-1")],
            None,
            "2 eu-west-1, 2 ap-south-1, 2 us-east-1, 1 eu-west-1, 1 ap-south-1, 1 us-east-1, \
             3 eu-west-1, 3 ap-south-1, 3 us-east-1",
        );
    }

    #[test]
    fn request_names_the_accounts_where_any_is_served() {
        let (any, named) = ([("ACCOUNTS", "*")], ["333333333333", "222222222222", "333333333333"]);
        check_registries(&any, Some(&named), "2 eu-west-1, 3 eu-west-1");
        check_registries(&any, None, "2 eu-west-1");
    }

    #[test]
    fn error_names_the_path_within_the_rules() {
        for (rules, path, expected) in [
            (r#"[{"repositories":["a*"]},{"repositories":["b*"],"revisions":"no"}]"#, "[1].revisions", "\"no\""),
            (r#"[{"repositories":[]}]"#, "[0].repositories", "names no repository"),
            (r#"[{"repositories":["b*"],"platforms":"linux/amd64,linux/amd64"}]"#, "[0].platforms", "linux/amd64"),
            (r#"[{"repositories":["a*"],"aliases":"{major}-amd64"}]"#, "[0].aliases", "{major}-amd64"),
        ] {
            let error = parse(&[("PLATFORMS", "linux/amd64"), ("RULES", rules)]).unwrap_err();
            assert_eq!(error.variable(), Some(Variable::Rules));
            let message = error.to_string();
            assert!(message.contains(&format!("RULES{path}")) && message.contains(expected), "{message}");
        }
    }

    #[test]
    fn alias_is_not_served_as_a_version() {
        let settings = parse(&[
            ("PLATFORMS", "linux/amd64"),
            ("ALIASES", "{major}.{minor}, {major},latest"),
            ("VERSION_PATTERN", r".*\d.*"),
            ("RULES", r#"[{"repositories":["plain"],"aliases":""},{"repositories":["other"],"aliases":"newest"}]"#),
        ])
        .unwrap();
        let reason = |repository: &str, version: &str| {
            let served = settings.for_repository(&name(repository)).unwrap().platform_tags(&version.parse().unwrap());
            served.err().map(|error| error.to_string())
        };
        for (version, template) in [("latest", "latest"), ("1.2", "{major}.{minor}"), ("2026", "{major}")] {
            let reason = reason("app", version).unwrap();
            assert!(reason.contains(version) && reason.contains(&format!("\"{template}\"")), "{reason}");
        }
        assert!(reason("other", "newest").unwrap().contains("alias"));
        for (repository, version) in [("app", "1.2.3"), ("app", "1.2-rc.1"), ("plain", "1.2"), ("other", "2026")] {
            assert_eq!(reason(repository, version), None, "{repository} {version}");
        }
    }

    #[test]
    fn aliases_are_compared_with_the_platform_tags_of_their_rule() {
        let rules = r#"[{"repositories":["a*"],"platforms":"linux/amd64=x86"}]"#;
        let variables = [("PLATFORMS", "linux/amd64"), ("ALIASES", "{major}-x86"), ("RULES", rules)];
        let message = parse(&variables).unwrap_err().to_string();
        assert!(message.contains("ALIASES") && message.contains("1-x86, which is a platform tag"), "{message}");
    }

    #[test]
    fn what_a_rule_sets_counts_for_the_whole() {
        let rule = |setting: &str| format!(r#"[{{"repositories":["a*"],{setting}}}]"#);
        let with = |variable, value: &str| parse(&[("PLATFORMS", "linux/amd64"), (variable, value)]).unwrap();
        let plain = with("RULES", "");
        assert!(!plain.has_aliases() && !plain.has_image_tags() && plain.taken_over().is_empty());
        for settings in [with("ALIASES", "latest"), with("RULES", &rule(r#""aliases":"latest""#))] {
            assert!(settings.has_aliases() && !settings.has_image_tags());
        }
        let template = "{version}_{platform}";
        for settings in [with("IMAGE_TAGS", template), with("RULES", &rule(&format!(r#""image_tags":"{template}""#)))] {
            assert!(settings.has_image_tags() && !settings.has_aliases());
        }
        let (annotations, rules) = ("taken-over,fixed=1", rule(r#""annotations":"other""#));
        let variables = [("PLATFORMS", "linux/amd64"), ("ANNOTATIONS", annotations), ("RULES", &rules)];
        assert_eq!(parse(&variables).unwrap().taken_over(), BTreeSet::from(["other", "taken-over"].map(str::to_owned)));
    }

    #[test]
    fn repositories_are_listed_as_they_are_set() {
        let settings = parse(&[("PLATFORMS", "linux/amd64"), ("REPOSITORIES", "b,a*")]).unwrap();
        assert_eq!(settings.repositories().iter().map(RepositoryGlob::as_str).collect::<Vec<_>>(), ["b", "a*"]);
    }
}
