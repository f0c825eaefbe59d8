//! The kinds of findings.

use serde::Serialize;
use strum::VariantArray;

use crate::kind_texts::KindTexts;

/// The kind of a problem, in the order of the report: what breaks pulls first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is documented at its problem, and by its texts")]
pub enum Kind {
    MissingPlatform,
    ImageGone,
    ImageArchived,
    PlatformMismatch,
    SingleImage,
    ListMissing,
    ListDiffersFromTags,
    ListOlderThanImage,
    MixedRevisions,
    DuplicatePlatform,
    AliasBehind,
    Unreadable,
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
