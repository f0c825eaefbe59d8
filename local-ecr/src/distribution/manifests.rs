//! Manifests, tags and referrers.

use super::refusal::{method_not_allowed, spelled};
use super::{DIGEST, Outcome, PREFIX, Visit};
use crate::api::delete_image;
use crate::api::parameter::is_tag;
use crate::convert::{Converted, convert};
use crate::digest::{digest_of, is_digest};
use crate::media_type::OCI_INDEX;
use crate::push::{Place, Push};
use crate::reply::Reply;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, LINK, LOCATION};
use serde_json::{Value, json};
use std::ops::Bound::{Excluded, Unbounded};

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

impl Visit<'_> {
    /// `/v2/<name>/manifests/<reference>`
    pub(super) fn manifest(&mut self, reference: &str) -> Outcome {
        match *self.request.method() {
            Method::GET | Method::HEAD => self.get_manifest(reference),
            Method::PUT => self.put_manifest(reference),
            Method::DELETE => self.delete_manifest(reference),
            _ => Err(method_not_allowed()),
        }
    }

    fn get_manifest(&mut self, reference: &str) -> Outcome {
        let (now, is_pull) = (self.now, *self.request.method() == Method::GET);
        let accepted = self.accepted();
        let repository = self.repository()?;
        let digest = repository
            .resolve(reference)
            .map(str::to_owned)
            .ok_or_else(|| spelled(404, "MANIFEST_UNKNOWN", "Requested image not found"))?;
        let types: Vec<&str> = accepted.iter().map(String::as_str).collect();
        let is_any = types.is_empty() || types.contains(&"*/*") || is_digest(reference);
        let Some(Converted { bytes, media_type }) = convert(repository, &digest, (!is_any).then_some(types.as_slice()))
        else {
            return Err(spelled(404, "MANIFEST_UNKNOWN", "Requested image not found"));
        };
        if let Some(image) = repository.images.get_mut(&digest).filter(|_| is_pull) {
            image.pulled_at = Some(now);
        }
        let digest = digest_of(&bytes);
        Ok(Reply::status(200).body(&media_type, bytes).header(DIGEST, &digest))
    }

    /// The media types of all Accept headers, without their parameters.
    fn accepted(&self) -> Vec<String> {
        let headers = self.request.headers().get_all(ACCEPT);
        headers
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(','))
            .filter_map(|media_type| media_type.split(';').next())
            .map(|media_type| media_type.trim().to_owned())
            .collect()
    }

    fn put_manifest(&mut self, reference: &str) -> Outcome {
        let tag = (!is_digest(reference)).then_some(reference);
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(spelled(400, "TAG_INVALID", "The tag is not valid"));
        }
        let bytes = self.request.body().clone();
        let (registry, name, now) = (self.registry, &*self.route.name, self.now);
        let place = Place { registry, repository: name, repush: self.shared.options.repush, now };
        let media_type = self.header(&CONTENT_TYPE).map(str::to_owned);
        let push = Push { media_type: media_type.as_deref(), tag, digest: tag.is_none().then_some(reference), bytes };
        let digest = match self.world.put(place, &push) {
            // The protocol knows no refusal of what is there already.
            Err(error) if error.code == "ImageAlreadyExistsException" => digest_of(&push.bytes),
            outcome => outcome?,
        };
        let stored = self.repository()?.images.get(&digest);
        let subject = stored.and_then(|image| image.manifest.subject.clone());
        let reply =
            Reply::status(201).header(LOCATION, &self.path(&format!("manifests/{digest}"))).header(DIGEST, &digest);
        Ok(match subject {
            Some(subject) => reply.header(SUBJECT, &subject.digest),
            None => reply,
        })
    }

    fn delete_manifest(&mut self, reference: &str) -> Outcome {
        self.repository()?;
        let (tag, digest) = if is_digest(reference) { (None, Some(reference)) } else { (Some(reference), None) };
        let (registry, name) = (self.registry, &self.route.name);
        match delete_image(self.world, registry, name, tag, digest, self.now)? {
            Ok(_) => Ok(Reply::status(202)),
            Err(("ImageNotFound", reason)) => Err(spelled(404, "MANIFEST_UNKNOWN", reason)),
            Err((_, reason)) => Err(spelled(405, "UNSUPPORTED", reason)),
        }
    }

    /// `/v2/<name>/tags/list`
    pub(super) fn tags(&mut self) -> Outcome {
        if *self.request.method() != Method::GET {
            return Err(method_not_allowed());
        }
        let size = self.query("n").and_then(|n| n.parse().ok()).unwrap_or(1000);
        let start = self.query("last").map_or(Unbounded, Excluded);
        let name = self.route.name.clone();
        let mut rest = self.repository()?.tags.range((start, Unbounded)).map(|(tag, _)| tag).peekable();
        let page: Vec<&String> = rest.by_ref().take(size).collect();
        let body = json!({"name": name, "tags": page}).to_string();
        let reply = Reply::status(200).body("application/json", body);
        Ok(match (page.last(), rest.peek()) {
            (Some(last), Some(_)) => {
                let next = format!("<{PREFIX}{name}/tags/list?n={size}&last={last}>; rel=\"next\"");
                reply.header(LINK, &next)
            }
            _ => reply,
        })
    }

    /// `/v2/<name>/referrers/<digest>`
    pub(super) fn referrers(&mut self, digest: &str) -> Outcome {
        if *self.request.method() != Method::GET {
            return Err(method_not_allowed());
        }
        let wanted = self.query("artifactType");
        let referrers: Vec<Value> = self
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
        let reply = Reply::status(200).body(OCI_INDEX, index.to_string());
        Ok(match wanted {
            Some(_) => reply.header(FILTERS, "artifactType"),
            None => reply,
        })
    }
}
