//! The calls that were made, for a report that may be published: without accounts, credentials and presigned URLs.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecr::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_ecr::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecr::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use serde::Serialize;
use serde_json::Value;

/// The account that stands for the one in which the probes ran.
pub const ACCOUNT: &str = "111122223333";

/// The most characters of a text that are kept, such as of the largest manifest.
const MAX_TEXT: usize = 2_000;

/// A call that was answered.
#[derive(Debug, Clone, Serialize)]
pub struct Exchange {
    /// The operation, such as `PutImage`.
    pub operation: String,
    /// The parameters.
    pub request: Value,
    /// The HTTP status of the response.
    pub status: u16,
    /// The body of the response.
    pub response: Value,
}

/// A call that was sent.
#[derive(Debug, Clone)]
struct Sent {
    operation: String,
    request: Value,
}

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

/// Records all calls of a client that were answered.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Exchange>>>);

impl Recorder {
    /// How many calls were recorded.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The calls from this one on.
    pub fn since(&self, start: usize) -> Vec<Exchange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().skip(start).cloned().collect()
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        config.interceptor_state().store_put(Sent { operation, request: json(request.body().bytes()) });
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Sent { operation, request }) = config.load::<Sent>().cloned() else { return Ok(()) };
        let response = context.response();
        let (status, response) = (response.status().as_u16(), json(response.body().bytes()));
        let exchange = Exchange { operation, request: redacted(request), status, response: redacted(response) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
        Ok(())
    }
}

fn json(bytes: Option<&[u8]>) -> Value {
    serde_json::from_slice(bytes.unwrap_or_default()).unwrap_or_default()
}

/// The value without accounts, presigned URLs and the content of layers.
fn redacted(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| match name.as_str() {
                "downloadUrl" => (name, "(a presigned URL)".into()),
                "layerPartBlob" => (name, "(bytes)".into()),
                _ => (name, redacted(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(redacted).collect(),
        Value::String(text) => without_accounts(&shortened(&text)).into(),
        other => other,
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// The text with another account in place of each: twelve digits that stand alone.
pub fn without_accounts(text: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    for run in text.split_inclusive(|character: char| !character.is_ascii_alphanumeric()) {
        let word = run.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
        let is_account = word.len() == ACCOUNT.len() && word.bytes().all(|byte| byte.is_ascii_digit());
        replaced.push_str(if is_account { ACCOUNT } else { word });
        replaced.push_str(&run[word.len()..]);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accounts_urls_and_layers_are_left_out() {
        let answer = json!({
            "registryId": "123456789012",
            "downloadUrl": "https://bucket.example/layer?X-Amz-Signature=secret",
            "layerPartBlob": "aGVsbG8=",
            "message": "arn:aws:ecr:eu-central-1:123456789012:repository/app and '123456789012'",
            "imageDigest": "sha256:123456789012345678901234567890123456789012345678901234567890abcd",
        });
        let kept = redacted(answer.clone());
        assert_eq!(kept["registryId"], ACCOUNT);
        assert_eq!(kept["message"], "arn:aws:ecr:eu-central-1:111122223333:repository/app and '111122223333'");
        assert_eq!(kept["imageDigest"], answer["imageDigest"]);
        let text = kept.to_string();
        assert!(!text.contains("secret") && !text.contains("aGVsbG8") && !text.contains("123456789012\""), "{text}");
    }

    #[test]
    fn long_texts_are_shortened() {
        let text = "ä".repeat(MAX_TEXT + 1);
        assert!(shortened(&text).ends_with("ä… (4002 bytes)"));
        assert_eq!(shortened("ä"), "ä");
    }
}
