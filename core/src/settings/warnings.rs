//! What is valid, and probably not meant.

use std::collections::BTreeSet;

use super::Settings;
use super::configured_platform::{ConfiguredPlatform, default_tag_part};
use super::tag_scheme::TagScheme;
use crate::oci::platform::KNOWN_ARCHITECTURES;

impl Settings {
    /// What is valid, and probably not meant: architectures that no tool builds for, so that every version would wait, and
    /// tag parts that name the architecture of another platform, so that every version would fail.
    pub fn warnings(&self) -> BTreeSet<String> {
        let schemes = || self.of_any_repository().map(|settings| &settings.tag_scheme);
        let unknown = schemes().flat_map(TagScheme::platforms).map(ConfiguredPlatform::platform);
        let unknown = unknown.filter(|platform| !platform.has_known_architecture()).map(|platform| {
            let known = KNOWN_ARCHITECTURES.join(", ");
            format!("PLATFORMS names {platform}, whose architecture is none of Go's, which images state: {known}")
        });
        let crossed = schemes().flat_map(|scheme| {
            scheme.platforms().iter().filter_map(|configured| {
                let (platform, tag_part) = (configured.platform(), configured.tag_part().as_str());
                let mut others = scheme.platforms().iter().map(ConfiguredPlatform::platform);
                let other = others.find(|other| *other != platform && default_tag_part(other) == tag_part)?;
                Some(format!("PLATFORMS gives {platform} the tag part {tag_part}, which names {other}"))
            })
        });
        unknown.chain(crossed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::settings;

    fn warnings(variables: &[(&str, &str)]) -> BTreeSet<String> {
        settings(variables).unwrap().warnings()
    }

    #[test]
    fn architecture_that_no_image_states_is_warned_of() {
        let rules = r#"[{"repositories":["a"],"platforms":"linux/amd46"}]"#;
        let warnings = warnings(&[("PLATFORMS", "linux/amd64,windows/riscv64"), ("RULES", rules)]);
        let [warning] = &Vec::from_iter(warnings)[..] else { panic!() };
        assert!(warning.starts_with("PLATFORMS names linux/amd46, ") && warning.ends_with("s390x, wasm"), "{warning}");
    }

    #[test]
    fn tag_part_of_another_platform_is_warned_of() {
        let warnings = |platforms| warnings(&[("PLATFORMS", platforms)]);
        assert!(warnings("linux/amd64=x86,linux/arm64=arm,linux/arm/v7").is_empty());
        let expected = [
            "PLATFORMS gives linux/amd64 the tag part arm64, which names linux/arm64",
            "PLATFORMS gives linux/arm64 the tag part amd64, which names linux/amd64",
        ];
        assert_eq!(warnings("linux/amd64=arm64,linux/arm64=amd64"), expected.map(str::to_owned).into());
    }
}
