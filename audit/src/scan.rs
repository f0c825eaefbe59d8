//! What a scan tells of a repository.

use std::collections::HashMap;
use std::time::SystemTime;

use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::{Digest, RepositoryName};

use crate::reading::Reading;

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
    /// Whether it is archived, so that nothing can pull it.
    pub is_archived: bool,
}

/// A repository as it was scanned.
#[derive(Debug)]
pub struct RepositoryScan {
    /// Its name.
    pub name: RepositoryName,
    /// Its images; untagged ones as well if there is a reading.
    pub images: Vec<Image>,
    /// Its manifests and configs, if they were read.
    pub reading: Option<Reading>,
}

impl Image {
    /// Whether it is a manifest list, as far as its media type says.
    pub fn is_list(&self) -> bool {
        MediaType::from_name(&self.media_type).is_some_and(MediaType::is_manifest_list)
    }

    /// Whether it is a container image of one platform or a manifest list, as far as its media type says. A chart or
    /// another artifact can have the media type of an image; only a deep audit can tell them apart.
    pub fn is_image_or_list(&self) -> bool {
        MediaType::from_name(&self.media_type).is_some()
    }
}

/// The images of a scan by their digests.
pub type ByDigest<'a> = HashMap<Digest, &'a Image>;

impl RepositoryScan {
    /// The images by their digests.
    pub fn by_digest(&self) -> ByDigest<'_> {
        self.images.iter().map(|image| (image.digest, image)).collect()
    }
}

/// Whether a tag is that of an attachment and not of a version: signatures, attestations and SBOMs of cosign and of the
/// OCI referrers fallback are named after the digest that they belong to.
pub fn is_attachment(tag: &str) -> bool {
    tag.strip_prefix("sha256-").is_some_and(|rest| {
        let hex = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        hex == 64 && (rest.len() == 64 || rest.as_bytes()[64] == b'.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(is_attachment(&tag), expected, "{tag}");
        }
    }
}
