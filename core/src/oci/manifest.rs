//! Manifests: of images, and of several images.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::descriptor::{Annotations, Descriptor, only_revision};
use super::digest::Digest;
use super::invalid_image::{Corruption, InvalidImage, Part, Unsupported};
use super::media_type::MediaType;

/// How many entries an index may have. The largest of the official images have some thirty, with attestations; the
/// limit bounds the memory that a hostile index takes.
pub const MAX_ENTRIES: usize = 1_000;

/// A parsed manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Manifest {
    /// Of one image.
    Image(ImageManifest),
    /// Of several images.
    Index(Index),
}

/// An image manifest, reduced to what the function needs.
///
/// OCI image specification, "Image Manifest".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct ImageManifest {
    /// The config, which states the platform.
    pub config: ConfigDescriptor,
    /// The revision annotation; other annotations are dropped.
    #[serde(default, deserialize_with = "only_revision")]
    pub annotations: Annotations,
}

/// The descriptor of an image config: the three properties that are required.
///
/// A full [`Descriptor`] would keep `data` and annotations, which nothing here reads and which may fill the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigDescriptor {
    /// The media type, which distinguishes images from other artifacts.
    pub media_type: String,
    /// The digest of the config's bytes.
    pub digest: Digest,
    /// The number of these bytes.
    pub size: u64,
}

/// An OCI image index or a Docker manifest list.
///
/// OCI image specification, "Image Index".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Index {
    /// Its entries.
    pub manifests: Vec<Descriptor>,
    /// The revision annotation; other annotations are dropped.
    #[serde(default, deserialize_with = "only_revision")]
    pub annotations: Annotations,
}

impl Manifest {
    /// Parses a manifest of this media type.
    ///
    /// # Errors
    /// [`InvalidImage`], if the text is not JSON, or JSON of another schema.
    pub fn parse(media_type: MediaType, text: &str) -> Result<Self, InvalidImage> {
        if !media_type.is_manifest_list() {
            return Ok(Self::Image(parse(media_type, text)?));
        }
        let index: Index = parse(media_type, text)?;
        match index.manifests.len() {
            0..=MAX_ENTRIES => Ok(Self::Index(index)),
            count => Err(Unsupported::TooManyEntries { count, max: MAX_ENTRIES }.into()),
        }
    }
}

fn parse<T: DeserializeOwned>(media_type: MediaType, text: &str) -> Result<T, InvalidImage> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Unsupported::Schema(media_type, error.to_string().into()).into(),
        _ => invalid_json(&error).into(),
    })
}

/// Checks that a text is JSON.
///
/// # Errors
/// [`Corruption::InvalidJson`], if it is not.
pub fn check_json(text: &str) -> Result<(), Corruption> {
    serde_json::from_str::<IgnoredAny>(text).map(|_| ()).map_err(|error| invalid_json(&error))
}

fn invalid_json(error: &serde_json::Error) -> Corruption {
    Corruption::InvalidJson { part: Part::Manifest, message: error.to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(media_type: MediaType, text: &str) -> InvalidImage {
        Manifest::parse(media_type, text).unwrap_err()
    }

    #[test]
    fn invalid_json_is_corrupt() {
        for text in ["", "{", "not json", "{\"manifests\":["] {
            assert!(matches!(error(MediaType::OciIndex, text), InvalidImage::Corrupt(_)), "{text}");
        }
    }

    #[test]
    fn json_of_another_schema_is_unsupported() {
        for text in ["{}", "[]", "null", r#"{"manifests":{}}"#, r#"{"manifests":[{"mediaType":"x","size":1}]}"#] {
            assert!(matches!(error(MediaType::OciIndex, text), InvalidImage::Unsupported(_)), "{text}");
        }
        assert!(matches!(error(MediaType::OciManifest, "{}"), InvalidImage::Unsupported(_)));
    }

    #[test]
    fn deep_nesting_is_refused_before_it_fills_the_stack() {
        let text = "[".repeat(100_000);
        assert!(matches!(error(MediaType::OciIndex, &text), InvalidImage::Corrupt(_) | InvalidImage::Unsupported(_)));
    }

    #[test]
    fn index_beyond_the_entry_limit_is_unsupported() {
        let entry = format!(r#"{{"mediaType":"m","size":1,"digest":"{}"}}"#, Digest::sha256(""));
        let index = |entries: usize| format!(r#"{{"manifests":[{}]}}"#, vec![entry.as_str(); entries].join(","));
        assert!(Manifest::parse(MediaType::OciIndex, &index(MAX_ENTRIES)).is_ok());
        let (count, max) = (MAX_ENTRIES + 1, MAX_ENTRIES);
        assert_eq!(error(MediaType::OciIndex, &index(count)), Unsupported::TooManyEntries { count, max }.into());
    }
}
