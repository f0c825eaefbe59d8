//! What the function is told by its environment: which platforms, which repositories, which rules.

pub mod variable;

mod reading;

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use regex_lite::Regex;
use serde::Deserialize;

use crate::naming::{Naming, TagTemplate};
use crate::repository::{AccountId, RepositoryGlob, RepositoryName};
use crate::tag::Tag;
pub use reading::InvalidSetting;
use reading::Reading;

/// What to do with a version whose platforms carry different revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revisions {
    /// Hold it back until they agree.
    Same,
    /// Publish it all the same.
    Any,
}

/// What to do with the BuildKit attestations of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attestations {
    /// Each follows its image in the list.
    Keep,
    /// The list names images alone.
    Drop,
}

/// A regular expression that a whole version must match.
#[derive(Debug, Clone)]
pub struct VersionPattern(Regex);

impl VersionPattern {
    /// Whether the whole version matches.
    pub fn matches(&self, version: &Tag) -> bool {
        self.0.is_match(version.as_str())
    }
}

impl FromStr for VersionPattern {
    type Err = regex_lite::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The pattern by itself first: one with a stray parenthesis must not become valid by what is put around it.
        Regex::new(text)?;
        Regex::new(&format!("^(?:{text})$")).map(Self)
    }
}

/// The settings that hold for one repository.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How its tags name versions and platforms.
    pub naming: Naming,
    /// What its versions look like, where that is limited.
    pub version_pattern: Option<VersionPattern>,
    /// What differing revisions do.
    pub revisions: Revisions,
    /// What becomes of attestations.
    pub attestations: Attestations,
}

/// The limits of the sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SweepLimits {
    /// How many lists it writes a second.
    pub puts_per_second: f64,
    /// From which age of its newest platform on a version counts as incomplete.
    pub incomplete_after: Duration,
    /// Up to which age.
    pub incomplete_until: Duration,
}

/// All settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    repositories: Vec<RepositoryGlob>,
    accounts: Vec<AccountId>,
    rules: Vec<(Vec<RepositoryGlob>, Policy)>,
    default_policy: Policy,
    sweep: SweepLimits,
}

const PLATFORMS_ALLOWED: &str = "a comma-separated list of os[(os.version)]/arch[/variant][=tag-part], such as \
                                 linux/amd64,linux/arm64 or windows(10.0.20348)/amd64=ltsc2022";
const TAG_TEMPLATE_ALLOWED: &str =
    "a text with {version} and {platform}, each exactly once and in either order, such as {version}-{platform}";
const REPOSITORIES_ALLOWED: &str =
    "a comma-separated list of repository names or globs, such as team-a/*,base; * alone stands for all";
const VERSION_PATTERN_ALLOWED: &str = r"a regular expression that the whole version must match, such as \d+\.\d+\.\d+";
const REVISIONS_ALLOWED: &str = "same or any";
const ATTESTATIONS_ALLOWED: &str = "keep or drop";
const ACCOUNTS_ALLOWED: &str = "a comma-separated list of account ids of 12 digits, such as 111122223333,444455556666";
const RULES_ALLOWED: &str = "a JSON array of objects with \"repositories\" (an array of names or globs) and any of \
                             \"platforms\", \"tag_template\", \"version_pattern\", \"revisions\", \"attestations\"";
const PUTS_ALLOWED: &str = "a number above 0 (from 0.01) and up to 1000, such as 2 or 0.5";
const AGE_ALLOWED: &str = "a whole number with s, m, h or d, such as 90m or 7d";
const WINDOW_ALLOWED: &str = "an age above that of INCOMPLETE_AFTER, such as 7d";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    repositories: Vec<String>,
    platforms: Option<String>,
    tag_template: Option<String>,
    version_pattern: Option<String>,
    revisions: Option<String>,
    attestations: Option<String>,
}

/// The texts from which a policy is read, each with the variable that it comes from.
struct PolicyReadings<'a> {
    platforms: Reading<'a>,
    tag_template: Reading<'a>,
    version_pattern: Reading<'a>,
    revisions: Reading<'a>,
    attestations: Reading<'a>,
}

impl PolicyReadings<'_> {
    fn policy(&self) -> Result<Policy, InvalidSetting> {
        let platforms = self.platforms.list()?;
        let template: TagTemplate = self.tag_template.parse()?;
        let version_pattern =
            (!self.version_pattern.value.is_empty()).then(|| self.version_pattern.parse()).transpose()?;
        Ok(Policy {
            naming: Naming::new(template, platforms).map_err(|error| self.platforms.refuse(error))?,
            version_pattern,
            revisions: self.revisions.one_of([("same", Revisions::Same), ("any", Revisions::Any)])?,
            attestations: self.attestations.one_of([("keep", Attestations::Keep), ("drop", Attestations::Drop)])?,
        })
    }
}

impl Settings {
    /// Reads the settings with a look-up of variables by name.
    ///
    /// # Errors
    /// [`InvalidSetting`] for the first variable that cannot be followed.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let text = |variable, default: &str| lookup(variable).unwrap_or_else(|| default.to_owned());
        let platforms = lookup(variable::PLATFORMS)
            .ok_or(InvalidSetting::Missing { variable: variable::PLATFORMS, allowed: PLATFORMS_ALLOWED })?;
        let tag_template = text(variable::TAG_TEMPLATE, "{version}-{platform}");
        let version_pattern = text(variable::VERSION_PATTERN, "");
        let revisions = text(variable::REVISIONS, "same");
        let attestations = text(variable::ATTESTATIONS, "keep");
        let defaults = || PolicyReadings {
            platforms: Reading::new(variable::PLATFORMS, &platforms, PLATFORMS_ALLOWED),
            tag_template: Reading::new(variable::TAG_TEMPLATE, &tag_template, TAG_TEMPLATE_ALLOWED),
            version_pattern: Reading::new(variable::VERSION_PATTERN, &version_pattern, VERSION_PATTERN_ALLOWED),
            revisions: Reading::new(variable::REVISIONS, &revisions, REVISIONS_ALLOWED),
            attestations: Reading::new(variable::ATTESTATIONS, &attestations, ATTESTATIONS_ALLOWED),
        };
        let default_policy = defaults().policy()?;

        let repositories = text(variable::REPOSITORIES, "*");
        let accounts = text(variable::ACCOUNTS, "");
        let rules = text(variable::RULES, "");
        Ok(Self {
            repositories: Reading::new(variable::REPOSITORIES, &repositories, REPOSITORIES_ALLOWED).list()?,
            accounts: match accounts.as_str() {
                "" => Vec::new(),
                accounts => {
                    let accounts: BTreeSet<_> =
                        Reading::new(variable::ACCOUNTS, accounts, ACCOUNTS_ALLOWED).list()?.into_iter().collect();
                    accounts.into_iter().collect()
                }
            },
            rules: match rules.as_str() {
                "" => Vec::new(),
                rules => read_rules(&Reading::new(variable::RULES, rules, RULES_ALLOWED), defaults)?,
            },
            default_policy,
            sweep: read_sweep_limits(text)?,
        })
    }

    /// The policy of a repository, where it is one of those that are served.
    pub fn policy(&self, repository: &RepositoryName) -> Option<&Policy> {
        let among = |globs: &[RepositoryGlob]| globs.iter().any(|glob| glob.matches(repository));
        let rule = || self.rules.iter().find(|(globs, _)| among(globs)).map(|(_, policy)| policy);
        among(&self.repositories).then(|| rule().unwrap_or(&self.default_policy))
    }

    /// The repositories that are served, by name or glob.
    pub fn repositories(&self) -> &[RepositoryGlob] {
        &self.repositories
    }

    /// The accounts whose registries are served beside the function's own.
    pub fn accounts(&self) -> &[AccountId] {
        &self.accounts
    }

    /// The limits of the sweep.
    pub fn sweep(&self) -> SweepLimits {
        self.sweep
    }
}

fn read_rules<'a>(
    reading: &Reading<'a>,
    defaults: impl Fn() -> PolicyReadings<'a>,
) -> Result<Vec<(Vec<RepositoryGlob>, Policy)>, InvalidSetting> {
    let rules: Vec<Rule> = serde_json::from_str(reading.value).map_err(|error| reading.refuse(error))?;
    let read = |(index, rule): (usize, &Rule)| {
        let place = |field: &str| format!("{}[{index}].{field}", variable::RULES);
        if rule.repositories.is_empty() {
            return Err(Reading::new(place("repositories"), "[]", RULES_ALLOWED).refuse("it names no repository"));
        }
        let globs = rule.repositories.iter();
        let globs = globs.map(|glob| Reading::new(place("repositories"), glob, REPOSITORIES_ALLOWED).parse());
        let globs = globs.collect::<Result<_, _>>()?;

        let PolicyReadings { platforms, tag_template, version_pattern, revisions, attestations } = defaults();
        let or = |field: &str, own: &'_ Option<String>, default: Reading<'_>| match own {
            Some(value) => (place(field), value.clone(), default.allowed),
            None => (default.variable, default.value.to_owned(), default.allowed),
        };
        let texts = [
            or("platforms", &rule.platforms, platforms),
            or("tag_template", &rule.tag_template, tag_template),
            or("version_pattern", &rule.version_pattern, version_pattern),
            or("revisions", &rule.revisions, revisions),
            or("attestations", &rule.attestations, attestations),
        ];
        let [platforms, tag_template, version_pattern, revisions, attestations] =
            texts.each_ref().map(|(variable, value, allowed)| Reading::new(variable.as_str(), value, allowed));
        let policy = PolicyReadings { platforms, tag_template, version_pattern, revisions, attestations }.policy()?;
        Ok((globs, policy))
    };
    rules.iter().enumerate().map(read).collect()
}

fn read_sweep_limits(text: impl Fn(&'static str, &str) -> String) -> Result<SweepLimits, InvalidSetting> {
    let puts = text(variable::SWEEP_PUTS_PER_SECOND, "2");
    let puts = Reading::new(variable::SWEEP_PUTS_PER_SECOND, &puts, PUTS_ALLOWED);
    let puts_per_second: f64 = puts.parse()?;
    if !(0.01..=1000.0).contains(&puts_per_second) {
        return Err(puts.refuse("it is out of range"));
    }
    let after = text(variable::INCOMPLETE_AFTER, "1h");
    let incomplete_after = Reading::new(variable::INCOMPLETE_AFTER, &after, AGE_ALLOWED).age()?;
    let until = text(variable::INCOMPLETE_UNTIL, "7d");
    let until = Reading::new(variable::INCOMPLETE_UNTIL, &until, AGE_ALLOWED);
    let incomplete_until = until.age()?;
    if incomplete_until <= incomplete_after {
        let until = Reading { allowed: WINDOW_ALLOWED, ..until };
        return Err(until.refuse(format_args!("INCOMPLETE_AFTER is {after:?}, which leaves no time between the two")));
    }
    Ok(SweepLimits { puts_per_second, incomplete_after, incomplete_until })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, InvalidSetting> {
        Settings::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn refusal(variable: &str, value: &str) -> String {
        match read(&[("PLATFORMS", "linux/amd64"), (variable, value)]) {
            Ok(_) => panic!("{variable}={value} was taken"),
            Err(error) => error.to_string(),
        }
    }

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn platforms_alone_are_enough() {
        let settings = read(&[("PLATFORMS", "linux/amd64, linux/arm64")]).unwrap();
        let policy = settings.policy(&name("any/repository")).unwrap();
        assert_eq!(policy.naming.platforms().len(), 2);
        assert_eq!((policy.revisions, policy.attestations), (Revisions::Same, Attestations::Keep));
        assert!(policy.version_pattern.is_none());
        assert_eq!(settings.sweep().puts_per_second.to_string(), "2");
        assert_eq!(settings.sweep().incomplete_until, Duration::from_hours(7 * 24));
    }

    #[test]
    fn without_platforms_nothing_is_guessed() {
        let message = read(&[]).unwrap_err().to_string();
        assert!(message.contains("PLATFORMS") && message.contains("linux/amd64,linux/arm64"), "{message}");
    }

    #[test]
    fn a_refusal_names_the_variable_the_value_and_what_is_allowed() {
        for (variable, value, allowed) in [
            ("PLATFORMS", "amd64", "os[(os.version)]/arch"),
            ("PLATFORMS", "", "os[(os.version)]/arch"),
            ("PLATFORMS", "linux/amd64,", "os[(os.version)]/arch"),
            ("PLATFORMS", "linux/arm64,linux/arm64", "os[(os.version)]/arch"),
            ("TAG_TEMPLATE", "{version}", "{platform}"),
            ("TAG_TEMPLATE", "", "{platform}"),
            ("REPOSITORIES", "", "team-a/*"),
            ("REPOSITORIES", "Team", "team-a/*"),
            ("VERSION_PATTERN", "(", "regular expression"),
            ("VERSION_PATTERN", "a)|(b", "regular expression"),
            ("REVISIONS", "Same", "same or any"),
            ("ATTESTATIONS", "yes", "keep or drop"),
            ("ACCOUNTS", "123", "12 digits"),
            ("RULES", "{", "JSON array"),
            ("RULES", r#"[{"repositories":["a*"],"platform":"x"}]"#, "JSON array"),
            ("SWEEP_PUTS_PER_SECOND", "0", "above 0"),
            ("SWEEP_PUTS_PER_SECOND", "1e-20", "above 0"),
            ("SWEEP_PUTS_PER_SECOND", "NaN", "above 0"),
            ("SWEEP_PUTS_PER_SECOND", "inf", "above 0"),
            ("INCOMPLETE_AFTER", "1w", "7d"),
            ("INCOMPLETE_AFTER", "+1h", "7d"),
            ("INCOMPLETE_AFTER", "h", "7d"),
            ("INCOMPLETE_AFTER", "1é", "7d"),
            ("INCOMPLETE_UNTIL", "30m", "INCOMPLETE_AFTER"),
            ("INCOMPLETE_UNTIL", "", "7d"),
        ] {
            let settings: Vec<_> =
                [("PLATFORMS", "linux/amd64")].into_iter().filter(|(name, _)| *name != variable).collect();
            let error = read(&[settings, vec![(variable, value)]].concat()).expect_err(value).to_string();
            for part in [variable, &format!("\"{value}\""), allowed] {
                assert!(error.contains(part), "{variable}={value}: {part:?} is not in: {error}");
            }
        }
    }

    #[test]
    fn the_whole_version_must_match() {
        let settings = read(&[("PLATFORMS", "linux/amd64"), ("VERSION_PATTERN", r"\d+|v\d+")]).unwrap();
        let pattern = settings.policy(&name("app")).unwrap().version_pattern.clone().unwrap();
        for (version, expected) in [("12", true), ("v12", true), ("12x", false), ("x12", false), ("v1.2", false)] {
            assert_eq!(pattern.matches(&version.parse().unwrap()), expected, "{version}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_wins_and_leaves_the_rest_to_the_variables() {
        let settings = read(&[
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
        let policy = |text: &str| settings.policy(&name(text));
        let platforms = |text| policy(text).unwrap().naming.platforms().len();
        assert_eq!((platforms("team-a/x"), platforms("team-a/y"), platforms("team-b/x")), (1, 2, 2));
        assert_eq!(policy("team-a/x").unwrap().attestations, Attestations::Drop);
        assert_eq!(policy("team-a/y").unwrap().attestations, Attestations::Keep);
        assert_eq!(policy("team-a/y").unwrap().revisions, Revisions::Any);
        assert!(policy("other").is_none(), "a rule serves no repository that REPOSITORIES leaves out");
    }

    #[test]
    fn a_bad_rule_is_named_by_its_place() {
        let message = refusal("RULES", r#"[{"repositories":["a*"]},{"repositories":["b*"],"revisions":"no"}]"#);
        assert!(message.contains("RULES[1].revisions") && message.contains("\"no\""), "{message}");
        let message = refusal("RULES", r#"[{"repositories":[]}]"#);
        assert!(message.contains("RULES[0].repositories"), "{message}");
        let message = refusal("RULES", r#"[{"repositories":["b*"],"platforms":"linux/amd64,linux/amd64"}]"#);
        assert!(message.contains("RULES[0].platforms"), "{message}");
    }
}
