//! What a scan shows of a repository: tagged images, and the meaning of their tags.

use std::time::SystemTime;

use crate::oci::digest::Digest;
use crate::oci::tag::Tag;
use crate::settings::{RepositorySettings, TagMeaning};

/// A tagged image of a scan: a row of `DescribeImages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedImage {
    /// Its tags.
    pub tags: Vec<String>,
    /// Its digest.
    pub digest: Digest,
    /// When it was first pushed; a tag that is moved to it later does not change this.
    pub pushed_at: SystemTime,
    /// The media type of its manifest; empty where ECR does not say.
    pub media_type: String,
}

/// A tag of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedTag<'a> {
    /// The tag.
    pub tag: Tag,
    /// What it means by the settings of the repository.
    pub meaning: TagMeaning<'a>,
    /// What it names.
    pub digest: Digest,
    /// When that was first pushed.
    pub pushed_at: SystemTime,
    /// The media type of its manifest; empty where ECR does not say.
    pub media_type: &'a str,
}

impl ScannedImage {
    /// Its tags, each with its meaning by these settings.
    pub fn scanned_tags<'a>(&'a self, settings: &'a RepositorySettings) -> impl Iterator<Item = ScannedTag<'a>> {
        let tags = self.tags.iter().filter_map(|tag| tag.parse::<Tag>().ok());
        tags.map(move |tag| ScannedTag {
            meaning: settings.meaning(&tag),
            tag,
            digest: self.digest,
            pushed_at: self.pushed_at,
            media_type: &self.media_type,
        })
    }
}
