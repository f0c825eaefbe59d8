//! What a scan shows of a repository: tagged images, and the meaning of their tags.

use std::time::SystemTime;

use crate::oci::digest::Digest;
use crate::oci::media_type::{MediaType, is_artifact};
use crate::oci::tag::Tag;
use crate::settings::{RepositorySettings, TagMeaning};

/// An image of a scan, or a list of images: a row of `DescribeImages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedImage {
    /// Its tags; none where it is untagged.
    pub tags: Vec<String>,
    /// Its digest.
    pub digest: Digest,
    /// When it was first pushed; a tag that is moved to it later does not change this.
    pub pushed_at: SystemTime,
    /// The media type of its manifest; empty where ECR does not say.
    pub media_type: String,
    /// The media type of its config, or of the artifact that it is; empty where ECR does not say, as of lists.
    pub artifact_media_type: String,
    /// Whether it is archived, so that nothing can pull it.
    pub is_archived: bool,
}

/// A tag of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedTag<'a> {
    /// The tag.
    pub tag: Tag,
    /// What it means by the settings of the repository.
    pub meaning: TagMeaning<'a>,
    /// What it names.
    pub image: &'a ScannedImage,
}

impl ScannedImage {
    /// An image with one tag, of which nothing else is known.
    pub fn new(tag: &str, digest: Digest, pushed_at: SystemTime, media_type: &str) -> Self {
        let (tags, media_type) = (vec![tag.to_owned()], media_type.to_owned());
        Self { tags, digest, pushed_at, media_type, artifact_media_type: String::new(), is_archived: false }
    }

    /// Whether it is a manifest list, as far as its media type says.
    pub fn is_list(&self) -> bool {
        MediaType::from_name(&self.media_type).is_some_and(MediaType::is_manifest_list)
    }

    /// Whether it is a container image of one platform, as far as its media types say.
    pub fn is_image(&self) -> bool {
        self.is_image_or_list() && !self.is_list()
    }

    /// Whether it is a container image of one platform or a manifest list, as far as its media types say. A chart has
    /// the manifest of an image: where ECR does not state its artifact media type, only its manifest tells them apart.
    pub fn is_image_or_list(&self) -> bool {
        MediaType::from_name(&self.media_type).is_some() && !self.is_artifact()
    }

    /// Whether it is an artifact other than a container image, such as a chart or a cache, as far as ECR says.
    pub fn is_artifact(&self) -> bool {
        is_artifact(&self.media_type, &self.artifact_media_type)
    }

    /// Its tags, each with its meaning by these settings.
    pub fn scanned_tags<'a>(&'a self, settings: &'a RepositorySettings) -> impl Iterator<Item = ScannedTag<'a>> {
        let tags = self.tags.iter().filter_map(|tag| tag.parse::<Tag>().ok());
        tags.map(move |tag| ScannedTag { meaning: settings.meaning(&tag), tag, image: self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{CHART_CONFIG, IMAGE_CONFIG};

    #[test]
    fn image_list_and_artifact_are_told_apart_as_far_as_ecr_says() {
        let (image, list) = (MediaType::OciManifest.as_str(), MediaType::OciIndex.as_str());
        // Is it a list, an image, one of both, an artifact?
        for (media_type, artifact_media_type, expected) in [
            (image, IMAGE_CONFIG, [false, true, true, false]),
            (image, "", [false, true, true, false]),
            (image, CHART_CONFIG, [false, false, false, true]),
            (list, "", [true, false, true, false]),
            ("", "", [false, false, false, false]),
        ] {
            let scanned = ScannedImage::new("1", Digest::sha256("1"), SystemTime::UNIX_EPOCH, media_type);
            let scanned = ScannedImage { artifact_media_type: artifact_media_type.to_owned(), ..scanned };
            let found = [scanned.is_list(), scanned.is_image(), scanned.is_image_or_list(), scanned.is_artifact()];
            assert_eq!(found, expected, "{media_type} {artifact_media_type}");
        }
    }
}
