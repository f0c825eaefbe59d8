//! A published manifest list, as a client of the registry reads it.

use std::fmt;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use local_ecr::{RegistryHandle, digest_of};
use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};

use crate::style::Style;
use crate::terminal::{media_type_name, short_digest};

/// The annotation by which an attestation names its image.
const REFERENCE: &str = "vnd.docker.reference.digest";

/// A manifest list, read from the registry.
#[derive(Debug)]
pub struct PublishedList {
    name: String,
    pub media_type: String,
    pub digest: String,
    pub images: Vec<PublishedImage>,
}

/// An image of the list.
#[derive(Debug)]
pub struct PublishedImage {
    pub platform: String,
    pub digest: String,
    /// The bytes of the image's manifest, config and layers.
    size: u64,
    pub attestation: Option<String>,
}

impl PublishedList {
    /// Reads the list that a tag names.
    pub fn read(registry: &RegistryHandle, repository: &str, tag: &str) -> Result<Self, String> {
        let name = format!("{repository}:{tag}");
        let (media_type, bytes) =
            registry.manifest(repository, tag).ok_or_else(|| format!("{name} is not in the registry"))?;
        let unreadable = |error| format!("{name} is not a manifest list: {error}");
        let index = ImageIndex::from_reader(&*bytes).map_err(unreadable)?;
        let entries = index.manifests();
        let images = entries.iter().filter(|entry| attested_digest(entry).is_none());
        let images = images.map(|image| PublishedImage {
            platform: platform_text(image),
            digest: image.digest().to_string(),
            size: image_size(registry, repository, image),
            attestation: entries
                .iter()
                .find(|entry| attested_digest(entry) == Some(image.digest().as_ref()))
                .map(|entry| entry.digest().to_string()),
        });
        Ok(Self { images: images.collect(), digest: digest_of(&bytes), name, media_type })
    }
}

/// The digest of the image that an entry attests, if it is an attestation.
fn attested_digest(entry: &Descriptor) -> Option<&str> {
    entry.annotations().as_ref()?.get(REFERENCE).map(String::as_str)
}

fn platform_text(entry: &Descriptor) -> String {
    let Some(platform) = entry.platform() else { return String::from("unknown") };
    let version = platform.os_version().as_ref().map(|version| format!("({version})")).unwrap_or_default();
    let variant = platform.variant().as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
    format!("{}{version}/{}{variant}", platform.os(), platform.architecture())
}

fn image_size(registry: &RegistryHandle, repository: &str, image: &Descriptor) -> u64 {
    let manifest = registry.manifest(repository, image.digest().as_ref());
    let manifest = manifest.and_then(|(_, bytes)| ImageManifest::from_reader(&*bytes).ok());
    let blobs = manifest
        .map_or(0, |manifest| manifest.config().size() + manifest.layers().iter().map(Descriptor::size).sum::<u64>());
    image.size() + blobs
}

impl fmt::Display for PublishedList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}  {}", Style::Bold.paint(&self.name), media_type_name(&self.media_type), self.digest)?;
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["", "platform", "image", "size", "attestation"]);
        for image in &self.images {
            let attestation = image.attestation.as_deref().map_or("none", short_digest);
            table.add_row(["", &image.platform, short_digest(&image.digest), &byte_count(image.size), attestation]);
        }
        if let Some(column) = table.column_mut(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        write!(f, "{}", table.trim_fmt())
    }
}

/// A number of bytes with a decimal unit.
fn byte_count(count: u64) -> String {
    let mut scaled = format!("{count} B");
    let mut unit = 1000;
    for name in ["kB", "MB", "GB"] {
        if count >= unit {
            scaled = format!("{}.{} {name}", count / unit, count % unit * 10 / unit);
        }
        unit *= 1000;
    }
    scaled
}
