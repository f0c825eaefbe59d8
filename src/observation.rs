//! What ECR holds of one version, read step by step: tags, the images within indexes, configs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::{self, ImageConfig};
use crate::digest::Digest;
use crate::error::{Error, ImageName, Reference};
use crate::list::{Entry, Origin, Source};
use crate::manifest::{
    Annotations, Corruption, Descriptor, ImageFault, ImageManifest, Index, Manifest, MediaType, Unsupported,
    check_json, sniff_media_type,
};
use crate::platform::RequiredPlatform;
use crate::reconcile::Job;
use crate::tag::Tag;

/// A manifest as ECR holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The digest by which ECR knows it.
    pub digest: Digest,
    /// The media type under which ECR holds it; empty where ECR does not say.
    pub media_type: String,
    /// Its bytes.
    pub text: Arc<str>,
}

/// The manifests that one read found; what is not in it is not in ECR.
pub type Found = BTreeMap<Reference, Stored>;

/// A config, or what is the matter with it.
pub type ReadConfig = Result<ImageConfig, ImageFault>;

/// The configs that were asked for.
pub type Configs = BTreeMap<Digest, ReadConfig>;

impl Stored {
    /// The media type, where it is one of the four that matter here.
    pub fn known_media_type(&self) -> Option<MediaType> {
        match self.media_type.as_str() {
            "" => sniff_media_type(&self.text),
            named => MediaType::named(named),
        }
    }

    /// Reads the manifest, after its bytes were compared with its digest.
    fn read(&self) -> Result<(Entry, Manifest), ImageFault> {
        // The digest of a signed schema 1 manifest is not that of all its bytes, so what is named otherwise goes first.
        let unsupported = || ImageFault::from(Unsupported::MediaType(self.media_type.clone()));
        if !self.media_type.is_empty() && self.known_media_type().is_none() {
            return Err(unsupported());
        }
        let found = Digest::of(&*self.text);
        if found != self.digest {
            return Err(Corruption::Digest { part: "manifest", found, expected: self.digest }.into());
        }
        let Some(media_type) = self.known_media_type() else {
            check_json(&self.text)?;
            return Err(unsupported());
        };
        let entry = Entry { media_type, digest: self.digest, size: self.text.len() as u64 };
        Ok((entry, Manifest::read(media_type, &self.text)?))
    }
}

/// The image of one platform, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// The tag that it was pushed under.
    pub tag: Tag,
    /// The platform that the tag stands for.
    pub required: RequiredPlatform,
    /// Where it comes from.
    origin: Origin,
    /// Its manifest; for an image within an index, once that was read.
    manifest: Option<ImageManifest>,
    /// The annotations that an index gives to it.
    annotations: Annotations,
}

impl Candidate {
    fn read(tag: &Tag, required: &RequiredPlatform, stored: &Stored) -> Result<Self, ImageFault> {
        let (entry, manifest) = stored.read()?;
        let (origin, manifest, annotations) = match manifest {
            Manifest::Image(image) => (Origin::Image(entry), Some(checked(image)?), Annotations::new()),
            Manifest::Index(index) => {
                let (origin, annotations) = pick(index, required)?;
                (origin, None, annotations)
            }
        };
        Ok(Self { tag: tag.clone(), required: required.clone(), origin, manifest, annotations })
    }

    /// The digest by which a list names the image.
    pub fn digest(&self) -> Digest {
        self.origin.digest()
    }

    fn revision<'a>(&'a self, config: &'a ImageConfig) -> Option<&'a str> {
        let annotated = |annotations: &'a Annotations| annotations.get(config::REVISION).map(String::as_str);
        let of_manifest = || self.manifest.as_ref().and_then(|manifest| annotated(&manifest.annotations));
        let of_index = || annotated(&self.annotations);
        config.revision.as_deref().or_else(of_manifest).or_else(of_index).filter(|revision| !revision.is_empty())
    }
}

/// An image manifest that is a container image's, with a config small enough to be read.
fn checked(image: ImageManifest) -> Result<ImageManifest, ImageFault> {
    if !config::is_image_config(&image.config.media_type) {
        return Err(Unsupported::Artifact(image.config.media_type).into());
    }
    if image.config.size > config::MAX_BYTES {
        return Err(Unsupported::ConfigSize(image.config.size).into());
    }
    Ok(image)
}

/// Picks the one image of the platform out of an index, with its attestations and what the index says of it.
fn pick(index: Index, required: &RequiredPlatform) -> Result<(Origin, Annotations), ImageFault> {
    let (attestations, others): (Vec<_>, Vec<_>) =
        index.manifests.into_iter().partition(|entry| entry.attests().is_some());
    let is_list = |entry: &Descriptor| MediaType::named(&entry.media_type).is_some_and(MediaType::is_list);
    if others.iter().any(is_list) {
        return Err(Unsupported::NestedIndex.into());
    }
    let is_image = |entry: &Descriptor| {
        MediaType::named(&entry.media_type).is_some()
            && (entry.artifact_type.is_empty() || config::is_image_config(&entry.artifact_type))
    };
    let (stated, unstated): (Vec<_>, Vec<_>) =
        others.into_iter().filter(is_image).partition(|entry| entry.known_platform().is_some());
    let mut images: Vec<_> =
        stated.into_iter().filter(|entry| entry.known_platform().is_some_and(|p| required.matches(p))).collect();
    if images.is_empty() {
        images = unstated;
    }
    let mut seen = BTreeSet::new();
    images.retain(|entry| seen.insert(entry.digest));
    let count = images.len();
    let Some(image) = images.pop() else {
        return Err(Unsupported::NoEntry(required.to_string()).into());
    };
    if count > 1 {
        return Err(Unsupported::SeveralEntries(required.to_string(), count).into());
    }
    let digest = image.digest.to_string();
    let attestations = attestations.into_iter().filter(|entry| entry.attests() == Some(&digest)).collect();
    let annotations = index.annotations.into_iter().chain(image.annotations.clone()).collect();
    Ok((Origin::Index { image: Box::new(image), attestations }, annotations))
}

/// A version as its tags stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Observation {
    /// The platforms that are there, in ascending order of their tags.
    pub candidates: Vec<Candidate>,
    /// The platforms that are not there.
    pub missing: Vec<RequiredPlatform>,
    /// What each of the tags names.
    pub tags: BTreeMap<Tag, Digest>,
    /// What the version's own tag names.
    pub target: Option<Stored>,
}

impl Observation {
    /// Reads the version's tags from what a read of [`Job::references`] found.
    ///
    /// # Errors
    /// [`Error::UnsupportedImage`] and [`Error::CorruptImage`], for the first image that can never be listed.
    pub fn read(job: &Job, mut found: Found) -> Result<Self, Error> {
        let target = found.remove(&Reference::Tag(job.version.clone()));
        let mut observation = Self { candidates: Vec::new(), missing: Vec::new(), tags: tags_of(&found), target };
        for (tag, required) in &job.platforms {
            let Some(stored) = found.get(&Reference::Tag(tag.clone())) else {
                observation.missing.push(required.clone());
                continue;
            };
            let candidate = Candidate::read(tag, required, stored);
            observation.candidates.push(candidate.map_err(|fault| Error::of_image(job.image(tag), fault))?);
        }
        Ok(observation)
    }

    /// The images within indexes, whose manifests are still to be read.
    pub fn children(&self) -> BTreeSet<Digest> {
        self.candidates.iter().filter(|one| one.manifest.is_none()).map(Candidate::digest).collect()
    }

    /// Adds the manifests of the images within indexes.
    ///
    /// # Errors
    /// [`Error::UnsupportedImage`] and [`Error::CorruptImage`], as for the tags themselves.
    ///
    /// # Returns
    /// The digest of the first child that was not found, if any.
    pub fn add_children(&mut self, job: &Job, found: &Found) -> Result<Option<Digest>, Error> {
        for candidate in self.candidates.iter_mut().filter(|one| one.manifest.is_none()) {
            let digest = candidate.digest();
            let Some(stored) = found.get(&Reference::Digest(digest)) else {
                return Ok(Some(digest));
            };
            let image = match stored.read() {
                Ok((entry, Manifest::Image(image))) => {
                    candidate.origin.set_size(entry.size);
                    checked(image)
                }
                Ok((_, Manifest::Index(_))) => Err(Unsupported::NestedIndex.into()),
                Err(fault) => Err(fault),
            };
            let name = || ImageName { repository: job.repository.clone(), reference: Reference::Digest(digest) };
            candidate.manifest = Some(image.map_err(|fault| Error::of_image(name(), fault))?);
        }
        Ok(None)
    }

    /// The configs of all images.
    pub fn configs(&self) -> BTreeSet<Digest> {
        self.candidates.iter().filter_map(|one| one.manifest.as_ref()).map(|image| image.config.digest).collect()
    }

    /// Checks every image against its config, and says what the list is made of.
    ///
    /// # Errors
    /// [`Error::PlatformMismatch`] for an image that is not what its tag says, and the errors of a config that cannot
    /// be read.
    pub fn resolve(&self, job: &Job, configs: &Configs) -> Result<Resolved, Error> {
        let mut resolved = Resolved { sources: Vec::new(), revisions: Vec::new() };
        for candidate in &self.candidates {
            let config = candidate.manifest.as_ref().and_then(|image| configs.get(&image.config.digest));
            let fault = |fault: ImageFault| Error::of_image(job.image(&candidate.tag), fault);
            let config = match config {
                Some(config) => config.as_ref().map_err(|error| fault(error.clone()))?,
                None => return Err(fault(Unsupported::NoPlatform.into())),
            };
            if !candidate.required.matches(&config.platform) {
                return Err(Error::PlatformMismatch {
                    image: job.image(&candidate.tag),
                    stated: config.platform.to_string(),
                    required: candidate.required.to_string(),
                });
            }
            resolved.revisions.push(candidate.revision(config).map(str::to_owned));
            resolved.sources.push(Source {
                required: candidate.required.clone(),
                stated: config.platform.clone(),
                origin: candidate.origin.clone(),
            });
        }
        Ok(resolved)
    }
}

/// What each of the tags that were found names.
pub fn tags_of(found: &Found) -> BTreeMap<Tag, Digest> {
    let tag = |(reference, stored): (&Reference, &Stored)| match reference {
        Reference::Tag(tag) => Some((tag.clone(), stored.digest)),
        Reference::Digest(_) => None,
    };
    found.iter().filter_map(tag).collect()
}

/// The images of a version, each of them verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resolved {
    /// The images, in ascending order of their tags.
    pub sources: Vec<Source>,
    revisions: Vec<Option<String>>,
}

impl Resolved {
    /// Says which platform was built from which revision, where all of them say so and they differ.
    pub fn differing_revisions(&self) -> Option<String> {
        let revisions: Option<Vec<&String>> = self.revisions.iter().map(Option::as_ref).collect();
        let revisions = revisions?;
        if revisions.windows(2).all(|pair| pair[0] == pair[1]) {
            return None;
        }
        let each = self.sources.iter().zip(revisions);
        let each: Vec<_> = each.map(|(source, revision)| format!("{} from {revision}", source.required)).collect();
        Some(format!(
            "the platforms were built from different revisions: {}; push them from the same one, \
             or set REVISIONS to any",
            each.join(", ")
        ))
    }
}
