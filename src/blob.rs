//! Blobs by presigned URL. The URL is a secret: whoever has it may read the blob, so it goes nowhere but to the wire.

use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::byte_stream::ByteStream;
use tokio::time::{sleep, timeout};

/// How long one attempt may take, from the connection to the last byte.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pauses between attempts.
const BACKOFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 3;

/// Why a blob could not be had. Nothing in it comes from the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// The store refused for want of permission.
    #[error(
        "the blob store answered 403; where the function runs in a VPC, its S3 endpoint must let it read ECR's layers"
    )]
    Denied,
    /// The store refused.
    #[error("the blob store answered {0}")]
    Refused(u16),
    /// The store sent the function elsewhere than it goes.
    #[error("the blob store redirects {0}, which is not followed")]
    Redirected(&'static str),
    /// There are more bytes than were to be read.
    #[error("the blob runs on past the limit")]
    TooLong,
    /// The store did not answer, or broke off.
    #[error("the blob store {0}")]
    Unavailable(String),
}

/// Fetches blobs, with the TLS stack and the roots of the SDK.
#[derive(Debug, Clone)]
pub struct Blobs(SharedHttpConnector);

impl Blobs {
    /// By the proxy that the environment names, as the SDK does, or without one.
    pub fn from_environment() -> Self {
        Self::by(ProxyConfig::from_env())
    }

    /// Without any proxy.
    pub fn without_proxy() -> Self {
        Self::by(ProxyConfig::disabled())
    }

    fn by(proxy: ProxyConfig) -> Self {
        let provider = tls::Provider::Rustls(CryptoMode::AwsLc);
        let connector = Connector::builder().tls_provider(provider).proxy_config(proxy).build();
        Self(SharedHttpConnector::new(connector))
    }

    /// The bytes behind the URL, up to `max_bytes` of them. Faults that may pass are tried again.
    ///
    /// # Errors
    /// [`BlobError`], after the last attempt.
    pub async fn get(&self, url: &str, max_bytes: u64) -> Result<Vec<u8>, BlobError> {
        let mut backoff = BACKOFF.into_iter();
        loop {
            let attempt = timeout(ATTEMPT_TIMEOUT, self.attempt(url, max_bytes)).await;
            let result = attempt.unwrap_or_else(|_| Err(BlobError::Unavailable("did not answer in time".to_owned())));
            match (result, backoff.next()) {
                (Err(BlobError::Unavailable(_)), Some(pause)) => sleep(pause).await,
                (result, _) => return result,
            }
        }
    }

    async fn attempt(&self, url: &str, max_bytes: u64) -> Result<Vec<u8>, BlobError> {
        let mut url = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let request = Request::get(&url).map_err(|_| BlobError::Redirected("to no URL"))?;
            let response = self.0.call(request).await.map_err(|error| {
                let cause = if error.is_timeout() { "did not answer in time" } else { "broke the connection" };
                BlobError::Unavailable(cause.to_owned())
            })?;
            match response.status().as_u16() {
                200 => return read(ByteStream::new(response.into_body()), max_bytes).await,
                301 | 302 | 303 | 307 | 308 => url = redirected(&url, response.headers().get("location"))?,
                403 => return Err(BlobError::Denied),
                status @ (408 | 429 | 500..) => return Err(BlobError::Unavailable(format!("answered {status}"))),
                status => return Err(BlobError::Refused(status)),
            }
        }
        Err(BlobError::Redirected("on and on"))
    }
}

async fn read(mut body: ByteStream, max_bytes: u64) -> Result<Vec<u8>, BlobError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| BlobError::Unavailable("broke off in the middle".to_owned()))?;
        if (bytes.len() + chunk.len()) as u64 > max_bytes {
            return Err(BlobError::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Where a redirect leads: within the same scheme, or nowhere.
fn redirected(from: &str, location: Option<&str>) -> Result<String, BlobError> {
    let location = location.ok_or(BlobError::Redirected("nowhere"))?;
    let (scheme, rest) = from.split_once("://").ok_or(BlobError::Redirected("from no URL"))?;
    if location.starts_with("//") {
        return Ok(format!("{scheme}:{location}"));
    }
    if location.starts_with('/') {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        return Ok(format!("{scheme}://{authority}{location}"));
    }
    match location.split_once("://") {
        Some((to, _)) if to.eq_ignore_ascii_case(scheme) => Ok(location.to_owned()),
        _ => Err(BlobError::Redirected("to another scheme, or to no full URL")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_followed_within_the_scheme_alone() {
        let from = "https://a.example/x?secret";
        let to = |location| redirected(from, location);
        assert_eq!(to(Some("/y?z")).as_deref(), Ok("https://a.example/y?z"));
        assert_eq!(to(Some("//b.example/y")).as_deref(), Ok("https://b.example/y"));
        assert_eq!(to(Some("HTTPS://b.example/y")).as_deref(), Ok("HTTPS://b.example/y"));
        for location in [Some("http://a.example/x"), Some("file:///etc/passwd"), Some("y"), Some("ftp://x"), None] {
            assert!(matches!(to(location), Err(BlobError::Redirected(_))), "{location:?}");
        }
    }

    #[test]
    fn no_error_holds_the_url() {
        let error = redirected("https://a.example/x?secret", Some("http://b.example/secret")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
