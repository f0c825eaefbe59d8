//! Referrers: the images and artifacts whose subject is a given manifest.

use super::error::method_not_allowed;
use super::exchange::{Exchange, ExchangeResult};
use crate::media_type::OCI_INDEX;
use crate::response::Response;
use http::Method;
use http::header::HeaderName;
use serde_json::{Value, json};

const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

/// `/v2/<name>/referrers/<digest>`
pub(super) fn list(exchange: &mut Exchange<'_>, digest: &str) -> ExchangeResult {
    if *exchange.method() != Method::GET {
        return Err(method_not_allowed());
    }
    let wanted = exchange.query("artifactType");
    let referrers: Vec<Value> = exchange
        .repository()?
        .images
        .iter()
        .filter(|(_, image)| {
            let subject = image.manifest.subject.as_ref();
            subject.is_some_and(|subject| subject.digest == digest)
                && (wanted.is_none() || wanted.as_deref() == image.manifest.artifact_media_type())
        })
        .map(|(digest, image)| {
            json!({
                "mediaType": image.manifest.media_type,
                "digest": digest,
                "size": image.bytes.len(),
                "artifactType": image.manifest.artifact_media_type(),
            })
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": referrers});
    let response = Response::new(200).body(OCI_INDEX, index.to_string());
    Ok(match wanted {
        Some(_) => response.header(FILTERS, "artifactType"),
        None => response,
    })
}
