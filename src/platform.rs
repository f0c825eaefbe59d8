//! What an image runs on, as images state it and as the settings ask for it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::text::checked_text;

/// A platform as an image's config or a descriptor states it. An empty field is an absent one.
///
/// OCI image specification, image index, `platform`; the fields stand in the order in which Go's tools write them.
/// `os.features` and `features` are not kept: ECR refuses a list that has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The architecture, in the words of Go's `GOARCH`.
    #[serde(default, deserialize_with = "value_or_nothing")]
    pub architecture: String,
    /// The operating system, in the words of Go's `GOOS`.
    #[serde(default, deserialize_with = "value_or_nothing")]
    pub os: String,
    /// The version of the operating system, which Windows images state.
    #[serde(rename = "os.version", default, deserialize_with = "value_or_nothing")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// The variant of the architecture, such as `v7` of `arm`.
    #[serde(default, deserialize_with = "value_or_nothing", skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

/// Reads `null` as Go does: as the empty value.
pub(crate) fn value_or_nothing<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Platform {
    /// Whether there is no telling what it runs on: the architecture or the operating system is absent.
    pub fn is_unknown(&self) -> bool {
        self.architecture.is_empty() || self.os.is_empty()
    }

    /// The platform in the spelling to which containerd, and with it every client, brings it before it compares.
    ///
    /// The rules are those of containerd's `platforms.Normalize`, but for an arm image without a variant: which one
    /// that is, the image leaves open.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let (architecture, variant) = (self.architecture.to_ascii_lowercase(), self.variant.to_ascii_lowercase());
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "" | "8" | "v8") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("armhf", _) | ("arm", "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            other => other,
        };
        let os = match self.os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            os => os.to_owned(),
        };
        Self {
            architecture: architecture.to_owned(),
            os,
            os_version: self.os_version.clone(),
            variant: variant.to_owned(),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        if !self.os_version.is_empty() {
            write!(f, "({})", self.os_version)?;
        }
        write!(f, "/{}", self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

checked_text!(
    /// The part of a tag that names its platform, such as `arm64`.
    TagPart,
    /// Text that is no part of a tag.
    InvalidTagPart: "no part of a tag: letters, digits, underscores, full stops and hyphens are expected",
    |text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
);

/// A platform that every list must have, with the part of the tag under which its image is pushed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequiredPlatform {
    platform: Platform,
    tag_part: TagPart,
}

/// Text that is no platform of the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlatform {
    /// It has not the form of a platform.
    #[error(
        "{0:?} is no platform: os[(os.version)]/arch[/variant][=tag-part] is expected, \
         such as linux/amd64, linux/arm64=aarch64 or windows(10.0.20348)/amd64=ltsc2022"
    )]
    Form(String),
    /// An architecture that no image states.
    #[error("{given:?} is no architecture that images state; write {instead}")]
    Alias {
        /// What the setting says.
        given: String,
        /// What images say.
        instead: String,
    },
    /// What follows the equals sign is no part of a tag.
    #[error(transparent)]
    TagPart(#[from] InvalidTagPart),
}

impl RequiredPlatform {
    /// The part of the tag that stands for this platform.
    pub fn tag_part(&self) -> &TagPart {
        &self.tag_part
    }

    /// The platform as the settings state it.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Whether an image of the given platform may stand for this one.
    ///
    /// Operating system, architecture and variant agree in containerd's spelling. On arm an absent variant agrees with
    /// any. A version of the operating system counts where one is required: as a prefix that ends at a full stop.
    pub fn matches(&self, image: &Platform) -> bool {
        let (required, stated) = (self.platform.normalized(), image.normalized());
        let variant_left_open =
            required.architecture == "arm" && (required.variant.is_empty() || stated.variant.is_empty());
        required.os == stated.os
            && required.architecture == stated.architecture
            && (required.variant == stated.variant || variant_left_open)
            && is_prefix_up_to_a_dot(&required.os_version, &stated.os_version)
    }

    /// Whether the two ask for the same image.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.platform.normalized() == other.platform.normalized()
    }
}

fn is_prefix_up_to_a_dot(prefix: &str, text: &str) -> bool {
    prefix.is_empty() || text.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl FromStr for RequiredPlatform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || InvalidPlatform::Form(text.to_owned());
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

fn default_tag_part(platform: &Platform) -> String {
    let os = if platform.os == "linux" { String::new() } else { format!("{}-", platform.os) };
    format!("{os}{}{}", platform.architecture, platform.variant)
}

impl fmt::Display for RequiredPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.platform.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required(text: &str) -> RequiredPlatform {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(required_platform: &str, image: &str, expected: bool) {
        let image = required(image).platform;
        assert_eq!(required(required_platform).matches(&image), expected, "{required_platform} {image}");
    }

    #[test]
    fn the_tag_part_is_arch_and_variant_with_the_os_ahead_where_it_is_not_linux() {
        for (text, part) in [
            ("linux/amd64", "amd64"),
            ("linux/arm/v7", "armv7"),
            ("linux/arm64=aarch64", "aarch64"),
            ("windows/amd64", "windows-amd64"),
            ("windows(10.0.20348)/amd64", "windows-amd64"),
            ("windows(10.0.20348)/amd64=ltsc2022", "ltsc2022"),
        ] {
            assert_eq!(required(text).tag_part().as_str(), part, "{text}");
        }
    }

    #[test]
    fn an_absent_variant_stands_for_v8_on_arm64_for_v1_on_amd64_and_for_any_on_arm() {
        check("linux/arm64", "linux/arm64/v8", true);
        check("linux/arm64/v8", "linux/arm64", true);
        check("linux/arm64", "linux/arm64/v9", false);
        check("linux/amd64", "linux/amd64/v1", true);
        check("linux/amd64", "linux/amd64/v3", false);
        check("linux/amd64/v3", "linux/amd64", false);
        check("linux/arm/v6", "linux/arm", true);
        check("linux/arm/v7", "linux/arm", true);
        check("linux/arm", "linux/arm/v7", true);
        check("linux/arm/v6", "linux/arm/v7", false);
        check("linux/s390x", "linux/s390x", true);
    }

    #[test]
    fn another_os_or_architecture_never_matches() {
        check("linux/amd64", "linux/arm64", false);
        check("linux/amd64", "windows/amd64", false);
        check("linux/arm64", "linux/arm", false);
    }

    #[test]
    fn a_required_os_version_is_a_prefix_that_ends_at_a_full_stop() {
        check("windows(10.0.20348)/amd64", "windows(10.0.20348)/amd64", true);
        check("windows(10.0.20348)/amd64", "windows(10.0.20348.2322)/amd64", true);
        check("windows(10.0.20348)/amd64", "windows(10.0.203481)/amd64", false);
        check("windows(10.0.20348)/amd64", "windows(10.0.17763)/amd64", false);
        check("windows(10.0.20348)/amd64", "windows/amd64", false);
        check("windows/amd64", "windows(10.0.20348.2322)/amd64", true);
    }

    #[test]
    fn what_is_no_platform_is_refused() {
        for text in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "linux/amd64/",
            "linux/arm/v7/x",
            "linux/amd64=",
            "linux/amd64=a/b",
            "Linux/amd64",
            "linux /amd64",
            "windows(10/amd64",
            "windows()/amd64",
            "windows10)/amd64",
            "linux/x86_64",
            "linux/aarch64",
        ] {
            assert!(text.parse::<RequiredPlatform>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_spelling_of_other_tools_is_brought_to_containerds() {
        for (architecture, variant, expected) in [
            ("x86_64", "", "linux/amd64"),
            ("aarch64", "v8", "linux/arm64"),
            ("armhf", "", "linux/arm/v7"),
            ("armel", "", "linux/arm/v6"),
            ("arm", "7", "linux/arm/v7"),
            ("arm", "", "linux/arm"),
            ("i386", "", "linux/386"),
            ("AMD64", "V1", "linux/amd64"),
        ] {
            let platform = Platform {
                architecture: architecture.into(),
                os: "linux".into(),
                variant: variant.into(),
                ..Platform::default()
            };
            assert_eq!(platform.normalized().to_string(), expected);
        }
    }
}
