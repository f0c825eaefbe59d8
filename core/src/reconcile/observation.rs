//! The observation of one version in ECR, collected read by read: tags, the images within indexes, configs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::manifest_list::{ManifestList, Origin, SourceImage};
use super::outcome::PlatformImage;
use super::request::ReconcileRequest;
use super::revision::{self, Revision};
use crate::error::{Error, PlatformSource};
use crate::excerpt::ImageText;
use crate::name::Reference;
use crate::oci::descriptor::{Annotations, Descriptor, REVISION};
use crate::oci::digest::Digest;
use crate::oci::image_config::{ImageConfig, MAX_CONFIG_BYTES};
use crate::oci::invalid_image::{Corruption, InvalidImage, Part, Unsupported};
use crate::oci::manifest::{ImageManifest, Index, Manifest, check_json};
use crate::oci::media_type::{MediaType, is_image_config};
use crate::oci::tag::Tag;
use crate::settings::Attestations;
use crate::settings::configured_platform::ConfiguredPlatform;

/// A manifest as ECR holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoredManifest {
    /// Its digest according to ECR.
    pub digest: Digest,
    /// Its media type according to ECR; empty, if ECR omits it.
    pub media_type: String,
    /// Its bytes.
    pub text: Arc<str>,
}

/// The manifests of a read. References to nothing are not among them.
pub type Manifests = BTreeMap<Reference, StoredManifest>;

/// A config, or why it is invalid.
pub type ConfigResult = Result<ImageConfig, InvalidImage>;

/// The configs of a read.
pub type ImageConfigs = BTreeMap<Digest, ConfigResult>;

impl StoredManifest {
    /// The media type, if it is one of the four that the function reads.
    pub fn known_media_type(&self) -> Option<MediaType> {
        match self.media_type.as_str() {
            "" => MediaType::detect(&self.text),
            name => MediaType::from_name(name),
        }
    }

    /// Whether it is a manifest list.
    pub fn is_list(&self) -> bool {
        self.known_media_type().is_some_and(MediaType::is_manifest_list)
    }

    /// The type of the artifact that it is, if it has the form of an image and is none: a chart, a cache or a signature.
    pub fn artifact_type(&self) -> Option<ImageText> {
        let media_type = self.known_media_type().filter(|media_type| !media_type.is_manifest_list())?;
        let Ok(Manifest::Image(image)) = Manifest::parse(media_type, &self.text) else { return None };
        (!is_image_config(&image.config.media_type)).then(|| image.config.media_type.as_str().into())
    }

    /// Parses the manifest, after comparing its bytes with its digest.
    ///
    /// # Errors
    /// [`InvalidImage`], with what is wrong with its media type, its bytes or its schema.
    pub fn parse(&self) -> Result<(Descriptor, Manifest), InvalidImage> {
        // The digest of a signed schema 1 manifest is not that of all its bytes, so other media types come first.
        let unsupported = || InvalidImage::from(Unsupported::MediaType(self.media_type.as_str().into()));
        if !self.media_type.is_empty() && self.known_media_type().is_none() {
            return Err(unsupported());
        }
        let actual = Digest::sha256(&*self.text);
        if actual != self.digest {
            return Err(Corruption::Digest { part: Part::Manifest, actual, expected: self.digest }.into());
        }
        let Some(media_type) = self.known_media_type() else {
            check_json(&self.text)?;
            return Err(unsupported());
        };
        let descriptor = Descriptor::new(media_type.to_string(), self.digest, self.text.len() as u64);
        Ok((descriptor, Manifest::parse(media_type, &self.text)?))
    }
}

impl From<&ManifestList> for StoredManifest {
    fn from(list: &ManifestList) -> Self {
        Self { digest: list.digest, media_type: list.media_type.to_string(), text: list.text.as_str().into() }
    }
}

/// The image of one platform, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Candidate {
    platform: ConfiguredPlatform,
    tag: Tag,
    origin: Origin,
    /// The image's manifest; for an image within an index, once that was read.
    manifest: Option<ImageManifest>,
    /// The annotations of the index.
    annotations: Annotations,
}

impl Candidate {
    fn parse(tag: &Tag, platform: &ConfiguredPlatform, stored: &StoredManifest) -> Result<Self, InvalidImage> {
        let (descriptor, manifest) = stored.parse()?;
        let (origin, manifest, annotations) = match manifest {
            Manifest::Image(image) => {
                let origin = Origin { image: descriptor, is_index: false, attestations: Vec::new() };
                (origin, Some(validate_image(image)?), Annotations::new())
            }
            Manifest::Index(index) => {
                let (origin, annotations) = select_image(index, platform)?;
                (origin, None, annotations)
            }
        };
        Ok(Self { platform: platform.clone(), tag: tag.clone(), origin, manifest, annotations })
    }

    fn digest(&self) -> Digest {
        self.origin.image.digest
    }

    fn revision(&self, config: &ImageConfig) -> Option<Revision> {
        let annotation = |annotations: &Annotations| annotations.get(REVISION).cloned();
        let of_manifest = self.manifest.as_ref().and_then(|manifest| annotation(&manifest.annotations));
        let of_index = annotation(&self.annotations);
        Revision::of(of_index.as_deref(), of_manifest.as_deref(), config.revision.as_deref())
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

/// Selects the one image of the platform from an index, with its attestations and annotations.
fn select_image(index: Index, platform: &ConfiguredPlatform) -> Result<(Origin, Annotations), InvalidImage> {
    let is_index =
        |entry: &Descriptor| MediaType::from_name(&entry.media_type).is_some_and(MediaType::is_manifest_list);
    if index.manifests.iter().any(is_index) {
        return Err(Unsupported::NestedIndex.into());
    }
    if let Some(entry) = index.manifests.iter().find(|entry| entry.is_attestation_with_platform()) {
        return Err(Unsupported::AttestationPlatform(entry.digest).into());
    }
    let (attestations, others): (Vec<_>, Vec<_>) =
        index.manifests.into_iter().partition(|entry| entry.attested_digest().is_some());
    let (specified, unspecified): (Vec<_>, Vec<_>) =
        others.into_iter().filter(Descriptor::is_image).partition(|entry| entry.specified_platform().is_some());
    let matches = |entry: &Descriptor| entry.specified_platform().is_some_and(|stated| platform.matches(stated));
    let mut images: Vec<_> = specified.into_iter().filter(matches).collect();
    if images.is_empty() {
        images = unspecified;
    }
    let mut seen = BTreeSet::new();
    images.retain(|entry| seen.insert(entry.digest));
    let count = images.len();
    let Some(image) = images.pop() else {
        return Err(Unsupported::PlatformMissing(platform.to_string()).into());
    };
    if count > 1 {
        return Err(Unsupported::PlatformAmbiguous { platform: platform.to_string(), count }.into());
    }
    let digest = image.digest.to_string();
    let attestations = attestations.into_iter().filter(|entry| entry.attested_digest() == Some(&digest)).collect();
    let annotations = index.annotations.into_iter().chain(image.annotations.clone()).collect();
    Ok((Origin { image, is_index: true, attestations }, annotations))
}

/// A version as ECR holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Observation {
    /// The platforms that are missing.
    pub missing: Vec<ConfiguredPlatform>,
    /// The digest that each of the platform tags names.
    pub tags: BTreeMap<Tag, Digest>,
    /// The manifest that the version's own tag names.
    pub target: Option<StoredManifest>,
    /// The images that exist, in ascending order of their tags.
    candidates: Vec<Candidate>,
}

impl Observation {
    /// Observes a version in the manifests that a read of [`ReconcileRequest::references`] returned.
    ///
    /// # Errors
    /// [`Error::UnsupportedImage`] and [`Error::CorruptImage`], for the first image that cannot go into a manifest
    /// list.
    pub fn new(request: &ReconcileRequest, mut manifests: Manifests) -> Result<Self, Error> {
        let target = manifests.remove(&Reference::Tag(request.version.clone()));
        let mut observation = Self { candidates: Vec::new(), missing: Vec::new(), tags: tags(&manifests), target };
        for platform_tag in &request.platforms {
            let reference = Reference::Tag(platform_tag.tag.clone());
            let Some(stored) = manifests.get(&reference) else {
                observation.missing.push(platform_tag.platform.clone());
                continue;
            };
            let candidate = Candidate::parse(&platform_tag.tag, &platform_tag.platform, stored);
            let candidate = candidate.map_err(|reason| Error::from_image(request.image(reference), reason))?;
            observation.candidates.push(candidate);
        }
        Ok(observation)
    }

    /// The images that exist.
    pub fn images(&self) -> Vec<PlatformImage> {
        let image = |candidate: &Candidate| PlatformImage {
            platform: candidate.platform.clone(),
            tag: candidate.tag.clone(),
            digest: candidate.digest(),
        };
        self.candidates.iter().map(image).collect()
    }

    /// The manifest list under the version's tag, if it is that of exactly the images that the platform tags name.
    ///
    /// Compares digests and the platforms that entries state, so neither configs nor images within indexes need to be
    /// read: what is published for these images was validated when it was published.
    pub fn current_list(&self, attestations: Attestations) -> Option<ManifestList> {
        let target = self.target.as_ref().filter(|_| self.missing.is_empty())?;
        let (Descriptor { media_type, digest, .. }, Manifest::Index(list)) = target.parse().ok()? else { return None };
        let mut entries = list.manifests.iter();
        let lists = |candidate: &Candidate| {
            let Origin { image, attestations: attesting, .. } = &candidate.origin;
            let is_of_platform = |entry: &Descriptor| {
                let stated = entry.specified_platform();
                entry.digest == image.digest && stated.is_some_and(|stated| candidate.platform.matches(stated))
            };
            let kept = attesting.iter().filter(|_| attestations == Attestations::Keep);
            entries.next().is_some_and(is_of_platform)
                && kept.map(|entry| entry.digest).all(|kept| entries.next().is_some_and(|entry| entry.digest == kept))
        };
        let is_current = self.candidates.iter().all(lists) && entries.next().is_none();
        let media_type = MediaType::from_name(&media_type).filter(|_| is_current)?;
        Some(ManifestList { media_type, text: target.text.to_string(), digest })
    }

    /// The images within indexes whose manifests are yet to be read.
    pub fn children(&self) -> BTreeSet<Digest> {
        self.candidates.iter().filter(|candidate| candidate.manifest.is_none()).map(Candidate::digest).collect()
    }

    /// Adds the manifests of the images within indexes. Returns the first that is missing, if any.
    ///
    /// # Errors
    /// [`Error::UnsupportedImage`] and [`Error::CorruptImage`], as for the tags themselves.
    pub fn add_children(&mut self, request: &ReconcileRequest, manifests: &Manifests) -> Result<Option<Digest>, Error> {
        for candidate in self.candidates.iter_mut().filter(|candidate| candidate.manifest.is_none()) {
            let digest = candidate.digest();
            let reference = Reference::Digest(digest);
            let Some(stored) = manifests.get(&reference) else {
                return Ok(Some(digest));
            };
            let image = match stored.parse() {
                Ok((Descriptor { media_type, .. }, _)) if media_type != candidate.origin.image.media_type => {
                    Err(Unsupported::EntryMediaType {
                        stated: candidate.origin.image.media_type.as_str().into(),
                        actual: media_type.into(),
                    }
                    .into())
                }
                Ok((descriptor, Manifest::Image(image))) => {
                    // The size in an index may be wrong.
                    candidate.origin.image.size = descriptor.size;
                    validate_image(image)
                }
                Ok((_, Manifest::Index(_))) => Err(Unsupported::NestedIndex.into()),
                Err(reason) => Err(reason),
            };
            candidate.manifest = Some(image.map_err(|reason| Error::from_image(request.image(reference), reason))?);
        }
        Ok(None)
    }

    /// The configs of all images.
    pub fn configs(&self) -> BTreeSet<Digest> {
        let manifests = self.candidates.iter().filter_map(|candidate| candidate.manifest.as_ref());
        manifests.map(|image| image.config.digest).collect()
    }

    /// Validates each image by its config. Returns the sources of the manifest list, in ascending order of their tags.
    ///
    /// # Errors
    /// [`Error::PlatformMismatch`] for an image that is not what its tag says, and the errors of an invalid config.
    pub fn sources(&self, request: &ReconcileRequest, configs: &ImageConfigs) -> Result<Vec<SourceImage>, Error> {
        let source = |candidate: &Candidate| {
            let image = || request.image(Reference::Tag(candidate.tag.clone()));
            let config = candidate.manifest.as_ref().and_then(|manifest| configs.get(&manifest.config.digest));
            let unspecified = || Err(Unsupported::PlatformUnspecified.into());
            let config = config.cloned().unwrap_or_else(unspecified);
            let config = config.map_err(|reason| Error::from_image(image(), reason))?;
            let mismatch = |source_of_expected, expected: String| Error::PlatformMismatch {
                image: image(),
                actual: config.platform.to_string().into(),
                source_of_expected,
                expected: expected.into(),
            };
            if !candidate.platform.matches(&config.platform) {
                return Err(mismatch(PlatformSource::Tag, candidate.platform.to_string()));
            }
            let of_entry = candidate.origin.image.platform.as_ref();
            if let Some(stated) = of_entry.filter(|stated| stated.contradicts(&config.platform)) {
                return Err(mismatch(PlatformSource::Index, stated.to_string()));
            }
            Ok(SourceImage {
                platform: candidate.platform.clone(),
                revision: candidate.revision(&config),
                origin: candidate.origin.clone(),
                config_platform: config.platform,
            })
        };
        self.candidates.iter().map(source).collect()
    }
}

/// The digest that each tag of a read names.
pub fn tags(manifests: &Manifests) -> BTreeMap<Tag, Digest> {
    let tag = |(reference, stored): (&Reference, &StoredManifest)| match reference {
        Reference::Tag(tag) => Some((tag.clone(), stored.digest)),
        Reference::Digest(_) => None,
    };
    manifests.iter().filter_map(tag).collect()
}

/// A message with the revision of each platform, if all state one and they differ.
pub fn differing_revisions(sources: &[SourceImage]) -> Option<String> {
    let revisions: Vec<_> = sources.iter().map(|source| source.revision.as_ref()).collect::<Option<_>>()?;
    let each =
        || sources.iter().zip(&revisions).map(|(source, it)| format!("{} from {}", source.platform, it.describe()));
    revision::differ(&revisions).then(|| {
        let each: Vec<_> = each().collect();
        format!(
            "the platforms were built from different revisions: {}; push them from the same one, or set REVISIONS to any",
            each.join(", ")
        )
    })
}
