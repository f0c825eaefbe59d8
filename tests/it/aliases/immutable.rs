//! Aliases in repositories with immutable tags, of which filters may exclude some.

use local_ecr::{Mutability, Options, RepushError};

use super::{ALIASES, alias_bed, aliases, assert_named, bed_with_releases, check_conflict, publish};
use crate::support::test_bed::TestBed;

#[test]
fn immutable_alias_is_a_conflict() {
    let bed = bed_with_releases(&["1.2.2"]);
    bed.registry.set_mutability("app", Mutability::ImmutableWithExclusion(vec!["1*".to_owned()]));
    check_conflict(&bed, &["immutable"]);
}

#[test]
fn excluded_aliases_move_among_immutable_tags() {
    let bed = alias_bed();
    let filters = ["latest", "1", "1.2"].map(str::to_owned).to_vec();
    bed.registry.set_mutability("app", Mutability::ImmutableWithExclusion(filters));
    publish(&bed, "1.2.3");
    publish(&bed, "1.2.4");
    assert_named(&bed, &[("1.2", "1.2.4"), ("1", "1.2.4"), ("latest", "1.2.4")]);
}

/// Writes `latest` as another handler does, right before the function does the same, where only tags of these filters
/// may move. ECR answers the second push with `repush`. Checks that `latest` has this outcome, and the right list.
#[track_caller]
fn check_same_list(filters: &[&str], repush: RepushError, outcome: &str) {
    let options = Options { repush_error: repush, ..Options::default() };
    let bed = TestBed::start(options, |function| function.env("ALIASES", ALIASES));
    let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
    bed.registry.set_mutability("app", Mutability::ImmutableWithExclusion(filters));
    bed.ecr.on_call(|call, ecr| {
        if call.operation == "PutImage" && call.request["imageTag"] == "latest" {
            let list = ecr.home().tag("app", "1.2.3").unwrap();
            ecr.home().retag("app", "latest", &list);
        }
    });
    let published = publish(&bed, "1.2.3");
    assert_eq!(aliases(&published)[2], ["latest", outcome, "1.2.3"]);
    assert_named(&bed, &[("1.2", "1.2.3"), ("1", "1.2.3"), ("latest", "1.2.3")]);
}

#[test]
fn alias_with_the_same_list_is_never_a_conflict() {
    let excluded: &[&str] = &["latest", "1", "1.2"];
    let immutable: &[&str] = &["1", "1.2"];
    check_same_list(excluded, RepushError::ImageAlreadyExists, "moved");
    check_same_list(excluded, RepushError::ImageTagAlreadyExists, "moved");
    check_same_list(immutable, RepushError::ImageAlreadyExists, "moved");
    check_same_list(immutable, RepushError::ImageTagAlreadyExists, "unchanged");
}
