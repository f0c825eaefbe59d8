//! What is wrong with a tag, what it means and what to do.

use std::time::SystemTime;

use ecr_multiarch_core::Digest;
use ecr_multiarch_core::timestamp::{self, rfc_3339};
use serde::Serialize;
use strum::{EnumDiscriminants, VariantArray};

/// How many revisions a message shows: more than most versions have platforms. A hostile list can have a thousand.
const REVISIONS_SHOWN: usize = 8;

/// A problem of a tag, in the order of the report: what breaks pulls first. Its JSON has the kind and the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, EnumDiscriminants)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[strum_discriminants(
    name(Kind),
    doc = "The kind of a problem, in the order of the report.",
    derive(PartialOrd, Ord, Hash, Serialize, VariantArray),
    serde(rename_all = "kebab-case")
)]
pub enum Problem {
    /// A version lacks platforms that most of its siblings have.
    MissingPlatform {
        /// The platforms that it has.
        present: Vec<String>,
        /// The platforms that it lacks.
        missing: Vec<String>,
        /// Whether it has a list that was not read, which may have them.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        has_unread_list: bool,
    },
    /// A manifest list names an image that the repository does not have.
    ImageGone {
        /// The platform, as the list states it.
        platform: Option<String>,
        /// The image.
        digest: Digest,
    },
    /// Images of the version are archived, and the version is not.
    ImageArchived {
        /// The tags of the images; their digests, where a list names them without a tag.
        images: Vec<String>,
    },
    /// An image is of another platform than its tag or its list says.
    PlatformMismatch {
        /// Who says so: a platform tag, or the entry of the list by its digest.
        said_by: String,
        /// The platform that is said.
        said: String,
        /// The platform that the config of the image states.
        is: String,
    },
    /// A tag that should name a manifest list names a single image, or an index of one platform.
    SingleImage {
        /// The platform tags beside it.
        platform_tags: Vec<String>,
        /// The release of which it is an alias, if it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        release: Option<String>,
    },
    /// A tag that should name a manifest list names an artifact, such as a chart.
    ArtifactInPlaceOfList {
        /// The platform tags beside it.
        platform_tags: Vec<String>,
        /// The type of the artifact.
        artifact_type: String,
    },
    /// All platforms are there, and no manifest list.
    ListMissing {
        /// The platform tags.
        platform_tags: Vec<String>,
    },
    /// A manifest list does not have the images that the platform tags name.
    ListDiffersFromTags {
        /// The platform tags whose images it lacks.
        platform_tags: Vec<String>,
        /// The platforms of its entries that no platform tag names, though tags name others.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        untagged: Vec<String>,
    },
    /// The platform tags name older images than a manifest list that somebody else made.
    StalePlatformTags {
        /// The platform tags.
        platform_tags: Vec<String>,
    },
    /// A manifest list was pushed before an image of its version.
    ListOlderThanImage {
        /// The platform tags of the newer images.
        platform_tags: Vec<String>,
        /// When the list was pushed.
        #[serde(serialize_with = "timestamp::serialize")]
        list_pushed_at: SystemTime,
        /// When the newest image was pushed.
        #[serde(serialize_with = "timestamp::serialize")]
        image_pushed_at: SystemTime,
    },
    /// The images of a version were built from different revisions.
    MixedRevisions {
        /// The revisions, by platform.
        revisions: Vec<PlatformRevision>,
    },
    /// A manifest list has several entries of one platform.
    DuplicatePlatform {
        /// The platform.
        platform: String,
        /// The images of the entries.
        digests: Vec<Digest>,
    },
    /// An alias names an older release than the highest one of its line.
    AliasBehind {
        /// The release that it names; `None`, if it names none.
        names: Option<String>,
        /// The release that it should name.
        highest: String,
    },
    /// A manifest or a config cannot be read as that of a container image.
    Unreadable {
        /// The tag or the digest.
        image: String,
        /// Why.
        reason: String,
    },
}

impl Problem {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.into()
    }

    /// What is wrong with this tag, in one line.
    pub fn message(&self) -> String {
        match self {
            Self::MissingPlatform { missing, has_unread_list: true, .. } => {
                format!("has no tag for {}, and its list was not read", missing.join(", "))
            }
            Self::MissingPlatform { present, missing, .. } => match present.as_slice() {
                [] => format!("has no {}", missing.join(", ")),
                present => format!("has {}, but not {}", present.join(", "), missing.join(", ")),
            },
            Self::SingleImage { platform_tags, release: None } => {
                format!("names a single image, beside {}", platform_tags.join(", "))
            }
            Self::SingleImage { release: Some(release), .. } => {
                format!("names a single image, while release {release} is a manifest list")
            }
            Self::ArtifactInPlaceOfList { platform_tags, artifact_type } => {
                format!("names an artifact, {artifact_type}, beside {}", platform_tags.join(", "))
            }
            Self::StalePlatformTags { platform_tags } => {
                format!("has newer images than {}, which nothing pushes any more", platform_tags.join(", "))
            }
            Self::ListMissing { platform_tags } => format!("names nothing, beside {}", platform_tags.join(", ")),
            Self::ListOlderThanImage { platform_tags, list_pushed_at, image_pushed_at } => format!(
                "was pushed at {}, and {} at {}",
                rfc_3339(*list_pushed_at),
                platform_tags.join(", "),
                rfc_3339(*image_pushed_at)
            ),
            Self::ListDiffersFromTags { platform_tags, untagged } => {
                let lacks = || format!("does not have the image of {}", platform_tags.join(", "));
                let has = || format!("has an image of {}, which no tag names", untagged.join(", "));
                let lacks = (!platform_tags.is_empty()).then(lacks);
                let has = (!untagged.is_empty()).then(has);
                lacks.into_iter().chain(has).collect::<Vec<_>>().join(", and ")
            }
            Self::PlatformMismatch { said_by, said, is } => {
                format!("{said_by} says {said}, and the image is for {is}")
            }
            Self::MixedRevisions { revisions } => {
                let text = |PlatformRevision { platform, revision }: &_| format!("{platform} is built from {revision}");
                let shown: Vec<_> = revisions.iter().take(REVISIONS_SHOWN).map(text).collect();
                match revisions.len().saturating_sub(REVISIONS_SHOWN) {
                    0 => shown.join(", "),
                    more => format!("{}, and {more} more", shown.join(", ")),
                }
            }
            Self::DuplicatePlatform { platform, digests } => {
                format!("has {} entries of {platform}", digests.len())
            }
            Self::AliasBehind { names: Some(names), highest } => format!("names {names}; the highest is {highest}"),
            Self::AliasBehind { names: None, highest } => {
                format!("names no release, and is older than {highest}, the highest")
            }
            Self::ImageGone { platform: Some(platform), digest } => format!("names {digest} of {platform}"),
            Self::ImageGone { platform: None, digest } => format!("names {digest}"),
            Self::ImageArchived { images } => {
                format!("{} {} archived", images.join(", "), if images.len() == 1 { "is" } else { "are" })
            }
            Self::Unreadable { image, reason } => format!("{image}: {reason}"),
        }
    }
}

/// The revision from which the image of a platform was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformRevision {
    /// The platform.
    pub platform: String,
    /// The revision.
    pub revision: String,
}

impl Kind {
    /// All kinds, in their order.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Whether only a deep audit finds it.
    pub const fn is_deep(self) -> bool {
        matches!(
            self,
            Self::ImageGone
                | Self::PlatformMismatch
                | Self::ListDiffersFromTags
                | Self::StalePlatformTags
                | Self::MixedRevisions
                | Self::DuplicatePlatform
                | Self::Unreadable
        )
    }

    /// Its texts.
    pub const fn texts(self) -> KindTexts {
        let (title, meaning, remedy) = match self {
            Self::MissingPlatform => (
                "Platform missing",
                "Most versions that were pushed shortly before and after have the platform. Machines of that platform \
                 cannot run this version.",
                "See why the build of the platform failed or was left out, and push its image. The function then \
                 publishes the list.",
            ),
            Self::ImageGone => (
                "Image gone",
                "The list names an image that was deleted. A pull on its platform fails.",
                "Push the image again, or assemble the list from the platform tags that are there. Keep lifecycle \
                 policies from deleting images that lists name.",
            ),
            Self::ImageArchived => (
                "Image archived",
                "The version is there, and an archived image of it cannot be pulled until it is restored.",
                "Restore the image, or push it again.",
            ),
            Self::PlatformMismatch => (
                "Wrong platform",
                "The image was built for another platform than its tag or its list says. It fails to start where it is \
                 pulled.",
                "Build the image for the platform and push it again; check the --platform option of the build.",
            ),
            Self::SingleImage => (
                "Single image in place of a list",
                "The tag names the image of one platform. All other platforms pull an image that they cannot run.",
                "Let CI push platform tags only, and then replace the image with the list: requests do that with \
                 \"force\". A finding without a request says what prevents it.",
            ),
            Self::ArtifactInPlaceOfList => (
                "Artifact in place of a list",
                "The tag names an artifact such as a chart, so no image can be pulled by it. The function never replaces \
                 an artifact.",
                "Keep artifacts in a repository of their own, or give the images another version.",
            ),
            Self::ListMissing => (
                "List missing",
                "All platforms were pushed, and nothing made the manifest list. The version cannot be pulled by its \
                 own tag.",
                "Assemble the list. A finding without a request says what prevents it.",
            ),
            Self::ListDiffersFromTags => (
                "List differs from its tags",
                "The list has other images than the platform tags name. Those who pull by version get an older build, \
                 or lack a platform.",
                "Assemble the list again. A finding without a request says what prevents it.",
            ),
            Self::StalePlatformTags => (
                "Stale platform tags",
                "Somebody makes the list from newer images, and the platform tags of an earlier pipeline were left \
                 behind. Those who pull by a platform tag get an older build. The function leaves the list alone.",
                "Delete the platform tags, or let CI push them again.",
            ),
            Self::ListOlderThanImage => (
                "List older than an image",
                "An image was pushed after the list. By all appearances the list still names the image before it.",
                "Assemble the list again. A deep audit tells whether it really differs.",
            ),
            Self::MixedRevisions => (
                "Mixed revisions",
                "The images of the version were built from different commits, so platforms behave differently.",
                "Build all platforms from one commit and push them again.",
            ),
            Self::DuplicatePlatform => (
                "Platform twice",
                "The list has several entries of one platform. Which of them is pulled depends on the client.",
                "Assemble the list again from the platform tags.",
            ),
            Self::AliasBehind => (
                "Alias behind",
                "The alias names an older release than the highest one of its line. Those who follow it miss a \
                 release.",
                "Set ALIASES, and assemble the highest release: its aliases move with it. A finding without a request \
                 says what prevents it.",
            ),
            Self::Unreadable => (
                "Unreadable",
                "This is not a container image as the function or a container runtime reads it.",
                "Push the image again, or leave the repository out if it holds other artifacts.",
            ),
        };
        KindTexts { title, meaning, remedy }
    }
}

impl Kind {
    /// Its texts where `STREAMS` is suggested.
    pub const fn texts_of_streams(self) -> KindTexts {
        match self {
            Self::AliasBehind => KindTexts {
                remedy: "Set ALIASES or STREAMS as suggested, and assemble the highest release: its aliases move with \
                         it. A finding without a request says what prevents it.",
                ..self.texts()
            },
            _ => self.texts(),
        }
    }
}

/// What is said of all findings of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KindTexts {
    /// A short name.
    pub title: &'static str,
    /// What it means to those who pull.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}
