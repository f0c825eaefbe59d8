//! What becomes of a batch where calls about one image, repository or registry fail: nobody waits for somebody else's.

use std::time::Duration;

use local_ecr::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{OTHER, bed_with, deliver, events, lines, returned};
use crate::support::assertions::assert_contains;
use crate::support::function::{ACCOUNT, REGION};
use crate::support::input::{push_event, with_fields};
use crate::support::test_bed::{TestBed, push_images};

/// A test bed with a version in the registries of two accounts.
fn bed_with_two_accounts() -> TestBed {
    let bed = TestBed::with(|function| function.env("ACCOUNTS", OTHER));
    bed.store_images("1");
    push_images(&bed.ecr.registry(OTHER, REGION), "app", "1");
    bed
}

/// The event of a push in the registry of this account.
fn event_of(account: &str, repository: &str, tag: &str) -> Value {
    with_fields(push_event(repository, tag), &json!({"account": account}))
}

#[test]
fn dead_registry_does_not_hold_up_another() {
    let mut bed = bed_with_two_accounts();
    bed.function = bed.function.with_remaining_time(Duration::from_secs(5));
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::Hang).registry(ACCOUNT, REGION));
    let bodies = [event_of(ACCOUNT, "app", "1-arm64"), event_of(OTHER, "app", "1-arm64")];
    assert_eq!(returned(&deliver(&bed, &bodies)), ["0"]);
    assert!(bed.ecr.registry(OTHER, REGION).tag("app", "1").is_some());
}

#[test]
fn unavailable_image_harms_no_other_record() {
    let bed = bed_with(&["1", "2", "3"]);
    push_images(&bed.registry, "zebra", "1");
    bed.registry.fail("app", "2-arm64", "UpstreamUnavailable");
    let mut bodies = events("app", &["1", "2", "3"]);
    bodies.extend(events("zebra", &["1"]));
    assert_eq!(returned(&deliver(&bed, &bodies)), ["2", "3"], "the call succeeded, so the registry works");
    assert!(bed.digest("1").is_some() && bed.digest("3").is_some());
}

#[test]
fn other_records_of_an_unavailable_registry_go_back_at_once() {
    let bed = bed_with_two_accounts();
    let repositories: Vec<_> = (0..20).map(|repository| format!("app-{repository:02}")).collect();
    for repository in &repositories {
        push_images(&bed.registry, repository, "1");
    }
    bed.ecr.faults().add(Fault::on("*", FaultKind::server_error()).registry(ACCOUNT, REGION));
    let mut bodies: Vec<_> = repositories.iter().map(|it| event_of(ACCOUNT, it, "1-arm64")).collect();
    bodies.push(event_of(OTHER, "app", "1-arm64"));
    assert_eq!(returned(&deliver(&bed, &bodies)).len(), 20);
    let calls = bed.ecr.journal().into_iter().filter(|call| call.account == ACCOUNT).count();
    assert!(calls <= 12, "{calls} calls: a third repository is begun before the second one fails, four attempts each");
    assert_contains(&lines(&bed, "returned to the queue")[0].to_string(), &["BatchGetImage", "another record"]);
}

/// Fails every call that names this tag.
fn fail_calls_naming(bed: &TestBed, tag: &str) {
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::server_error()).naming(tag));
}

#[test]
fn version_that_cannot_be_read_takes_no_other_with_it() {
    let versions = ["1", "2", "3", "4", "5"];
    let bed = bed_with(&versions);
    fail_calls_naming(&bed, "3-arm64");
    assert_eq!(returned(&deliver(&bed, &events("app", &versions))), ["4", "5"]);
    assert!(["1", "2", "4", "5"].iter().all(|version| bed.digest(version).is_some()));
    assert_eq!(bed.digest("3"), None);
}

#[test]
fn bad_versions_of_two_repositories_do_not_hold_up_the_registry() {
    let bed = bed_with(&[]);
    let repositories = ["app-0", "app-1", "app-2", "app-3"];
    let mut bodies = Vec::new();
    for repository in repositories {
        push_images(&bed.registry, repository, "1");
        push_images(&bed.registry, repository, "2");
        bodies.extend(["1", "2"].map(|version| push_event(repository, &format!("{version}-arm64"))));
    }
    // Of each repository another version, so that each fault is about one version alone.
    for (repository, version) in [("app-0", "1"), ("app-1", "2")] {
        let fault = Fault::on("BatchGetImage", FaultKind::server_error()).naming(&format!("{version}-arm64"));
        bed.ecr.faults().add(fault.repository(repository));
    }
    assert_eq!(returned(&deliver(&bed, &bodies)), ["0", "3"]);
    let published = repositories.iter().flat_map(|repository| ["1", "2"].map(|version| (repository, version)));
    let published = published.filter(|(repository, version)| bed.registry.tag(repository, version).is_some());
    assert_eq!(published.count(), 6);
}

#[test]
fn registry_is_given_up_after_two_repositories_without_an_answer() {
    let bed = bed_with(&[]);
    let mut bodies = Vec::new();
    for repository in ["app-0", "app-1", "app-2", "app-3"] {
        for version in ["1", "2", "3"] {
            push_images(&bed.registry, repository, version);
            bodies.push(push_event(repository, &format!("{version}-arm64")));
        }
    }
    bed.ecr.faults().add(Fault::on("*", FaultKind::server_error()));
    assert_eq!(returned(&deliver(&bed, &bodies)).len(), 12);
    // One call for all versions and one for each, of two repositories, and of a third one that is begun between their ends.
    let calls = bed.calls("BatchGetImage").len();
    assert!((8..=12).contains(&calls), "{calls}");
    assert!(lines(&bed, "returned to the queue").len() >= 3, "the versions of the other repositories");
}

#[test]
fn repositories_of_a_batch_take_turns_to_be_the_first() {
    let repositories = ["app-0", "app-1", "app-2"];
    let bed = bed_with(&[]);
    let bodies: Vec<_> = repositories.iter().map(|repository| push_event(repository, "1-arm64")).collect();
    let mut first = std::collections::BTreeSet::new();
    for _ in 0..30 {
        bed.ecr.clear_journal();
        deliver(&bed, &bodies);
        first.insert(bed.ecr.journal()[0].repository.clone());
    }
    assert!(first.len() > 1, "{first:?}");
}
