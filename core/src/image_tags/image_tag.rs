//! The images of a list, and the tag of each.

use std::collections::{BTreeMap, BTreeSet};

use super::conflict::ImageTagConflict;
use crate::excerpt::ImageText;
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::manifest::{Index, MAX_ENTRIES};
use crate::oci::tag::Tag;
use crate::reconcile::right_list::images;
use crate::settings::RepositorySettings;
use crate::settings::tag_scheme::MAX_PLATFORMS;

/// How many images of a list an answer names: as many as the index of an image may have entries.
const MAX_REPORTED: usize = MAX_ENTRIES;

/// An image of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ImageTag {
    /// Its platform, as the list states it.
    pub(super) platform: ImageText,
    /// Its tag, or what the template gives and why that is not its tag.
    pub(super) tag: Result<Tag, (ImageText, ImageTagConflict)>,
    /// Its digest.
    pub(super) digest: Digest,
}

impl ImageTag {
    /// Its tag, or what the template gives.
    pub(super) fn name(&self) -> &str {
        match &self.tag {
            Ok(tag) => tag.as_str(),
            Err((text, _)) => text.as_str(),
        }
    }
}

/// The images of a version's list that state a platform, each once: those that clients can select. Attestations and artifacts
/// are not among them. Of a list that has too many, the first ones.
pub(super) fn image_tags(settings: &RepositorySettings, version: &Tag, index: &Index) -> Vec<ImageTag> {
    let platforms: Vec<_> = settings.tag_scheme.platforms().iter().collect();
    let meant = images(index, &platforms);
    let entries = || index.manifests.iter().filter(|entry| entry.is_image_of_a_platform());
    let stated = || entries().filter_map(|entry| Some((entry, entry.specified_platform()?)));
    let count = stated().count();
    let (mut image_tags, mut seen) = (Vec::new(), BTreeSet::new());
    for (entry, stated) in stated().take(MAX_REPORTED) {
        let is_meant = |image: Option<&Descriptor>| image.is_some_and(|image| std::ptr::eq(image, entry));
        let configured = meant.iter().position(|image| is_meant(*image)).map(|position| platforms[position]);
        let configured = configured.or_else(|| platforms.iter().copied().find(|platform| platform.matches(stated)));
        let Some(tag) = settings.image_tag(version, configured, stated) else { continue };
        let tag = tag.map_err(|unusable| (unusable.text, ImageTagConflict::NotAnImageTag(unusable.reason)));
        let tag = match tag {
            Ok(tag) if count > MAX_PLATFORMS => {
                Err((tag.as_str().into(), ImageTagConflict::TooManyImages { images: count, max: MAX_PLATFORMS }))
            }
            tag => tag,
        };
        let (platform, digest) = (stated.normalized().to_string().into(), entry.digest);
        let image_tag = ImageTag { platform, tag, digest };
        if seen.insert((image_tag.name().to_owned(), digest)) {
            image_tags.push(image_tag);
        }
    }
    refuse_ambiguous(&mut image_tags);
    image_tags
}

/// Refuses the tags that would name several images.
fn refuse_ambiguous(image_tags: &mut [ImageTag]) {
    let mut counts = BTreeMap::<Tag, usize>::new();
    for tag in image_tags.iter().filter_map(|image_tag| image_tag.tag.as_ref().ok()) {
        *counts.entry(tag.clone()).or_default() += 1;
    }
    for image_tag in image_tags {
        if let Ok(tag) = &image_tag.tag
            && counts.get(tag) > Some(&1)
        {
            image_tag.tag = Err((tag.as_str().into(), ImageTagConflict::SeveralImages));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{image_of, settings_of_app};

    /// The image tags of a list with an image of each of these platforms, each with its conflict, if it has one.
    fn image_tags_of(platforms: &[String]) -> Vec<(String, Option<ImageTagConflict>)> {
        let settings = settings_of_app(&[("PLATFORMS", "linux/amd64"), ("IMAGE_TAGS", "{version}_{platform}")]);
        let entries = platforms.iter().enumerate();
        let manifests: Vec<_> = entries.map(|(position, platform)| image_of(&position.to_string(), platform)).collect();
        let index = serde_json::from_value(json!({"schemaVersion": 2, "manifests": manifests})).unwrap();
        let image_tags = image_tags(&settings, &"1".parse().unwrap(), &index);
        image_tags
            .iter()
            .map(|one| (one.name().to_owned(), one.tag.as_ref().err().map(|(_, why)| why.clone())))
            .collect()
    }

    #[test]
    fn each_image_of_a_platform_has_a_tag() {
        let platforms = ["linux/amd64", "linux/s390x", "unknown/unknown"].map(str::to_owned);
        assert_eq!(image_tags_of(&platforms), [("1_amd64".to_owned(), None), ("1_s390x".to_owned(), None)]);
    }

    #[test]
    fn tag_that_would_name_several_images_is_refused() {
        let platforms = ["linux/amd64", "linux/s390x", "linux/s390x"].map(str::to_owned);
        let refused = ("1_s390x".to_owned(), Some(ImageTagConflict::SeveralImages));
        assert_eq!(image_tags_of(&platforms), [("1_amd64".to_owned(), None), refused.clone(), refused]);
    }

    #[test]
    fn images_that_one_read_cannot_confirm_are_not_tagged() {
        for (count, expected) in [
            (MAX_PLATFORMS, None),
            (
                MAX_PLATFORMS + 1,
                Some(ImageTagConflict::TooManyImages { images: MAX_PLATFORMS + 1, max: MAX_PLATFORMS }),
            ),
        ] {
            let platforms: Vec<_> = (0..count).map(|number| format!("linux/a{number}")).collect();
            let image_tags = image_tags_of(&platforms);
            assert_eq!(image_tags.len(), count);
            assert!(image_tags.iter().all(|(_, conflict)| *conflict == expected), "{count}");
        }
    }
}
