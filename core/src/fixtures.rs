//! What the tests beside the code begin with.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::oci::digest::Digest;
use crate::oci::manifest::StoredManifest;
use crate::oci::media_type::MediaType;
use crate::reconcile::manifest_list::ManifestList;
use crate::settings::release::Release;
use crate::settings::{InvalidSetting, RepositorySettings, Settings};

/// The media type of the config of a container image.
pub(crate) const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The media type of the config of a Helm chart, which is an artifact.
pub(crate) const CHART_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";

/// The settings that these variables give. Of two with one name the first counts.
pub(crate) fn settings(variables: &[(&str, &str)]) -> Result<Settings, InvalidSetting> {
    let value = |name: &str| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
    Settings::from_lookup(value)
}

/// The settings of the repository `app` that these variables give.
pub(crate) fn settings_of_app(variables: &[(&str, &str)]) -> Arc<RepositorySettings> {
    Arc::clone(settings(variables).unwrap().for_repository(&"app".parse().unwrap()).unwrap())
}

/// A JSON object with further fields.
pub(crate) fn with_fields(mut object: Value, fields: &Value) -> Value {
    object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    object
}

/// A manifest as ECR holds it.
pub(crate) fn stored(media_type: MediaType, manifest: &Value) -> StoredManifest {
    let text = manifest.to_string();
    StoredManifest { digest: Digest::sha256(&text), media_type: media_type.as_str().to_owned(), text: text.into() }
}

/// The manifest of an image, or of an artifact, by the media type of its config.
pub(crate) fn image(config_media_type: &str) -> StoredManifest {
    let config = json!({"mediaType": config_media_type, "digest": Digest::sha256("config"), "size": 2});
    stored(MediaType::OciManifest, &json!({"schemaVersion": 2, "config": config}))
}

/// A platform of two words, as an entry of an index states it.
pub(crate) fn platform(text: &str) -> Value {
    let (os, architecture) = text.split_once('/').unwrap();
    json!({"os": os, "architecture": architecture})
}

/// The entry of an index that names the digest of this content, with further fields.
pub(crate) fn entry(content: &str, fields: &Value) -> Value {
    let entry = json!({"mediaType": MediaType::OciManifest.as_str(), "digest": Digest::sha256(content), "size": 2});
    with_fields(entry, fields)
}

/// The entry of an image of a platform.
pub(crate) fn image_of(content: &str, stated: &str) -> Value {
    entry(content, &json!({"platform": platform(stated)}))
}

/// The entry of BuildKit's attestation of the image with this content, with further fields.
pub(crate) fn attestation(of: &str, fields: &Value) -> Value {
    let annotations = json!({
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": Digest::sha256(of),
    });
    with_fields(entry(&format!("attestation of {of}"), &json!({"annotations": annotations})), fields)
}

/// A manifest list of no images.
pub(crate) fn empty_list() -> ManifestList {
    ManifestList::of(&stored(MediaType::OciIndex, &json!({"schemaVersion": 2, "manifests": []}))).unwrap()
}

/// The release of three numbers that a version is.
pub(crate) fn release(version: &str) -> Release {
    Release::from_tag(&version.parse().unwrap()).unwrap()
}
