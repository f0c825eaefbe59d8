//! How the tagging of images ends.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::conflict::ImageTagConflict;
use super::image_tag::ImageTag;
use crate::excerpt::ImageText;
use crate::oci::digest::Digest;
use crate::oci::tag::Tag;
use crate::reconcile::manifest_list::ManifestList;
use crate::reconcile::outcome::Taken;

/// The outcome of an image tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(ImageTagOutcomeKind),
    doc = "The kind of an image tag's outcome: its name in answers and logs.",
    derive(Hash, strum::IntoStaticStr),
    strum(serialize_all = "snake_case")
)]
pub enum ImageTagOutcome {
    /// It was written, and a read after the write confirmed it together with the list.
    Moved,
    /// It already named the image.
    Unchanged,
    /// It is left alone.
    Conflict(ImageTagConflict),
    /// A dry run that would have moved it.
    WouldMove,
}

impl ImageTagOutcome {
    /// The kind of this outcome.
    pub fn kind(&self) -> ImageTagOutcomeKind {
        self.into()
    }
}

impl ImageTagOutcomeKind {
    /// The name of the outcome in answers and logs.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// An image tag, as answers report it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageTagReport {
    /// The platform of the image, as the list states it.
    pub platform: ImageText,
    /// The tag; what the template gives need not be a legal one.
    pub tag: ImageText,
    /// The digest of the image.
    pub digest: Digest,
    /// Its outcome.
    pub outcome: ImageTagOutcome,
}

impl ImageTagReport {
    pub(super) fn new(image_tag: ImageTag, outcome: ImageTagOutcome) -> Self {
        let tag = image_tag.name().into();
        Self { platform: image_tag.platform, tag, digest: image_tag.digest, outcome }
    }

    /// Why the tag is left alone.
    pub fn reason(&self) -> Option<String> {
        match &self.outcome {
            ImageTagOutcome::Conflict(conflict) => Some(conflict.to_string()),
            _ => None,
        }
    }
}

impl Serialize for ImageTagReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("ImageTagReport", 5)?;
        row.serialize_field("platform", &self.platform)?;
        row.serialize_field("tag", &self.tag)?;
        row.serialize_field("digest", &self.digest)?;
        row.serialize_field("outcome", self.outcome.kind().name())?;
        row.serialize_field("reason", &self.reason())?;
        row.end()
    }
}

/// The end of tagging the images of a version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageTagging {
    /// The version's tag names this list, and its images have these tags.
    List(ManifestList, Vec<ImageTagReport>),
    /// The version's tag names no list that can be read.
    NoList(NoList),
}

/// What a version's tag names instead of a list that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoList {
    /// Nothing.
    #[error("the tag {0} does not exist any more")]
    Absent(Tag),
    /// Something that is archived.
    #[error("what the tag {0} names is in ECR's archive storage class, where nothing can read it")]
    Archived(Tag),
    /// Something else.
    #[error("{}", .0.reason())]
    Taken(Taken),
    /// A list that cannot be parsed.
    #[error("the manifest list that the tag {0} names is not valid")]
    Invalid(Tag),
}

impl ImageTagging {
    /// The image tags.
    pub fn into_image_tags(self) -> Vec<ImageTagReport> {
        match self {
            Self::List(_, image_tags) => image_tags,
            Self::NoList(_) => Vec::new(),
        }
    }
}

/// The image tags of this outcome, in their order.
pub fn image_tags_of_kind(
    image_tags: &[ImageTagReport],
    kind: ImageTagOutcomeKind,
) -> impl Iterator<Item = &ImageTagReport> {
    image_tags.iter().filter(move |image_tag| image_tag.outcome.kind() == kind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::empty_list;

    fn report(outcome: ImageTagOutcome) -> ImageTagReport {
        let (platform, tag) = ("linux/amd64".into(), "1_amd64".into());
        ImageTagReport { platform, tag, digest: Digest::sha256(""), outcome }
    }

    #[test]
    fn report_names_the_outcome_and_why_a_tag_is_left_alone() {
        let immutable = ImageTagConflict::Immutable;
        for (outcome, name, reason) in [
            (ImageTagOutcome::Moved, "moved", None),
            (ImageTagOutcome::Unchanged, "unchanged", None),
            (ImageTagOutcome::WouldMove, "would_move", None),
            (ImageTagOutcome::Conflict(immutable.clone()), "conflict", Some(immutable.to_string())),
        ] {
            let expected = json!({
                "platform": "linux/amd64", "tag": "1_amd64", "digest": Digest::sha256(""), "outcome": name, "reason": reason,
            });
            assert_eq!(serde_json::to_value(report(outcome)).unwrap(), expected);
        }
    }

    #[test]
    fn image_tags_are_selected_by_their_outcome() {
        let reports = [ImageTagOutcome::Moved, ImageTagOutcome::Unchanged, ImageTagOutcome::Moved].map(report);
        for (kind, count) in [(ImageTagOutcomeKind::Moved, 2), (ImageTagOutcomeKind::WouldMove, 0)] {
            assert_eq!(image_tags_of_kind(&reports, kind).count(), count);
        }
        assert!(
            image_tags_of_kind(&reports, ImageTagOutcomeKind::Moved).all(|one| one.outcome == ImageTagOutcome::Moved)
        );
    }

    #[test]
    fn images_without_a_list_have_no_tags() {
        let reports = vec![report(ImageTagOutcome::Moved)];
        assert_eq!(ImageTagging::List(empty_list(), reports.clone()).into_image_tags(), reports);
        assert_eq!(ImageTagging::NoList(NoList::Taken(Taken::Artifact)).into_image_tags(), []);
    }
}
