//! The platforms of the settings: which images a manifest list must have, and under which tags they are pushed.

use std::fmt;
use std::str::FromStr;

use crate::newtype::validated_string;
use crate::oci::platform::Platform;
use crate::oci::tag::is_tag_byte;

validated_string!(
    /// The part of a tag that names its platform, such as `arm64`.
    TagPart,
    /// A string that is not a valid part of a tag.
    InvalidTagPart: "a valid part of a tag: expected letters, digits, underscores, dots and hyphens",
    |text| !text.is_empty() && text.bytes().all(is_tag_byte)
);

/// A platform that every manifest list must have, with the part of the tag under which its image is pushed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConfiguredPlatform {
    platform: Platform,
    tag_part: TagPart,
}

/// A string that is not a valid configured platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlatform {
    /// It does not follow the syntax.
    #[error("{0:?} is not a platform")]
    Syntax(String),
    /// It names an architecture by a name that images do not use.
    #[error("images do not state {given:?}; write {instead}")]
    Alias {
        /// The platform of the setting.
        given: String,
        /// The same platform as images state it.
        instead: String,
    },
    /// The tag part is invalid.
    #[error(transparent)]
    TagPart(#[from] InvalidTagPart),
}

impl ConfiguredPlatform {
    /// The part of a tag that names this platform.
    pub fn tag_part(&self) -> &TagPart {
        &self.tag_part
    }

    /// The platform as the settings state it.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Whether an image of the given platform is one of this platform.
    ///
    /// Operating system, architecture and variant are compared as containerd normalizes them. On arm an absent variant
    /// matches any. A configured os.version must be equal to that of the image, or a prefix of it that a dot follows.
    pub fn matches(&self, image: &Platform) -> bool {
        let (configured, stated) = (self.platform.normalized(), image.normalized());
        let variant_is_open =
            configured.architecture == "arm" && (configured.variant.is_empty() || stated.variant.is_empty());
        configured.os == stated.os
            && configured.architecture == stated.architecture
            && (configured.variant == stated.variant || variant_is_open)
            && is_dotted_prefix(&configured.os_version, &stated.os_version)
    }

    /// Whether the entry of a list states another platform than this one. An entry may leave out its
    /// os.version and, on arm, its variant.
    pub fn contradicts(&self, entry: &Platform) -> bool {
        let os_version = if entry.os_version.is_empty() { &self.platform.os_version } else { &entry.os_version };
        !self.matches(&Platform { os_version: os_version.clone(), ..entry.clone() })
    }

    /// Whether the two match the same images.
    pub fn is_equivalent_to(&self, other: &Self) -> bool {
        self.platform.normalized() == other.platform.normalized()
    }

    /// Whether an image that states its whole platform can be one of both.
    ///
    /// An arm image that leaves its variant open is not meant: it counts as one of the platform of its tag.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.matches(&other.platform) || other.matches(&self.platform)
    }
}

fn is_dotted_prefix(prefix: &str, text: &str) -> bool {
    prefix.is_empty() || text.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl FromStr for ConfiguredPlatform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || InvalidPlatform::Syntax(text.to_owned());
        let (platform, tag_part) = match text.split_once('=') {
            Some((platform, part)) => (platform, Some(part.parse()?)),
            None => (text, None),
        };
        let mut parts = platform.split('/');
        let (os, architecture) = parts.next().zip(parts.next()).ok_or_else(malformed)?;
        let variant = parts.next();
        let (os, os_version) = match os.strip_suffix(')') {
            Some(os) => os.split_once('(').map(|(os, version)| (os, Some(version))).ok_or_else(malformed)?,
            None => (os, None),
        };
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let dotted = |text: &str| text.split('.').all(|part| !part.is_empty() && part.bytes().all(is_version_byte));
        let architecture_fits = architecture.split('_').all(word);
        let fits = word(os) && architecture_fits && variant.is_none_or(dotted) && os_version.is_none_or(dotted);
        if !fits || parts.next().is_some() {
            return Err(malformed());
        }
        let platform = Platform {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            os_version: os_version.unwrap_or_default().to_owned(),
            variant: variant.unwrap_or_default().to_owned(),
        };
        let normalized = platform.normalized();
        if (&normalized.os, &normalized.architecture) != (&platform.os, &platform.architecture) {
            return Err(InvalidPlatform::Alias { given: platform.to_string(), instead: normalized.to_string() });
        }
        let tag_part = match tag_part {
            Some(part) => part,
            None => default_tag_part(&platform).parse()?,
        };
        Ok(Self { platform, tag_part })
    }
}

fn is_version_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// The part of a tag that names a platform unless the settings say otherwise.
pub(super) fn default_tag_part(platform: &Platform) -> String {
    let os = if platform.os == "linux" { String::new() } else { format!("{}-", platform.os) };
    format!("{os}{}{}", platform.architecture, platform.variant)
}

impl fmt::Display for ConfiguredPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.platform.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(text: &str) -> ConfiguredPlatform {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(platform: &str, matching: &str, others: &str) {
        let matches = |image: &str| configured(platform).matches(&configured(image).platform);
        assert!(matching.split_whitespace().all(matches), "{platform} {matching}");
        assert!(!others.split_whitespace().any(matches), "{platform} {others}");
    }

    #[test]
    fn tag_part_defaults_to_os_arch_and_variant() {
        for (text, part) in [
            ("linux/amd64", "amd64"),
            ("linux/arm/v7", "armv7"),
            ("linux/arm64=aarch64", "aarch64"),
            ("windows/amd64", "windows-amd64"),
            ("windows(10.0.20348)/amd64", "windows-amd64"),
            ("windows(10.0.20348)/amd64=ltsc2022", "ltsc2022"),
        ] {
            assert_eq!(configured(text).tag_part().as_str(), part, "{text}");
        }
    }

    #[test]
    fn absent_variant_means_the_default_of_the_architecture() {
        check("linux/arm64", "linux/arm64/v8", "linux/arm64/v9 linux/arm");
        check("linux/arm64/v8", "linux/arm64", "");
        check("linux/amd64", "linux/amd64/v1", "linux/amd64/v3 linux/arm64 windows/amd64");
        check("linux/amd64/v3", "", "linux/amd64");
        check("linux/arm/v6", "linux/arm", "linux/arm/v7");
        check("linux/arm/v7", "linux/arm", "");
        check("linux/arm", "linux/arm/v7", "");
        check("linux/s390x", "linux/s390x", "");
    }

    #[test]
    fn configured_os_version_matches_longer_ones_after_a_dot() {
        let (same, longer) = ("windows(10.0.20348)/amd64", "windows(10.0.20348.2322)/amd64");
        check(same, same, "windows(10.0.203481)/amd64 windows(10.0.17763)/amd64 windows/amd64");
        check(same, longer, "");
        check("windows/amd64", longer, "");
    }

    #[test]
    fn platforms_overlap_where_one_image_can_be_of_both() {
        for (one, other, expected) in [
            ("linux/arm", "linux/arm/v7", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/arm", "freebsd/arm/v7", false),
            ("linux/arm64", "linux/arm", false),
            ("linux/amd64", "linux/amd64/v2", false),
            ("windows/amd64", "windows(10.0.20348)/amd64", true),
            ("windows(10.0)/amd64", "windows(10.0.20348)/amd64", true),
            ("windows(10.0.20348)/amd64", "windows(10.0.203)/amd64", false),
            ("windows(10.0.20348)/amd64", "windows(10.0.17763)/amd64", false),
            ("linux(1)/arm", "linux/arm/v7", true),
            ("linux(1)/arm/v6", "linux/arm/v7", false),
        ] {
            let (first, second) = (configured(one), configured(other));
            assert_eq!((first.overlaps(&second), second.overlaps(&first)), (expected, expected), "{one} {other}");
        }
    }

    #[test]
    fn malformed_platform_is_invalid() {
        let texts = ",linux,linux/,/amd64,linux/amd64/,linux/arm/v7/x,linux/amd64=,linux/amd64=a/b,Linux/amd64,\
                     linux /amd64,windows(10/amd64,windows()/amd64,windows10)/amd64,linux/x86_64,linux/aarch64";
        for text in texts.split(',') {
            assert!(text.parse::<ConfiguredPlatform>().is_err(), "{text}");
        }
    }

    #[test]
    fn entry_may_leave_out_its_os_version_and_on_arm_its_variant() {
        let windows = "windows(10.0.20348)/amd64";
        for (platform, entry, expected) in [
            (windows, "windows/amd64", false),
            (windows, "windows(10.0.20348.1)/amd64", false),
            (windows, "windows(10.0.17763)/amd64", true),
            ("linux/arm/v7", "linux/arm", false),
            ("linux/arm/v7", "linux/arm/v6", true),
            ("linux/amd64", "linux/amd64", false),
            ("linux/amd64", "linux/arm64", true),
        ] {
            assert_eq!(configured(platform).contradicts(&configured(entry).platform), expected, "{platform} {entry}");
        }
    }

    #[test]
    fn versions_may_have_hyphens_and_no_other_signs() {
        assert!("windows(10.0-rc.1)/amd64".parse::<ConfiguredPlatform>().is_ok());
        for text in ["windows(10_0)/amd64", "windows(10..0)/amd64", "linux/arm/v7+"] {
            assert!(text.parse::<ConfiguredPlatform>().is_err(), "{text}");
        }
    }
}
