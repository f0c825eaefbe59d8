//! What a deep audit reads: the manifests of all tags, those of the images that lists name, and their configs.
//!
//! The reading says what to read next; the program around it does so. What is read is parsed by the function's core.

use std::collections::{BTreeMap, HashMap, HashSet};

use ecr_multiarch_core::Digest;
use ecr_multiarch_core::oci::invalid_image::{InvalidImage, Unsupported};
use ecr_multiarch_core::oci::manifest::{ConfigDescriptor, Manifest, StoredManifest};
use ecr_multiarch_core::oci::platform::Platform;
use ecr_multiarch_core::reconcile::candidate::validate_image;
use ecr_multiarch_core::reconcile::observation::ImageConfigs;
use ecr_multiarch_core::reconcile::revision::{Place, Revision};

use crate::image::{Image, tagged};

/// An entry of a manifest list that is an image: attestations and other artifacts are omitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// The digest of the image.
    pub digest: Digest,
    /// The platform that the list states, normalized; `None`, where it states none.
    pub platform: Option<Platform>,
    /// The revision that the list states of it.
    revision: Option<String>,
}

/// What an image states of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// The platform.
    pub platform: Platform,
    /// The revision from which it was built.
    pub revision: Option<Revision>,
}

/// The manifests and configs that were read so far. Each of them may be invalid.
#[derive(Debug, Default)]
pub struct Reading {
    manifests: HashMap<Digest, (StoredManifest, Result<Content, InvalidImage>)>,
    configs: ImageConfigs,
}

/// What the audit needs of a manifest.
#[derive(Debug)]
enum Content {
    /// That of an image: its config with the size that the manifest states, and the revision that it states.
    Image { config: Digest, config_size: u64, revision: Option<String> },
    /// That of a list.
    List(Vec<ListEntry>),
}

impl Content {
    fn parse(stored: &StoredManifest) -> Result<Self, InvalidImage> {
        match stored.parse()?.1 {
            Manifest::Image(image) => {
                let image = validate_image(image)?;
                let ConfigDescriptor { digest: config, size: config_size, .. } = image.config;
                let revision = image.annotations.revision().map(str::to_owned);
                Ok(Self::Image { config, config_size, revision })
            }
            Manifest::Index(index) => {
                let images = index.manifests.iter().filter(|entry| entry.is_image_of_a_platform());
                let entries = images.map(|entry| ListEntry {
                    digest: entry.digest,
                    platform: entry.specified_platform().map(Platform::normalized),
                    revision: entry.annotations.revision().or(index.annotations.revision()).map(str::to_owned),
                });
                Ok(Self::List(entries.collect()))
            }
        }
    }
}

impl Reading {
    /// The manifests to read first: those of all tags, each once. Attachments are not among them, and neither is what
    /// is archived.
    pub fn of_tags(images: &[Image]) -> Vec<Digest> {
        let is_read = |image: &&Image| {
            !image.is_archived && !image.is_artifact() && (image.media_type.is_empty() || image.is_image_or_list())
        };
        let mut seen = HashSet::new();
        let tagged = tagged(images).into_iter().map(|(_, image)| image).filter(is_read);
        tagged.map(|image| image.digest).filter(|digest| seen.insert(*digest)).collect()
    }

    /// The manifests to read after that: the images that lists name and that were not read, as far as the scan knows
    /// them and they are not archived.
    pub fn of_entries(&self, images: &[Image]) -> Vec<Digest> {
        let lists = self.manifests.keys().filter_map(|digest| self.entries(*digest));
        let listed: HashSet<_> = lists.flatten().map(|entry| entry.digest).collect();
        let is_read = |image: &&Image| {
            !image.is_archived && listed.contains(&image.digest) && !self.manifests.contains_key(&image.digest)
        };
        images.iter().filter(is_read).map(|image| image.digest).collect()
    }

    /// The configs to read at last, each once, with the size that a manifest states.
    pub fn of_configs(&self) -> Vec<(Digest, u64)> {
        let config = |(_, content): &(_, _)| match content {
            Ok(Content::Image { config, config_size, .. }) if !self.configs.contains_key(config) => {
                Some((*config, *config_size))
            }
            _ => None,
        };
        let configs: BTreeMap<_, _> = self.manifests.values().filter_map(config).collect();
        configs.into_iter().collect()
    }

    /// Adds a manifest.
    pub fn add_manifest(&mut self, stored: StoredManifest) {
        let content = Content::parse(&stored);
        self.manifests.insert(stored.digest, (stored, content));
    }

    /// Adds configs, each of which may be invalid.
    pub fn add_configs(&mut self, configs: ImageConfigs) {
        self.configs.extend(configs);
    }

    /// A manifest as ECR handed it out; `None`, if it was not read.
    pub fn stored(&self, digest: Digest) -> Option<&StoredManifest> {
        self.manifests.get(&digest).map(|(stored, _)| stored)
    }

    /// The configs.
    pub fn configs(&self) -> &ImageConfigs {
        &self.configs
    }

    fn content(&self, digest: Digest) -> Option<Result<&Content, &InvalidImage>> {
        self.manifests.get(&digest).map(|(_, content)| content.as_ref())
    }

    /// The entries of a list; `None`, if the digest is not that of a list that was read.
    pub fn entries(&self, list: Digest) -> Option<&[ListEntry]> {
        match self.content(list)? {
            Ok(Content::List(entries)) => Some(entries),
            _ => None,
        }
    }

    /// The images that a digest stands for: the image itself, or the entries of an index.
    pub fn images_of(&self, digest: Digest) -> Vec<Digest> {
        match self.entries(digest) {
            Some(entries) => entries.iter().map(|entry| entry.digest).collect(),
            None => vec![digest],
        }
    }

    /// What an image states of itself, or why it cannot be told. `None`, if it was not read.
    pub fn facts(&self, image: Digest) -> Option<Result<ImageFacts, &InvalidImage>> {
        self.facts_of_entry(image, None)
    }

    fn facts_of_entry(&self, image: Digest, entry: Option<&ListEntry>) -> Option<Result<ImageFacts, &InvalidImage>> {
        let (config, of_manifest) = match self.content(image)? {
            Ok(Content::Image { config, revision, .. }) => (config, revision.as_deref()),
            Ok(Content::List(_)) => return None,
            Err(reason) => return Some(Err(reason)),
        };
        let of_entry = entry.and_then(|entry| entry.revision.as_deref());
        Some(self.configs.get(config)?.as_ref().map(|config| {
            let of_config = (config.labels.revision(), Place::Config);
            let places = [(of_entry, Place::Index), (of_manifest, Place::Manifest), of_config];
            ImageFacts { platform: config.platform.clone(), revision: Revision::of(places) }
        }))
    }

    /// What the images that a digest stands for state of themselves, as far as they can be read. The revision is that
    /// of the index, where its image states none.
    pub fn facts_of_images(&self, digest: Digest) -> Vec<ImageFacts> {
        let of_entry = |entry: &ListEntry| self.facts_of_entry(entry.digest, Some(entry))?.ok();
        match self.entries(digest) {
            Some(entries) => entries.iter().filter_map(of_entry).collect(),
            None => self.facts(digest).and_then(Result::ok).into_iter().collect(),
        }
    }

    /// Whether a digest is that of an artifact other than a container image, such as a chart.
    pub fn is_artifact(&self, digest: Digest) -> bool {
        matches!(self.content(digest), Some(Err(InvalidImage::Unsupported(Unsupported::Artifact(_)))))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use ecr_multiarch_core::oci::image_config::ImageConfig;
    use ecr_multiarch_core::oci::media_type::MediaType;
    use serde_json::json;

    use super::*;

    fn stored(media_type: &str, text: &str) -> StoredManifest {
        StoredManifest { digest: Digest::sha256(text), media_type: media_type.to_owned(), text: text.into() }
    }

    fn image(digest: Digest, tags: &[&str], media_type: MediaType) -> Image {
        let (tags, artifact_media_type) = (tags.iter().map(|tag| (*tag).to_owned()).collect(), String::new());
        let (pushed_at, media_type) = (SystemTime::UNIX_EPOCH, media_type.to_string());
        Image { digest, tags, pushed_at, media_type, artifact_media_type, is_archived: false }
    }

    #[test]
    fn reading_goes_from_tags_to_entries_to_configs() {
        let labels = json!({"Labels": {"org.opencontainers.image.revision": "r"}});
        let config = json!({"os": "linux", "architecture": "arm64", "config": labels}).to_string();
        let config_digest = Digest::sha256(&config);
        let media_type = "application/vnd.oci.image.config.v1+json";
        let child = json!({"config": {"mediaType": media_type, "size": 2, "digest": config_digest}}).to_string();
        let child_digest = Digest::sha256(&child);
        let entry = |digest: Digest, os: &str, architecture: &str, artifact_type: &str| {
            let platform = json!({"os": os, "architecture": architecture});
            let media_type = MediaType::OciManifest;
            json!({"mediaType": media_type, "size": 1, "digest": digest, "platform": platform,
                   "artifactType": artifact_type})
        };
        let other = Digest::sha256("other");
        let entries = [
            entry(child_digest, "linux", "aarch64", ""),
            entry(other, "unknown", "unknown", ""),
            entry(other, "linux", "arm64", "soci"),
        ];
        let list = json!({ "manifests": entries }).to_string();
        let list_digest = Digest::sha256(&list);
        let images =
            [image(list_digest, &["1.0"], MediaType::OciIndex), image(child_digest, &[], MediaType::OciManifest)];
        let mut reading = Reading::default();
        assert_eq!(Reading::of_tags(&images), [list_digest]);
        reading.add_manifest(stored(MediaType::OciIndex.as_str(), &list));
        assert_eq!(reading.of_entries(&images), [child_digest]);
        reading.add_manifest(stored(MediaType::OciManifest.as_str(), &child));
        assert_eq!(reading.of_entries(&images), []);
        assert_eq!(reading.of_configs().iter().map(|(digest, _)| *digest).collect::<Vec<_>>(), [config_digest]);
        let parsed = ImageConfig::parse(config_digest, config.as_bytes());
        reading.add_configs(ImageConfigs::from([(config_digest, parsed)]));
        assert_eq!(reading.of_configs(), []);
        let entries = reading.entries(list_digest).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].platform.as_ref().unwrap().to_string(), "linux/arm64");
        let facts = reading.facts(child_digest).unwrap().unwrap();
        assert_eq!(
            (facts.platform.to_string().as_str(), facts.revision.as_ref().map(Revision::as_str)),
            ("linux/arm64", Some("r"))
        );
        assert_eq!(reading.images_of(list_digest), [child_digest]);
    }

    #[test]
    fn attachments_and_archived_images_are_not_read() {
        let signature = format!("sha256-{}.sig", "0".repeat(64));
        let archived = Image { is_archived: true, ..image(Digest::sha256("a"), &["1"], MediaType::OciManifest) };
        let images = [archived, image(Digest::sha256("s"), &[&signature], MediaType::OciManifest)];
        assert_eq!(Reading::of_tags(&images), []);
    }
}
