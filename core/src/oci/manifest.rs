//! Manifests: of images, and of several images.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::annotations::{Annotations, MAX_ENTRY_BYTES, short_annotations};
use super::bounded::bounded_text;
use super::descriptor::Descriptor;
use super::digest::Digest;
use super::invalid_image::{Corruption, InvalidImage, Part, Unsupported};
use super::media_type::{MediaType, is_image_config};
use super::platform::null_as_default;
use crate::excerpt::ImageText;

/// How many entries an index may have. The largest of the official images have some thirty, with attestations; the
/// limit bounds the memory that a hostile index takes.
pub const MAX_ENTRIES: usize = 1_000;

/// How many bytes the index of an image may have. Real ones have kilobytes.
pub const MAX_INDEX_BYTES: usize = 1 << 20;

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

/// A manifest with its descriptor, or why it is invalid.
pub type ParsedManifest = Result<(Descriptor, Manifest), InvalidImage>;

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
    /// The type of an artifact whose config says nothing, in bounded length.
    #[serde(default, rename = "artifactType", deserialize_with = "bounded_text")]
    pub artifact_type: String,
    /// Its annotations, without long ones.
    #[serde(default, deserialize_with = "short_annotations")]
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
    #[serde(deserialize_with = "null_as_default")]
    pub manifests: Vec<Descriptor>,
    /// Its annotations, without long ones.
    #[serde(default, deserialize_with = "short_annotations")]
    pub annotations: Annotations,
}

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
        let stated = if image.artifact_type.is_empty() { &image.config.media_type } else { &image.artifact_type };
        (!is_image_config(&image.config.media_type)).then(|| stated.as_str().into())
    }

    /// Compares its bytes with its digest.
    ///
    /// # Errors
    /// [`Corruption::Digest`], if they differ.
    pub fn check_digest(&self) -> Result<(), Corruption> {
        let actual = Digest::sha256(&*self.text);
        if actual == self.digest {
            return Ok(());
        }
        Err(Corruption::Digest { part: Part::Manifest, actual, expected: self.digest })
    }

    /// Parses the manifest, after comparing its bytes with its digest.
    ///
    /// # Errors
    /// [`InvalidImage`], with what is wrong with its media type, its bytes or its schema.
    pub fn parse(&self) -> ParsedManifest {
        // The digest of a signed schema 1 manifest is not that of all its bytes, so other media types come first.
        let unsupported = || {
            let media_type = self.media_type.as_str().into();
            let is_schema_1 = schema_version(&self.text) == Some(1);
            InvalidImage::from(if is_schema_1 {
                Unsupported::Schema1(media_type)
            } else {
                Unsupported::MediaType(media_type)
            })
        };
        if !self.media_type.is_empty() && self.known_media_type().is_none() {
            return Err(unsupported());
        }
        if let Err(corruption) = self.check_digest() {
            let is_schema_1 = schema_version(&self.text) == Some(1);
            return Err(if is_schema_1 { unsupported() } else { corruption.into() });
        }
        let Some(media_type) = self.known_media_type() else {
            check_json(&self.text)?;
            return Err(unsupported());
        };
        let descriptor = Descriptor::new(media_type.to_string(), self.digest, self.text.len() as u64);
        Ok((descriptor, Manifest::parse(media_type, &self.text)?))
    }
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
        // Before it is parsed: the entries take several times as much memory as their text.
        if text.len() > MAX_INDEX_BYTES {
            return Err(Unsupported::IndexSize { size: text.len(), max: MAX_INDEX_BYTES }.into());
        }
        let index: Index = parse(media_type, text)?;
        if let Some(entry) = index.manifests.iter().find(|entry| entry.attached_bytes() > MAX_ENTRY_BYTES) {
            let (digest, size) = (entry.digest, entry.attached_bytes());
            return Err(Unsupported::EntrySize { digest, size, max: MAX_ENTRY_BYTES }.into());
        }
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

/// The schema version that a manifest states.
fn schema_version(text: &str) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        schema_version: u64,
    }
    serde_json::from_str::<Document>(text).ok().map(|document| document.schema_version)
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

    #[test]
    fn index_has_as_many_bytes_as_are_read() {
        let text = r#"{"manifests":[]}"#;
        let index = |bytes: usize| text.to_owned() + &" ".repeat(bytes - text.len());
        assert!(Manifest::parse(MediaType::OciIndex, &index(MAX_INDEX_BYTES)).is_ok());
        let (size, max) = (MAX_INDEX_BYTES + 1, MAX_INDEX_BYTES);
        assert_eq!(error(MediaType::OciIndex, &index(size)), Unsupported::IndexSize { size, max }.into());
    }

    #[test]
    fn entry_has_as_many_bytes_as_are_kept() {
        let digest = Digest::sha256("");
        let entry = |bytes| {
            let data = "x".repeat(bytes);
            format!(r#"{{"mediaType":"m","size":1,"digest":"{digest}","data":"{data}"}}"#)
        };
        let index = |bytes| format!(r#"{{"manifests":[{}]}}"#, entry(bytes));
        assert!(Manifest::parse(MediaType::OciIndex, &index(MAX_ENTRY_BYTES)).is_ok());
        let (size, max) = (MAX_ENTRY_BYTES + 1, MAX_ENTRY_BYTES);
        assert_eq!(error(MediaType::OciIndex, &index(size)), Unsupported::EntrySize { digest, size, max }.into());
    }

    #[test]
    fn what_is_no_manifest_says_why() {
        let parse = |media_type: &str, text: &str, of: &str| {
            let digest = Digest::sha256(of);
            StoredManifest { digest, media_type: media_type.to_owned(), text: text.into() }.parse().map(|_| ())
        };
        let (list, signed) =
            (MediaType::OciIndex.as_str(), "application/vnd.docker.distribution.manifest.v1+prettyjws");
        let schema_1 = r#"{"schemaVersion":1}"#;
        let unsupported_schema_1 = |media_type: &str| Err(Unsupported::Schema1(media_type.into()).into());
        assert_eq!(parse(list, r#"{"manifests":[]}"#, r#"{"manifests":[]}"#), Ok(()));
        assert_eq!(parse(signed, schema_1, "other bytes"), unsupported_schema_1(signed));
        assert_eq!(parse("", schema_1, "other bytes"), unsupported_schema_1(""));
        assert_eq!(parse("m", r#"{"schemaVersion":2}"#, ""), Err(Unsupported::MediaType("m".into()).into()));
        assert_eq!(parse("", "{}", "{}"), Err(Unsupported::MediaType("".into()).into()));
        assert!(matches!(
            parse(list, r#"{"manifests":[]}"#, "other bytes"),
            Err(InvalidImage::Corrupt(Corruption::Digest { part: Part::Manifest, .. }))
        ));
        assert!(matches!(parse("", "{", "{"), Err(InvalidImage::Corrupt(Corruption::InvalidJson { .. }))));
    }

    #[test]
    fn type_of_an_artifact_is_kept_in_bounded_length() {
        let artifact_type = |stated: &serde_json::Value| {
            let config = serde_json::json!({"mediaType": "m", "digest": Digest::sha256(""), "size": 2});
            let manifest = serde_json::json!({"config": config, "artifactType": stated}).to_string();
            match Manifest::parse(MediaType::OciManifest, &manifest) {
                Ok(Manifest::Image(image)) => image.artifact_type,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(artifact_type(&"application/vnd.example".into()), "application/vnd.example");
        assert_eq!(artifact_type(&serde_json::Value::Null), "");
        let long = artifact_type(&"x".repeat(1_000).into());
        assert!(long.starts_with("xxx") && long.contains('…') && long.len() < 400);
    }
}
