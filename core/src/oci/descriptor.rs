//! Content descriptors: the entries of an index, and their annotations.

use serde::{Deserialize, Serialize};

use super::annotations::Annotations;
use super::digest::Digest;
use super::media_type::{MediaType, is_artifact_type};
use super::platform::{Platform, null_as_default};
use super::urls::Urls;

/// A descriptor, the entry of a manifest list.
///
/// OCI image specification, "Content Descriptors"; the fields are in the order in which Go's tools write them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type of the manifest.
    #[serde(deserialize_with = "null_as_default")]
    pub media_type: String,
    /// The digest of the manifest's bytes.
    pub digest: Digest,
    /// The number of these bytes.
    #[serde(deserialize_with = "null_as_default")]
    pub size: u64,
    /// Other locations of the content.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Urls::is_empty")]
    pub urls: Urls,
    /// Annotations of this entry.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// The content itself, in base64.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// The platform of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The type of an artifact that is not an image.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "String::is_empty")]
    pub artifact_type: String,
}

impl Descriptor {
    /// A descriptor with the three properties that are required.
    pub fn new(media_type: String, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            urls: Urls::default(),
            annotations: Annotations::default(),
            data: String::new(),
            platform: None,
            artifact_type: String::new(),
        }
    }

    /// The digest of the image that this entry attests, if it is a BuildKit attestation.
    ///
    /// Only the annotation identifies it: as an OCI artifact, an attestation has neither an unknown platform nor a
    /// config of its own. (BuildKit, "Image attestation storage".)
    pub fn attested_digest(&self) -> Option<&str> {
        self.annotations.attested_digest()
    }

    /// Whether it states a platform although it is a BuildKit attestation, which runs on none.
    ///
    /// Clients select entries by their platforms alone, so such an entry would be taken for an image.
    pub fn is_attestation_with_platform(&self) -> bool {
        self.attested_digest().is_some()
            && self.platform.as_ref().is_some_and(|platform| *platform != Platform::default() && !platform.is_unknown())
    }

    /// Whether it is an image: of a media type that the function reads, and neither an attestation nor another artifact.
    pub fn is_image(&self) -> bool {
        MediaType::from_name(&self.media_type).is_some() && self.attested_digest().is_none() && !self.is_artifact()
    }

    /// Whether clients can select it as the image of a platform, if it states one: it is an image, no list, and not
    /// `unknown/unknown`.
    pub fn is_image_of_a_platform(&self) -> bool {
        let is_list = MediaType::from_name(&self.media_type).is_some_and(MediaType::is_manifest_list);
        self.is_image() && !is_list && !self.is_unknown()
    }

    /// Whether it states the platform of what does not run, `unknown/unknown`.
    pub fn is_unknown(&self) -> bool {
        self.platform.as_ref().is_some_and(Platform::is_unknown)
    }

    /// Whether it is an artifact that is not an image, such as a SOCI index.
    pub fn is_artifact(&self) -> bool {
        is_artifact_type(&self.artifact_type)
    }

    /// Whether one of its annotations names this content.
    pub fn names(&self, digest: Digest) -> bool {
        self.annotations.name(digest)
    }

    /// How many bytes its annotations, URLs and data have as JSON.
    pub fn attached_bytes(&self) -> usize {
        self.annotations.bytes() + self.urls.bytes() + self.data.len()
    }

    /// The platform, if it specifies at least os and architecture.
    pub fn specified_platform(&self) -> Option<&Platform> {
        self.platform.as_ref().filter(|platform| !platform.is_unspecified())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: &str = r#","platform":{"architecture":"unknown","os":"unknown"}"#;
    const AMD64: &str = r#","platform":{"architecture":"amd64","os":"linux"}"#;
    const ATTESTATION: &str =
        r#","annotations":{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"d"}"#;

    fn descriptor_of(media_type: &str, more: &str) -> Descriptor {
        let digest = Digest::sha256("");
        serde_json::from_str(&format!(r#"{{"mediaType":"{media_type}","size":1,"digest":"{digest}"{more}}}"#)).unwrap()
    }

    fn descriptor(more: &str) -> Descriptor {
        descriptor_of(MediaType::OciManifest.as_str(), more)
    }

    #[test]
    fn attestation_is_identified_by_its_annotation() {
        assert_eq!(descriptor(ATTESTATION).attested_digest(), Some("d"));
        assert_eq!(descriptor(UNKNOWN).attested_digest(), None);
        assert_eq!(descriptor(r#","annotations":null,"platform":null,"urls":null"#).attested_digest(), None);
    }

    #[test]
    fn attestation_with_a_platform_misleads_clients() {
        let empty = r#","platform":{"architecture":"","os":""}"#;
        for (more, expected) in [
            (ATTESTATION.to_owned(), false),
            (format!("{ATTESTATION}{UNKNOWN}"), false),
            (format!("{ATTESTATION}{empty}"), false),
            (format!("{ATTESTATION}{AMD64}"), true),
            (AMD64.to_owned(), false),
        ] {
            assert_eq!(descriptor(&more).is_attestation_with_platform(), expected, "{more}");
        }
    }

    #[test]
    fn image_is_told_from_what_is_beside_it() {
        let (image, list) = (MediaType::OciManifest.as_str(), MediaType::OciIndex.as_str());
        let soci = r#","artifactType":"application/vnd.amazon.soci.index.v2+json""#;
        // Is it an image, one that a client can select, an artifact, and of the platform of what does not run?
        for (media_type, more, expected) in [
            (image, "", [true, true, false, false]),
            (image, AMD64, [true, true, false, false]),
            (image, UNKNOWN, [true, false, false, true]),
            (image, ATTESTATION, [false, false, false, false]),
            (image, soci, [false, false, true, false]),
            (list, AMD64, [true, false, false, false]),
            ("application/vnd.example", AMD64, [false, false, false, false]),
        ] {
            let entry = descriptor_of(media_type, more);
            let found = [entry.is_image(), entry.is_image_of_a_platform(), entry.is_artifact(), entry.is_unknown()];
            assert_eq!(found, expected, "{media_type} {more}");
        }
    }

    #[test]
    fn annotation_names_content_by_its_digest() {
        let [named, other] = ["named", "other"].map(Digest::sha256);
        let entry = descriptor(&format!(r#","annotations":{{"com.amazon.soci.image-manifest-digest":"{named}"}}"#));
        assert_eq!([named, other].map(|digest| entry.names(digest)), [true, false]);
    }

    #[test]
    fn all_that_is_attached_counts() {
        let bytes = |more: &str| descriptor(more).attached_bytes();
        let (annotations, urls, data) = (r#","annotations":{"a":"b"}"#, r#","urls":["c"]"#, r#","data":"ZGQ=""#);
        assert_eq!(bytes(""), 0);
        assert_eq!(bytes(data), 4);
        assert!(bytes(annotations) > 0 && bytes(urls) > 0);
        assert_eq!(bytes(&[annotations, urls, data].concat()), bytes(annotations) + bytes(urls) + 4);
    }
}
