//! How tags spell platforms (`amd64`, `x86_64`, `arm64v8`, `linux-amd64`, `windows-ltsc2022-amd64`), and join them with
//! versions.

use serde::{Serialize, Serializer};

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

/// The releases of Windows Server for whose containers images are made, as tags spell them, and the `os.version` of
/// their images up to the build; what follows it changes with every update. (Microsoft Learn, "Windows container
/// version compatibility".)
const WINDOWS_RELEASES: [(&str, &str); 4] =
    [("ltsc2016", "10.0.14393"), ("ltsc2019", "10.0.17763"), ("ltsc2022", "10.0.20348"), ("ltsc2025", "10.0.26100")];

/// The platform that a part of a tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpelledPlatform {
    /// The platform, such as `linux/arm64` or `windows(10.0.20348)/amd64`.
    pub platform: String,
    /// Whether the part can be something else: `386` can be a build number, and `windows` names no architecture.
    pub is_weak: bool,
}

impl SpelledPlatform {
    /// Reads a part of a tag. `None` if the spelling is unknown.
    pub fn read(part: &str) -> Option<Self> {
        let normalized = part.to_ascii_lowercase().replace(['_', '.'], "-");
        let mut words: Vec<_> = normalized.split('-').collect();
        let os_version = remove(&mut words, |word| Some(WINDOWS_RELEASES.iter().find(|(name, _)| *name == word)?.1));
        let system = remove(&mut words, |word| SYSTEMS.into_iter().find(|system| *system == word));
        let rest = words.join("-");
        // Some write no separator behind the system.
        let joined = || SYSTEMS.into_iter().find_map(|system| Some((Some(system), rest.strip_prefix(system)?)));
        let (system, architecture) =
            system.map(|system| (Some(system), rest.as_str())).or_else(joined).unwrap_or((None, &rest));
        let system = system.or_else(|| os_version.map(|_| "windows"));
        let strong = STRONG.iter().find(|(_, spellings)| spellings.contains(&architecture));
        let weak = || WEAK.iter().find(|(_, spelling)| *spelling == architecture);
        let (architecture, is_weak) = match (strong, weak()) {
            (Some((architecture, _)), _) => (*architecture, false),
            // Beside a system it means 32 bits, as in the runtime identifiers of .NET: win-x86 and win-x64.
            (None, Some((_, "x86"))) if system.is_some() => ("386", false),
            // An operating system leaves no doubt.
            (None, Some((architecture, _))) => (*architecture, system.is_none()),
            // Nearly all images of Windows are of this architecture.
            (None, None) if system == Some("windows") && architecture.is_empty() => ("amd64", true),
            (None, None) => return None,
        };
        let platform = match (system.unwrap_or("linux"), os_version) {
            ("windows", Some(os_version)) => format!("windows({os_version})/{architecture}"),
            (_, Some(_)) => return None,
            (system, None) => format!("{system}/{architecture}"),
        };
        Some(Self { platform, is_weak })
    }
}

/// Whether a text names Windows or one of its versions, whose images are none of Linux though the platform beside it is
/// spelled alike.
pub fn names_windows(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_ltsc = || lower.split("ltsc").skip(1).any(|rest| rest.starts_with(|char: char| char.is_ascii_digit()));
    ["windows", "nanoserver", "servercore"].iter().any(|name| lower.contains(name)) || is_ltsc()
}

/// Removes the first word that is known, and returns what is known of it.
fn remove<T>(words: &mut Vec<&str>, known: impl Fn(&str) -> Option<T>) -> Option<T> {
    let (at, found) = words.iter().enumerate().find_map(|(at, word)| Some((at, known(word)?)))?;
    words.remove(at);
    Some(found)
}

/// A platform tag, divided by a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DividedTag<'a> {
    /// The version.
    pub version: &'a str,
    /// The part that spells the platform.
    pub part: &'a str,
    /// What it spells.
    pub spelled: SpelledPlatform,
}

/// How tags join version and platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Layout {
    is_platform_first: bool,
    separator: char,
}

impl Layout {
    /// All layouts that are tried, those that are used most first: of two with as many tags, the first one wins.
    pub const ALL: [Self; 6] = {
        const fn layout(is_platform_first: bool, separator: char) -> Layout {
            Layout { is_platform_first, separator }
        }
        [
            layout(false, '-'),
            layout(true, '-'),
            layout(false, '_'),
            layout(false, '.'),
            layout(true, '_'),
            layout(true, '.'),
        ]
    };

    /// The tag template of the settings.
    pub fn template(self) -> String {
        let separator = self.separator;
        if self.is_platform_first {
            format!("{{platform}}{separator}{{version}}")
        } else {
            format!("{{version}}{separator}{{platform}}")
        }
    }

    /// Divides a tag, with the longest part that spells a platform. `None`, if the tag has no such part.
    pub fn divide(self, tag: &str) -> Option<DividedTag<'_>> {
        let divided = |at: usize| {
            let (before, after) = (&tag[..at], &tag[at + self.separator.len_utf8()..]);
            let (version, part) = if self.is_platform_first { (after, before) } else { (before, after) };
            // A version is a tag of its own, and a tag does not begin so.
            let is_version = !version.is_empty() && !version.starts_with(['.', '-']) && !names_windows(version);
            is_version.then(|| Some(DividedTag { version, part, spelled: SpelledPlatform::read(part)? }))?
        };
        let mut positions = tag.match_indices(self.separator).map(|(at, _)| at);
        if self.is_platform_first { positions.rev().find_map(divided) } else { positions.find_map(divided) }
    }

    /// Whether a tag names a platform by this layout without doubt.
    pub fn is_strong(self, tag: &str) -> bool {
        self.divide(tag).is_some_and(|divided| !divided.spelled.is_weak)
    }
}

impl Serialize for Layout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.template())
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
            ("linux-x86", "linux/386"),
            ("windows-x86", "windows/386"),
            ("windows-ltsc2022-x86", "windows(10.0.20348)/386"),
            ("windows-x64", "windows/amd64"),
            ("windows-amd64", "windows/amd64"),
            ("windowsamd64", "windows/amd64"),
            ("windows-ltsc2022-amd64", "windows(10.0.20348)/amd64"),
            ("amd64-windows-ltsc2025", "windows(10.0.26100)/amd64"),
            ("ltsc2019_amd64", "windows(10.0.17763)/amd64"),
            ("s390x", "linux/s390x"),
        ] {
            let expected = SpelledPlatform { platform: expected.to_owned(), is_weak: false };
            assert_eq!(SpelledPlatform::read(part), Some(expected), "{part}");
        }
    }

    #[test]
    fn spelling_that_can_be_something_else_is_weak() {
        for (part, platform) in [
            ("386", "linux/386"),
            ("arm", "linux/arm"),
            ("x86", "linux/amd64"),
            ("windows", "windows/amd64"),
            ("windows-ltsc2022", "windows(10.0.20348)/amd64"),
            ("ltsc2016", "windows(10.0.14393)/amd64"),
        ] {
            let expected = SpelledPlatform { platform: platform.to_owned(), is_weak: true };
            assert_eq!(SpelledPlatform::read(part), Some(expected), "{part}");
        }
    }

    #[test]
    fn other_text_is_no_platform() {
        let of_linux = ["", "linux", "linux-", "1.2.3", "alpine", "amd641", "64", "latest", "linux-ltsc2022-amd64"];
        let of_windows = ["windows-ltsc2028", "ltsc", "windowsservercore-ltsc2022", "nanoserver-1809", "windows-2022"];
        for part in of_linux.into_iter().chain(of_windows) {
            assert_eq!(SpelledPlatform::read(part), None, "{part}");
        }
    }

    #[test]
    fn every_platform_is_one_of_the_settings() {
        use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;
        for (architecture, _) in STRONG {
            for system in SYSTEMS {
                let platform = format!("{system}/{architecture}");
                assert_eq!(platform.parse::<ConfiguredPlatform>().unwrap().to_string(), platform);
            }
        }
        for (name, _) in WINDOWS_RELEASES {
            let platform = SpelledPlatform::read(name).unwrap().platform;
            assert_eq!(platform.parse::<ConfiguredPlatform>().unwrap().to_string(), platform);
        }
    }
}
