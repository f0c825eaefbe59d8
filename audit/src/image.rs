//! An image as a scan lists it.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use ecr_multiarch_core::Digest;
use ecr_multiarch_core::oci::image_config::is_image_config;
use ecr_multiarch_core::oci::media_type::MediaType;

/// How long a push is recent: the default of `INCOMPLETE_AFTER`.
const RECENT: Duration = Duration::from_hours(1);

/// Whether something was pushed so recently that its build may still run, or its list is being made. A push after `now`,
/// by clocks that differ, is recent.
pub fn is_recent(pushed_at: SystemTime, now: SystemTime) -> bool {
    now.duration_since(pushed_at).unwrap_or_default() < RECENT
}

/// An image of a repository, or a list of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its digest.
    pub digest: Digest,
    /// Its tags; none where it is untagged.
    pub tags: Vec<String>,
    /// When it was first pushed; a tag that is moved to it later does not change this.
    pub pushed_at: SystemTime,
    /// The media type of its manifest; empty where it is not known.
    pub media_type: String,
    /// The media type of its config, or of the artifact that it is; empty where ECR does not say, as of lists.
    pub artifact_media_type: String,
    /// Whether it is archived, so that nothing can pull it.
    pub is_archived: bool,
}

impl Image {
    /// Whether it is a manifest list, as far as its media type says.
    pub fn is_list(&self) -> bool {
        MediaType::from_name(&self.media_type).is_some_and(MediaType::is_manifest_list)
    }

    /// Whether it is a container image of one platform, as far as its media types say.
    pub fn is_image(&self) -> bool {
        self.is_image_or_list() && !self.is_list()
    }

    /// Whether it is a container image of one platform or a manifest list, as far as its media types say. A chart has
    /// the manifest of an image: where ECR does not state its artifact media type, only a deep audit can tell them
    /// apart.
    pub fn is_image_or_list(&self) -> bool {
        MediaType::from_name(&self.media_type).is_some() && !self.is_artifact()
    }

    /// Whether it is an artifact other than a container image, such as a chart or a cache, as far as ECR says.
    pub fn is_artifact(&self) -> bool {
        !self.artifact_media_type.is_empty() && !is_image_config(&self.artifact_media_type)
    }
}

/// The tags of images, each with its image, without those of attachments: signatures, attestations and SBOMs of cosign
/// and of the OCI referrers fallback are named after the digest that they belong to, and indexes of SOCI after a tag.
pub fn tagged(images: &[Image]) -> Vec<(&str, &Image)> {
    let all = || images.iter().flat_map(|image| image.tags.iter().map(move |tag| (tag.as_str(), image)));
    let known: HashSet<_> = all().map(|(tag, _)| tag).collect();
    let is_of_tag = |tag: &str| tag.strip_suffix("-soci").is_some_and(|of| known.contains(of));
    all().filter(|(tag, _)| !is_of_digest(tag) && !is_of_tag(tag)).collect()
}

/// Whether a tag is named after the digest to which its image is attached.
fn is_of_digest(tag: &str) -> bool {
    tag.strip_prefix("sha256-").is_some_and(|rest| {
        let hex = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        hex == 64 && (rest.len() == 64 || rest.as_bytes()[64] == b'.')
    })
}

#[cfg(test)]
mod tests {
    use ecr_multiarch_core::Settings;

    use super::*;

    #[test]
    fn recent_is_what_the_sweep_does_not_report_yet() {
        let settings = Settings::from_lookup(|name| (name == "PLATFORMS").then(|| "linux/amd64".to_owned()));
        assert_eq!(settings.unwrap().sweep().incomplete_after, RECENT);
    }

    #[test]
    fn tag_of_a_digest_is_an_attachment() {
        let hex = "0a".repeat(32);
        for (tag, expected) in [
            (format!("sha256-{hex}"), true),
            (format!("sha256-{hex}.sig"), true),
            (format!("sha256-{hex}-amd64"), false),
            ("sha256-12".to_owned(), false),
            ("1.2.3".to_owned(), false),
        ] {
            assert_eq!(is_of_digest(&tag), expected, "{tag}");
        }
    }
}
