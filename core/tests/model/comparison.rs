//! The comparison with which a sweep begins: which lists it trusts, in one read and without the images themselves.

use std::sync::Arc;

use ecr_multiarch_core::reconcile::observation::{Manifests, StoredManifest};
use ecr_multiarch_core::settings::Attestations;
use ecr_multiarch_core::{Digest, Outcome, ReconcileRequest, Step};
use serde_json::{Value, json};

use super::catalog::{Catalog, Kind, View};

/// The next step after a comparison of a version whose list was changed by hand.
fn compare(kind: Kind, attestations: Attestations, change: impl FnOnce(&mut Vec<Value>)) -> Step {
    let catalog = Catalog::new(kind);
    let mut manifests = catalog.manifests(View { tags: [Some(0), Some(1)], list: Some([0, 1]) });
    change_list(&catalog, &mut manifests, change);
    let request = Arc::unwrap_or_clone(catalog.request(None));
    let step = Step::start_with_comparison(Arc::new(ReconcileRequest { attestations, ..request }));
    let Step::ReadManifests(read) = step else { panic!("a comparison begins with a read") };
    read.resume(manifests).unwrap()
}

fn change_list(catalog: &Catalog, manifests: &mut Manifests, change: impl FnOnce(&mut Vec<Value>)) {
    let stored = manifests.get_mut(&catalog.version_reference()).unwrap();
    let mut list: Value = serde_json::from_str(&stored.text).unwrap();
    change(list["manifests"].as_array_mut().unwrap());
    let text = list.to_string();
    let media_type = stored.media_type.clone();
    *stored = StoredManifest { digest: Digest::sha256(&text), media_type, text: text.into() };
}

#[track_caller]
fn assert_trusts(kind: Kind, attestations: Attestations, change: impl FnOnce(&mut Vec<Value>)) {
    let Step::Done(end) = compare(kind, attestations, change) else { panic!("the list is not trusted") };
    assert!(matches!(end.outcome, Outcome::Unchanged(_)));
    assert_eq!(end.images.len(), 2);
}

#[track_caller]
fn assert_reconciles(kind: Kind, attestations: Attestations, change: impl FnOnce(&mut Vec<Value>)) {
    let step = compare(kind, attestations, change);
    assert!(matches!(step, Step::ReadConfigs(_) | Step::ReadManifests(_)), "{step:?}");
}

#[test]
fn comparison_trusts_a_list_of_the_images_of_its_tags() {
    assert_trusts(Kind::Plain, Attestations::Keep, |_| ());
    assert_trusts(Kind::Attested, Attestations::Keep, |_| ());
}

#[test]
fn comparison_reconciles_a_list_of_another_image() {
    assert_reconciles(Kind::Plain, Attestations::Keep, |entries| {
        entries[0]["digest"] = json!(Digest::sha256("another").to_string());
    });
}

#[test]
fn comparison_reconciles_a_list_whose_platforms_are_swapped() {
    assert_reconciles(Kind::Plain, Attestations::Keep, |entries| {
        let first = entries[0]["platform"].take();
        entries[0]["platform"] = entries[1]["platform"].take();
        entries[1]["platform"] = first;
    });
}

#[test]
fn comparison_reconciles_a_list_that_lacks_an_entry() {
    assert_reconciles(Kind::Plain, Attestations::Keep, |entries| drop(entries.pop()));
    assert_reconciles(Kind::Attested, Attestations::Keep, |entries| drop(entries.pop()));
}

#[test]
fn comparison_reconciles_a_list_with_one_entry_more() {
    assert_reconciles(Kind::Plain, Attestations::Keep, |entries| entries.push(entries[1].clone()));
}

#[test]
fn comparison_expects_no_attestations_where_they_are_dropped() {
    assert_reconciles(Kind::Attested, Attestations::Drop, |_| ());
    assert_trusts(Kind::Attested, Attestations::Drop, |entries| {
        entries.retain(|entry| entry["platform"]["os"] == json!("linux"));
    });
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
