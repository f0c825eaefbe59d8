//! `GetAuthorizationToken`.

use super::context::{Context, OperationResult};
use super::parameter::{Account, List};
use crate::clock::epoch_seconds;
use crate::uuid::uuid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// "The authorization token is valid for 12 hours."
const LIFETIME: Duration = Duration::from_hours(12);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetAuthorizationToken {
    #[serde(rename = "registryIds")]
    _registry_ids: Option<List<Account, 1, 10>>,
}

#[allow(clippy::unnecessary_wraps, reason = "an operation like the others")]
pub(super) fn get_token(context: &mut Context<'_>, _: &GetAuthorizationToken) -> OperationResult {
    Ok(json!({"authorizationData": [{
        "authorizationToken": STANDARD.encode(format!("AWS:{}", uuid(&mut context.store.random))),
        "expiresAt": epoch_seconds(context.now + LIFETIME),
        "proxyEndpoint": context.state.url(),
    }]}))
}
