//! The environment variables of the settings: names, defaults, and expected values.
//!
//! The deployment template has a parameter for each of them, and a test compares the two.

use strum::VariantArray;

/// The parameter of the deployment template with which any account is served whose events arrive.
const ORGANIZATION: &str = "OrganizationId";

/// An environment variable of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Variable {
    /// The platforms that every manifest list must have.
    Platforms,
    /// The form of platform tags.
    TagTemplate,
    /// The repositories that are served.
    Repositories,
    /// The pattern that a version must match.
    VersionPattern,
    /// Whether a version is held back while its revisions differ.
    Revisions,
    /// Whether attestations are kept.
    Attestations,
    /// The templates of the aliases that follow releases.
    Aliases,
    /// The ways of numbering, each with the templates of its aliases.
    Streams,
    /// The form of the tags of the images inside manifest lists.
    ImageTags,
    /// The annotations of manifest lists.
    Annotations,
    /// Additional accounts whose registries are served.
    Accounts,
    /// Additional Regions whose registries are served.
    Regions,
    /// Separate settings for some repositories.
    Rules,
    /// The write rate of the sweep.
    SweepPutsPerSecond,
    /// The age from which a complete version is trusted to be what a scan shows.
    SettledAfter,
    /// The age from which an incomplete version is reported.
    IncompleteAfter,
    /// The age up to which an incomplete version is reported.
    IncompleteUntil,
}

impl Variable {
    /// All of them.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name of the variable.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The name of the parameter of the deployment template that sets it.
    pub fn parameter(self) -> String {
        match self {
            // The name that the parameter had before the variable existed.
            Self::Regions => "FurtherRegions".to_owned(),
            variable => format!("{variable:?}"),
        }
    }

    /// The value that the deployment template sets, by the parameters that are given. `None`, where it is the default.
    pub fn value_from(self, parameter: impl Fn(&str) -> Option<String>) -> Option<String> {
        if self == Self::Accounts && parameter(ORGANIZATION).is_some_and(|organization| !organization.is_empty()) {
            return Some("*".to_owned());
        }
        let value = parameter(&self.parameter())?;
        // CloudFormation trims the entries of a list.
        let is_list = matches!(self, Self::Repositories | Self::Accounts | Self::Regions);
        Some(if is_list { value.split(',').map(str::trim).collect::<Vec<_>>().join(",") } else { value })
    }

    /// The value that is assumed where the variable is not set; `None`, if it is required.
    pub const fn default(self) -> Option<&'static str> {
        match self {
            Self::Platforms => None,
            Self::TagTemplate => Some("{version}-{platform}"),
            Self::Repositories => Some("*"),
            Self::VersionPattern
            | Self::Aliases
            | Self::Streams
            | Self::ImageTags
            | Self::Annotations
            | Self::Accounts
            | Self::Regions
            | Self::Rules => Some(""),
            Self::Revisions => Some("same"),
            Self::Attestations => Some("keep"),
            Self::SweepPutsPerSecond => Some("2"),
            Self::SettledAfter => Some("3h"),
            Self::IncompleteAfter => Some("1h"),
            Self::IncompleteUntil => Some("7d"),
        }
    }

    /// The expected value, in words.
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Platforms => {
                "a comma-separated list of os[(os.version)]/arch[/variant][=tag-part], such as linux/amd64,linux/arm64 \
                 or windows(10.0.20348)/amd64=ltsc2022"
            }
            Self::TagTemplate => {
                "{version} and {platform}, each exactly once and in either order, such as {version}-{platform}"
            }
            Self::Repositories => {
                "a comma-separated list of repository names or globs, such as team-a/*,base; * alone matches all"
            }
            Self::VersionPattern => {
                r"a regular expression that the whole version must match, such as \d+\.\d+\.\d+, or nothing"
            }
            Self::Revisions => "same or any",
            Self::Attestations => "keep or drop",
            Self::Aliases => {
                "a comma-separated list of tags in which {major} and {minor} may stand, each once, such as \
                 {major}.{minor},{major},latest, none of which can be a release, a platform tag or a yank marker; or \
                 nothing"
            }
            Self::Streams => {
                "a JSON array of objects with \"releases\" (a regular expression that the whole version must match, whose \
                 named groups of digits order the versions; without it, three numbers) and \"aliases\" (comma-separated \
                 tags in which the groups may stand, as {name}), such as \
                 [{\"releases\":\"main-(?<build>\\\\d+)-[0-9a-f]{7,40}\",\"aliases\":\"main\"}]; or nothing"
            }
            Self::ImageTags => {
                "{version} and {platform}, each exactly once and in either order, such as {version}_{platform}, which gives \
                 no platform tag, alias or yank marker; or nothing"
            }
            Self::Annotations => {
                "a comma-separated list of keys, which are taken over from the images, and of key=value, such as \
                 org.opencontainers.image.source,org.opencontainers.image.vendor=Example, each key once, of letters, \
                 digits and . _ - /, and at most 4,096 bytes in all; a comma within a value is written \\,; or nothing"
            }
            Self::Accounts => {
                "a comma-separated list of account ids of 12 digits, such as 111122223333,444455556666; * alone for any \
                 account whose events arrive; or nothing"
            }
            Self::Regions => "a comma-separated list of AWS Regions, such as eu-west-1,us-east-1, or nothing",
            Self::Rules => {
                "a JSON array of objects with \"repositories\" (an array of names or globs) and any of \"platforms\", \
                 \"tag_template\", \"version_pattern\", \"revisions\", \"attestations\", \"aliases\", \"streams\", \
                 \"image_tags\", \"annotations\""
            }
            Self::SweepPutsPerSecond => "a number from 0.01 to 1000, such as 2 or 0.5",
            Self::SettledAfter | Self::IncompleteAfter => "a whole number with s, m, h or d, such as 90m or 7d",
            Self::IncompleteUntil => {
                "a whole number with s, m, h or d, such as 7d, that is longer than INCOMPLETE_AFTER"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_set_variables() {
        let accounts = |organization: &str| {
            Variable::Accounts.value_from(|name| match name {
                "OrganizationId" => Some(organization.to_owned()),
                _ => Some(format!("1, {name}")),
            })
        };
        assert_eq!(accounts("o-a1b2c3d4e5").as_deref(), Some("*"));
        assert_eq!(accounts("").as_deref(), Some("1,Accounts"));
        assert_eq!(Variable::Regions.value_from(|name| Some(name.to_owned())).as_deref(), Some("FurtherRegions"));
        assert_eq!(Variable::TagTemplate.value_from(|name| Some(format!(" {name}"))).as_deref(), Some(" TagTemplate"));
        assert_eq!(Variable::Aliases.value_from(|_| None), None);
    }
}
