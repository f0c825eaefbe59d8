//! When the manifest list under a version's tag is right, whoever made it.
//!
//! The function writes what is missing or wrong, and leaves alone what is right. A list is right if it has an image of
//! every configured platform, if each platform tag that exists names that image, and if it lacks no attestation or
//! artifact that the function would keep. Order, layout, annotations and further entries do not matter.
//!
//! Two kinds of lists stay although their digests differ from those of the platform tags. One is of **conversions**: tools
//! such as `soci convert` write every manifest anew, with the same config. The other is of **newer images**: the platform
//! tags are stale. When each image was pushed tells both.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::manifest_list::{ManifestList, Origin};
use crate::error::Conflict;
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::manifest::{Index, Manifest, ParsedManifest, StoredManifest};
use crate::oci::platform::Platform;
use crate::settings::Attestations;
use crate::settings::configured_platform::ConfiguredPlatform;
use crate::settings::tag_scheme::PlatformTag;

/// When each of several images was first pushed.
pub type PushTimes = BTreeMap<Digest, SystemTime>;

/// The images that platform tags name, by the positions of their platforms.
pub type TaggedImages = BTreeMap<usize, Digest>;

/// The manifest list under a version's tag, where it has an image of every configured platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CompleteList {
    /// The list.
    pub list: ManifestList,
    /// Its image of each platform.
    pub images: Vec<Digest>,
    /// What its entries name.
    entries: BTreeSet<Digest>,
}

/// A complete list, and how it differs from what the platform tags name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Comparison {
    /// The list.
    pub complete: CompleteList,
    /// The positions of the platforms whose tags name another image.
    pub changed: Vec<usize>,
    /// Whether it lacks an attestation or an artifact of an image that it has.
    lacks_attached: bool,
}

impl CompleteList {
    /// What a version's tag names, if it is a manifest list with an image of each of these platforms.
    pub fn of(target: &StoredManifest, platforms: &[PlatformTag]) -> Option<Self> {
        let index = index_of(target)?;
        if Digest::sha256(&*target.text) != target.digest {
            return None;
        }
        let platforms: Vec<_> = platforms.iter().map(|platform| &platform.platform).collect();
        let images: Vec<_> = images(&index, &platforms).into_iter().collect::<Option<_>>()?;
        let images = images.into_iter().map(|image| image.digest).collect();
        let entries = index.manifests.iter().map(|entry| entry.digest).collect();
        Some(Self { list: ManifestList::of(target)?, images, entries })
    }

    /// Compares the list with what the platform tags name, as far as they exist.
    pub fn compare(
        self,
        platforms: &[PlatformTag],
        manifests: &[Option<ParsedManifest>],
        attestations: Attestations,
    ) -> Comparison {
        let (mut changed, mut lacks_attached) = (Vec::new(), false);
        for (position, (image, PlatformTag { platform, .. })) in self.images.iter().zip(platforms).enumerate() {
            let is_named = match manifests.get(position).and_then(Option::as_ref) {
                None => true,
                Some(Err(_)) => false,
                Some(Ok((descriptor, Manifest::Image(_)))) => descriptor.digest == *image,
                Some(Ok((_, Manifest::Index(index)))) => {
                    match index.manifests.iter().find(|entry| {
                        entry.digest == *image && entry.is_image_of_a_platform() && is_of(entry, platform)
                    }) {
                        Some(entry) if attestations == Attestations::Keep => {
                            let mut attached = Origin::attached(index, entry);
                            lacks_attached |= attached.any(|entry| !self.entries.contains(&entry.digest));
                            true
                        }
                        found => found.is_some(),
                    }
                }
            };
            if !is_named {
                changed.push(position);
            }
        }
        Comparison { complete: self, changed, lacks_attached }
    }
}

impl Comparison {
    /// Whether the list is right by its digests alone.
    pub fn is_right(&self) -> bool {
        self.changed.is_empty() && !self.lacks_attached
    }

    /// Whether its images may be conversions of those that the platform tags name.
    pub fn may_be_of_conversions(&self) -> bool {
        !self.lacks_attached
    }

    /// Whether the times of the pushes may tell that the list stays, where the platform tags name these images. Where some
    /// are absent, only conversions stay; where all are there, so do newer images.
    pub fn is_undecided(&self, tagged: &TaggedImages) -> bool {
        let has_all = tagged.len() == self.complete.images.len();
        !self.lacks_attached || has_all && self.is_of_other_images(tagged)
    }

    /// Whether the images may be conversions of those that the platform tags name, which these configs decide.
    pub fn may_be_converted(&self, tagged: &TaggedImages, times: &PushTimes) -> bool {
        let is_later = |position: &usize| {
            let tagged = tagged.get(position).and_then(|image| times.get(image));
            times.get(&self.complete.images[*position]) > tagged
        };
        !self.lacks_attached && self.changed.iter().all(is_later)
    }

    /// Whether every image was pushed later than each that the platform tags name.
    pub fn is_newer(&self, tagged: &TaggedImages, times: &PushTimes) -> bool {
        let newest_tagged = tagged.values().map(|image| times.get(image)).max();
        let oldest = self.complete.images.iter().map(|image| times.get(image)).min();
        oldest > newest_tagged
    }

    /// When the last of its images was pushed.
    pub fn last_push(&self, times: &PushTimes) -> Option<SystemTime> {
        self.complete.images.iter().filter_map(|image| times.get(image)).max().copied()
    }

    fn is_of_other_images(&self, tagged: &TaggedImages) -> bool {
        !tagged.values().any(|image| self.complete.images.contains(image))
    }
}

/// The image of each of these platforms in an index: the first entry that states its operating system and architecture
/// and contradicts it in nothing. No entry counts for two platforms: where platforms share these two, entries that state
/// all of one come first, so that none is taken from the platform that no other states.
pub(crate) fn images<'i>(index: &'i Index, platforms: &[&ConfiguredPlatform]) -> Vec<Option<&'i Descriptor>> {
    let mut remaining: Vec<_> = index.manifests.iter().filter(|entry| entry.is_image_of_a_platform()).collect();
    let kind = |platform: &ConfiguredPlatform| {
        let Platform { os, architecture, .. } = platform.platform().normalized();
        (os, architecture)
    };
    let mut counts = BTreeMap::<_, usize>::new();
    for platform in platforms {
        *counts.entry(kind(platform)).or_default() += 1;
    }
    let mut images = vec![None; platforms.len()];
    for is_last_pass in [false, true] {
        for (image, platform) in images.iter_mut().zip(platforms) {
            let is_alone = counts.get(&kind(platform)) == Some(&1);
            let is_meant = if is_last_pass || is_alone { may_be } else { states };
            let is_of_platform =
                |entry: &&Descriptor| entry.specified_platform().is_some_and(|stated| is_meant(platform, stated));
            if image.is_none()
                && let Some(position) = remaining.iter().position(is_of_platform)
            {
                *image = Some(remaining.remove(position));
            }
        }
    }
    images
}

/// The index of a manifest list that exists, if it is one. Without the limit of a source: a list of many attested images has
/// more entries.
pub(crate) fn index_of(target: &StoredManifest) -> Option<Index> {
    target.is_list().then(|| serde_json::from_str(&target.text).ok()).flatten()
}

/// The platforms of which the index of a manifest list has no image. All, if it cannot be parsed.
pub(crate) fn missing_platforms<'a>(
    index: Option<&Index>,
    platforms: &'a [ConfiguredPlatform],
) -> Vec<&'a ConfiguredPlatform> {
    let platforms: Vec<_> = platforms.iter().collect();
    let Some(index) = index else { return platforms };
    let images = images(index, &platforms);
    platforms.into_iter().zip(images).filter(|(_, image)| image.is_none()).map(|(platform, _)| platform).collect()
}

/// Whether an entry states a platform, with all that is configured of it.
fn states(platform: &ConfiguredPlatform, stated: &Platform) -> bool {
    let variant = platform.platform().normalized().variant;
    platform.matches(stated) && (variant.is_empty() || variant == stated.normalized().variant)
}

/// Whether an entry states nothing else than a platform.
fn may_be(platform: &ConfiguredPlatform, stated: &Platform) -> bool {
    !platform.contradicts(stated)
}

/// Whether an entry of an index states nothing else than this platform.
fn is_of(entry: &Descriptor, platform: &ConfiguredPlatform) -> bool {
    entry.specified_platform().is_none_or(|stated| may_be(platform, stated))
}

/// Why what the tag of a manifest list names must not be replaced; `None`, if it may be.
///
/// No manifest list that this function assembles is one of these conflicts, so the images need not be known.
pub(crate) fn conflict(
    target: &StoredManifest,
    index: Option<&Index>,
    is_configured: impl Fn(&Platform) -> bool,
) -> Option<Conflict> {
    let Some(index) = index else {
        let digest = target.digest;
        return Some(match target.artifact_type() {
            Some(artifact_type) => Conflict::Artifact { digest, artifact_type },
            None => Conflict::NotAManifestList { digest, media_type: target.media_type.as_str().into() },
        });
    };
    let is_attestation =
        |entry: &Descriptor| entry.attested_digest().is_some() && !entry.is_attestation_with_platform();
    // What runs nowhere, and an artifact beside an image, is of no platform.
    let is_other = |entry: &Descriptor| is_attestation(entry) || entry.is_unknown() || entry.is_artifact();
    let is_foreign = |entry: &&Descriptor| !is_other(entry) && !entry.specified_platform().is_some_and(&is_configured);
    let foreign = index.manifests.iter().find(is_foreign)?;
    let platform = foreign.specified_platform().map_or_else(|| foreign.digest.to_string(), ToString::to_string);
    Some(Conflict::ForeignPlatform { digest: target.digest, platform: platform.into() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{attestation, entry, image_of, platform, stored};
    use crate::oci::media_type::MediaType;

    const AMD64: &str = "linux/amd64";
    const ARM64: &str = "linux/arm64";

    fn list(entries: &[Value]) -> StoredManifest {
        stored(MediaType::OciIndex, &json!({"schemaVersion": 2, "manifests": entries}))
    }

    fn platforms() -> Vec<PlatformTag> {
        let tag =
            |platform: &str, tag: &str| PlatformTag { platform: platform.parse().unwrap(), tag: tag.parse().unwrap() };
        vec![tag(AMD64, "1-amd64"), tag(ARM64, "1-arm64")]
    }

    /// How a list of two images compares with an index under each platform tag.
    fn compared(list_entries: &[Value], sources: [&[Value]; 2], attestations: Attestations) -> Comparison {
        let sources = sources.map(|entries| Some(list(entries).parse()));
        CompleteList::of(&list(list_entries), &platforms()).unwrap().compare(&platforms(), &sources, attestations)
    }

    /// What the first platform tags name, by content.
    fn tagged(images: &[&str]) -> TaggedImages {
        images.iter().map(Digest::sha256).enumerate().collect()
    }

    #[test]
    fn tag_names_the_image_by_an_entry_of_its_platform() {
        let entries = [image_of("1", AMD64), image_of("2", ARM64)];
        for (first, expected) in [
            (image_of("1", AMD64), &[][..]),
            (entry("1", &json!({})), &[]),
            (image_of("1", ARM64), &[0]),
            (image_of("3", AMD64), &[0]),
        ] {
            let found = compared(&entries, [std::slice::from_ref(&first), &entries], Attestations::Keep);
            assert_eq!(found.changed, expected, "{first}");
        }
    }

    #[test]
    fn list_that_lacks_an_attestation_stays_only_with_other_images() {
        let entries = [image_of("1", AMD64), image_of("2", ARM64)];
        let attested = [image_of("1", AMD64), attestation("1", &json!({}))];
        let lacking = compared(&entries, [&attested, &entries], Attestations::Keep);
        assert!(!lacking.is_right() && !lacking.may_be_converted(&tagged(&[]), &PushTimes::new()));
        for (images, expected) in [(&["1", "2"][..], false), (&["3", "2"], false), (&["3", "4"], true), (&["3"], false)]
        {
            assert_eq!(lacking.is_undecided(&tagged(images)), expected, "{images:?}");
        }
        let complete = compared(&entries, [&attested, &entries], Attestations::Drop);
        assert!(complete.is_right() && complete.is_undecided(&tagged(&["1", "2"])));
    }

    #[test]
    fn platforms_without_an_image_are_missing() {
        let configured: Vec<_> = platforms().into_iter().map(|tag| tag.platform).collect();
        let missing = |index: Option<&Index>| {
            missing_platforms(index, &configured).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        for (entries, expected) in [
            (vec![image_of("1", AMD64), image_of("2", ARM64)], &[][..]),
            (vec![image_of("1", AMD64)], &[ARM64]),
            (
                vec![image_of("1", "linux/s390x"), attestation("1", &json!({"platform": platform(AMD64)}))],
                &[AMD64, ARM64],
            ),
        ] {
            assert_eq!(missing(index_of(&list(&entries)).as_ref()), expected, "{entries:?}");
        }
        assert_eq!(missing(None), [AMD64, ARM64]);
    }

    #[test]
    fn list_with_an_entry_of_another_platform_is_not_replaced() {
        let soci = "application/vnd.amazon.soci.index.v2+json";
        for (other, expected) in [
            (attestation("1", &json!({})), None),
            (attestation("1", &json!({"platform": platform("unknown/unknown")})), None),
            (attestation("1", &json!({"platform": platform("linux/s390x")})), Some("linux/s390x".to_owned())),
            (entry("1", &json!({"platform": platform("unknown/unknown")})), None),
            (entry("1", &json!({"artifactType": soci})), None),
            (image_of("1", ARM64), None),
            (image_of("1", "linux/s390x"), Some("linux/s390x".to_owned())),
            (entry("1", &json!({})), Some(Digest::sha256("1").to_string())),
        ] {
            let target = list(&[image_of("0", AMD64), other]);
            let is_configured = |stated: &Platform| platforms().iter().any(|tag| tag.platform.matches(stated));
            let found = conflict(&target, index_of(&target).as_ref(), is_configured);
            let digest = target.digest;
            let expected = expected.map(|platform| Conflict::ForeignPlatform { digest, platform: platform.into() });
            assert_eq!(found, expected, "{}", target.text);
        }
    }
}
