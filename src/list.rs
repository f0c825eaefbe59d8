//! The product itself: the manifest list of a version, and its exact bytes.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};

use crate::digest::Digest;
use crate::manifest::{Annotations, Descriptor, MediaType};
use crate::platform::{Platform, RequiredPlatform};
use crate::settings::Attestations;

/// The image that stands for one platform, with what the list says of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// The platform that it was pushed for.
    pub required: RequiredPlatform,
    /// The platform that its config states.
    pub stated: Platform,
    /// Where it comes from.
    pub origin: Origin,
}

/// Whether a platform's tag names an image, or an index that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The tag names the image itself.
    Image(Entry),
    /// The tag names an index with the image and its attestations.
    Index {
        /// The index's entry for the image.
        image: Box<Descriptor>,
        /// The index's entries that attest the image.
        attestations: Vec<Descriptor>,
    },
}

/// What names an image within a list: the media type, the digest and the size of its raw manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The media type under which the registry holds it.
    pub media_type: MediaType,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The number of its bytes.
    pub size: u64,
}

impl Origin {
    /// The digest by which a list names the image.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Image(entry) => entry.digest,
            Self::Index { image, .. } => image.digest,
        }
    }

    /// Takes over the size of the image's raw manifest; what an index says of it may be wrong.
    pub(crate) fn set_size(&mut self, size: u64) {
        match self {
            Self::Image(entry) => entry.size = size,
            Self::Index { image, .. } => image.size = size,
        }
    }
}

/// Whose bytes a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Layout {
    /// Those of `docker manifest push`: three spaces, size ahead of digest, platforms as the configs state them.
    DockerManifest,
    /// Those of `docker buildx imagetools create`: two spaces, digest ahead of size, platforms normalized.
    Imagetools,
}

/// A manifest list or OCI index, rendered.
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
    /// Joins the images, in the order given. Equal images give equal bytes.
    pub fn assemble(sources: &[Source], attestations: Attestations) -> Self {
        let plain_docker =
            |source: &Source| matches!(&source.origin, Origin::Image(e) if e.media_type == MediaType::DockerManifest);
        let layout = if sources.iter().all(plain_docker) { Layout::DockerManifest } else { Layout::Imagetools };
        let entries: Vec<_> = sources.iter().flat_map(|source| layout.entries(source, attestations)).collect();
        let all_docker = entries.iter().all(|entry| entry.media_type.starts_with("application/vnd.docker."));
        let media_type = if all_docker { MediaType::DockerList } else { MediaType::OciIndex };
        let text = layout.render(media_type, &entries);
        Self { media_type, digest: Digest::of(&text), text }
    }
}

impl Layout {
    fn entries(self, source: &Source, attestations: Attestations) -> Vec<Descriptor> {
        match &source.origin {
            Origin::Image(entry) => vec![Descriptor {
                media_type: entry.media_type.as_str().to_owned(),
                digest: entry.digest,
                size: entry.size,
                urls: Vec::new(),
                annotations: Annotations::new(),
                data: String::new(),
                platform: Some(self.platform(source)),
                artifact_type: String::new(),
            }],
            Origin::Index { image, attestations: attesting } => {
                let platform = image.known_platform().cloned().unwrap_or_else(|| self.platform(source));
                let image = Descriptor { platform: Some(platform), ..(**image).clone() };
                let kept = attesting.iter().filter(|_| attestations == Attestations::Keep).cloned();
                std::iter::once(image).chain(kept).collect()
            }
        }
    }

    fn platform(self, source: &Source) -> Platform {
        if self == Self::DockerManifest {
            return source.stated.clone();
        }
        let mut platform = source.stated.normalized();
        if platform.architecture == "arm" && platform.variant.is_empty() {
            // imagetools writes v7 here whatever the image is; the tag under which it was pushed knows better.
            platform.variant.clone_from(&source.required.platform().variant);
        }
        platform
    }

    fn render(self, media_type: MediaType, entries: &[Descriptor]) -> String {
        match self {
            Self::DockerManifest => {
                let entries: Vec<_> = entries.iter().map(DockerEntry::from).collect();
                to_go_json(b"   ", &Document { schema_version: 2, media_type, manifests: &entries })
            }
            Self::Imagetools => to_go_json(b"  ", &Document { schema_version: 2, media_type, manifests: entries }),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a, E> {
    schema_version: u8,
    media_type: MediaType,
    manifests: &'a [E],
}

/// An entry as `docker manifest push` writes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DockerEntry<'a> {
    media_type: &'a str,
    size: u64,
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'a Platform>,
}

impl<'a> From<&'a Descriptor> for DockerEntry<'a> {
    fn from(entry: &'a Descriptor) -> Self {
        let Descriptor { media_type, digest, size, platform, .. } = entry;
        Self { media_type, size: *size, digest: *digest, platform: platform.as_ref() }
    }
}

#[expect(clippy::expect_used, reason = "nothing fails: memory is written to, map keys are strings")]
fn to_go_json(indent: &[u8], value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let formatter = GoFormatter(PrettyFormatter::with_indent(indent));
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    value.serialize(&mut serializer).expect("memory can be written to");
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// JSON as Go's `encoding/json` indents and escapes it: `<`, `>`, `&` and the two line separators of Unicode as well.
struct GoFormatter<'a>(PrettyFormatter<'a>);

impl Formatter for GoFormatter<'_> {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            let mut special = special.chars();
            let escaped = special.next().map_or(0, u32::from);
            write!(writer, "{plain}\\u{escaped:04x}")?;
            rest = special.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}
