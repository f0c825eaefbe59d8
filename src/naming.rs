//! How tags name versions and platforms: `1.2.3-arm64` is the `arm64` image of `1.2.3`.

use std::str::FromStr;

use crate::platform::{RequiredPlatform, TagPart};
use crate::tag::Tag;

/// How the tag of a platform's image is made from the version and the platform, such as `{version}-{platform}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TagTemplate {
    before: Box<str>,
    between: Box<str>,
    after: Box<str>,
    version_first: bool,
}

/// Text that is no tag template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no tag template: {{version}} and {{platform}}, each exactly once and in either order, with nothing but \
     letters, digits, underscores, full stops and hyphens around them, and no full stop or hyphen ahead of them"
)]
pub struct InvalidTagTemplate(String);

const VERSION: &str = "{version}";
const PLATFORM: &str = "{platform}";

impl FromStr for TagTemplate {
    type Err = InvalidTagTemplate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let split = |first, second| {
            let (before, rest) = text.split_once(first)?;
            let (between, after) = rest.split_once(second)?;
            let literal = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
            let fits = !before.starts_with(['.', '-']) && [before, between, after].into_iter().all(literal);
            fits.then_some((before, between, after))
        };
        let (version_first, (before, between, after)) = split(VERSION, PLATFORM)
            .map(|parts| (true, parts))
            .or_else(|| split(PLATFORM, VERSION).map(|parts| (false, parts)))
            .ok_or_else(|| InvalidTagTemplate(text.to_owned()))?;
        Ok(Self { before: before.into(), between: between.into(), after: after.into(), version_first })
    }
}

impl TagTemplate {
    fn render(&self, version: &Tag, part: &TagPart) -> Option<Tag> {
        let (first, second) =
            if self.version_first { (version.as_str(), part.as_str()) } else { (part.as_str(), version.as_str()) };
        format!("{}{first}{}{second}{}", self.before, self.between, self.after).parse().ok()
    }

    fn version_of(&self, tag: &Tag, part: &TagPart) -> Option<Tag> {
        let inner = tag.as_str().strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        let version = if self.version_first {
            inner.strip_suffix(part.as_str())?.strip_suffix(&*self.between)?
        } else {
            inner.strip_prefix(part.as_str())?.strip_prefix(&*self.between)?
        };
        version.parse().ok()
    }
}

/// The tags of a repository, read both ways: from a tag to its version and platform, and back.
///
/// No tag belongs to two versions, nor to two platforms of one: where it could, it is the longest tag part's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Naming {
    template: TagTemplate,
    longest_first: Vec<RequiredPlatform>,
}

/// Why the platforms of a setting cannot be told apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Indistinct {
    /// Two ask for the same image.
    #[error("{0} and {1} are the same platform; each may be named once")]
    Platforms(String, String),
    /// Two have their images under the same tag.
    #[error("{0} and {1} have the same tag part {2:?}; give one of them its own, as in linux/arm64=aarch64")]
    TagParts(String, String, String),
    /// There is none, or there are more than a version can have.
    #[error("it names {0} platforms; from 1 to {MAX_PLATFORMS} are expected")]
    Number(usize),
}

/// How many platforms a version may have: with its own tag, as many as one `BatchGetImage` names.
pub const MAX_PLATFORMS: usize = 99;

/// Why a version has no list of its own under this naming.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unnameable {
    /// The list would take the place of a platform's image.
    #[error("{version} is itself the tag of {platform} of version {of}, which a list must not replace")]
    IsPlatformTag {
        /// The version asked for.
        version: Tag,
        /// The version that it is a tag of.
        of: Tag,
        /// The platform that it is a tag of.
        platform: String,
    },
    /// One of its tags is another version's.
    #[error("its tag {tag} is the tag of {platform} of version {of}")]
    Ambiguous {
        /// The tag with two readings.
        tag: Tag,
        /// The version that it belongs to.
        of: Tag,
        /// The platform that it belongs to.
        platform: String,
    },
    /// One of its tags is too long to exist.
    #[error("its tag for {platform} would be longer than the 128 characters of a tag")]
    TooLong {
        /// The platform whose tag cannot be made.
        platform: String,
    },
}

impl Naming {
    /// A naming by this template for these platforms.
    ///
    /// # Errors
    /// [`Indistinct`], where two platforms or their tags are the same, or where there are none or too many.
    pub fn new(template: TagTemplate, mut platforms: Vec<RequiredPlatform>) -> Result<Self, Indistinct> {
        for (index, one) in platforms.iter().enumerate() {
            for other in &platforms[..index] {
                if one.is_same_as(other) {
                    return Err(Indistinct::Platforms(other.to_string(), one.to_string()));
                }
                if one.tag_part() == other.tag_part() {
                    let part = one.tag_part().to_string();
                    return Err(Indistinct::TagParts(other.to_string(), one.to_string(), part));
                }
            }
        }
        if !(1..=MAX_PLATFORMS).contains(&platforms.len()) {
            return Err(Indistinct::Number(platforms.len()));
        }
        platforms.sort_by_key(|platform| std::cmp::Reverse(platform.tag_part().as_str().len()));
        Ok(Self { template, longest_first: platforms })
    }

    /// The platforms that a version must have, in no particular order.
    pub fn platforms(&self) -> &[RequiredPlatform] {
        &self.longest_first
    }

    /// The version and the platform whose image the tag names, where it is the tag of a platform.
    pub fn locate(&self, tag: &Tag) -> Option<(Tag, &RequiredPlatform)> {
        self.longest_first.iter().find_map(|platform| {
            let version = self.template.version_of(tag, platform.tag_part())?;
            Some((version, platform))
        })
    }

    /// The tags of the version's platforms, in ascending order of the tags.
    ///
    /// # Errors
    /// [`Unnameable`], where the version's list or one of its images would stand under a tag that is another's.
    pub fn tags(&self, version: &Tag) -> Result<Vec<(Tag, RequiredPlatform)>, Unnameable> {
        if let Some((of, platform)) = self.locate(version) {
            return Err(Unnameable::IsPlatformTag { version: version.clone(), of, platform: platform.to_string() });
        }
        let mut tags = self
            .longest_first
            .iter()
            .map(|platform| {
                let too_long = || Unnameable::TooLong { platform: platform.to_string() };
                let tag = self.template.render(version, platform.tag_part()).ok_or_else(too_long)?;
                match self.locate(&tag) {
                    Some((of, owner)) if of != *version || owner != platform => {
                        Err(Unnameable::Ambiguous { tag, of, platform: owner.to_string() })
                    }
                    _ => Ok((tag, platform.clone())),
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        tags.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    fn naming(template: &str, platforms: &str) -> Naming {
        let platforms = platforms.split(',').map(|platform| platform.parse().unwrap()).collect();
        Naming::new(template.parse().unwrap(), platforms).unwrap()
    }

    fn located(naming: &Naming, text: &str) -> Option<String> {
        naming.locate(&tag(text)).map(|(version, platform)| format!("{version} {platform}"))
    }

    #[track_caller]
    fn check(template: &str, platforms: &str, text: &str, expected: Option<&str>) {
        assert_eq!(located(&naming(template, platforms), text).as_deref(), expected, "{template} {text}");
    }

    #[test]
    fn a_tag_is_located_by_either_order_of_the_template() {
        let platforms = "linux/amd64,linux/arm64=aarch64";
        check("{version}-{platform}", platforms, "1.2.3-amd64", Some("1.2.3 linux/amd64"));
        check("{version}-{platform}", platforms, "1.2.3-rc-1-aarch64", Some("1.2.3-rc-1 linux/arm64"));
        check("{platform}-{version}", platforms, "amd64-1.2.3", Some("1.2.3 linux/amd64"));
        check("v{version}_{platform}.x", platforms, "v1_aarch64.x", Some("1 linux/arm64"));
    }

    #[test]
    fn what_is_no_platform_tag_is_located_nowhere() {
        for text in ["1.2.3", "amd64", "1.2.3-arm64", "1.2.3-amd64-soci", "1.2.3-AMD64", "1.2.3-amd64.sig", "latest"] {
            check("{version}-{platform}", "linux/amd64,linux/arm64=aarch64", text, None);
        }
        check("{platform}-{version}", "linux/amd64", "amd64--1", None);
    }

    #[test]
    fn the_longest_tag_part_owns_the_tag() {
        let platforms = "linux/amd64,windows/amd64,linux/arm/v7,linux/arm/v6=v7";
        check("{version}-{platform}", platforms, "1-windows-amd64", Some("1 windows/amd64"));
        check("{version}{platform}", platforms, "1armv7", Some("1 linux/arm/v7"));
    }

    #[test]
    fn a_version_whose_tag_is_anothers_has_no_tags() {
        let naming = naming("{version}-{platform}", "linux/amd64,windows/amd64");
        assert!(matches!(naming.tags(&tag("1-windows")), Err(Unnameable::Ambiguous { .. })));
        assert!(matches!(naming.tags(&tag("1-amd64")), Err(Unnameable::IsPlatformTag { .. })));
        assert!(matches!(naming.tags(&tag(&"1".repeat(125))), Err(Unnameable::TooLong { .. })));
    }

    #[test]
    fn the_tags_of_a_version_stand_in_ascending_order() {
        let tags = naming("{version}-{platform}", "linux/arm64,windows/amd64,linux/amd64").tags(&tag("1")).unwrap();
        let tags: Vec<_> = tags.iter().map(|(tag, _)| tag.as_str()).collect();
        assert_eq!(tags, ["1-amd64", "1-arm64", "1-windows-amd64"]);
    }

    #[test]
    fn a_template_has_each_placeholder_once_and_nothing_that_a_tag_may_not_have() {
        for text in [
            "",
            "{version}",
            "{platform}",
            "{version}-{version}",
            "{version}-{platform}-{platform}",
            "{version}-{platform}{version}",
            "{version}/{platform}",
            "{version} {platform}",
            "-{version}-{platform}",
            "{version}-{arch}",
            "{version}-{platform}}",
        ] {
            assert!(text.parse::<TagTemplate>().is_err(), "{text}");
        }
    }

    #[test]
    fn platforms_must_be_told_apart() {
        let new = |platforms: &str| {
            let platforms = platforms.split(',').map(|platform| platform.parse().unwrap()).collect();
            Naming::new("{version}-{platform}".parse().unwrap(), platforms)
        };
        assert!(matches!(new("linux/arm64,linux/arm64/v8"), Err(Indistinct::Platforms(..))));
        assert!(matches!(new("windows(1)/amd64,windows(2)/amd64"), Err(Indistinct::TagParts(..))));
        assert!(new("windows(1)/amd64=a,windows(2)/amd64=b").is_ok());
        assert_eq!(Naming::new("{version}-{platform}".parse().unwrap(), vec![]), Err(Indistinct::Number(0)));
    }
}
