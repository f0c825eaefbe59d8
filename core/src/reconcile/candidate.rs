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
use crate::settings::tag_scheme::PlatformTag;

/// The image of one platform, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    /// The position of its platform.
    pub(super) position: usize,
    pub(super) platform: ConfiguredPlatform,
    pub(super) tag: Tag,
    pub(super) origin: Origin,
    /// The image's manifest; for an image within an index, once that was read.
    pub(super) manifest: Option<ImageManifest>,
    /// The annotations of the index.
    of_index: Annotations,
}

impl Candidate {
    pub(super) fn new(
        position: usize,
        PlatformTag { tag, platform }: &PlatformTag,
        parsed: ParsedManifest,
    ) -> Result<Self, InvalidImage> {
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
        Ok(Self { position, platform: platform.clone(), tag: tag.clone(), origin, manifest, of_index })
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{IMAGE_CONFIG, stored};
    use crate::oci::manifest::StoredManifest;
    use crate::oci::media_type::MediaType;

    const CREATED_BY: &str = "com.example.created-by";
    const REVISION: &str = "org.opencontainers.image.revision";

    fn manifest(config_size: u64, annotations: &Value) -> StoredManifest {
        let config = json!({"mediaType": IMAGE_CONFIG, "digest": Digest::sha256("config"), "size": config_size});
        stored(MediaType::OciManifest, &json!({"schemaVersion": 2, "config": config, "annotations": annotations}))
    }

    /// An image that states each of these in a place: its entry, its index, its manifest, its config.
    fn stating(stated: [Option<&str>; 4]) -> (Candidate, ImageConfig) {
        let annotations = |value: Option<&str>| match value {
            Some(value) => json!({ CREATED_BY: value, REVISION: value }),
            None => json!({}),
        };
        let [of_entry, of_index, of_manifest, labels] = stated.map(annotations);
        let image = manifest(2, &of_manifest);
        let entry = json!({
            "mediaType": MediaType::OciManifest.as_str(), "digest": image.digest, "size": image.text.len(),
            "platform": {"os": "linux", "architecture": "amd64"}, "annotations": of_entry,
        });
        let index = json!({"schemaVersion": 2, "manifests": [entry], "annotations": of_index});
        let index = stored(MediaType::OciIndex, &index);
        let platform = PlatformTag { platform: "linux/amd64".parse().unwrap(), tag: "1-amd64".parse().unwrap() };
        let mut candidate = Candidate::new(0, &platform, index.parse()).unwrap();
        let Ok((_, Manifest::Image(image))) = image.parse() else { panic!() };
        candidate.manifest = Some(image);
        let config = json!({"os": "linux", "architecture": "amd64", "config": {"Labels": labels}}).to_string();
        (candidate, ImageConfig::parse(Digest::sha256(&config), config.as_bytes()).unwrap())
    }

    #[test]
    fn first_place_that_states_something_counts() {
        let annotations: ListAnnotations = CREATED_BY.parse().unwrap();
        let (entry, index, manifest, config) = (Some("entry"), Some("index"), Some("manifest"), Some("config"));
        for (stated, expected) in [
            ([entry, index, manifest, config], entry),
            ([None, index, manifest, config], index),
            ([None, None, manifest, config], manifest),
            ([None, None, None, config], config),
            ([entry, None, None, None], entry),
            ([None; 4], None),
        ] {
            let (candidate, config) = stating(stated);
            assert_eq!(candidate.revision(&config).as_ref().map(Revision::as_str), expected);
            let taken_over = candidate.taken_over(&config, &annotations);
            assert_eq!(taken_over.get(CREATED_BY).map(String::as_str), expected);
            assert_eq!(taken_over.len(), usize::from(expected.is_some()));
            assert_eq!(candidate.taken_over(&config, &ListAnnotations::default()), BTreeMap::new());
        }
    }

    #[test]
    fn config_may_have_as_many_bytes_as_are_read() {
        for (size, expected) in [(MAX_CONFIG_BYTES, true), (MAX_CONFIG_BYTES + 1, false)] {
            let Ok((_, Manifest::Image(image))) = manifest(size, &json!({})).parse() else { panic!() };
            assert_eq!(validate_image(image).is_ok(), expected, "{size}");
        }
    }
}
