//! Page tokens, which are opaque to clients.

use crate::error::ApiError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The token of the page after `row`.
pub(crate) fn encode(row: &str) -> String {
    URL_SAFE_NO_PAD.encode(row)
}

/// The last row of the page before.
pub(crate) fn decode(token: &str) -> Result<String, ApiError> {
    URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
        ApiError::invalid_parameter(
            "Invalid parameter at 'nextToken' failed to satisfy constraint: 'must be a token of an earlier answer'",
        )
    })
}
