//! Why no request mends a version: what the function would hold back.

use std::fmt;

/// Why the function would not publish the manifest list of a version, as far as the audit knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The repository has no suggested settings: its newest versions have fewer than two platforms.
    NoSettings,
    /// The suggested settings give the version no platform tags.
    NotServed,
    /// A platform tag of the suggested settings does not exist.
    TagMissing(String),
    /// The image of this platform tag is archived.
    Archived(String),
    /// The image of this platform tag cannot be read.
    Unreadable(String),
    /// The image of this platform tag is for another platform.
    WrongPlatform(String),
    /// The images were built from different revisions.
    MixedRevisions,
    /// The list has a platform that the suggested settings do not serve.
    ForeignPlatform(String),
    /// The tag exists and cannot be moved.
    Immutable(String),
    /// The suggested settings have no alias of this name.
    AliasLeftOut(String),
    /// The release that an alias should name has no manifest list.
    ReleaseWithoutList(String),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSettings => f.write_str("the audit suggests no settings for its repository"),
            Self::NotServed => f.write_str("the suggested settings do not serve it"),
            Self::TagMissing(tag) => write!(f, "it has no tag {tag}"),
            Self::Archived(tag) => write!(f, "{tag} is archived"),
            Self::Unreadable(tag) => write!(f, "the image of {tag} cannot be read"),
            Self::WrongPlatform(tag) => write!(f, "the image of {tag} is for another platform"),
            Self::MixedRevisions => f.write_str("its images are built from different revisions"),
            Self::ForeignPlatform(platform) => {
                write!(f, "its list has {platform}, which the suggested settings do not serve")
            }
            Self::Immutable(tag) => write!(f, "the tag {tag} is immutable: delete it first"),
            Self::AliasLeftOut(alias) => write!(f, "the suggested ALIASES do not give {alias}"),
            Self::ReleaseWithoutList(release) => write!(f, "release {release} has no manifest list"),
        }
    }
}
