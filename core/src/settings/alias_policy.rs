//! The alias policy of a repository: which tags are aliases, and of which releases.

use super::alias_template::AliasTemplate;
use super::release::Release;
use super::yank_marker;
use crate::oci::tag::Tag;
use crate::oci::tag_pattern::Pattern;
use crate::settings::tag_scheme::TagScheme;

/// The alias templates of a repository. There may be none.
///
/// No template can give a release, a platform tag or a yank marker, so that no tag is both an alias and one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AliasPolicy(pub(super) Vec<AliasTemplate>);

/// Why a list of alias templates is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAliases {
    /// It has a template twice.
    #[error("the alias template \"{0}\" stands twice: expected each template once")]
    Duplicate(AliasTemplate),
    /// A template can give a tag that has another meaning.
    #[error("the alias template \"{template}\" can give {example}, {meaning}: expected a template that gives none")]
    Ambiguous {
        /// The template.
        template: AliasTemplate,
        /// Such a tag.
        example: Tag,
        /// Its other meaning.
        meaning: &'static str,
    },
}

impl AliasPolicy {
    /// The policy of these templates, for a repository with this tag scheme.
    ///
    /// # Errors
    /// [`InvalidAliases`], for the first template that stands twice, or that can give a tag with another meaning.
    pub fn new(templates: Vec<AliasTemplate>, tag_scheme: &TagScheme) -> Result<Self, InvalidAliases> {
        let release = Pattern::default().optional(b'v').number().literal(".").number().literal(".").number();
        let marker = Pattern::default().literal(yank_marker::PREFIX).tag();
        let platform_tags = tag_scheme.patterns();
        for (index, template) in templates.iter().enumerate() {
            if templates[..index].contains(template) {
                return Err(InvalidAliases::Duplicate(template.clone()));
            }
            let given = template.pattern();
            let common = |other: &Pattern, meaning| given.common_tag(other).map(|example| (example, meaning));
            let ambiguous = common(&release, "which is a release")
                .or_else(|| common(&marker, "which is a yank marker"))
                .or_else(|| platform_tags.iter().find_map(|pattern| common(pattern, "which is a platform tag")));
            if let Some((example, meaning)) = ambiguous {
                return Err(InvalidAliases::Ambiguous { template: template.clone(), example, meaning });
            }
        }
        Ok(Self(templates))
    }

    /// The templates, in the order of the setting.
    pub fn templates(&self) -> &[AliasTemplate] {
        &self.0
    }

    /// The aliases of a release, in the order of their templates, each once.
    pub fn aliases(&self, release: &Release) -> Vec<Tag> {
        let mut aliases = Vec::with_capacity(self.0.len());
        for alias in self.0.iter().filter_map(|template| template.alias(release)) {
            if !aliases.contains(&alias) {
                aliases.push(alias);
            }
        }
        aliases
    }

    /// The first template that can produce this tag, or `None` if the tag is not an alias of the policy.
    pub fn template_of(&self, tag: &Tag) -> Option<&AliasTemplate> {
        self.0.iter().find(|template| template.release_of(tag).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(template: &str, platforms: &str) -> TagScheme {
        let platforms = platforms.split(',').map(|platform| platform.parse().unwrap()).collect();
        TagScheme::new(template.parse().unwrap(), platforms).unwrap()
    }

    fn policy(templates: &str, scheme: &TagScheme) -> Result<AliasPolicy, InvalidAliases> {
        AliasPolicy::new(templates.split(',').map(|template| template.parse().unwrap()).collect(), scheme)
    }

    #[track_caller]
    fn check_ambiguous(templates: &str, scheme: &TagScheme, expected: &str) {
        let error = policy(templates, scheme).expect_err(templates).to_string();
        let named = templates.split(',').next_back().unwrap();
        assert!(error.contains(&format!("\"{named}\"")) && error.contains(expected), "{error}");
        assert!(error.contains("expected"), "{error}");
    }

    #[test]
    fn template_that_can_give_another_tag_is_invalid() {
        let usual = scheme("{version}-{platform}", "linux/amd64,linux/arm64");
        check_ambiguous("latest,{major}.{minor}.0", &usual, "can give 1.1.0, which is a release");
        check_ambiguous("1.{minor}.{major}", &usual, "which is a release");
        check_ambiguous("v1.2.3", &usual, "can give v1.2.3, which is a release");
        check_ambiguous("{major}.0.{minor}", &usual, "which is a release");
        check_ambiguous("v{major}.{minor}.0", &usual, "which is a release");
        check_ambiguous("{major}-arm64", &usual, "can give 1-arm64, which is a platform tag");
        check_ambiguous("latest-amd64", &usual, "which is a platform tag");
        check_ambiguous("yanked-{major}", &usual, "which is a yank marker");
        check_ambiguous("yanked-latest", &usual, "which is a yank marker");
        check_ambiguous("latest,{major},latest", &usual, "twice");
        for templates in ["{major}.{minor},{major},latest", "arm64", "latest-amd64x", "yanked", "{major}.{minor}.x"] {
            assert!(policy(templates, &usual).is_ok(), "{templates}");
        }
    }

    #[test]
    fn number_may_give_the_digits_of_a_platform() {
        let windows = scheme("{version}-{platform}", "windows(10.0.20348)/amd64=2022,windows(10.0.17763)/amd64=2019");
        check_ambiguous("{major}-{minor}", &windows, "can give 1-2022, which is a platform tag");
        check_ambiguous("{major}-20{minor}", &windows, "which is a platform tag");
        assert!(policy("{major}.{minor}", &windows).is_ok());
        assert!(policy("{major}-2{minor}-x", &windows).is_ok());
        let adjacent = scheme("{version}{platform}", "windows/amd64=2022");
        check_ambiguous("{major}", &adjacent, "can give 12022, which is a platform tag");
        let platform_first = scheme("{platform}.{version}", "linux/amd64=1");
        check_ambiguous("{major}.{minor}", &platform_first, "can give 1.1, which is a platform tag");
        assert!(policy("{major}", &platform_first).is_ok());
    }

    #[test]
    fn aliases_are_in_the_order_of_the_templates_and_each_once() {
        let scheme = scheme("{version}-{platform}", "linux/amd64");
        let policy = policy("latest,{major}{minor},{minor}{major},{major}", &scheme).unwrap();
        let aliases = |release: &str| {
            let release = Release::from_tag(&release.parse().unwrap()).unwrap();
            policy.aliases(&release).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(aliases("1.2.3"), ["latest", "12", "21", "1"]);
        assert_eq!(aliases("2.2.0"), ["latest", "22", "2"]);
    }
}
