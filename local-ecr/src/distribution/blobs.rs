//! Blobs that are there.

use super::refusal::{method_not_allowed, spelled};
use super::{DIGEST, Outcome, Visit};
use crate::reply::Reply;
use http::Method;
use http::header::{ACCEPT_RANGES, CONTENT_RANGE, RANGE};

impl Visit<'_> {
    /// `/v2/<name>/blobs/<digest>`
    pub(super) fn blob(&mut self, digest: &str) -> Outcome {
        let repository = self.repository()?;
        let is_referenced = repository.is_referenced(digest);
        let bytes = repository
            .blobs
            .get(digest)
            .cloned()
            .ok_or_else(|| spelled(404, "BLOB_UNKNOWN", "The layer does not exist in the repository"))?;
        match *self.request.method() {
            Method::GET | Method::HEAD => {}
            Method::DELETE if !is_referenced => {
                self.repository()?.blobs.remove(digest);
                return Ok(Reply::status(202));
            }
            _ => return Err(method_not_allowed()),
        }
        let size = bytes.len();
        let reply = match self.header(&RANGE).map(|range| within(range, size)) {
            None => Reply::status(200).body("application/octet-stream", bytes),
            Some(Some((first, last))) => Reply::status(206)
                .body("application/octet-stream", bytes.slice(first..=last))
                .header(CONTENT_RANGE, &format!("bytes {first}-{last}/{size}")),
            Some(None) => {
                return Ok(Reply::status(416)
                    .header(CONTENT_RANGE, &format!("bytes */{size}"))
                    .failing("RANGE_INVALID"));
            }
        };
        Ok(reply.header(DIGEST, digest).header(ACCEPT_RANGES, "bytes"))
    }
}

/// The first and last byte of a single range, `bytes=a-b` or `bytes=a-`.
fn within(range: &str, size: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first: usize = first.parse().ok()?;
    let end = size.checked_sub(1)?;
    let last = match last {
        "" => end,
        last => end.min(last.parse().ok()?),
    };
    (first <= last).then_some((first, last))
}
