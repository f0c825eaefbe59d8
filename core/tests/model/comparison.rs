//! The comparison with which a sweep begins: which lists it trusts, in one read and without the images themselves.

use std::sync::Arc;

use ecr_multiarch_core::reconcile::observation::StoredManifest;
use ecr_multiarch_core::settings::Attestations;
use ecr_multiarch_core::{Digest, Outcome, ReconcileRequest, Step};
use serde_json::{Value, json};

use super::catalog::{Catalog, Kind, View};

/// A change of the entries of a list.
type Change = fn(&mut Vec<Value>);

/// The next step after a comparison of a version whose list was changed by hand.
fn compare(kind: Kind, attestations: Attestations, change: Change) -> Step {
    let catalog = Catalog::new(kind);
    let mut manifests = catalog.manifests(View { tags: [Some(0), Some(1)], list: Some([0, 1]) });
    let stored = manifests.get_mut(&catalog.version_reference()).unwrap();
    let mut list: Value = serde_json::from_str(&stored.text).unwrap();
    change(list["manifests"].as_array_mut().unwrap());
    let text = list.to_string();
    *stored = StoredManifest { digest: Digest::sha256(&text), text: text.into(), ..stored.clone() };
    let request = Arc::unwrap_or_clone(catalog.request(None));
    let step = Step::start_with_comparison(Arc::new(ReconcileRequest { attestations, ..request }));
    let Step::ReadManifests(read) = step else { panic!("a comparison begins with a read") };
    read.resume(manifests).unwrap()
}

#[test]
fn comparison_trusts_a_list_of_the_images_of_its_tags() {
    let without_attestations: Change = |entries| entries.retain(|entry| entry["platform"]["os"] == json!("linux"));
    for (kind, attestations, change) in [
        (Kind::Plain, Attestations::Keep, (|_| ()) as Change),
        (Kind::Attested, Attestations::Keep, |_| ()),
        (Kind::Attested, Attestations::Drop, without_attestations),
    ] {
        let Step::Done(end) = compare(kind, attestations, change) else { panic!("the list is not trusted") };
        assert!(matches!(end.outcome, Outcome::Unchanged(_)));
        assert_eq!(end.images.len(), 2);
    }
}

#[test]
fn comparison_reconciles_any_other_list() {
    let another_image: Change = |entries| entries[0]["digest"] = json!(Digest::sha256("another").to_string());
    let swapped_platforms: Change = |entries| {
        let first = entries[0]["platform"].take();
        entries[0]["platform"] = entries[1]["platform"].take();
        entries[1]["platform"] = first;
    };
    let (one_less, one_more): (Change, Change) =
        (|entries| drop(entries.pop()), |entries| entries.push(entries[1].clone()));
    for (case, kind, attestations, change) in [
        ("another image", Kind::Plain, Attestations::Keep, another_image),
        ("swapped platforms", Kind::Plain, Attestations::Keep, swapped_platforms),
        ("an image less", Kind::Plain, Attestations::Keep, one_less),
        ("an attestation less", Kind::Attested, Attestations::Keep, one_less),
        ("an entry more", Kind::Plain, Attestations::Keep, one_more),
        ("attestations that are to be dropped", Kind::Attested, Attestations::Drop, |_| ()),
    ] {
        let step = compare(kind, attestations, change);
        assert!(matches!(step, Step::ReadConfigs(_) | Step::ReadManifests(_)), "{case}: {step:?}");
    }
}

#[test]
fn comparison_waits_for_a_platform_like_any_observation() {
    let catalog = Catalog::new(Kind::Plain);
    let step = Step::start_with_comparison(catalog.request(None));
    let Step::ReadManifests(read) = step else { panic!("a comparison begins with a read") };
    let manifests = catalog.manifests(View { tags: [Some(0), None], list: Some([0, 1]) });
    let Ok(Step::Done(end)) = read.resume(manifests) else { panic!("the version is not held back") };
    assert!(matches!(end.outcome, Outcome::Waiting(_)));
}
