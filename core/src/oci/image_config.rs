//! The config of an image, which states its platform and has labels.

use serde::Deserialize;

use super::annotations::{Annotations, short_annotations};
use super::bounded::bounded;
use super::digest::Digest;
use super::invalid_image::{Corruption, InvalidImage, Part, Unsupported};
use super::platform::Platform;

/// How many bytes of a config are read: as many as ECR accepts of a manifest. Real configs have kilobytes; the limit
/// bounds the memory that a hostile one takes.
pub const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// An image config, reduced to what the function needs.
///
/// OCI image specification, "Image Configuration".
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageConfig {
    /// The platform of the image.
    pub platform: Platform,
    /// The labels, without long ones.
    pub labels: Annotations,
}

impl ImageConfig {
    /// The same with the labels of these keys only, and with the revision.
    #[must_use]
    pub fn with_labels<'k>(self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        Self { labels: self.labels.only(keys), ..self }
    }

    /// Parses the config with this digest.
    ///
    /// # Errors
    /// [`InvalidImage`], if the bytes have another digest, are not JSON, or state no platform.
    pub fn parse(digest: Digest, bytes: &[u8]) -> Result<Self, InvalidImage> {
        #[derive(Deserialize)]
        struct Document {
            config: Option<Execution>,
        }
        #[derive(Deserialize)]
        struct Execution {
            #[serde(rename = "Labels", default, deserialize_with = "short_annotations")]
            labels: Annotations,
        }

        let actual = Digest::sha256(bytes);
        if actual != digest {
            return Err(Corruption::Digest { part: Part::Config, actual, expected: digest }.into());
        }
        let platform: Platform = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => InvalidImage::from(Unsupported::PlatformUnspecified),
            _ => Corruption::InvalidJson { part: Part::Config, message: error.to_string().into() }.into(),
        })?;
        // The config of a BuildKit attestation states "unknown" for both.
        if platform.is_unspecified() || platform.os == "unknown" || platform.architecture == "unknown" {
            return Err(Unsupported::PlatformUnspecified.into());
        }
        // A second pass that may fail: labels of another shape, or of invalid UTF-8, do not make an image invalid.
        let labels = serde_json::from_slice(bytes).ok().and_then(|document: Document| Some(document.config?.labels));
        let Platform { architecture, os, os_version, variant } = platform;
        let platform = Platform {
            architecture: bounded(architecture),
            os: bounded(os),
            os_version: bounded(os_version),
            variant: bounded(variant),
        };
        Ok(Self { platform, labels: labels.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ImageConfig, InvalidImage> {
        ImageConfig::parse(Digest::sha256(text), text.as_bytes())
    }

    #[test]
    fn config_states_platform_and_revision() {
        let config = parse(
            r#"{"architecture":"amd64","os":"windows","os.version":"10.0.1","os.features":["win32k"],"variant":null,
                "config":{"Labels":{"a":"b","org.opencontainers.image.revision":"abc"}}}"#,
        )
        .unwrap();
        assert_eq!(config.platform.to_string(), "windows(10.0.1)/amd64");
        assert_eq!(config.labels.revision(), Some("abc"));
    }

    #[test]
    fn labels_are_optional() {
        for rest in ["", r#","config":null"#, r#","config":{}"#, r#","config":{"Labels":null}"#, r#","config":7"#] {
            let config = parse(&format!(r#"{{"architecture":"arm64","os":"linux"{rest}}}"#)).unwrap();
            assert_eq!(config.labels, Annotations::default(), "{rest}");
        }
    }

    #[test]
    fn labels_of_invalid_utf_8_are_ignored() {
        let mut bytes = br#"{"architecture":"arm64","os":"linux","config":{"Labels":{"a":"x"}}}"#.to_vec();
        let value = bytes.iter().rposition(|byte| *byte == b'x').unwrap();
        bytes[value] = 0xff;
        assert_eq!(ImageConfig::parse(Digest::sha256(&bytes), &bytes).unwrap().labels, Annotations::default());
    }

    #[test]
    fn long_text_is_bounded_and_told_from_others() {
        let revision = |end: &str| {
            let text = format!("ü{}{end}", "x".repeat(1 << 20));
            let labels = format!(r#"{{"org.opencontainers.image.revision":"{text}"}}"#);
            let config = parse(&format!(r#"{{"os":"linux","architecture":"{text}","config":{{"Labels":{labels}}}}}"#));
            let ImageConfig { platform, labels } = config.unwrap();
            assert!(platform.architecture.len() < 400 && platform.architecture.contains('…'));
            labels.revision().unwrap().to_owned()
        };
        assert_ne!(revision("1"), revision("2"));
    }

    #[test]
    fn config_without_a_platform_is_unsupported() {
        for text in [
            "{}",
            "[]",
            r#"{"architecture":"amd64"}"#,
            r#"{"architecture":"","os":"linux"}"#,
            r#"{"os":7}"#,
            r#"{"architecture":"unknown","os":"linux"}"#,
            r#"{"architecture":"amd64","os":"unknown"}"#,
        ] {
            assert_eq!(parse(text), Err(Unsupported::PlatformUnspecified.into()), "{text}");
        }
    }

    #[test]
    fn bytes_of_another_digest_are_corrupt() {
        let result = ImageConfig::parse(Digest::sha256("other"), b"{}");
        assert!(matches!(result, Err(InvalidImage::Corrupt(Corruption::Digest { part: Part::Config, .. }))));
    }

    #[test]
    fn bytes_other_than_json_are_corrupt() {
        assert!(matches!(parse("{"), Err(InvalidImage::Corrupt(Corruption::InvalidJson { part: Part::Config, .. }))));
    }

    #[test]
    fn narrowed_config_has_the_labels_of_the_keys() {
        let config = |labels: &str| {
            parse(&format!(r#"{{"os":"linux","architecture":"arm64","config":{{"Labels":{labels}}}}}"#)).unwrap()
        };
        assert_eq!(config(r#"{"a":"1","b":"2"}"#).with_labels(["a"]), config(r#"{"a":"1"}"#));
    }
}
