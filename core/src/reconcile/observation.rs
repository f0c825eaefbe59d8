//! The observation of one version in ECR, collected read by read: tags, the images within indexes, configs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::time::SystemTime;

use super::candidate::{Candidate, validate_image};
use super::cause::cause_of_missing;
use super::manifest_list::{ManifestList, SourceImage};
use super::outcome::{PlatformImage, Waiting};
use super::request::ReconcileRequest;
use super::right_list::{Comparison, CompleteList, PushTimes, TaggedImages};
use crate::error::{Error, PlatformSource};
use crate::name::Reference;
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::image_config::ImageConfig;
use crate::oci::invalid_image::{InvalidImage, Unsupported};
use crate::oci::manifest::{Manifest, ParsedManifest, StoredManifest};
use crate::oci::media_type::is_image_config;
use crate::oci::tag::Tag;
use crate::settings::tag_scheme::PlatformTag;

/// The manifests of a read. References to nothing are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Manifests {
    found: BTreeMap<Reference, StoredManifest>,
    /// The references to archived images, which cannot be read, where ECR tells them from references to nothing.
    pub archived: BTreeSet<Reference>,
}

impl Deref for Manifests {
    type Target = BTreeMap<Reference, StoredManifest>;

    fn deref(&self) -> &Self::Target {
        &self.found
    }
}

impl DerefMut for Manifests {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.found
    }
}

impl FromIterator<(Reference, StoredManifest)> for Manifests {
    fn from_iter<T: IntoIterator<Item = (Reference, StoredManifest)>>(manifests: T) -> Self {
        Self { found: manifests.into_iter().collect(), archived: BTreeSet::new() }
    }
}

impl Manifests {
    /// Adds another read.
    pub fn add(&mut self, other: Self) {
        self.found.extend(other.found);
        self.archived.extend(other.archived);
    }

    /// The part of the read that is about these references.
    #[must_use]
    pub fn part(&self, references: &[Reference]) -> Self {
        let found = |reference: &Reference| Some((reference.clone(), self.found.get(reference)?.clone()));
        let archived = references.iter().filter(|reference| self.archived.contains(*reference)).cloned();
        Self { found: references.iter().filter_map(found).collect(), archived: archived.collect() }
    }
}

/// What ECR says of an image without its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Description {
    /// The digest of the image.
    pub digest: Digest,
    /// When it was first pushed.
    pub pushed_at: SystemTime,
    /// Whether it is archived, so that nothing can read it.
    pub is_archived: bool,
}

/// The descriptions of images.
pub type Descriptions = BTreeMap<Reference, Description>;

/// A config, or why it is invalid.
pub type ConfigResult = Result<ImageConfig, InvalidImage>;

/// The configs of a read.
pub type ImageConfigs = BTreeMap<Digest, ConfigResult>;

/// A version as ECR holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Observation {
    /// What the version waits for, if it lacks a platform.
    pub waiting: Option<Box<Waiting>>,
    /// The platform tag whose image is archived, if one is, and the list may be right without it.
    pub archived: Option<Box<Reference>>,
    /// The digest that each of the platform tags names.
    pub tags: BTreeMap<Tag, Digest>,
    /// The manifest that the version's own tag names.
    pub target: Option<StoredManifest>,
    /// How that differs from the platform tags, if it is a list with an image of every platform.
    pub comparison: Option<Box<Comparison>>,
    /// The images that exist, in ascending order of their tags.
    candidates: Vec<Candidate>,
}

/// What a read of a version shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Observed {
    /// A list that is right, with its images.
    Right(ManifestList, Vec<PlatformImage>),
    /// Anything else.
    Other(Observation),
}

impl Observation {
    /// Observes a version in the manifests that a read of [`ReconcileRequest::references`] returned. A list that is right
    /// needs no valid images under the platform tags, unless the request replaces it.
    ///
    /// # Errors
    /// [`Error::UnsupportedImage`] and [`Error::CorruptImage`], for the first image that cannot go into a manifest
    /// list; [`Error::ImageArchived`], for the first that is archived.
    pub fn observe(request: &ReconcileRequest, mut manifests: Manifests) -> Result<Observed, Error> {
        let target = manifests.remove(&Reference::Tag(request.version.clone()));
        let mut tags = tags(&manifests);
        let parse = |platform: &PlatformTag| {
            let parsed = manifests.get(&Reference::Tag(platform.tag.clone())).map(StoredManifest::parse);
            parsed.filter(|parsed| !(request.passes_over_artifacts && is_artifact(parsed)))
        };
        let parsed: Vec<_> = request.platforms.iter().map(parse).collect();
        for (platform, _) in request.platforms.iter().zip(&parsed).filter(|(_, parsed)| parsed.is_none()) {
            tags.remove(&platform.tag);
        }
        let missing: Vec<_> = request.platforms.iter().filter(|one| !tags.contains_key(&one.tag)).cloned().collect();
        let complete = target.as_ref().and_then(|target| CompleteList::of(target, &request.platforms));
        let comparison = complete.map(|complete| complete.compare(&request.platforms, &parsed, request.attestations));
        let is_replaced = request.force && missing.is_empty();
        if let Some(Comparison { complete, .. }) = comparison.as_ref().filter(|it| it.is_right() && !is_replaced) {
            let images = listed_images(request, &tags, complete);
            return Ok(Observed::Right(complete.list.clone(), images));
        }
        let comparison = comparison.map(Box::new);
        let mut archived = missing.iter().map(|missing| Reference::Tag(missing.tag.clone()));
        let archived = archived.find(|tag| manifests.archived.contains(tag));
        let may_be_right = comparison.as_ref().is_some_and(|comparison| comparison.may_be_of_conversions());
        if let Some(archived) = archived.clone().filter(|_| !may_be_right) {
            return Err(Error::ImageArchived { image: request.image(archived) });
        }
        let reason = cause_of_missing(request, target.as_ref(), &missing, &parsed);
        let waiting = (!missing.is_empty()).then(|| Box::new(Waiting::Platforms { missing, reason }));
        let mut candidates = Vec::with_capacity(parsed.len());
        for (position, (platform, parsed)) in request.platforms.iter().zip(parsed).enumerate() {
            let candidate = parsed.map(|parsed| Candidate::new(position, platform, parsed)).transpose();
            let image = || request.image(Reference::Tag(platform.tag.clone()));
            candidates.extend(candidate.map_err(|reason| Error::from_image(image(), reason))?);
        }
        Ok(Observed::Other(Self { waiting, archived: archived.map(Box::new), tags, target, comparison, candidates }))
    }

    /// The images that exist.
    pub fn images(&self) -> Vec<PlatformImage> {
        let image = |candidate: &Candidate| PlatformImage {
            platform: candidate.platform.clone(),
            tag: Some(candidate.tag.clone()),
            digest: candidate.digest(),
        };
        self.candidates.iter().map(image).collect()
    }

    /// Whether the list stays, although it is not right by its digests, is decided by the times of the pushes.
    pub fn is_undecided(&self) -> bool {
        self.comparison.as_ref().is_some_and(|comparison| comparison.is_undecided(&self.tagged()))
    }

    /// The images whose times of push decide it.
    pub fn described(&self) -> BTreeSet<Reference> {
        let listed = self.comparison.iter().flat_map(|comparison| &comparison.complete.images).copied();
        listed.chain(self.tagged().into_values()).map(Reference::Digest).collect()
    }

    /// Whether the configs of the images decide it.
    pub fn may_be_converted(&self, times: &PushTimes) -> bool {
        self.comparison.as_ref().is_some_and(|comparison| comparison.may_be_converted(&self.tagged(), times))
    }

    /// The images whose manifests name these configs, as far as they are not read yet.
    pub fn conversions(&self) -> BTreeSet<Digest> {
        let pairs = self.changed().flat_map(|(listed, candidate)| {
            let unread = candidate.manifest.is_none().then(|| candidate.digest());
            [Some(listed), unread]
        });
        pairs.flatten().collect()
    }

    /// Whether each image of the list that no platform tag names has the config of the one that its platform tag names.
    ///
    /// # Errors
    /// The digest of the first image that is missing.
    pub fn is_converted(&self, manifests: &Manifests) -> Result<bool, Digest> {
        let config = |digest: Digest| match manifests.get(&Reference::Digest(digest)) {
            Some(stored) => Ok(match stored.parse() {
                Ok((_, Manifest::Image(image))) => Some(image.config.digest),
                _ => None,
            }),
            None => Err(digest),
        };
        for (listed, candidate) in self.changed() {
            let original = match &candidate.manifest {
                Some(manifest) => Some(manifest.config.digest),
                None => config(candidate.digest())?,
            };
            if original.is_none() || config(listed)? != original {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The list that the version's tag names and the time of its last push, if all of its images are newer than those
    /// that the platform tags name.
    pub fn newer_list(&self, times: &PushTimes) -> Option<(Digest, SystemTime)> {
        let comparison = self.comparison.as_ref().filter(|comparison| comparison.is_newer(&self.tagged(), times))?;
        Some((comparison.complete.list.digest, comparison.last_push(times)?))
    }

    /// The list that the version's tag names, with its images.
    pub fn existing_list(&self, request: &ReconcileRequest) -> Option<(ManifestList, Vec<PlatformImage>)> {
        let complete = &self.comparison.as_ref()?.complete;
        Some((complete.list.clone(), listed_images(request, &self.tags, complete)))
    }

    /// The images of the list that the platform tags do not name, each with the one that its tag names.
    fn changed(&self) -> impl Iterator<Item = (Digest, &Candidate)> {
        self.comparison.iter().flat_map(|comparison| {
            let Comparison { complete, changed, .. } = &**comparison;
            let candidate = |at| self.candidates.iter().find(|candidate| candidate.position == at);
            changed.iter().filter_map(move |&at| Some((*complete.images.get(at)?, candidate(at)?)))
        })
    }

    fn tagged(&self) -> TaggedImages {
        self.candidates.iter().map(|candidate| (candidate.position, candidate.digest())).collect()
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
                if manifests.archived.contains(&reference) {
                    return Err(Error::ImageArchived { image: request.image(reference) });
                }
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

    /// The configs of all images, with the sizes that their manifests state.
    pub fn configs(&self) -> BTreeMap<Digest, u64> {
        let manifests = self.candidates.iter().filter_map(|candidate| candidate.manifest.as_ref());
        manifests.map(|image| (image.config.digest, image.config.size)).collect()
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
                taken_over: candidate.taken_over(&config, &request.annotations),
                origin: candidate.origin.clone(),
                config_platform: config.platform,
            })
        };
        self.candidates.iter().map(source).collect()
    }
}

/// The images of a list, each with the platform tag, if that exists.
fn listed_images(
    request: &ReconcileRequest,
    tags: &BTreeMap<Tag, Digest>,
    complete: &CompleteList,
) -> Vec<PlatformImage> {
    let image = |(PlatformTag { platform, tag }, digest): (&PlatformTag, &Digest)| PlatformImage {
        platform: platform.clone(),
        tag: tags.contains_key(tag).then(|| tag.clone()),
        digest: *digest,
    };
    request.platforms.iter().zip(&complete.images).map(image).collect()
}

fn is_artifact(parsed: &ParsedManifest) -> bool {
    matches!(parsed, Ok((_, Manifest::Image(image))) if !is_image_config(&image.config.media_type))
}

/// The digest that each tag of a read names.
pub fn tags(manifests: &Manifests) -> BTreeMap<Tag, Digest> {
    let tag = |(reference, stored): (&Reference, &StoredManifest)| match reference {
        Reference::Tag(tag) => Some((tag.clone(), stored.digest)),
        Reference::Digest(_) => None,
    };
    manifests.iter().filter_map(tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{IMAGE_CONFIG, image};

    #[test]
    fn joined_reads_are_parted_by_what_each_asked_for() {
        let [found, archived, absent] = ["1", "2", "3"].map(|tag| Reference::Tag(tag.parse().unwrap()));
        let mut one: Manifests = [(found.clone(), image(IMAGE_CONFIG))].into_iter().collect();
        let mut other = Manifests::default();
        other.archived.insert(archived.clone());
        one.add(other);
        assert_eq!((one.len(), one.archived.len()), (1, 1));
        let contents = |references: &[&Reference]| {
            let part = one.part(&references.iter().map(|reference| (*reference).clone()).collect::<Vec<_>>());
            (part.keys().cloned().collect::<Vec<_>>(), part.archived.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(contents(&[&found, &absent]), (vec![found.clone()], vec![]));
        assert_eq!(contents(&[&archived]), (vec![], vec![archived.clone()]));
        let mut both = Manifests::default();
        both.add(one.clone());
        assert_eq!(both, one);
    }
}
