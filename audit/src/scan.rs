//! What a scan tells of a repository.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use ecr_multiarch_core::oci::image_config::is_image_config;
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
    /// The media type of its config, or of the artifact that it is; empty where ECR does not say, as of lists.
    pub artifact_media_type: String,
    /// Whether it is archived, so that nothing can pull it.
    pub is_archived: bool,
}

/// A repository as it was scanned.
#[derive(Debug)]
pub struct RepositoryScan {
    /// Its name.
    pub name: RepositoryName,
    /// Which of its tags are immutable.
    pub mutability: TagMutability,
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

/// The images of a scan by their digests.
pub type ByDigest<'a> = HashMap<Digest, &'a Image>;

impl RepositoryScan {
    /// The images by their digests.
    pub fn by_digest(&self) -> ByDigest<'_> {
        self.images.iter().map(|image| (image.digest, image)).collect()
    }
}

/// Which tags of a repository may not be moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagMutability {
    /// Whether tags are immutable that no filter excludes.
    pub are_immutable: bool,
    /// The filters of the tags for which the opposite holds. In each, `*` stands for any characters.
    pub exclusions: Vec<String>,
}

impl TagMutability {
    /// Whether a tag that exists may not be moved.
    pub fn is_immutable(&self, tag: &str) -> bool {
        self.are_immutable != self.exclusions.iter().any(|filter| matches(filter, tag))
    }
}

/// Whether a filter, in which `*` stands for any characters, matches a whole tag.
fn matches(filter: &str, tag: &str) -> bool {
    let Some((start, rest)) = filter.split_once('*') else { return filter == tag };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let between = tag.strip_prefix(start).and_then(|tag| tag.strip_suffix(end));
    // The first match of each piece leaves the most for the pieces after it.
    let after = |rest: &'_ str, piece: &str| rest.find(piece).map(|at| at + piece.len());
    let left = |left: Option<usize>, piece: &str| {
        let (from, between) = (left?, between?);
        Some(from + after(&between[from..], piece)?)
    };
    between.is_some() && middle.split('*').fold(Some(0), left).is_some()
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
    use super::*;

    #[test]
    fn filter_matches_the_whole_tag() {
        for (filter, tag, expected) in [
            ("latest", "latest", true),
            ("latest", "latest2", false),
            ("*-dev", "1.2-dev", true),
            ("*-dev", "-dev-", false),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*ab*ab*", "abab", true),
            ("*ab*ab*", "abb", false),
            ("**", "", true),
        ] {
            assert_eq!(matches(filter, tag), expected, "{filter} {tag}");
        }
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
