//! Stored blobs.

use super::error::{method_not_allowed, oci_error};
use super::exchange::{DIGEST, Exchange, ExchangeResult};
use crate::response::Response;
use http::Method;
use http::header::{ACCEPT_RANGES, CONTENT_RANGE, RANGE};

/// `/v2/<name>/blobs/<digest>`
pub(super) fn answer(exchange: &mut Exchange<'_>, digest: &str) -> ExchangeResult {
    let repository = exchange.repository()?;
    let is_referenced = repository.is_referenced(digest);
    let bytes = repository
        .blobs
        .get(digest)
        .cloned()
        .ok_or_else(|| oci_error(404, "BLOB_UNKNOWN", "The layer does not exist in the repository"))?;
    match *exchange.method() {
        Method::GET | Method::HEAD => {}
        Method::DELETE if !is_referenced => {
            exchange.repository()?.blobs.remove(digest);
            return Ok(Response::new(202));
        }
        _ => return Err(method_not_allowed()),
    }
    let size = bytes.len();
    let response = match exchange.header(&RANGE).map(|range| parse_range(range, size)) {
        None => Response::new(200).body("application/octet-stream", bytes),
        Some(Some((first, last))) => Response::new(206)
            .body("application/octet-stream", bytes.slice(first..=last))
            .header(CONTENT_RANGE, &format!("bytes {first}-{last}/{size}")),
        Some(None) => {
            return Ok(Response::new(416).header(CONTENT_RANGE, &format!("bytes */{size}")).error("RANGE_INVALID"));
        }
    };
    Ok(response.header(DIGEST, digest).header(ACCEPT_RANGES, "bytes"))
}

/// The first and last byte of a single range, `bytes=a-b` or `bytes=a-`.
fn parse_range(range: &str, size: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first: usize = first.parse().ok()?;
    let end = size.checked_sub(1)?;
    let last = match last {
        "" => end,
        last => end.min(last.parse().ok()?),
    };
    (first <= last).then_some((first, last))
}
