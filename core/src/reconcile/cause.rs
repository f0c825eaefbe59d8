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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{CHART_CONFIG, IMAGE_CONFIG, image, settings_of_app, stored};
    use crate::name::Reference;
    use crate::oci::digest::Digest;
    use crate::oci::media_type::MediaType;
    use crate::reconcile::observation::{Manifests, Observation, Observed};
    use crate::reconcile::outcome::Waiting;

    fn index(platforms: &[(&str, &str)]) -> StoredManifest {
        let entry = |(os, architecture): &(&str, &str)| {
            let (digest, platform) = (Digest::sha256(architecture), json!({"os": os, "architecture": architecture}));
            json!({"mediaType": MediaType::OciManifest.as_str(), "digest": digest, "size": 2, "platform": platform})
        };
        let entries: Vec<_> = platforms.iter().map(entry).collect();
        stored(MediaType::OciIndex, &json!({"schemaVersion": 2, "manifests": entries}))
    }

    /// What is said of version 1 with these tags, which lacks a platform.
    fn cause(tags: &[(&str, StoredManifest)]) -> Option<String> {
        let settings = settings_of_app(&[("PLATFORMS", "linux/amd64,linux/arm64")]);
        let request = ReconcileRequest::new("app".parse().unwrap(), "1".parse().unwrap(), &settings).unwrap();
        let named = |(tag, stored): &(&str, StoredManifest)| (Reference::Tag(tag.parse().unwrap()), stored.clone());
        let manifests: Manifests = tags.iter().map(named).collect();
        let Observed::Other(observation) = Observation::observe(&request, manifests).unwrap() else { panic!() };
        match *observation.waiting.unwrap() {
            Waiting::Platforms { reason, .. } => reason,
            other @ Waiting::Revisions(_) => panic!("{other:?}"),
        }
    }

    #[test]
    fn image_or_artifact_under_the_own_tag_is_named() {
        let amd64 = ("1-amd64", image(IMAGE_CONFIG));
        for (target, expected) in [(image(IMAGE_CONFIG), Taken::SingleImage), (image(CHART_CONFIG), Taken::Artifact)] {
            assert_eq!(cause(&[amd64.clone(), ("1", target)]).as_deref(), Some(expected.reason()));
        }
        assert_eq!(cause(&[amd64, ("1", index(&[("linux", "amd64")]))]), None);
    }

    #[test]
    fn index_with_an_image_of_a_missing_platform_is_named() {
        let (amd64, arm64) = (("linux", "amd64"), ("linux", "arm64"));
        let of = |platforms: &[(&str, &str)]| cause(&[("1-amd64", index(platforms))]);
        let named = of(&[amd64, arm64]).unwrap();
        let expected = "1-amd64 names an index that has an image of linux/arm64, too: if it is a version of its own rather \
                        than the linux/amd64 image of 1, give it another name, or linux/amd64 another tag part; if not, \
                        push 1-arm64";
        assert_eq!(named, expected);
        assert_eq!(of(&[amd64, ("unknown", "unknown")]), None);
        assert_eq!(of(&[amd64, ("windows", "arm64")]), None);
        assert_eq!(cause(&[("1-amd64", image(IMAGE_CONFIG))]), None);
    }
}
