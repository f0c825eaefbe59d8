//! The blob store behind presigned URLs.

use crate::reply::Reply;
use crate::server::Shared;
use crate::uuid::uuid;
use crate::world::{Grant, World};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use std::time::Duration;

/// "X-Amz-Expires=3600".
const LIFETIME: Duration = Duration::from_hours(1);

/// Where blobs are served.
pub(crate) const PREFIX: &str = "/blobs/";

impl Shared {
    /// A URL that gives access to `bytes` at `path` for an hour.
    pub(crate) fn presign(&self, world: &mut World, path: String, bytes: Bytes) -> String {
        let signature = uuid(&mut world.random).replace('-', "") + &uuid(&mut world.random).replace('-', "");
        let url = format!(
            "{}{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host&X-Amz-Expires={}&X-Amz-Signature={signature}",
            self.url(),
            LIFETIME.as_secs()
        );
        let expires = self.clock.now() + LIFETIME;
        world.grants.insert(signature, Grant { path, bytes, expires });
        url
    }

    /// Answers a presigned URL as S3 does.
    pub(crate) fn download(&self, request: &Request<Bytes>) -> Reply {
        if request.headers().contains_key(AUTHORIZATION) {
            return Reply::s3_error(
                400,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
            );
        }
        if request.method() != Method::GET {
            return Reply::s3_error(403, "SignatureDoesNotMatch", "The request signature does not match");
        }
        let signature = request
            .uri()
            .query()
            .unwrap_or_default()
            .split('&')
            .find_map(|pair| pair.strip_prefix("X-Amz-Signature="))
            .unwrap_or_default();
        let world = self.world();
        match world.grants.get(signature) {
            Some(grant) if grant.path != request.uri().path() => {
                Reply::s3_error(403, "SignatureDoesNotMatch", "The request signature does not match")
            }
            Some(grant) if grant.expires > self.clock.now() => {
                Reply::status(200).body("application/octet-stream", grant.bytes.clone())
            }
            Some(_) => Reply::s3_error(403, "AccessDenied", "Request has expired"),
            None => Reply::s3_error(403, "AccessDenied", "Access Denied"),
        }
    }
}
