//! The image of one platform while its version is observed, and what it states of itself.

use std::collections::BTreeMap;

use super::manifest_list::Origin;
use super::revision::{Place, Revision};
use crate::oci::annotations::Annotations;
use crate::oci::digest::Digest;
use crate::oci::image_config::{ImageConfig, MAX_CONFIG_BYTES};
use crate::oci::invalid_image::{InvalidImage, Unsupported};
use crate::oci::manifest::{ImageManifest, Manifest, ParsedManifest};
use crate::oci::media_type::is_image_config;
use crate::oci::tag::Tag;
use crate::settings::ListAnnotations;
use crate::settings::configured_platform::ConfiguredPlatform;

/// The image of one platform, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    pub(super) platform: ConfiguredPlatform,
    pub(super) tag: Tag,
    pub(super) origin: Origin,
    /// The image's manifest; for an image within an index, once that was read.
    pub(super) manifest: Option<ImageManifest>,
    /// The annotations of the index.
    of_index: Annotations,
}

impl Candidate {
    pub(super) fn new(tag: &Tag, platform: &ConfiguredPlatform, parsed: ParsedManifest) -> Result<Self, InvalidImage> {
        let (descriptor, manifest) = parsed?;
        let (origin, manifest, of_index) = match manifest {
            Manifest::Image(image) => {
                let origin = Origin { image: descriptor, is_index: false, attached: Vec::new() };
                (origin, Some(validate_image(image)?), Annotations::default())
            }
            Manifest::Index(index) => {
                let origin = Origin::select(&index, platform)?;
                (origin, None, index.annotations)
            }
        };
        Ok(Self { platform: platform.clone(), tag: tag.clone(), origin, manifest, of_index })
    }

    pub(super) fn digest(&self) -> Digest {
        self.origin.image.digest
    }

    /// What the image states of itself, in the order of the places.
    fn statements<'a>(&'a self, config: &'a ImageConfig) -> impl DoubleEndedIterator<Item = (&'a Annotations, Place)> {
        let of_index = [&self.origin.image.annotations, &self.of_index].map(|annotations| (annotations, Place::Index));
        let of_manifest = self.manifest.iter().map(|manifest| (&manifest.annotations, Place::Manifest));
        of_index.into_iter().chain(of_manifest).chain([(&config.labels, Place::Config)])
    }

    pub(super) fn revision(&self, config: &ImageConfig) -> Option<Revision> {
        Revision::of(self.statements(config).map(|(annotations, place)| (annotations.revision(), place)))
    }

    /// What the image states of the keys that a list takes over.
    pub(super) fn taken_over(&self, config: &ImageConfig, annotations: &ListAnnotations) -> BTreeMap<String, String> {
        let mut stated = BTreeMap::new();
        // From the last place to the first, which replaces what the others state.
        for (place, _) in self.statements(config).rev() {
            stated.extend(place.of_keys(annotations.taken_over()));
        }
        stated.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

/// Checks that an image manifest is that of a container image, with a config that is not too large to read.
///
/// # Errors
/// [`InvalidImage`], if it is not.
pub fn validate_image(image: ImageManifest) -> Result<ImageManifest, InvalidImage> {
    if !is_image_config(&image.config.media_type) {
        return Err(Unsupported::Artifact(image.config.media_type.into()).into());
    }
    if image.config.size > MAX_CONFIG_BYTES {
        return Err(Unsupported::ConfigSize { size: image.config.size, max: MAX_CONFIG_BYTES }.into());
    }
    Ok(image)
}
