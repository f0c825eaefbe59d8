//! Blobs by presigned URL. The URL is a secret, since whoever has it can read the blob: it is sent, and never shown.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::byte_stream::ByteStream;
use tokio::time::{sleep, timeout};

use crate::connections::Connections;

/// How long one attempt may take, from the connection to the last byte. Configs have kilobytes, so a longer attempt is
/// stuck; all attempts together fit an invocation of 30 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pauses between attempts: short, since a failed request to S3 usually succeeds when it is repeated.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// How many redirects are followed. S3 redirects once, to the bucket's Region; the limit ends a loop.
const MAX_REDIRECTS: usize = 3;

/// Why a blob could not be read. Nothing in it comes from the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The store denied access.
    #[error(
        "the blob store responded with 403; if the function runs in a VPC, the policy of its S3 endpoint must allow ECR's \
         layer bucket"
    )]
    Denied,
    /// The store rejected the request.
    #[error("the blob store responded with {0}")]
    Rejected(u16),
    /// The store redirected the request to where it must not go.
    #[error("{0} from the blob store")]
    Redirect(&'static str),
    /// The blob is larger than the limit.
    #[error("the blob exceeds the limit")]
    TooLarge,
    /// The store failed, or did not respond.
    #[error("the blob store {0}")]
    Unavailable(String),
}

/// Reads blobs, with the TLS stack and the root certificates of the SDK.
#[derive(Debug, Clone)]
pub struct BlobClient(Connections);

impl BlobClient {
    /// Uses these connections.
    pub fn new(connections: Connections) -> Self {
        Self(connections)
    }

    /// Reads the blob of at most `max_bytes` behind the URL. Temporary errors are retried.
    ///
    /// # Errors
    /// [`BlobError`], after the last attempt.
    pub async fn get(&self, url: &str, max_bytes: u64) -> Result<Vec<u8>, BlobError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let attempt = timeout(ATTEMPT_TIMEOUT, self.attempt(url, max_bytes)).await;
            let result = attempt.unwrap_or_else(|_| Err(BlobError::Unavailable("did not respond in time".to_owned())));
            match (result, pauses.next()) {
                (Err(BlobError::Unavailable(_)), Some(pause)) => sleep(pause).await,
                (result, _) => return result,
            }
        }
    }

    async fn attempt(&self, url: &str, max_bytes: u64) -> Result<Vec<u8>, BlobError> {
        let mut url = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let request = Request::get(&url).map_err(|_| BlobError::Redirect("redirect to an invalid URL"))?;
            let response = self.0.call(request).await.map_err(|error| {
                let cause = if error.is_timeout() { "did not respond in time" } else { "closed the connection" };
                BlobError::Unavailable(cause.to_owned())
            })?;
            match response.status().as_u16() {
                200 => return collect(ByteStream::new(response.into_body()), max_bytes).await,
                301 | 302 | 303 | 307 | 308 => url = redirected(&url, response.headers().get("location"))?,
                403 => return Err(BlobError::Denied),
                status @ (408 | 429 | 500..) => return Err(BlobError::Unavailable(format!("responded with {status}"))),
                status => return Err(BlobError::Rejected(status)),
            }
        }
        Err(BlobError::Redirect("too many redirects"))
    }
}

async fn collect(mut body: ByteStream, max_bytes: u64) -> Result<Vec<u8>, BlobError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| BlobError::Unavailable("closed the connection early".to_owned()))?;
        if (bytes.len() + chunk.len()) as u64 > max_bytes {
            return Err(BlobError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The target of a redirect, which must have the same scheme.
fn redirected(from: &str, location: Option<&str>) -> Result<String, BlobError> {
    let location = location.ok_or(BlobError::Redirect("redirect without a location"))?;
    let (scheme, rest) = from.split_once("://").ok_or(BlobError::Redirect("redirect from an invalid URL"))?;
    if location.starts_with("//") {
        return Ok(format!("{scheme}:{location}"));
    }
    if location.starts_with('/') {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        return Ok(format!("{scheme}://{authority}{location}"));
    }
    match location.split_once("://") {
        Some((to, _)) if to.eq_ignore_ascii_case(scheme) => Ok(location.to_owned()),
        _ => Err(BlobError::Redirect("redirect to another scheme, or to an incomplete URL,")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_is_followed_within_the_same_scheme() {
        let from = "https://a.example/x?secret";
        let to = |location| redirected(from, location);
        assert_eq!(to(Some("/y?z")).as_deref(), Ok("https://a.example/y?z"));
        assert_eq!(to(Some("//b.example/y")).as_deref(), Ok("https://b.example/y"));
        assert_eq!(to(Some("HTTPS://b.example/y")).as_deref(), Ok("HTTPS://b.example/y"));
        for location in [Some("http://a.example/x"), Some("file:///etc/passwd"), Some("y"), Some("ftp://x"), None] {
            assert!(matches!(to(location), Err(BlobError::Redirect(_))), "{location:?}");
        }
    }

    #[test]
    fn errors_do_not_contain_the_url() {
        let error = redirected("https://a.example/x?secret", Some("http://b.example/secret")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
