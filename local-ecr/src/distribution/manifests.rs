//! Manifests, by tag or digest.

use super::error::{method_not_allowed, oci_error};
use super::exchange::{DIGEST, Exchange, ExchangeResult};
use crate::convert::{TypedManifest, convert};
use crate::delete::delete_image;
use crate::digest::{digest_of, is_digest};
use crate::error::ApiError;
use crate::name::is_tag;
use crate::push::Push;
use crate::response::Response;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, LOCATION};

/// ECR's message for a tag or digest that does not exist.
const NOT_FOUND: &str = "Requested image not found";

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// `/v2/<name>/manifests/<reference>`
pub(super) fn answer(exchange: &mut Exchange<'_>, reference: &str) -> ExchangeResult {
    match *exchange.method() {
        Method::GET | Method::HEAD => get(exchange, reference),
        Method::PUT => put(exchange, reference),
        Method::DELETE => delete(exchange, reference),
        _ => Err(method_not_allowed()),
    }
}

fn get(exchange: &mut Exchange<'_>, reference: &str) -> ExchangeResult {
    let (now, is_pull) = (exchange.now, *exchange.method() == Method::GET);
    let accepted = accepted_types(exchange);
    let repository = exchange.repository()?;
    let digest = repository.resolve(reference).map(str::to_owned).ok_or_else(|| manifest_unknown(NOT_FOUND))?;
    // ECR user guide: a pull of an archived image fails with 404.
    if repository.images.get(&digest).is_some_and(|image| image.is_archived) {
        return Err(manifest_unknown(NOT_FOUND));
    }
    let types: Vec<&str> = accepted.iter().map(String::as_str).collect();
    let is_any = types.is_empty() || types.contains(&"*/*") || is_digest(reference);
    let Some(TypedManifest { bytes, media_type }) = convert(repository, &digest, (!is_any).then_some(types.as_slice()))
    else {
        return Err(manifest_unknown(NOT_FOUND));
    };
    if let Some(image) = repository.images.get_mut(&digest).filter(|_| is_pull) {
        image.pulled_at = Some(now);
    }
    let digest = digest_of(&bytes);
    Ok(Response::new(200).body(&media_type, bytes).header(DIGEST, &digest))
}

/// The media types of all Accept headers, without their parameters.
fn accepted_types(exchange: &Exchange<'_>) -> Vec<String> {
    let headers = exchange.request.headers().get_all(ACCEPT);
    headers
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(','))
        .filter_map(|media_type| media_type.split(';').next())
        .map(|media_type| media_type.trim().to_owned())
        .collect()
}

fn put(exchange: &mut Exchange<'_>, reference: &str) -> ExchangeResult {
    let tag = (!is_digest(reference)).then_some(reference);
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(oci_error(400, "TAG_INVALID", "The tag is not valid"));
    }
    let target = exchange.state.push_target(exchange.registry, &exchange.route.name);
    let push = Push {
        bytes: exchange.request.body().clone(),
        media_type: exchange.request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()),
        tag,
        digest: tag.is_none().then_some(reference),
    };
    // In this protocol, a push of content that exists is a success.
    let digest = target.ensure(exchange.store, &push)?;
    let stored = exchange.repository()?.images.get(&digest);
    let subject = stored.and_then(|image| image.manifest.subject.clone());
    let location = exchange.path(&format!("manifests/{digest}"));
    let response = Response::new(201).header(LOCATION, &location).header(DIGEST, &digest);
    Ok(match subject {
        Some(subject) => response.header(SUBJECT, &subject.digest),
        None => response,
    })
}

fn delete(exchange: &mut Exchange<'_>, reference: &str) -> ExchangeResult {
    exchange.repository()?;
    let (tag, digest) = if is_digest(reference) { (None, Some(reference)) } else { (Some(reference), None) };
    match delete_image(
        exchange.store,
        exchange.registry,
        &exchange.route.name,
        tag,
        digest,
        exchange.now,
        exchange.state.options.broken,
    )? {
        Ok(_) => Ok(Response::new(202)),
        Err(("ImageNotFound", reason)) => Err(manifest_unknown(reason)),
        Err((_, reason)) => Err(oci_error(405, "UNSUPPORTED", reason)),
    }
}

fn manifest_unknown(reason: &str) -> ApiError {
    oci_error(404, "MANIFEST_UNKNOWN", reason)
}
