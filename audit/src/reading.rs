//! What a deep audit reads: the manifests of all tags, those of the images that lists name, and their configs.
//!
//! The reading says what to read next; the program around it does so.

use std::collections::{HashMap, HashSet};

use ecr_multiarch_core::Digest;
use ecr_multiarch_core::oci::annotations::REVISION;
use ecr_multiarch_core::oci::descriptor::Descriptor;
use ecr_multiarch_core::oci::image_config::{ImageConfig, MAX_CONFIG_BYTES, is_image_config};
use ecr_multiarch_core::oci::invalid_image::InvalidImage;
use ecr_multiarch_core::oci::manifest::Manifest;
use ecr_multiarch_core::oci::media_type::MediaType;
use ecr_multiarch_core::oci::platform::Platform;
use ecr_multiarch_core::reconcile::observation::{ConfigResult, ImageConfigs};

use crate::image::{Image, tagged};
use crate::text::{excerpt, plain};

/// An entry of a manifest list that is an image: attestations and other artifacts are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// The digest of the image.
    pub digest: Digest,
    /// The platform that the list states, normalized; `None`, where it states none.
    pub platform: Option<Platform>,
}

/// An image of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ImageFacts {
    config: Digest,
    /// The revision that its manifest states.
    revision: Option<String>,
}

/// What the config of an image states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFacts {
    /// The platform.
    pub platform: Platform,
    /// The revision from which the image was built; that of the manifest, where the config states none.
    pub revision: Option<String>,
}

/// The manifests and configs that were read so far. What does not parse is a reason.
#[derive(Debug, Default)]
pub struct Reading {
    lists: HashMap<Digest, Vec<ListEntry>>,
    /// The revisions that lists state.
    list_revisions: HashMap<Digest, String>,
    images: HashMap<Digest, ImageFacts>,
    configs: HashMap<Digest, Result<ImageConfig, String>>,
    unreadable: HashMap<Digest, String>,
    /// Those of `unreadable` that are sound, and of something else than a container image.
    artifacts: HashSet<Digest>,
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
        let listed: HashSet<_> = self.lists.values().flatten().map(|entry| entry.digest).collect();
        let is_read =
            |image: &&Image| !image.is_archived && listed.contains(&image.digest) && !self.knows(image.digest);
        images.iter().filter(is_read).map(|image| image.digest).collect()
    }

    /// The configs to read at last, each once.
    pub fn of_configs(&self) -> Vec<Digest> {
        let digests: HashSet<_> = self.images.values().map(|image| image.config).collect();
        let mut digests: Vec<_> = digests.into_iter().filter(|digest| !self.configs.contains_key(digest)).collect();
        digests.sort_unstable();
        digests
    }

    fn knows(&self, digest: Digest) -> bool {
        self.lists.contains_key(&digest) || self.images.contains_key(&digest) || self.unreadable.contains_key(&digest)
    }

    /// Adds a manifest, with the media type that ECR states; empty, if it states none.
    pub fn add_manifest(&mut self, digest: Digest, media_type: &str, text: &str) {
        if let Err(reason) = self.parse_manifest(digest, media_type, text) {
            self.unreadable.insert(digest, reason);
        }
    }

    fn parse_manifest(&mut self, digest: Digest, media_type: &str, text: &str) -> Result<(), String> {
        let known = if media_type.is_empty() { MediaType::detect(text) } else { MediaType::from_name(media_type) };
        let known = known.ok_or_else(|| format!("its media type is {:?}", excerpt(media_type)))?;
        if Digest::sha256(text) != digest {
            return Err("its bytes have another digest".to_owned());
        }
        match Manifest::parse(known, text).map_err(|invalid| reason(&invalid))? {
            Manifest::Image(image) if !is_image_config(&image.config.media_type) => {
                self.artifacts.insert(digest);
                return Err(format!("it is an artifact of type {:?}", excerpt(&image.config.media_type)));
            }
            Manifest::Image(image) if image.config.size > MAX_CONFIG_BYTES => {
                return Err(format!("its config has more than {MAX_CONFIG_BYTES} bytes"));
            }
            Manifest::Image(image) => {
                let revision = image.annotations.get(REVISION).filter(|revision| !revision.is_empty());
                let revision = revision.map(|revision| excerpt(revision));
                self.images.insert(digest, ImageFacts { config: image.config.digest, revision });
            }
            Manifest::Index(index) => {
                // Attestations and other artifacts, such as the indexes of SOCI, are not pulled as images.
                let is_image = |entry: &Descriptor| {
                    entry.attested_digest().is_none()
                        && !entry.platform.as_ref().is_some_and(Platform::is_unknown)
                        && (entry.artifact_type.is_empty() || is_image_config(&entry.artifact_type))
                };
                let entries = index.manifests.into_iter().filter(is_image).map(|entry| ListEntry {
                    digest: entry.digest,
                    platform: entry.specified_platform().map(Platform::normalized),
                });
                self.lists.insert(digest, entries.collect());
                let revision = index.annotations.get(REVISION).filter(|revision| !revision.is_empty());
                self.list_revisions.extend(revision.map(|revision| (digest, excerpt(revision))));
            }
        }
        Ok(())
    }

    /// Adds configs, each of which may be invalid.
    pub fn add_configs(&mut self, configs: ImageConfigs) {
        let facts = |config: ConfigResult| config.map_err(|invalid| reason(&invalid));
        self.configs.extend(configs.into_iter().map(|(digest, config)| (digest, facts(config))));
    }

    /// The entries of a list; `None`, if the digest is not that of a list that was read.
    pub fn entries(&self, list: Digest) -> Option<&[ListEntry]> {
        self.lists.get(&list).map(Vec::as_slice)
    }

    /// The images that a digest stands for: the image itself, or the entries of an index.
    pub fn images_of(&self, digest: Digest) -> Vec<Digest> {
        match self.lists.get(&digest) {
            Some(entries) => entries.iter().map(|entry| entry.digest).collect(),
            None => vec![digest],
        }
    }

    /// What an image states of itself, or why it cannot be told. `None`, if it was not read.
    pub fn facts(&self, image: Digest) -> Option<Result<ConfigFacts, &str>> {
        if let Some(reason) = self.unreadable.get(&image) {
            return Some(Err(reason));
        }
        let ImageFacts { config, revision } = self.images.get(&image)?;
        Some(match self.configs.get(config)? {
            Ok(config) => Ok(ConfigFacts {
                platform: config.platform.clone(),
                revision: config.revision.as_deref().map(excerpt).or_else(|| revision.clone()),
            }),
            Err(reason) => Err(reason),
        })
    }

    /// What the images that a digest stands for state of themselves, as far as they can be read. The revision is that
    /// of the index, where its image states none.
    pub fn facts_of_images(&self, digest: Digest) -> Vec<ConfigFacts> {
        let of_index = || self.list_revisions.get(&digest).cloned();
        let facts = |image| self.facts(image)?.ok();
        let facts = self.images_of(digest).into_iter().filter_map(facts);
        facts.map(|facts| ConfigFacts { revision: facts.revision.or_else(of_index), ..facts }).collect()
    }

    /// Whether a digest is that of an artifact other than a container image, such as a chart.
    pub fn is_artifact(&self, digest: Digest) -> bool {
        self.artifacts.contains(&digest)
    }

    /// Why a manifest cannot be read, if it cannot.
    pub fn unreadable(&self, digest: Digest) -> Option<&str> {
        self.unreadable.get(&digest).map(String::as_str)
    }
}

fn reason(invalid: &InvalidImage) -> String {
    plain(&invalid.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn image(digest: Digest, tags: &[&str], media_type: MediaType) -> Image {
        Image {
            digest,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            pushed_at: SystemTime::UNIX_EPOCH,
            media_type: media_type.to_string(),
            artifact_media_type: String::new(),
            is_archived: false,
        }
    }

    fn manifest(config: &str) -> String {
        format!(
            r#"{{"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"{}"}}}}"#,
            Digest::sha256(config)
        )
    }

    #[test]
    fn reading_goes_from_tags_to_entries_to_configs() {
        let config =
            r#"{"os":"linux","architecture":"arm64","config":{"Labels":{"org.opencontainers.image.revision":"r"}}}"#;
        let child = manifest(config);
        let child_digest = Digest::sha256(&child);
        let attestation = format!(
            r#"{{"mediaType":"m","size":1,"digest":"{}","platform":{{"os":"unknown","architecture":"unknown"}}}}"#,
            Digest::sha256("attestation")
        );
        let artifact =
            attestation.replace(r#""size":1"#, r#""size":1,"artifactType":"soci""#).replace("unknown", "arm64");
        let list = format!(
            r#"{{"manifests":[{{"mediaType":"m","size":1,"digest":"{child_digest}",
                "platform":{{"os":"linux","architecture":"aarch64"}}}},{attestation},{artifact}]}}"#
        );
        let list_digest = Digest::sha256(&list);
        let images =
            [image(list_digest, &["1.0"], MediaType::OciIndex), image(child_digest, &[], MediaType::OciManifest)];
        let mut reading = Reading::default();
        assert_eq!(Reading::of_tags(&images), [list_digest]);
        reading.add_manifest(list_digest, MediaType::OciIndex.as_str(), &list);
        assert_eq!(reading.of_entries(&images), [child_digest]);
        reading.add_manifest(child_digest, MediaType::OciManifest.as_str(), &child);
        assert_eq!(reading.of_entries(&images), []);
        let config_digest = Digest::sha256(config);
        assert_eq!(reading.of_configs(), [config_digest]);
        let parsed = ImageConfig::parse(config_digest, config.as_bytes());
        reading.add_configs(ImageConfigs::from([(config_digest, parsed)]));
        assert_eq!(reading.of_configs(), []);
        let entries = reading.entries(list_digest).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].platform.as_ref().unwrap().to_string(), "linux/arm64");
        let facts = reading.facts(child_digest).unwrap().unwrap();
        assert_eq!((facts.platform.to_string().as_str(), facts.revision.as_deref()), ("linux/arm64", Some("r")));
        assert_eq!(reading.images_of(list_digest), [child_digest]);
    }

    #[test]
    fn attachments_and_archived_images_are_not_read() {
        let signature = format!("sha256-{}.sig", "0".repeat(64));
        let archived = Image { is_archived: true, ..image(Digest::sha256("a"), &["1"], MediaType::OciManifest) };
        let images = [archived, image(Digest::sha256("s"), &[&signature], MediaType::OciManifest)];
        assert_eq!(Reading::of_tags(&images), []);
    }

    #[test]
    fn what_does_not_parse_has_a_reason() {
        let mut reading = Reading::default();
        for (text, media_type, expected) in [
            ("{", MediaType::OciIndex.as_str(), "JSON"),
            ("{}", "text/html", "its media type is \"text/html\""),
            (
                r#"{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","size":2,
                    "digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}"#,
                MediaType::OciManifest.as_str(),
                "artifact",
            ),
        ] {
            let digest = Digest::sha256(text);
            reading.add_manifest(digest, media_type, text);
            let reason = reading.unreadable(digest).unwrap();
            assert!(reason.contains(expected), "{reason}");
        }
        reading.add_manifest(Digest::sha256("other"), MediaType::OciIndex.as_str(), r#"{"manifests":[]}"#);
        assert_eq!(reading.unreadable(Digest::sha256("other")), Some("its bytes have another digest"));
    }
}
