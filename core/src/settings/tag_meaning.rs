//! What a tag means in a repository: decided here, for events, requests, scans and audits alike.

use super::RepositorySettings;
use super::alias_template::AliasTemplate;
use super::release::Release;
use super::tag_scheme::{InvalidVersion, ParsedTag, PlatformTag};
use super::yank_marker::YankMarker;
use crate::excerpt::ImageText;
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
    /// The tag of an image inside a manifest list, where these get tags. Its version need not be served.
    Image(ParsedTag<'a>),
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
        "version {version} is an alias: the alias template \"{template}\" gives it; push a release, which the alias then follows; give an image that is not a release another name"
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
    /// It is an image tag, which names an image inside the list of a version.
    #[error(
        "version {version} is an image tag: IMAGE_TAGS gives it to the {platform} image of version {of}; give the version \
         another name"
    )]
    ImageTag {
        /// The version.
        version: Tag,
        /// The version of whose list it names an image.
        of: Tag,
        /// The platform of the image.
        platform: String,
    },
    /// `VERSION_PATTERN` excludes it.
    #[error("version {0} does not match VERSION_PATTERN")]
    Pattern(Tag),
    /// Clients derive it from the digest of an image, for what refers to that image.
    #[error("{0} is the tag of what refers to an image, such as its signatures, and not a version")]
    Referrers(Tag),
    /// It cannot have a manifest list under the tag template.
    #[error("version {0} cannot have a manifest list: {1}")]
    Invalid(Tag, InvalidVersion),
}

/// What a template gives for a release, and cannot be an alias of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnusableAlias {
    /// What the template gives.
    pub text: ImageText,
    /// The release.
    pub release: Release,
    /// Why it is not an alias of the release.
    pub reason: NotAnAlias,
}

/// Why what a template gives is not an alias of the release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotAnAlias {
    /// It is not a tag.
    #[error(
        "it is not a legal tag, which has at most 128 characters and begins with neither a dot nor a hyphen; change the alias template"
    )]
    Illegal,
    /// It is a release.
    #[error("it is itself a release, which no alias replaces; change the alias template")]
    Release,
    /// It is a platform tag.
    #[error("it is a platform tag, which no alias replaces; change the alias template")]
    PlatformTag,
    /// It is an image tag.
    #[error("it is the tag of an image inside a manifest list, which no alias replaces; change the alias template")]
    ImageTag,
    /// It is a yank marker.
    #[error("it is a yank marker, which no alias replaces; change the alias template")]
    Marker,
    /// A template of a stream before its own can give it.
    #[error("it belongs to an earlier stream, whose alias template \"{0}\" can give it; change one of the templates")]
    OtherStream(AliasTemplate),
}

impl RepositorySettings {
    /// The meaning of a tag.
    ///
    /// Platform tags come first, so that every platform tag of a version that is served means that platform, and releases
    /// before image tags and aliases: what a template gives is an alias only if the tag has no other meaning.
    pub fn meaning(&self, tag: &Tag) -> TagMeaning<'_> {
        if let Some(parsed) = self.tag_scheme.parse(tag) {
            return TagMeaning::Platform(parsed);
        }
        if let Some(marker) = self.streams.marker(tag) {
            return TagMeaning::Marker(marker);
        }
        let is_admitted = self.version_pattern.as_ref().is_none_or(|pattern| pattern.matches(tag));
        let is_release = || is_admitted && self.streams.release(tag).is_some();
        if let Some(parsed) = self.image_tags.as_ref().and_then(|scheme| scheme.parse(tag))
            && !is_release()
        {
            return TagMeaning::Image(parsed);
        }
        if let Some(template) = self.streams.template_of(tag)
            && !is_release()
        {
            return TagMeaning::Alias(template);
        }
        if !is_admitted {
            return TagMeaning::NotServed(VersionNotServed::Pattern(tag.clone()));
        }
        if tag.names_referrers() {
            return TagMeaning::NotServed(VersionNotServed::Referrers(tag.clone()));
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
            TagMeaning::Image(ParsedTag { version: of, platform, .. }) => {
                Err(VersionNotServed::ImageTag { version: version.clone(), of, platform: platform.to_string() })
            }
            TagMeaning::NotServed(reason) => Err(reason),
        }
    }

    /// The platform tags of any version, with `VERSION` in its place.
    pub fn platform_tag_forms(&self) -> Vec<String> {
        let version = "VERSION".parse().ok();
        let tags = version.and_then(|version| self.tag_scheme.platform_tags(&version).ok()).unwrap_or_default();
        tags.into_iter().map(|PlatformTag { tag, .. }| tag.to_string()).collect()
    }

    /// The release that a version is, if it is served and the repository has aliases.
    pub fn release(&self, version: &Tag) -> Option<Release> {
        let release = self.streams.release(version)?;
        self.serves(version).then_some(release)
    }

    /// The aliases of a release, in the order of their templates, each once, and those that it cannot have.
    pub fn aliases(&self, release: &Release) -> Vec<Result<Tag, UnusableAlias>> {
        let mut aliases = Vec::new();
        for text in self.streams.templates_of(release).iter().filter_map(|template| template.alias(release)) {
            let alias = self.alias(&text, release);
            if !aliases.contains(&alias) {
                aliases.push(alias);
            }
        }
        aliases
    }

    /// What a template gives for a release, if that is an alias of its stream.
    fn alias(&self, text: &str, release: &Release) -> Result<Tag, UnusableAlias> {
        let unusable = |reason| UnusableAlias { text: text.into(), release: release.clone(), reason };
        let tag: Tag = text.parse().map_err(|_| unusable(NotAnAlias::Illegal))?;
        if self.streams.are_judged() {
            return Ok(tag);
        }
        match self.meaning(&tag) {
            TagMeaning::Alias(template) if template.stream() == release.stream() => Ok(tag),
            TagMeaning::Alias(template) => Err(unusable(NotAnAlias::OtherStream(template.clone()))),
            TagMeaning::Platform(_) => Err(unusable(NotAnAlias::PlatformTag)),
            TagMeaning::Image(_) => Err(unusable(NotAnAlias::ImageTag)),
            TagMeaning::Marker(_) => Err(unusable(NotAnAlias::Marker)),
            TagMeaning::Version(_) | TagMeaning::NotServed(_) => Err(unusable(NotAnAlias::Release)),
        }
    }

    /// Whether the repository has aliases.
    pub fn has_aliases(&self) -> bool {
        !self.streams.is_empty()
    }

    /// Whether a version is served.
    pub fn serves(&self, version: &Tag) -> bool {
        matches!(self.meaning(version), TagMeaning::Version(_))
    }
}

#[cfg(test)]
mod tests {
    use crate::fixtures::settings_of_app;

    /// What a tag means where `1.2`, `1` and `latest` are aliases, or where there are none.
    fn meaning(tag: &str, aliases: &str) -> String {
        let settings = settings_of_app(&[
            ("PLATFORMS", "linux/amd64,linux/arm64"),
            ("VERSION_PATTERN", "[^x]*"),
            ("ALIASES", aliases),
            ("IMAGE_TAGS", "{version}_{platform}"),
        ]);
        let meaning = format!("{:?}", settings.meaning(&tag.parse().unwrap()));
        meaning.split(['(', ' ']).next().unwrap().to_owned()
    }

    #[test]
    fn each_tag_has_one_meaning() {
        for (tags, expected) in [
            ("latest 1.2", "Alias"),
            ("yanked-1.2.3", "Marker"),
            ("1.2.3_amd64 latest_arm64 x_amd64", "Image"),
            ("1.2.3-amd64 latest-amd64 yanked-1.2.3-amd64", "Platform"),
            ("1.2.3 yanked-1.2 1.2.3_ppc64le", "Version"),
            ("x1.2.3", "NotServed"),
            (&format!("sha256-{0} sha256-{0}.sig", "0".repeat(64)), "NotServed"),
            (&format!("sha256-{0} sha256-{0}g sha512-{0}0 sha256-{0}00", "0".repeat(63)), "Version"),
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

    #[test]
    fn forms_of_platform_tags_have_a_placeholder() {
        let settings =
            settings_of_app(&[("PLATFORMS", "linux/arm64,linux/amd64"), ("TAG_TEMPLATE", "{platform}-{version}")]);
        assert_eq!(settings.platform_tag_forms(), ["amd64-VERSION", "arm64-VERSION"]);
    }
}
