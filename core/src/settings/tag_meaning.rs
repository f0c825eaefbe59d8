//! What a tag means in a repository: decided here, for events, requests, scans and audits alike.

use super::RepositorySettings;
use super::alias_template::AliasTemplate;
use super::release::Release;
use super::tag_scheme::{InvalidVersion, ParsedTag, PlatformTag};
use super::yank_marker::YankMarker;
use crate::oci::tag::Tag;

/// The meaning of a tag by the settings of its repository. No tag has two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagMeaning<'a> {
    /// An alias, which this template gives.
    Alias(&'a AliasTemplate),
    /// A yank marker, where the repository has aliases.
    Marker(YankMarker),
    /// The tag of a platform's image. Its version need not be served.
    Platform(ParsedTag<'a>),
    /// A version, with its platform tags in ascending order.
    Version(Vec<PlatformTag>),
    /// A version that is not served.
    NotServed(VersionNotServed),
}

/// Why a tag is not the version of a manifest list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionNotServed {
    /// It is an alias, which names the list of a release.
    #[error(
        "version {version} is an alias: the template \"{template}\" of ALIASES gives it; push a release, which the alias then follows; give an image that is not a release another name"
    )]
    Alias {
        /// The version.
        version: Tag,
        /// The template that gives it.
        template: AliasTemplate,
    },
    /// It is a yank marker, which names the list of the release that it marks.
    #[error("version {0} is a yank marker, which marks release {release} as yanked; give the version another name", release = .0.release())]
    Marker(YankMarker),
    /// `VERSION_PATTERN` excludes it.
    #[error("version {0} does not match VERSION_PATTERN")]
    Pattern(Tag),
    /// It cannot have a manifest list under the tag template.
    #[error("version {0} cannot have a manifest list: {1}")]
    Invalid(Tag, InvalidVersion),
}

impl RepositorySettings {
    /// The meaning of a tag.
    ///
    /// No template can give both an alias and another meaning. Platform tags come before markers, so that every platform
    /// tag of a version that is served means that platform.
    pub fn meaning(&self, tag: &Tag) -> TagMeaning<'_> {
        if self.has_aliases()
            && let Some(template) = self.aliases.template_of(tag)
        {
            return TagMeaning::Alias(template);
        }
        if let Some(parsed) = self.tag_scheme.parse(tag) {
            return TagMeaning::Platform(parsed);
        }
        if self.has_aliases()
            && let Some(marker) = YankMarker::from_tag(tag)
        {
            return TagMeaning::Marker(marker);
        }
        if self.version_pattern.as_ref().is_some_and(|pattern| !pattern.matches(tag)) {
            return TagMeaning::NotServed(VersionNotServed::Pattern(tag.clone()));
        }
        match self.tag_scheme.platform_tags(tag) {
            Ok(platform_tags) => TagMeaning::Version(platform_tags),
            Err(error) => TagMeaning::NotServed(VersionNotServed::Invalid(tag.clone(), error)),
        }
    }

    /// The platform tags of a version, in ascending order, if the version is served.
    ///
    /// # Errors
    /// [`VersionNotServed`], with the reason.
    pub fn platform_tags(&self, version: &Tag) -> Result<Vec<PlatformTag>, VersionNotServed> {
        match self.meaning(version) {
            TagMeaning::Version(platform_tags) => Ok(platform_tags),
            TagMeaning::Alias(template) => {
                Err(VersionNotServed::Alias { version: version.clone(), template: template.clone() })
            }
            TagMeaning::Marker(marker) => Err(VersionNotServed::Marker(marker)),
            TagMeaning::Platform(parsed) => {
                Err(VersionNotServed::Invalid(version.clone(), InvalidVersion::is_platform_tag(version, parsed)))
            }
            TagMeaning::NotServed(reason) => Err(reason),
        }
    }

    /// The release that a version is, if it is served and the repository has aliases.
    pub fn release(&self, version: &Tag) -> Option<Release> {
        let release = self.has_aliases().then(|| Release::from_tag(version)).flatten()?;
        self.serves(version).then_some(release)
    }

    /// Whether the repository has aliases.
    pub fn has_aliases(&self) -> bool {
        !self.aliases.0.is_empty()
    }

    /// Whether a version is served.
    pub fn serves(&self, version: &Tag) -> bool {
        matches!(self.meaning(version), TagMeaning::Version(_))
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;

    /// What a tag means where `1.2`, `1` and `latest` are aliases, or where there are none.
    fn meaning(tag: &str, aliases: &str) -> String {
        let settings = Settings::from_lookup(|name| match name {
            "PLATFORMS" => Some("linux/amd64,linux/arm64".to_owned()),
            "VERSION_PATTERN" => Some("[^x]*".to_owned()),
            "ALIASES" => Some(aliases.to_owned()),
            _ => None,
        });
        let settings = settings.unwrap().for_repository(&"app".parse().unwrap()).unwrap().clone();
        let meaning = format!("{:?}", settings.meaning(&tag.parse().unwrap()));
        meaning.split(['(', ' ']).next().unwrap().to_owned()
    }

    #[test]
    fn each_tag_has_one_meaning() {
        for (tags, expected) in [
            ("latest 1.2", "Alias"),
            ("yanked-1.2.3", "Marker"),
            ("1.2.3-amd64 latest-amd64 yanked-1.2.3-amd64", "Platform"),
            ("1.2.3 yanked-1.2", "Version"),
            ("x1.2.3", "NotServed"),
        ] {
            for tag in tags.split(' ') {
                assert_eq!(meaning(tag, "{major}.{minor},latest"), expected, "{tag}");
            }
        }
    }

    #[test]
    fn without_aliases_their_names_and_markers_are_versions() {
        assert_eq!(["latest", "1.2", "yanked-1.2.3"].map(|tag| meaning(tag, "")), ["Version"; 3]);
    }
}
