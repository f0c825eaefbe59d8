//! How tags spell platforms: `amd64`, `x86_64`, `arm64v8`, `linux-amd64`.

/// Architectures with their variants, as the settings of the function name them, and their spellings with hyphens for
/// separators. They are those of Go (`GOARCH`), of the kernel (`uname -m`), of Debian, and of the official images.
const STRONG: [(&str, &[&str]); 12] = [
    ("amd64", &["amd64", "x86-64", "amd64-v1", "x64"]),
    ("arm64", &["arm64", "aarch64", "arm64v8", "arm64-v8", "armv8", "arm-v8", "arm64-v8a"]),
    ("arm/v7", &["armv7", "arm32v7", "arm-v7", "armv7l", "armv7hf", "armhf"]),
    ("arm/v6", &["armv6", "arm32v6", "arm-v6", "armv6l", "armv6hf", "armel"]),
    ("arm/v5", &["armv5", "arm32v5", "arm-v5", "armv5l", "armv5tel"]),
    ("386", &["i386", "i686"]),
    ("ppc64le", &["ppc64le"]),
    ("s390x", &["s390x"]),
    ("riscv64", &["riscv64"]),
    ("mips64le", &["mips64le", "mips64el"]),
    ("loong64", &["loong64", "loongarch64"]),
    ("ppc64", &["ppc64"]),
];

/// Spellings that can as well be something else: a number, or a family of architectures.
const WEAK: [(&str, &str); 3] = [("386", "386"), ("arm", "arm"), ("amd64", "x86")];

const SYSTEMS: [&str; 2] = ["linux", "windows"];

/// The platform that a part of a tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpelledPlatform {
    /// The platform, such as `linux/arm64`.
    pub platform: String,
    /// Whether the part can be something else: `386` can be a build number.
    pub is_weak: bool,
}

impl SpelledPlatform {
    /// Reads a part of a tag. `None` if the spelling is unknown.
    pub fn read(part: &str) -> Option<Self> {
        let normalized = part.to_ascii_lowercase().replace(['_', '.'], "-");
        let (system, architecture) = SYSTEMS
            .into_iter()
            .find_map(|system| Some((Some(system), normalized.strip_prefix(system)?.trim_start_matches('-'))))
            .unwrap_or((None, &normalized));
        let strong = STRONG.iter().find(|(_, spellings)| spellings.contains(&architecture));
        let weak = || WEAK.iter().find(|(_, spelling)| *spelling == architecture);
        let (architecture, is_weak) = match (strong, weak()) {
            (Some((architecture, _)), _) => (architecture, false),
            // An operating system in front leaves no doubt.
            (None, Some((architecture, _))) => (architecture, system.is_none()),
            (None, None) => return None,
        };
        Some(Self { platform: format!("{}/{architecture}", system.unwrap_or("linux")), is_weak })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_spellings_name_their_platforms() {
        for (part, expected) in [
            ("amd64", "linux/amd64"),
            ("x86_64", "linux/amd64"),
            ("X86-64", "linux/amd64"),
            ("arm64", "linux/arm64"),
            ("aarch64", "linux/arm64"),
            ("arm64v8", "linux/arm64"),
            ("armv7", "linux/arm/v7"),
            ("arm32v7", "linux/arm/v7"),
            ("arm-v6", "linux/arm/v6"),
            ("linux-amd64", "linux/amd64"),
            ("linux_arm64", "linux/arm64"),
            ("linuxarm64", "linux/arm64"),
            ("linux-386", "linux/386"),
            ("windows-amd64", "windows/amd64"),
            ("s390x", "linux/s390x"),
        ] {
            let expected = SpelledPlatform { platform: expected.to_owned(), is_weak: false };
            assert_eq!(SpelledPlatform::read(part), Some(expected), "{part}");
        }
    }

    #[test]
    fn spelling_that_can_be_something_else_is_weak() {
        for (part, platform) in [("386", "linux/386"), ("arm", "linux/arm"), ("x86", "linux/amd64")] {
            let expected = SpelledPlatform { platform: platform.to_owned(), is_weak: true };
            assert_eq!(SpelledPlatform::read(part), Some(expected), "{part}");
        }
    }

    #[test]
    fn other_text_is_no_platform() {
        for part in ["", "linux", "linux-", "1.2.3", "alpine", "amd641", "64", "latest", "windows-ltsc2022"] {
            assert_eq!(SpelledPlatform::read(part), None, "{part}");
        }
    }

    #[test]
    fn every_platform_is_one_of_the_settings() {
        use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
        for (architecture, _) in STRONG {
            for system in SYSTEMS {
                assert!(format!("{system}/{architecture}").parse::<ConfiguredPlatform>().is_ok(), "{architecture}");
            }
        }
    }
}
