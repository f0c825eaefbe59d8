//! The platforms of a repository, by the names under which the report shows them.

use ecr_multiarch_core::oci::platform::Platform;
use ecr_multiarch_core::settings::configured_platform::ConfiguredPlatform;

use crate::guess::Guess;
use crate::text::shown;

/// How many platforms a repository may have in the report. The known spellings are fewer; only lists of hostile content
/// can have more, and theirs are omitted.
const MAX_PLATFORMS: usize = 64;

/// How many numbers of an `os.version` are shown: up to the build of Windows. What follows changes with every update of
/// the base image, and does not make another platform.
const OS_VERSION_NUMBERS: usize = 3;

/// The platforms that were found so far, each with a position.
#[derive(Debug)]
pub struct PlatformNames {
    names: Vec<String>,
    /// The guessed platforms with their names, each once.
    guessed: Vec<(String, ConfiguredPlatform)>,
}

impl PlatformNames {
    /// No platforms yet, of a repository of which this was guessed.
    pub fn new(guess: &Guess) -> Self {
        let guessed = guess.distinct_platforms().map(|(name, platform)| (name.to_owned(), platform)).collect();
        Self { names: Vec::new(), guessed }
    }

    /// The position of a platform by its name. `None`, if there are too many.
    pub fn position(&mut self, name: &str) -> Option<usize> {
        let known = self.names.iter().position(|known| known == name);
        if known.is_none() && self.names.len() < MAX_PLATFORMS {
            self.names.push(name.to_owned());
            return Some(self.names.len() - 1);
        }
        known
    }

    /// The position of a platform that a list or a config states: that of the tags which say the same or less, so that
    /// `linux/arm/v7` is what the tags call `linux/arm`. `None`, if there are too many.
    pub fn position_of(&mut self, stated: &Platform) -> Option<usize> {
        let name = shown(&up_to_build(stated));
        let is_guessed = self.guessed.iter().any(|(guessed, _)| *guessed == name);
        let guessed = self.guessed.iter().find(|(_, guessed)| !is_guessed && guessed.matches(stated));
        let name = guessed.map_or(name, |(name, _)| name.clone());
        self.position(&name)
    }

    /// The names, in the order of their positions.
    pub fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// A platform without the part of its `os.version` that is not shown.
fn up_to_build(platform: &Platform) -> Platform {
    let numbers = platform.os_version.split('.').take(OS_VERSION_NUMBERS);
    Platform { os_version: numbers.collect::<Vec<_>>().join("."), ..platform.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_of_several_spellings_is_kept_once() {
        let names = PlatformNames::new(&Guess::of(&["1.0-amd64", "1.1-AMD64", "1.2-x86_64", "1.2-arm64"]));
        let guessed: Vec<_> = names.guessed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(guessed, ["linux/amd64", "linux/arm64"]);
    }

    #[test]
    fn stated_platform_has_the_name_of_the_tags() {
        let tags = ["1.0-amd64", "1.0-armv7", "1.0-arm64", "1.0-windows-ltsc2022-amd64"];
        let guess = Guess::of(&tags);
        let windows = |os_version: &str| Platform {
            architecture: "amd64".into(),
            os: "windows".into(),
            os_version: os_version.into(),
            variant: String::new(),
        };
        let arm = |variant: &str| Platform {
            architecture: "arm".into(),
            os: "linux".into(),
            os_version: String::new(),
            variant: variant.into(),
        };
        for (stated, expected) in [
            (windows("10.0.20348.2113"), "windows(10.0.20348)/amd64"),
            (windows("10.0.17763.1"), "windows(10.0.17763)/amd64"),
            (windows(""), "windows/amd64"),
            (arm("v7"), "linux/arm/v7"),
            (arm("v6"), "linux/arm/v6"),
        ] {
            let mut names = PlatformNames::new(&guess);
            names.position_of(&stated);
            assert_eq!(names.into_names(), [expected]);
        }
        let mut names = PlatformNames::new(&Guess::of(&["1.0-amd64", "1.0-windows-amd64", "1.0-arm"]));
        for stated in [windows("10.0.20348.2113"), windows("10.0.17763.1"), arm("v7"), arm("v6")] {
            names.position_of(&stated);
        }
        assert_eq!(names.into_names(), ["windows/amd64", "linux/arm"]);
    }
}
