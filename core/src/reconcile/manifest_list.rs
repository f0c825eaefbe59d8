//! The manifest list of a version, and its exact bytes.
//!
//! It is JSON as Go's `encoding/json` indents and escapes it, which is what the docker tools write.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::Serialize;
use serde_json::ser::PrettyFormatter;

use super::revision::{self, Revision};
use crate::oci::descriptor::Descriptor;
use crate::oci::digest::Digest;
use crate::oci::invalid_image::Unsupported;
use crate::oci::manifest::{Index, StoredManifest};
use crate::oci::media_type::MediaType;
use crate::oci::platform::Platform;
use crate::settings::configured_platform::ConfiguredPlatform;
use crate::settings::{Attestations, ListAnnotations};

/// The validated image of one platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceImage {
    /// The platform of its tag.
    pub platform: ConfiguredPlatform,
    /// The platform of its config.
    pub config_platform: Platform,
    /// The revision from which it was built, if it states one.
    pub revision: Option<Revision>,
    /// What it states of the keys that the list takes over.
    pub taken_over: BTreeMap<String, String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where an image comes from: its platform tag names either the image itself, or an index of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The descriptor of the image; from an index, its entry.
    pub image: Descriptor,
    /// Whether the tag names an index.
    pub is_index: bool,
    /// The entries of the index that belong to the image, in their order: its attestations and artifacts.
    pub attached: Vec<Descriptor>,
}

impl Origin {
    /// The one image of the platform in an index, with what belongs to it.
    ///
    /// # Errors
    /// [`Unsupported`], if the index has no or several images of the platform, or entries that mislead clients.
    pub fn select(index: &Index, platform: &ConfiguredPlatform) -> Result<Self, Unsupported> {
        let is_list =
            |entry: &Descriptor| MediaType::from_name(&entry.media_type).is_some_and(MediaType::is_manifest_list);
        if index.manifests.iter().any(is_list) {
            return Err(Unsupported::NestedIndex);
        }
        if let Some(entry) = index.manifests.iter().find(|entry| entry.is_attestation_with_platform()) {
            return Err(Unsupported::AttestationPlatform(entry.digest));
        }
        let (specified, unspecified): (Vec<_>, Vec<_>) = index
            .manifests
            .iter()
            .filter(|entry| entry.is_image())
            .partition(|entry| entry.specified_platform().is_some());
        let matches = |entry: &&Descriptor| entry.specified_platform().is_some_and(|stated| platform.matches(stated));
        let mut images: Vec<_> = specified.into_iter().filter(matches).collect();
        if images.is_empty() {
            images = unspecified;
        }
        let mut seen = BTreeSet::new();
        images.retain(|entry| seen.insert(entry.digest));
        match images[..] {
            [image] => {
                let attached = Self::attached(index, image).cloned().collect();
                Ok(Self { image: image.clone(), is_index: true, attached })
            }
            [] => Err(Unsupported::PlatformMissing(platform.to_string())),
            _ => Err(Unsupported::PlatformAmbiguous { platform: platform.to_string(), count: images.len() }),
        }
    }

    /// The image, and what follows it in the list.
    fn described(&self, attestations: Attestations) -> impl Iterator<Item = &Descriptor> {
        let kept = self.attached.iter().filter(move |_| attestations == Attestations::Keep);
        std::iter::once(&self.image).chain(kept)
    }

    /// The entries of an index that belong to one of its images: the attestations of it; the artifacts that name it in an
    /// annotation, or are of its platform; and what is `unknown/unknown` and names nobody, where no other image can be
    /// meant, since `soci convert` strips the annotations of attestations.
    pub fn attached<'a>(index: &'a Index, image: &'a Descriptor) -> impl Iterator<Item = &'a Descriptor> {
        let normalized = |entry: &Descriptor| entry.specified_platform().map(Platform::normalized);
        let of_others = |entry: &&Descriptor| entry.is_image_of_a_platform() && entry.digest != image.digest;
        let is_only_image = !index.manifests.iter().any(|entry| of_others(&entry));
        let digest = image.digest.to_string();
        index.manifests.iter().filter(move |entry| {
            match entry.attested_digest().filter(|attested| !attested.is_empty()) {
                Some(attested) => attested == digest,
                None if entry.is_artifact() => {
                    let platform = normalized(entry).filter(|_| !entry.is_unknown());
                    entry.names(image.digest)
                        || platform.is_some() && platform == normalized(image)
                        || entry.is_unknown() && is_only_image
                }
                None => {
                    let runs_nowhere = entry.is_unknown() || entry.attested_digest().is_some();
                    runs_nowhere && (entry.names(image.digest) || is_only_image)
                }
            }
        })
    }
}

/// The tool whose bytes are reproduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Layout {
    /// `docker manifest push`: three spaces, size before digest, platforms as the configs state them in the names that
    /// clients compare.
    DockerManifest,
    /// `manifest-tool push --type oci`: two spaces, digest before size, platforms as the configs state them.
    ManifestTool,
    /// `docker buildx imagetools create`: two spaces, digest before size, platforms normalized.
    Imagetools,
}

/// How many bytes a manifest list may have. (Amazon ECR API reference, `PutImage`, `imageManifest`.)
pub const MAX_LIST_BYTES: usize = 4 << 20;

/// An assembled manifest list: a Docker manifest list or an OCI image index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ManifestList {
    /// Its media type.
    pub media_type: MediaType,
    /// Its bytes.
    pub text: String,
    /// The digest of its bytes.
    pub digest: Digest,
}

impl ManifestList {
    /// Assembles the images in the given order. Equal images give equal bytes.
    ///
    /// # Errors
    /// [`Unsupported::ListSize`], if ECR would refuse the list. No more of it is kept in memory.
    pub fn assemble(
        sources: &[SourceImage],
        attestations: Attestations,
        annotations: &ListAnnotations,
    ) -> Result<Self, Unsupported> {
        let stated: Vec<_> = sources.iter().map(|source| &source.taken_over).collect();
        let annotations = annotations.of_images(&stated);
        let mut described = sources.iter().flat_map(|source| source.origin.described(attestations));
        let is_docker = described.all(|entry| entry.media_type.starts_with("application/vnd.docker."));
        let layout = match (is_docker, annotations.is_empty()) {
            (true, false) => Layout::ManifestTool,
            (true, true) if !sources.iter().any(|source| source.origin.is_index) => Layout::DockerManifest,
            _ => Layout::Imagetools,
        };
        let entry =
            |source: &SourceImage| layout.entries(source, has_other_arm_platform(source, sources), attestations);
        let entries: Vec<_> = sources.iter().flat_map(entry).collect();
        // Docker's media type has no annotations.
        let is_docker_list = is_docker && annotations.is_empty();
        let media_type = if is_docker_list { MediaType::DockerManifestList } else { MediaType::OciIndex };
        let text = layout.render(media_type, &entries, &annotations)?;
        Ok(Self { media_type, digest: Digest::sha256(&text), text })
    }
}

impl ManifestList {
    /// A manifest that ECR holds, if it is a manifest list by its media type.
    pub fn of(stored: &StoredManifest) -> Option<Self> {
        let media_type = stored.known_media_type().filter(|media_type| media_type.is_manifest_list())?;
        Some(Self { media_type, text: stored.text.to_string(), digest: stored.digest })
    }
}

impl From<&ManifestList> for StoredManifest {
    fn from(list: &ManifestList) -> Self {
        Self { digest: list.digest, media_type: list.media_type.to_string(), text: list.text.as_str().into() }
    }
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

/// Whether another source is of an arm platform of the same operating system, so that an open variant is ambiguous.
fn has_other_arm_platform(source: &SourceImage, sources: &[SourceImage]) -> bool {
    let os = |source: &SourceImage| source.platform.platform().normalized().os;
    let is_arm = |other: &&SourceImage| other.platform.platform().architecture == "arm" && os(other) == os(source);
    sources.iter().filter(is_arm).count() > 1
}

impl Layout {
    fn entries(self, source: &SourceImage, is_ambiguous: bool, attestations: Attestations) -> Vec<Descriptor> {
        let Origin { image, is_index, .. } = &source.origin;
        let of_index = image.specified_platform().filter(|_| *is_index).cloned();
        // imagetools copies what an index states. Where no index does, it writes v7 for an open variant of arm,
        // whatever the image is; the configured platform of its tag is more reliable.
        let fills_variant = is_ambiguous || (self == Self::Imagetools && of_index.is_none());
        let mut platform = of_index.map_or_else(|| self.config_platform(source), |stated| stated.respelled());
        let normalized = platform.normalized();
        if fills_variant && normalized.architecture == "arm" && normalized.variant.is_empty() {
            platform.variant = source.platform.platform().normalized().variant;
        }
        let image = Descriptor { platform: Some(platform), ..image.clone() };
        std::iter::once(image).chain(source.origin.described(attestations).skip(1).cloned()).collect()
    }

    fn config_platform(self, source: &SourceImage) -> Platform {
        match self {
            Self::DockerManifest | Self::ManifestTool => source.config_platform.respelled(),
            Self::Imagetools => source.config_platform.normalized(),
        }
    }

    fn render(
        self,
        media_type: MediaType,
        entries: &[Descriptor],
        annotations: &BTreeMap<&str, &str>,
    ) -> Result<String, Unsupported> {
        match self {
            Self::DockerManifest => {
                let manifests: Vec<_> = entries.iter().map(DockerDescriptor::from).collect();
                to_go_json("   ", &Document { schema_version: 2, media_type, manifests: &manifests, annotations })
            }
            Self::ManifestTool | Self::Imagetools => {
                to_go_json("  ", &Document { schema_version: 2, media_type, manifests: entries, annotations })
            }
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a, D> {
    schema_version: u8,
    media_type: MediaType,
    manifests: &'a [D],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<&'a str, &'a str>,
}

/// A descriptor in the order in which `docker manifest push` writes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DockerDescriptor<'a> {
    media_type: &'a str,
    size: u64,
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'a Platform>,
}

impl<'a> From<&'a Descriptor> for DockerDescriptor<'a> {
    fn from(descriptor: &'a Descriptor) -> Self {
        let Descriptor { media_type, digest, size, platform, .. } = descriptor;
        Self { media_type, size: *size, digest: *digest, platform: platform.as_ref() }
    }
}

/// The characters that Go escapes beyond JSON's own rules. In valid JSON they occur within strings only.
const GO_ESCAPES: [(char, &str); 5] =
    [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];

/// Serializes a list with this indentation.
#[expect(clippy::expect_used, reason = "writing to memory does not fail, and all keys are strings")]
fn to_go_json(indent: &str, list: &impl Serialize) -> Result<String, Unsupported> {
    let mut json = ListJson::default();
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    list.serialize(&mut serde_json::Serializer::with_formatter(&mut json, formatter)).expect("a value of JSON");
    if json.size > MAX_LIST_BYTES {
        return Err(Unsupported::ListSize { size: json.size, max: MAX_LIST_BYTES });
    }
    Ok(escape_json(String::from_utf8(json.bytes).expect("JSON is UTF-8")))
}

/// The JSON of a list: its bytes, up to the size that a list may have, and its size once it is escaped as Go does.
#[derive(Default)]
struct ListJson {
    bytes: Vec<u8>,
    size: usize,
}

impl io::Write for ListJson {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size += bytes.len() + escape_bytes(bytes);
        if self.size <= MAX_LIST_BYTES {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many bytes the escapes of Go add to JSON.
fn escape_bytes(json: &[u8]) -> usize {
    let short = json.iter().filter(|byte| matches!(byte, b'<' | b'>' | b'&')).count();
    let separators = json.windows(3).filter(|bytes| matches!(bytes, [0xe2, 0x80, 0xa8 | 0xa9])).count();
    5 * short + 3 * separators
}

/// JSON with the characters escaped that Go escapes, so that it can stand in a script element of HTML.
pub fn escape_json(json: String) -> String {
    GO_ESCAPES.into_iter().fold(
        json,
        |json, (character, escape)| {
            if json.contains(character) { json.replace(character, escape) } else { json }
        },
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{attestation, entry, image_of, platform, with_fields};

    #[test]
    fn characters_that_go_escapes_are_escaped() {
        let strings = ["<a> & \"b\"\\<", "\u{2028}\u{2029}"];
        let json = to_go_json("  ", &strings).unwrap();
        let expected = "[\n  \"\\u003ca\\u003e \\u0026 \\\"b\\\"\\\\\\u003c\",\n  \"\\u2028\\u2029\"\n]";
        assert_eq!(json, expected);
        let plain = serde_json::to_string_pretty(&strings).unwrap();
        assert_eq!(plain.len() + escape_bytes(plain.as_bytes()), expected.len());
    }

    #[test]
    fn list_that_its_escapes_make_too_large_is_refused_with_its_size() {
        let of = |text: String| to_go_json("", &[text]);
        let frame = "[\n\"\"\n]".len();
        assert_eq!(of("x".repeat(MAX_LIST_BYTES - frame)).unwrap().len(), MAX_LIST_BYTES);
        let (size, max) = (MAX_LIST_BYTES + 5, MAX_LIST_BYTES);
        assert_eq!(of("<".to_owned() + &"x".repeat(max - frame - 1)), Err(Unsupported::ListSize { size, max }));
    }

    fn index(entries: &[Value]) -> Index {
        serde_json::from_value(json!({"manifests": entries})).unwrap()
    }

    #[test]
    fn entry_belongs_to_the_image_that_it_names_or_to_the_only_one() {
        let soci =
            |fields: Value| with_fields(json!({"artifactType": "application/vnd.amazon.soci.index.v2+json"}), &fields);
        let naming = |content: &str| json!({"annotations": {"image-manifest-digest": Digest::sha256(content)}});
        let of = |text: &str| json!({"platform": platform(text)});
        let nameless = json!({"annotations": {"vnd.docker.reference.type": "attestation-manifest"}});
        // Whether it belongs to the image: as the only one, and beside another one.
        for (other, expected) in [
            (attestation("amd64", &json!({})), [true, true]),
            (attestation("arm64", &json!({})), [false, false]),
            (entry("x", &nameless), [true, false]),
            (entry("x", &soci(naming("amd64"))), [true, true]),
            (entry("x", &soci(naming("arm64"))), [false, false]),
            (entry("x", &soci(of("linux/amd64"))), [true, true]),
            (entry("x", &soci(of("linux/arm64"))), [false, false]),
            (entry("x", &soci(of("unknown/unknown"))), [true, false]),
            (entry("x", &soci(json!({}))), [false, false]),
            (entry("x", &of("unknown/unknown")), [true, false]),
            (entry("x", &with_fields(of("unknown/unknown"), &naming("amd64"))), [true, true]),
            (entry("x", &naming("amd64")), [false, false]),
        ] {
            let image = image_of("amd64", "linux/amd64");
            let alone = index(&[image.clone(), image.clone(), other.clone()]);
            let beside = index(&[image, image_of("arm64", "linux/arm64"), other.clone()]);
            let found = [alone, beside].map(|index| Origin::attached(&index, &index.manifests[0]).count() == 1);
            assert_eq!(found, expected, "{other}");
        }
    }

    #[test]
    fn artifact_without_a_platform_is_of_no_image_without_one() {
        let artifact = entry("x", &json!({"artifactType": "application/vnd.example"}));
        let index = index(&[entry("image", &json!({})), artifact]);
        assert_eq!(Origin::attached(&index, &index.manifests[0]).count(), 0);
    }

    #[test]
    fn index_has_one_image_of_the_platform() {
        let amd64: ConfiguredPlatform = "linux/amd64".parse().unwrap();
        let of = |name: &str| image_of(name, "linux/amd64");
        let select = |entries: &[Value]| Origin::select(&index(entries), &amd64).map(|origin| origin.image.digest);
        let missing = Unsupported::PlatformMissing("linux/amd64".to_owned());
        let ambiguous = Unsupported::PlatformAmbiguous { platform: "linux/amd64".to_owned(), count: 2 };
        for (entries, expected) in [
            (vec![of("1"), image_of("2", "linux/arm64")], Ok(Digest::sha256("1"))),
            (vec![of("1"), of("1")], Ok(Digest::sha256("1"))),
            (vec![of("1"), entry("2", &json!({}))], Ok(Digest::sha256("1"))),
            (vec![image_of("2", "linux/arm64"), entry("1", &json!({}))], Ok(Digest::sha256("1"))),
            (vec![of("1"), of("2")], Err(ambiguous)),
            (vec![image_of("2", "linux/arm64")], Err(missing.clone())),
            (vec![], Err(missing)),
        ] {
            assert_eq!(select(&entries), expected, "{entries:?}");
        }
    }

    #[test]
    fn open_variant_of_arm_is_filled_beside_another_arm_platform() {
        let source = |platform: &str| {
            let platform: ConfiguredPlatform = platform.parse().unwrap();
            let media_type = MediaType::DockerManifest.to_string();
            let image = Descriptor::new(media_type, Digest::sha256(platform.to_string()), 2);
            SourceImage {
                config_platform: Platform { variant: String::new(), ..platform.platform().clone() },
                platform,
                revision: None,
                taken_over: BTreeMap::new(),
                origin: Origin { image, is_index: false, attached: Vec::new() },
            }
        };
        let variants = |platforms: &[&str]| {
            let sources: Vec<_> = platforms.iter().map(|platform| source(platform)).collect();
            let list = ManifestList::assemble(&sources, Attestations::Keep, &ListAnnotations::default()).unwrap();
            let index: Index = serde_json::from_str(&list.text).unwrap();
            index
                .manifests
                .into_iter()
                .filter_map(|entry| entry.platform)
                .map(|stated| stated.variant)
                .collect::<Vec<_>>()
        };
        assert_eq!(variants(&["linux/amd64", "linux/arm/v7"]), ["", ""]);
        assert_eq!(variants(&["linux/arm/v6", "linux/arm/v7"]), ["v6", "v7"]);
        assert_eq!(variants(&["linux/arm/v6", "freebsd/arm/v7"]), ["", ""]);
        assert_eq!(variants(&["linux/arm/v6", "linux/arm64"]), ["", ""]);
    }
}
