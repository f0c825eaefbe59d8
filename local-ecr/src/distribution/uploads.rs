//! Blobs on their way in: at once, in chunks, or mounted from another repository.

use super::refusal::{digest_invalid, method_not_allowed, spelled};
use super::{DIGEST, Outcome, Visit};
use crate::digest::digest_of;
use crate::error::ApiError;
use crate::reply::Reply;
use crate::uuid::uuid;
use crate::world::Upload;
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_RANGE, HeaderName, LOCATION, RANGE};

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

impl Visit<'_> {
    /// `/v2/<name>/blobs/uploads/`
    pub(super) fn begin_upload(&mut self) -> Outcome {
        if *self.request.method() != Method::POST {
            return Err(method_not_allowed());
        }
        let name = self.route.name.clone();
        self.repository()?;
        if let Some(digest) = self.query("digest") {
            return self.store(&digest, self.request.body().clone());
        }
        if let (Some(digest), Some(from)) = (self.query("mount"), self.query("from")) {
            let source = self.world.repository(self.registry, &from).ok();
            if let Some(bytes) = source.and_then(|source| source.blobs.get(&digest).cloned()) {
                return self.store(&digest, bytes);
            }
        }
        let id = uuid(&mut self.world.random);
        let upload = Upload { repository: name, bytes: Vec::new() };
        self.world.uploads.insert(id.clone(), upload);
        Ok(self.progress(202, &id, 0))
    }

    /// `/v2/<name>/blobs/uploads/<id>`
    pub(super) fn upload(&mut self, id: &str) -> Outcome {
        self.repository()?;
        let name = &self.route.name;
        let first = self.header(&CONTENT_RANGE).and_then(first_byte);
        let upload = self.world.uploads.get_mut(id).filter(|upload| upload.repository == *name).ok_or_else(unknown)?;
        let length = upload.bytes.len();
        match *self.request.method() {
            Method::GET => Ok(self.progress(204, id, length)),
            Method::DELETE => {
                self.world.uploads.remove(id);
                Ok(Reply::status(204))
            }
            Method::PATCH | Method::PUT if first.is_some_and(|first| first != length) => {
                Ok(self.progress(416, id, length).failing("RANGE_INVALID"))
            }
            Method::PATCH => {
                upload.bytes.extend_from_slice(self.request.body());
                let length = upload.bytes.len();
                Ok(self.progress(202, id, length))
            }
            Method::PUT => {
                let digest = self.query("digest").ok_or_else(digest_invalid)?;
                let mut upload = self.world.uploads.remove(id).ok_or_else(unknown)?;
                upload.bytes.extend_from_slice(self.request.body());
                self.store(&digest, upload.bytes.into())
            }
            _ => Err(method_not_allowed()),
        }
    }

    fn store(&mut self, digest: &str, bytes: Bytes) -> Outcome {
        if digest_of(&bytes) != digest {
            return Err(digest_invalid());
        }
        self.repository()?.blobs.insert(digest.to_owned(), bytes);
        Ok(Reply::status(201).header(LOCATION, &self.path(&format!("blobs/{digest}"))).header(DIGEST, digest))
    }

    fn progress(&self, status: u16, id: &str, length: usize) -> Reply {
        Reply::status(status)
            .header(LOCATION, &self.path(&format!("blobs/uploads/{id}")))
            .header(RANGE, &format!("0-{}", length.saturating_sub(1)))
            .header(UPLOAD_ID, id)
    }
}

/// The first byte of a chunk, from `a-b`.
fn first_byte(range: &str) -> Option<usize> {
    range.split_once('-')?.0.parse().ok()
}

fn unknown() -> ApiError {
    spelled(404, "BLOB_UPLOAD_UNKNOWN", "The upload does not exist")
}
