//! How tags name versions and platforms: `1.2.3-arm64` is the `arm64` image of `1.2.3`.

use std::str::FromStr;

use super::configured_platform::{ConfiguredPlatform, TagPart};
use crate::oci::tag::{MAX_LENGTH, Tag, is_tag_byte};
use crate::oci::tag_pattern::Pattern;

/// The form of platform tags, such as `{version}-{platform}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TagTemplate {
    prefix: Box<str>,
    separator: Box<str>,
    suffix: Box<str>,
    version_first: bool,
}

/// A string that is not a valid tag template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a placeholder is missing or stands twice, or there is something else around them than letters, digits, underscores, \
     dots and hyphens, or a dot or a hyphen at the start"
)]
pub struct InvalidTagTemplate;

const VERSION: &str = "{version}";
const PLATFORM: &str = "{platform}";

impl FromStr for TagTemplate {
    type Err = InvalidTagTemplate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let split = |first, second| {
            let (prefix, rest) = text.split_once(first)?;
            let (separator, suffix) = rest.split_once(second)?;
            let is_literal = |text: &str| text.bytes().all(is_tag_byte);
            let is_valid = !prefix.starts_with(['.', '-']) && [prefix, separator, suffix].into_iter().all(is_literal);
            is_valid.then_some((prefix, separator, suffix))
        };
        let (version_first, (prefix, separator, suffix)) = split(VERSION, PLATFORM)
            .map(|parts| (true, parts))
            .or_else(|| split(PLATFORM, VERSION).map(|parts| (false, parts)))
            .ok_or(InvalidTagTemplate)?;
        Ok(Self { prefix: prefix.into(), separator: separator.into(), suffix: suffix.into(), version_first })
    }
}

impl TagTemplate {
    fn render(&self, version: &Tag, part: &str) -> String {
        let Self { prefix, separator, suffix, version_first } = self;
        let (first, second) = if *version_first { (version.as_str(), part) } else { (part, version.as_str()) };
        format!("{prefix}{first}{separator}{second}{suffix}")
    }

    fn version(&self, tag: &Tag, part: &TagPart) -> Option<Tag> {
        let inner = tag.as_str().strip_prefix(&*self.prefix)?.strip_suffix(&*self.suffix)?;
        let version = if self.version_first {
            inner.strip_suffix(part.as_str())?.strip_suffix(&*self.separator)?
        } else {
            inner.strip_prefix(part.as_str())?.strip_prefix(&*self.separator)?
        };
        version.parse().ok()
    }

    /// The tags of all versions for this part.
    fn pattern(&self, part: &TagPart) -> Pattern {
        let start = Pattern::default().literal(&self.prefix);
        let middle = if self.version_first {
            start.tag().literal(&self.separator).literal(part.as_str())
        } else {
            start.literal(part.as_str()).literal(&self.separator).tag()
        };
        middle.literal(&self.suffix)
    }
}

/// How many image ids one `BatchGetImage` accepts. (Amazon ECR API reference, `BatchGetImage`, `imageIds`.)
pub const MAX_BATCH_IDS: usize = 100;

/// How many platforms a version may have: one `BatchGetImage` must read all of their tags and the version's own.
pub const MAX_PLATFORMS: usize = MAX_BATCH_IDS - 1;

/// The platform tags of a repository, in both directions: from a tag to version and platform, and back.
///
/// No tag belongs to two versions, or to two platforms of one version: if several tag parts match, the longest wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TagScheme {
    template: TagTemplate,
    longest_first: Vec<ConfiguredPlatform>,
}

/// A platform with the tag of its image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PlatformTag {
    /// The platform.
    pub platform: ConfiguredPlatform,
    /// The tag of its image.
    pub tag: Tag,
}

/// A parsed platform tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedTag<'a> {
    /// The version.
    pub version: Tag,
    /// The platform.
    pub platform: &'a ConfiguredPlatform,
    /// The position of the platform in [`TagScheme::platforms`].
    pub position: usize,
}

/// Why a set of platforms is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlatforms {
    /// Two match the same images.
    #[error("{0} and {1} are the same platform; name each once")]
    Duplicate(String, String),
    /// One image can be of both, and would then stand twice in a manifest list.
    #[error("{0} and {1} cover the same images; name one of them, or give each its own variant or os.version")]
    Overlap(String, String),
    /// Two have the same tag part.
    #[error("{0} and {1} have the same tag part {2:?}; give one of them its own, as in linux/arm64=aarch64")]
    DuplicateTagPart(String, String, String),
    /// There are none, or more than a version can have.
    #[error("it names {0} platforms; expected 1 to {MAX_PLATFORMS}")]
    Count(usize),
}

/// Why a version cannot have a manifest list under a tag scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVersion {
    /// The manifest list would replace the image of a platform.
    #[error(
        "{version} is itself the tag of {platform} of version {of}, which a manifest list must not replace; give it \
             another name, or that platform another tag part"
    )]
    IsPlatformTag {
        /// The version.
        version: Tag,
        /// The version of which it is a platform tag.
        of: Tag,
        /// The platform of which it is the tag.
        platform: String,
    },
    /// One of its platform tags belongs to another version or platform.
    #[error(
        "its tag {tag} is the tag of {platform} of version {of}; give it another name, or that platform another tag part"
    )]
    AmbiguousTag {
        /// The tag.
        tag: Tag,
        /// The version that it belongs to.
        of: Tag,
        /// The platform that it belongs to.
        platform: String,
    },
    /// One of its platform tags would be too long.
    #[error("its tag for {platform} would exceed the {MAX_LENGTH} characters of a tag")]
    TagTooLong {
        /// The platform.
        platform: String,
    },
}

impl InvalidVersion {
    pub(super) fn is_platform_tag(version: &Tag, parsed: ParsedTag<'_>) -> Self {
        let ParsedTag { version: of, platform, .. } = parsed;
        Self::IsPlatformTag { version: version.clone(), of, platform: platform.to_string() }
    }
}

impl TagScheme {
    /// The scheme of this template for these platforms.
    ///
    /// # Errors
    /// [`InvalidPlatforms`], if `platforms` is empty or too long, or if two of them cover the same images or have the
    /// same tag part.
    pub fn new(template: TagTemplate, mut platforms: Vec<ConfiguredPlatform>) -> Result<Self, InvalidPlatforms> {
        for (index, one) in platforms.iter().enumerate() {
            for other in &platforms[..index] {
                if one.is_equivalent_to(other) {
                    return Err(InvalidPlatforms::Duplicate(other.to_string(), one.to_string()));
                }
                if one.overlaps(other) {
                    return Err(InvalidPlatforms::Overlap(other.to_string(), one.to_string()));
                }
                if one.tag_part() == other.tag_part() {
                    let part = one.tag_part().to_string();
                    return Err(InvalidPlatforms::DuplicateTagPart(other.to_string(), one.to_string(), part));
                }
            }
        }
        if !(1..=MAX_PLATFORMS).contains(&platforms.len()) {
            return Err(InvalidPlatforms::Count(platforms.len()));
        }
        platforms.sort_by_key(|platform| std::cmp::Reverse(platform.tag_part().as_str().len()));
        Ok(Self { template, longest_first: platforms })
    }

    /// The scheme of another template for the same platforms.
    pub(super) fn with_template(&self, template: TagTemplate) -> Self {
        Self { template, longest_first: self.longest_first.clone() }
    }

    /// What the template gives for this part of a version, which need not be a tag.
    pub(super) fn render(&self, version: &Tag, part: &str) -> String {
        self.template.render(version, part)
    }

    /// The platforms that a version must have, in no particular order.
    pub fn platforms(&self) -> &[ConfiguredPlatform] {
        &self.longest_first
    }

    /// All platform tags, platform by platform.
    pub(crate) fn patterns(&self) -> Vec<Pattern> {
        self.longest_first.iter().map(|platform| self.template.pattern(platform.tag_part())).collect()
    }

    /// Parses a platform tag. `None`, if it is not the tag of a configured platform.
    pub fn parse(&self, tag: &Tag) -> Option<ParsedTag<'_>> {
        self.longest_first.iter().enumerate().find_map(|(position, platform)| {
            let version = self.template.version(tag, platform.tag_part())?;
            Some(ParsedTag { version, platform, position })
        })
    }

    /// The platform tags of a version, in ascending order of the tags.
    ///
    /// # Errors
    /// [`InvalidVersion`], if the manifest list or an image of the version would have a tag of another image.
    pub fn platform_tags(&self, version: &Tag) -> Result<Vec<PlatformTag>, InvalidVersion> {
        if let Some(parsed) = self.parse(version) {
            return Err(InvalidVersion::is_platform_tag(version, parsed));
        }
        let platform_tag = |platform: &ConfiguredPlatform| {
            let too_long = || InvalidVersion::TagTooLong { platform: platform.to_string() };
            let tag: Tag = self.render(version, platform.tag_part().as_str()).parse().map_err(|_| too_long())?;
            match self.parse(&tag) {
                Some(parsed) if parsed.version != *version => {
                    let ParsedTag { version: of, platform, .. } = parsed;
                    Err(InvalidVersion::AmbiguousTag { tag, of, platform: platform.to_string() })
                }
                _ => Ok(PlatformTag { platform: platform.clone(), tag }),
            }
        };
        let mut tags = self.longest_first.iter().map(platform_tag).collect::<Result<Vec<_>, _>>()?;
        tags.sort_by(|one, other| one.tag.cmp(&other.tag));
        Ok(tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    fn scheme(template: &str, platforms: &str) -> Result<TagScheme, InvalidPlatforms> {
        let platforms = platforms.split(',').map(|platform| platform.parse().unwrap()).collect();
        TagScheme::new(template.parse().unwrap(), platforms)
    }

    #[track_caller]
    fn check(template: &str, platforms: &str, text: &str, expected: Option<&str>) {
        let scheme = scheme(template, platforms).unwrap();
        let parsed = scheme.parse(&tag(text)).map(|parsed| format!("{} {}", parsed.version, parsed.platform));
        assert_eq!(parsed.as_deref(), expected, "{template} {text}");
    }

    #[test]
    fn tag_parses_in_either_order_of_the_template() {
        let platforms = "linux/amd64,linux/arm64=aarch64";
        check("{version}-{platform}", platforms, "1.2.3-amd64", Some("1.2.3 linux/amd64"));
        check("{version}-{platform}", platforms, "1.2.3-rc-1-aarch64", Some("1.2.3-rc-1 linux/arm64"));
        check("{platform}-{version}", platforms, "amd64-1.2.3", Some("1.2.3 linux/amd64"));
        check("v{version}_{platform}.x", platforms, "v1_aarch64.x", Some("1 linux/arm64"));
    }

    #[test]
    fn other_tags_do_not_parse() {
        for text in ["1.2.3", "amd64", "1.2.3-arm64", "1.2.3-amd64-soci", "1.2.3-AMD64", "1.2.3-amd64.sig", "latest"] {
            check("{version}-{platform}", "linux/amd64,linux/arm64=aarch64", text, None);
        }
        check("{platform}-{version}", "linux/amd64", "amd64--1", None);
    }

    #[test]
    fn longest_tag_part_wins() {
        let platforms = "linux/amd64,windows/amd64,linux/arm/v7,linux/arm/v6=v7";
        check("{version}-{platform}", platforms, "1-windows-amd64", Some("1 windows/amd64"));
        check("{version}{platform}", platforms, "1armv7", Some("1 linux/arm/v7"));
    }

    #[test]
    fn position_is_that_of_the_platform() {
        let scheme = scheme("{version}-{platform}", "linux/amd64,windows/amd64,linux/s390x").unwrap();
        for text in ["1-amd64", "1-windows-amd64", "1-s390x"] {
            let tag = tag(text);
            let parsed = scheme.parse(&tag).unwrap();
            assert_eq!(&scheme.platforms()[parsed.position], parsed.platform);
        }
    }

    #[test]
    fn version_with_a_tag_of_another_image_is_invalid() {
        let scheme = scheme("{version}-{platform}", "linux/amd64,windows/amd64").unwrap();
        let error = |version: &str| scheme.platform_tags(&tag(version)).unwrap_err();
        assert!(matches!(error("1-windows"), InvalidVersion::AmbiguousTag { .. }));
        assert!(matches!(error("1-amd64"), InvalidVersion::IsPlatformTag { .. }));
        assert!(matches!(error(&"1".repeat(125)), InvalidVersion::TagTooLong { .. }));
    }

    #[test]
    fn template_takes_each_placeholder_once_between_tag_characters() {
        let texts = "|{version}|{platform}|{version}-{version}|{version}-{platform}-{platform}|{version}/{platform}|\
                     {version}-{platform}{version}|{version} {platform}|-{version}-{platform}|{version}-{arch}|\
                     {version}-{platform}}";
        for text in texts.split('|') {
            assert!(text.parse::<TagTemplate>().is_err(), "{text}");
        }
    }

    #[test]
    fn platforms_that_cannot_be_told_apart_are_invalid() {
        let error = |platforms: &str| scheme("{version}-{platform}", platforms).unwrap_err();
        assert!(matches!(error("linux/arm64,linux/arm64/v8"), InvalidPlatforms::Duplicate(..)));
        for platforms in ["linux/arm,linux/arm/v7", "windows/amd64=a,windows(10.0.20348)/amd64=b"] {
            assert!(matches!(error(platforms), InvalidPlatforms::Overlap(..)), "{platforms}");
        }
        assert!(matches!(error("windows(1)/amd64,windows(2)/amd64"), InvalidPlatforms::DuplicateTagPart(..)));
        for platforms in ["linux/arm/v6,linux/arm/v7", "windows(1)/amd64=a,windows(2)/amd64=b"] {
            assert!(scheme("{version}-{platform}", platforms).is_ok(), "{platforms}");
        }
        let template = "{version}-{platform}".parse().unwrap();
        assert_eq!(TagScheme::new(template, vec![]), Err(InvalidPlatforms::Count(0)));
    }
}
