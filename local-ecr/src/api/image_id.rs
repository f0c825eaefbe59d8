//! Image identifiers: a tag, a digest or both.

use super::parameter::Text;
use crate::error::ApiError;
use crate::name::is_tag;
use crate::registry_id::RegistryId;
use serde::Deserialize;
use serde_json::{Value, json};

/// An `ImageIdentifier` of a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ImageId {
    image_tag: Option<Text<1, 300>>,
    image_digest: Option<String>,
}

impl ImageId {
    pub(super) fn tag(&self) -> Option<&str> {
        self.image_tag.as_deref()
    }

    pub(super) fn digest(&self) -> Option<&str> {
        self.image_digest.as_deref()
    }

    /// A text that differs for different identifiers.
    pub(super) fn text(&self) -> String {
        format!("{:?}{:?}", self.image_tag, self.image_digest)
    }
}

/// An `ImageIdentifier` of a response.
pub(super) fn image_id(digest: Option<&str>, tag: Option<&str>) -> Value {
    let mut id = json!({});
    if let Some(digest) = digest {
        id["imageDigest"] = Value::from(digest);
    }
    if let Some(tag) = tag {
        id["imageTag"] = Value::from(tag);
    }
    id
}

/// The exception of an operation on one image that does not exist.
pub(super) fn image_not_found(registry: &RegistryId, repository: &str, id: &ImageId) -> ApiError {
    ApiError::new(
        "ImageNotFoundException",
        format!(
            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{repository}' in the registry with id '{}'",
            id.digest().unwrap_or("null"),
            id.tag().unwrap_or("null"),
            registry.account
        ),
    )
}

/// The tag of a request that accepts valid tags only.
pub(super) fn valid_tag(tag: Option<&Text<1, 300>>) -> Result<Option<&str>, ApiError> {
    match tag {
        Some(tag) if !is_tag(tag) => Err(ApiError::invalid_parameter(
            "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,299}''",
        )),
        tag => Ok(tag.map(|tag| &**tag)),
    }
}
