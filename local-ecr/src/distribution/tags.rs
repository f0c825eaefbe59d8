//! Pages of tags.

use super::error::method_not_allowed;
use super::exchange::{Exchange, ExchangeResult};
use crate::response::Response;
use http::Method;
use http::header::LINK;
use serde_json::json;
use std::ops::Bound::{Excluded, Unbounded};

/// Tags per page, unless the request states another number.
const PAGE_SIZE: usize = 1000;

/// `/v2/<name>/tags/list`
pub(super) fn list(exchange: &mut Exchange<'_>) -> ExchangeResult {
    if *exchange.method() != Method::GET {
        return Err(method_not_allowed());
    }
    let size = exchange.query("n").and_then(|n| n.parse().ok()).unwrap_or(PAGE_SIZE);
    let start = exchange.query("last").map_or(Unbounded, Excluded);
    let path = exchange.path("tags/list");
    let name = &exchange.route.name;
    let mut rest = exchange.repository()?.tags.range((start, Unbounded)).map(|(tag, _)| tag).peekable();
    let page: Vec<&String> = rest.by_ref().take(size).collect();
    let body = json!({"name": name, "tags": page}).to_string();
    let response = Response::new(200).body("application/json", body);
    Ok(match (page.last(), rest.peek()) {
        (Some(last), Some(_)) => response.header(LINK, &format!("<{path}?n={size}&last={last}>; rel=\"next\"")),
        _ => response,
    })
}
