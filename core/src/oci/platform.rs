//! The platform of an image, as its config or an index states it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// The architectures that images may state: those of Go, by its names.
///
/// OCI image specification, "Image Configuration", `architecture`; <https://go.dev/doc/install/source#environment>.
pub const KNOWN_ARCHITECTURES: [&str; 14] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64",
    "s390x", "wasm",
];

/// A platform. An empty field is an absent one.
///
/// OCI image specification, "Image Index", `platform`; the fields are in the order in which Go's tools write them.
/// `os.features` and `features` are omitted: ECR rejects a manifest list with them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The architecture, a value of Go's `GOARCH`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub architecture: String,
    /// The operating system, a value of Go's `GOOS`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub os: String,
    /// The version of the operating system, which Windows images state.
    #[serde(rename = "os.version", default, deserialize_with = "null_as_default")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// The variant of the architecture, such as `v7` of `arm`.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

impl Platform {
    /// Whether architecture or operating system is absent, so that it is unknown where the image runs.
    pub fn is_unspecified(&self) -> bool {
        self.architecture.is_empty() || self.os.is_empty()
    }

    /// Whether the architecture is one that images may state.
    pub fn has_known_architecture(&self) -> bool {
        KNOWN_ARCHITECTURES.contains(&self.architecture.as_str())
    }

    /// Whether it is `unknown/unknown`, the platform of what does not run.
    pub fn is_unknown(&self) -> bool {
        let Self { architecture, os, os_version, variant } = self;
        os == "unknown" && architecture == "unknown" && os_version.is_empty() && variant.is_empty()
    }

    /// Whether the two differ in a field that both state, as they are after normalization.
    pub fn contradicts(&self, other: &Self) -> bool {
        let (one, other) = (self.normalized(), other.normalized());
        let fields = |platform: Self| [platform.os, platform.architecture, platform.variant, platform.os_version];
        let mut pairs = fields(one).into_iter().zip(fields(other));
        pairs.any(|(one, other)| !one.is_empty() && !other.is_empty() && one != other)
    }

    /// The platform as containerd, and with it every client, normalizes it before it compares.
    ///
    /// The rules are those of containerd's `platforms.Normalize`, except for an arm image without a variant, which is
    /// not assumed to be v7, since the image does not state it.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let mut platform = self.respelled();
        if let ("amd64", "v1") | ("arm64", "v8") = (&*platform.architecture, &*platform.variant) {
            platform.variant.clear();
        }
        platform
    }

    /// The platform in the words that clients compare, without a variant that it does not state, and with one that is the
    /// default.
    #[must_use]
    pub fn respelled(&self) -> Self {
        let (architecture, variant) = (self.architecture.to_ascii_lowercase(), self.variant.to_ascii_lowercase());
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8") => ("arm64", "v8"),
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

/// Deserializes `null` as Go does: as the empty value.
pub(super) fn null_as_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_other_tools_are_normalized() {
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

    #[test]
    fn respelled_platform_keeps_the_variant_that_is_stated() {
        for (architecture, variant, expected) in [
            ("aarch64", "8", "linux/arm64/v8"),
            ("arm64", "v8", "linux/arm64/v8"),
            ("AMD64", "V1", "linux/amd64/v1"),
            ("arm", "7", "linux/arm/v7"),
            ("X86_64", "", "linux/amd64"),
        ] {
            let platform = Platform {
                architecture: architecture.into(),
                os: "Linux".into(),
                variant: variant.into(),
                ..Platform::default()
            };
            assert_eq!(platform.respelled().to_string(), expected);
        }
    }

    fn platform([os, architecture, variant, os_version]: [&str; 4]) -> Platform {
        Platform {
            architecture: architecture.into(),
            os: os.into(),
            os_version: os_version.into(),
            variant: variant.into(),
        }
    }

    #[test]
    fn only_unknown_of_unknown_runs_nowhere() {
        for (fields, expected) in [
            (["unknown", "unknown", "", ""], true),
            (["linux", "unknown", "", ""], false),
            (["unknown", "amd64", "", ""], false),
            (["unknown", "unknown", "v1", ""], false),
            (["unknown", "unknown", "", "1"], false),
        ] {
            assert_eq!(platform(fields).is_unknown(), expected, "{fields:?}");
        }
    }

    #[test]
    fn platforms_contradict_each_other_in_what_both_state() {
        let arm = ["linux", "arm", "v7", ""];
        for (other, expected) in [
            (arm, false),
            (["linux", "arm", "", ""], false),
            (["linux", "arm", "7", "1"], false),
            (["", "", "", ""], false),
            (["linux", "arm", "v6", ""], true),
            (["linux", "amd64", "", ""], true),
            (["windows", "", "", ""], true),
        ] {
            assert_eq!(platform(arm).contradicts(&platform(other)), expected, "{other:?}");
            assert_eq!(platform(other).contradicts(&platform(arm)), expected, "{other:?}");
        }
    }
}
