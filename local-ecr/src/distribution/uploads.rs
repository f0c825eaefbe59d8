//! Uploads of blobs: at once, in chunks, or mounted from another repository.

use super::error::{digest_invalid, method_not_allowed, oci_error};
use super::exchange::{DIGEST, Exchange, ExchangeResult};
use crate::blobs::DigestMismatch;
use crate::error::ApiError;
use crate::response::Response;
use crate::store::LayerUpload;
use crate::uuid::uuid;
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_RANGE, HeaderName, LOCATION, RANGE};

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// `/v2/<name>/blobs/uploads/`
pub(super) fn begin(exchange: &mut Exchange<'_>) -> ExchangeResult {
    if *exchange.method() != Method::POST {
        return Err(method_not_allowed());
    }
    exchange.repository()?;
    if let Some(digest) = exchange.query("digest") {
        return store(exchange, &digest, exchange.request.body().clone());
    }
    if let (Some(digest), Some(from)) = (exchange.query("mount"), exchange.query("from")) {
        let source = exchange.store.repository(exchange.registry, &from).ok();
        if let Some(bytes) = source.and_then(|source| source.blobs.get(&digest).cloned()) {
            return store(exchange, &digest, bytes);
        }
    }
    let id = uuid(&mut exchange.store.random);
    let upload = LayerUpload { repository: exchange.route.name.clone(), bytes: Vec::new() };
    exchange.store.uploads.insert(id.clone(), upload);
    Ok(progress(exchange, 202, &id, 0))
}

/// `/v2/<name>/blobs/uploads/<id>`
pub(super) fn answer(exchange: &mut Exchange<'_>, id: &str) -> ExchangeResult {
    exchange.repository()?;
    let name = &exchange.route.name;
    let first = exchange.header(&CONTENT_RANGE).and_then(first_byte);
    let upload =
        exchange.store.uploads.get_mut(id).filter(|upload| upload.repository == *name).ok_or_else(upload_unknown)?;
    let length = upload.bytes.len();
    match *exchange.request.method() {
        Method::GET => Ok(progress(exchange, 204, id, length)),
        Method::DELETE => {
            exchange.store.uploads.remove(id);
            Ok(Response::new(204))
        }
        Method::PATCH | Method::PUT if first.is_some_and(|first| first != length) => {
            Ok(progress(exchange, 416, id, length).error("RANGE_INVALID"))
        }
        Method::PATCH => {
            upload.bytes.extend_from_slice(exchange.request.body());
            let length = upload.bytes.len();
            Ok(progress(exchange, 202, id, length))
        }
        Method::PUT => {
            let digest = exchange.query("digest").ok_or_else(digest_invalid)?;
            let mut upload = exchange.store.uploads.remove(id).ok_or_else(upload_unknown)?;
            upload.bytes.extend_from_slice(exchange.request.body());
            store(exchange, &digest, upload.bytes.into())
        }
        _ => Err(method_not_allowed()),
    }
}

fn store(exchange: &mut Exchange<'_>, digest: &str, bytes: Bytes) -> ExchangeResult {
    match exchange.repository()?.blobs.insert_verified(digest, bytes) {
        Ok(()) => {
            let location = exchange.path(&format!("blobs/{digest}"));
            Ok(Response::new(201).header(LOCATION, &location).header(DIGEST, digest))
        }
        Err(DigestMismatch) => Err(digest_invalid()),
    }
}

/// The response that states how much of an upload has arrived.
fn progress(exchange: &Exchange<'_>, status: u16, id: &str, length: usize) -> Response {
    Response::new(status)
        .header(LOCATION, &exchange.path(&format!("blobs/uploads/{id}")))
        .header(RANGE, &format!("0-{}", length.saturating_sub(1)))
        .header(UPLOAD_ID, id)
}

/// The first byte of a chunk, from `a-b`.
fn first_byte(range: &str) -> Option<usize> {
    range.split_once('-')?.0.parse().ok()
}

fn upload_unknown() -> ApiError {
    oci_error(404, "BLOB_UPLOAD_UNKNOWN", "The upload does not exist")
}
