//! The config of an image, which states what it runs on and from which revision it was built.

use serde::Deserialize;

use crate::digest::Digest;
use crate::manifest::{Annotations, Corruption, ImageFault, Unsupported, revision_alone};
use crate::platform::Platform;

/// How many bytes of a config are read. Configs have kilobytes.
pub const MAX_BYTES: u64 = 4 << 20;

/// The label and the annotation that hold the revision of an image's source.
///
/// OCI image specification, "Pre-Defined Annotation Keys".
pub const REVISION: &str = "org.opencontainers.image.revision";

/// Whether a config of this media type is that of a container image.
pub fn is_image_config(media_type: &str) -> bool {
    matches!(media_type, "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json")
}

/// What matters of an image's config.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageConfig {
    /// What the image runs on, as stated.
    pub platform: Platform,
    /// The revision of its source, where a label states one.
    pub revision: Option<String>,
}

impl ImageConfig {
    /// Reads the config with this digest from its bytes.
    ///
    /// # Errors
    /// [`ImageFault`], where the bytes are not those of the digest, are no JSON, or state no platform.
    pub fn read(digest: Digest, bytes: &[u8]) -> Result<Self, ImageFault> {
        #[derive(Deserialize)]
        struct Document {
            config: Option<Execution>,
        }
        #[derive(Deserialize)]
        struct Execution {
            #[serde(rename = "Labels", default, deserialize_with = "revision_alone")]
            labels: Annotations,
        }

        let found = Digest::of(bytes);
        if found != digest {
            return Err(Corruption::Digest { part: "config", found, expected: digest }.into());
        }
        let platform: Platform = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => ImageFault::from(Unsupported::NoPlatform),
            _ => Corruption::NotJson { part: "config", message: error.to_string() }.into(),
        })?;
        // The config of a BuildKit attestation states "unknown" for both.
        if platform.is_unknown() || platform.os == "unknown" || platform.architecture == "unknown" {
            return Err(Unsupported::NoPlatform.into());
        }
        // Labels of another shape are no reason to refuse an image: they run nothing.
        let labels = serde_json::from_slice(bytes).ok().and_then(|document: Document| Some(document.config?.labels));
        let revision = labels.and_then(|mut labels| labels.remove(REVISION));
        Ok(Self { platform, revision: revision.filter(|revision| !revision.is_empty()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ImageConfig, ImageFault> {
        ImageConfig::read(Digest::of(text), text.as_bytes())
    }

    #[test]
    fn a_config_states_platform_and_revision() {
        let config = read(
            r#"{"architecture":"amd64","os":"windows","os.version":"10.0.1","os.features":["win32k"],"variant":null,
                "config":{"Labels":{"a":"b","org.opencontainers.image.revision":"abc"}}}"#,
        )
        .unwrap();
        assert_eq!(config.platform.to_string(), "windows(10.0.1)/amd64");
        assert_eq!(config.revision.as_deref(), Some("abc"));
    }

    #[test]
    fn a_config_may_do_without_labels() {
        for rest in ["", r#","config":null"#, r#","config":{}"#, r#","config":{"Labels":null}"#, r#","config":7"#] {
            let config = read(&format!(r#"{{"architecture":"arm64","os":"linux"{rest}}}"#)).unwrap();
            assert_eq!(config.revision, None, "{rest}");
        }
    }

    #[test]
    fn a_config_without_a_platform_is_unsupported() {
        for text in ["{}", "[]", r#"{"architecture":"amd64"}"#, r#"{"architecture":"","os":"linux"}"#, r#"{"os":7}"#] {
            assert_eq!(read(text), Err(Unsupported::NoPlatform.into()), "{text}");
        }
    }

    #[test]
    fn other_bytes_than_the_digest_names_are_corrupt() {
        let result = ImageConfig::read(Digest::of("other"), b"{}");
        assert!(matches!(result, Err(ImageFault::Corrupt(Corruption::Digest { part: "config", .. }))));
        assert!(matches!(read("{"), Err(ImageFault::Corrupt(Corruption::NotJson { part: "config", .. }))));
    }
}
