//! Paths and queries of the registry protocol.

use percent_encoding::percent_decode_str;

/// The path below which the protocol is served.
pub(crate) const PREFIX: &str = "/v2/";

/// The route of a request: the parts of its path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The repository; empty for the base.
    pub(super) name: String,
    pub(super) resource: Resource,
}

/// A resource of a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Base,
    Manifest(String),
    Blob(String),
    Uploads,
    Upload(String),
    Tags,
    Referrers(String),
}

impl Route {
    /// The route of a path. A repository name may contain slashes, so the path is read from its end.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let path = path.strip_prefix(PREFIX)?;
        let segments: Vec<&str> = path.split('/').collect();
        let (name, resource) = match segments.as_slice() {
            [""] => {
                return Some(Self { name: String::new(), resource: Resource::Base });
            }
            [name @ .., "blobs", "uploads", ""] | [name @ .., "blobs", "uploads"] => (name, Resource::Uploads),
            [name @ .., "blobs", "uploads", id] => (name, Resource::Upload((*id).to_owned())),
            [name @ .., "blobs", digest] => (name, Resource::Blob(decode(digest))),
            [name @ .., "manifests", reference] => (name, Resource::Manifest(decode(reference))),
            [name @ .., "tags", "list"] => (name, Resource::Tags),
            [name @ .., "referrers", digest] => (name, Resource::Referrers(decode(digest))),
            _ => return None,
        };
        (!name.is_empty()).then(|| Self { name: name.join("/"), resource })
    }

    /// The kind of resource, as the journal names it.
    pub(super) fn kind(&self) -> &'static str {
        match self.resource {
            Resource::Base => "base",
            Resource::Manifest(_) => "manifests",
            Resource::Blob(_) => "blobs",
            Resource::Uploads | Resource::Upload(_) => "uploads",
            Resource::Tags => "tags",
            Resource::Referrers(_) => "referrers",
        }
    }
}

/// A parameter of a query.
pub(super) fn query(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| decode(value))
    })
}

/// Decodes percent escapes; an invalid escape stays as it is.
fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_name_may_contain_the_words_of_the_protocol() {
        for (path, name, resource) in [
            ("/v2/", "", Resource::Base),
            ("/v2/a/b/manifests/1.0", "a/b", Resource::Manifest("1.0".into())),
            ("/v2/blobs/uploads/blobs/uploads/", "blobs/uploads", Resource::Uploads),
            ("/v2/app/blobs/uploads/7", "app", Resource::Upload("7".into())),
            ("/v2/app/blobs/sha256%3Aab", "app", Resource::Blob("sha256:ab".into())),
            ("/v2/tags/tags/list", "tags", Resource::Tags),
        ] {
            assert_eq!(Route::parse(path), Some(Route { name: name.into(), resource }));
        }
    }

    #[test]
    fn path_without_a_repository_or_resource_has_no_route() {
        for path in ["/v2/manifests/1.0", "/v2/app", "/v2", "/v2/_catalog"] {
            assert_eq!(Route::parse(path), None);
        }
    }
}
