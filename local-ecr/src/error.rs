//! ECR's exceptions, with its messages.

use crate::registry_id::RegistryId;
use std::fmt;

/// The exception for too many requests; no operation's model names it.
pub(crate) const THROTTLED: &str = "ThrottlingException";

/// An error response of the ECR API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status: 400 for errors of the client, 5xx for errors of the service.
    pub status: u16,
    /// The exception's name, such as `RepositoryNotFoundException`.
    pub code: String,
    /// The message.
    pub message: String,
}

impl ApiError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn internal(error: &impl fmt::Display) -> Self {
        Self { status: 500, ..Self::new("ServerException", error.to_string()) }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// ECR's one error for every manifest that its schema does not accept.
    pub(crate) fn invalid_manifest() -> Self {
        Self::invalid_parameter(
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'",
        )
    }

    pub(crate) fn repository_not_found(registry: &RegistryId, repository: &str) -> Self {
        Self::new(
            "RepositoryNotFoundException",
            format!(
                "The repository with name '{repository}' does not exist in the registry with id '{}'",
                registry.account
            ),
        )
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}
