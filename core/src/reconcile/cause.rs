//! What may have caused that a version lacks a platform.

use super::outcome::Taken;
use super::request::ReconcileRequest;
use crate::oci::manifest::{Index, Manifest, ParsedManifest, StoredManifest};
use crate::settings::tag_scheme::PlatformTag;

/// What is to be said of a version that lacks these platforms, by what its own tag and its platform tags name.
pub(super) fn cause_of_missing(
    request: &ReconcileRequest,
    target: Option<&StoredManifest>,
    missing: &[PlatformTag],
    parsed: &[Option<ParsedManifest>],
) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    if let Some(taken) = target.and_then(Taken::of) {
        return Some(taken.reason().to_owned());
    }
    let index = |parsed: &Option<ParsedManifest>| match parsed {
        Some(Ok((_, Manifest::Index(index)))) => missing.iter().find(|missing| has_image(index, missing)),
        _ => None,
    };
    let mut tags = request.platforms.iter().zip(parsed);
    let (tag, missing) = tags.find_map(|(tag, parsed)| Some((tag, index(parsed)?)))?;
    Some(whole_version(request, tag, missing))
}

fn has_image(index: &Index, PlatformTag { platform, .. }: &PlatformTag) -> bool {
    let mut images = index.manifests.iter().filter(|entry| entry.is_image_of_a_platform());
    images.any(|entry| entry.specified_platform().is_some_and(|stated| platform.matches(stated)))
}

/// Of a platform tag that names an index with an image of a missing platform, too: perhaps it is not the tag of a
/// platform, but a version whose name looks like one.
fn whole_version(request: &ReconcileRequest, named: &PlatformTag, missing: &PlatformTag) -> String {
    let (PlatformTag { tag, platform }, version) = (named, &request.version);
    let PlatformTag { tag: missing_tag, platform: missing } = missing;
    format!(
        "{tag} names an index that has an image of {missing}, too: if it is a version of its own rather than the \
         {platform} image of {version}, give it another name, or {platform} another tag part; if not, push \
         {missing_tag}"
    )
}
