//! Image tags: the tags of the images inside a manifest list, such as `1.2.3_arm64`.

use super::RepositorySettings;
use super::alias_template::AliasTemplate;
use super::configured_platform::{ConfiguredPlatform, default_tag_part};
use super::setting::{InvalidSetting, Setting};
use super::streams::Streams;
use super::tag_meaning::TagMeaning;
use super::tag_scheme::TagScheme;
use crate::excerpt::ImageText;
use crate::oci::platform::Platform;
use crate::oci::tag::Tag;

/// What the template gives for an image, and cannot be its tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnusableImageTag {
    /// What the template gives.
    pub text: ImageText,
    /// Why it is not the tag of the image.
    pub reason: NotAnImageTag,
}

/// Why what the template gives is not the tag of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotAnImageTag {
    /// It is not a tag.
    #[error(
        "it is not a legal tag, which has at most 128 characters out of letters, digits, underscores, dots and hyphens; give \
         the version a shorter name, or change IMAGE_TAGS"
    )]
    Illegal,
    /// It is a platform tag.
    #[error("it is a platform tag, which CI pushes; change IMAGE_TAGS")]
    PlatformTag,
    /// It is an alias.
    #[error("it is an alias, which the alias template \"{0}\" gives; change IMAGE_TAGS")]
    Alias(AliasTemplate),
    /// It is a yank marker.
    #[error("it is a yank marker; change IMAGE_TAGS")]
    Marker,
    /// It is a release.
    #[error("it is a release; change IMAGE_TAGS")]
    Release,
    /// It is the tag of another image.
    #[error("it is also the tag of the {platform} image of version {version}; give one of the versions another name")]
    OtherImage {
        /// The version of the other image.
        version: Tag,
        /// Its platform.
        platform: String,
    },
}

/// The scheme of the setting `IMAGE_TAGS`, for a repository with this tag scheme and these streams. `None`, if it is not
/// set.
///
/// # Errors
/// [`InvalidSetting`], if it is not a template, or one that can give a tag of another meaning.
pub(super) fn parse(
    setting: &Setting,
    tag_scheme: &TagScheme,
    streams: &Streams,
) -> Result<Option<TagScheme>, InvalidSetting> {
    if setting.is_empty() {
        return Ok(None);
    }
    let scheme = tag_scheme.with_template(setting.parse()?);
    let platform_tags = tag_scheme.patterns().into_iter().map(|pattern| (pattern, "a platform tag"));
    let others: Vec<_> = platform_tags.chain(streams.patterns()).collect();
    for given in scheme.patterns() {
        let ambiguous = others.iter().find_map(|(other, meaning)| Some((given.common_tag(other)?, meaning)));
        if let Some((example, meaning)) = ambiguous {
            return Err(setting.invalid(format_args!("the template can give {example}, which is {meaning}")));
        }
    }
    Ok(Some(scheme))
}

impl RepositorySettings {
    /// The tag of an image of a version's list: of this configured platform, or else of another one. `None`, if images get
    /// no tags.
    ///
    /// # Errors
    /// [`UnusableImageTag`], if what the template gives is not its tag.
    pub fn image_tag(
        &self,
        version: &Tag,
        configured: Option<&ConfiguredPlatform>,
        platform: &Platform,
    ) -> Option<Result<Tag, UnusableImageTag>> {
        let scheme = self.image_tags.as_ref()?;
        let text = match configured {
            Some(configured) => scheme.render(version, configured.tag_part().as_str()),
            None => scheme.render(version, &default_tag_part(&platform.normalized())),
        };
        let tag = text.parse().map_err(|_| NotAnImageTag::Illegal);
        let judged = tag.and_then(|tag: Tag| match self.meaning(&tag) {
            TagMeaning::Image(parsed) if parsed.version == *version && Some(parsed.platform) == configured => Ok(tag),
            TagMeaning::Image(parsed) => {
                let (version, platform) = (parsed.version, parsed.platform.to_string());
                Err(NotAnImageTag::OtherImage { version, platform })
            }
            TagMeaning::Platform(_) => Err(NotAnImageTag::PlatformTag),
            TagMeaning::Alias(template) => Err(NotAnImageTag::Alias(template.clone())),
            TagMeaning::Marker(_) => Err(NotAnImageTag::Marker),
            TagMeaning::Version(_) if self.streams.release(&tag).is_some() => Err(NotAnImageTag::Release),
            TagMeaning::Version(_) | TagMeaning::NotServed(_) => Ok(tag),
        });
        Some(judged.map_err(|reason| UnusableImageTag { text: text.into(), reason }))
    }
}

#[cfg(test)]
mod tests {
    use crate::fixtures::settings;

    /// The error of these settings, or the image tag of a version and a platform.
    fn image_tag(variables: &[(&str, &str)], version: &str, platform: &str) -> String {
        let platforms = ("PLATFORMS", "linux/amd64,linux/arm64=aarch64");
        let settings = match settings(&[variables, &[platforms]].concat()) {
            Ok(settings) => settings.for_repository(&"app".parse().unwrap()).unwrap().clone(),
            Err(error) => return error.to_string(),
        };
        let platform: super::ConfiguredPlatform = platform.parse().unwrap();
        let configured = settings.tag_scheme.platforms().iter().find(|one| one.is_equivalent_to(&platform));
        match settings.image_tag(&version.parse().unwrap(), configured, platform.platform()) {
            None => String::new(),
            Some(Ok(tag)) => tag.to_string(),
            Some(Err(unusable)) => format!("{}: {}", unusable.text, unusable.reason),
        }
    }

    #[track_caller]
    fn check(version: &str, platform: &str, expected: &str) {
        let streams = r#"[{"releases":"r(?<n>\\d+)(_s390x)?","aliases":"r{n}-_armv7"},{"aliases":"latest"}]"#;
        let given = image_tag(&[("IMAGE_TAGS", "{version}_{platform}"), ("STREAMS", streams)], version, platform);
        assert_eq!(given.split(';').next(), Some(expected));
    }

    #[test]
    fn image_tag_has_the_tag_part_of_its_platform() {
        for (platform, expected) in [
            ("linux/amd64", "1.2_amd64"),
            ("linux/arm64", "1.2_aarch64"),
            ("linux/arm/v7", "1.2_armv7"),
            ("linux/amd64/v1", "1.2_amd64"),
            ("freebsd(14)/riscv64", "1.2_freebsd-riscv64"),
        ] {
            check("1.2", platform, expected);
        }
        let platform_first =
            [("IMAGE_TAGS", "i.{platform}.{version}"), ("TAG_TEMPLATE", "{platform}-{version}"), ("ALIASES", "latest")];
        assert_eq!(image_tag(&platform_first, "1.2", "linux/arm64"), "i.aarch64.1.2");
        assert_eq!(image_tag(&[], "1.2", "linux/amd64"), "");
    }

    #[test]
    fn tag_of_another_meaning_is_unusable() {
        check("1", "windows/amd64", "1_windows-amd64: it is a platform tag, which CI pushes");
        check("r1-", "linux/arm/v7", "r1-_armv7: it is an alias, which the alias template \"r{n}-_armv7\" gives");
        check("yanked-r1", "linux/s390x", "yanked-r1_s390x: it is a yank marker");
        check("r1", "linux/s390x", "r1_s390x: it is a release");
        let crossed = [("IMAGE_TAGS", "{version}_{platform}"), ("PLATFORMS", "linux/amd64,linux/arm64=s390x")];
        let given = image_tag(&crossed, "1", "linux/s390x");
        assert!(given.starts_with("1_s390x: it is also the tag of the linux/arm64 image of version 1;"), "{given}");
        let long = "x".repeat(124);
        check(
            &long,
            "linux/s390x",
            &format!(
                "{long}_s390x: it is not a legal tag, which has at most 128 characters out of letters, digits, underscores, dots and hyphens"
            ),
        );
    }

    #[test]
    fn template_that_can_give_another_tag_is_invalid() {
        for (variables, expected) in [
            (&[("IMAGE_TAGS", "{version}-{platform}")][..], "a platform tag"),
            (&[("IMAGE_TAGS", "{platform}_{version}")], "a platform tag"),
            (&[("IMAGE_TAGS", "{version}.{platform}"), ("ALIASES", "edge.amd64")], "an alias"),
            (
                &[("IMAGE_TAGS", "yanked-{version}.{platform}"), ("ALIASES", "x"), ("PLATFORMS", "linux/amd64=1")],
                "a yank",
            ),
            (&[("IMAGE_TAGS", "{version}")], "{version}_{platform}"),
        ] {
            let error = image_tag(variables, "1", "linux/amd64");
            assert!(error.contains(expected) && error.contains("IMAGE_TAGS is"), "{error}");
        }
    }
}
