//! The aliases of the releases of a batch, which are reconciled together.

use std::time::Duration;

use local_ecr::{Fault, FaultKind};

use super::{deliver, events, lines, metrics, returned};
use crate::support::input::push_event;
use crate::support::test_bed::TestBed;

/// A test bed with aliases, and both images of these releases.
fn bed_with_releases(releases: &[&str]) -> TestBed {
    let bed = TestBed::with(|function| function.env("ALIASES", "{major},latest"));
    bed.store_all_images(releases);
    bed
}

#[test]
fn aliases_follow_the_highest_release_of_a_batch() {
    let releases = ["1.0.0", "1.1.0", "2.0.0"];
    let bed = bed_with_releases(&releases);
    assert!(returned(&deliver(&bed, &events("app", &releases))).is_empty());
    for (alias, release) in [("latest", "2.0.0"), ("2", "2.0.0"), ("1", "1.1.0")] {
        assert_eq!(bed.digest(alias), bed.digest(release), "{alias}");
    }
    assert_eq!(bed.calls("PutImage").len(), releases.len() + 3, "each alias is written once");
}

#[test]
fn records_of_a_release_go_back_where_its_alias_fails() {
    let bed = bed_with_releases(&["1.0.0"]);
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::server_error()).naming("latest"));
    assert_eq!(returned(&deliver(&bed, &events("app", &["1.0.0"]))), ["0", "1"]);
    bed.ecr.faults().clear();
    assert!(returned(&deliver(&bed, &events("app", &["1.0.0"]))).is_empty());
    assert_eq!(bed.digest("latest"), bed.digest("1.0.0"));
}

#[test]
fn failed_alias_is_counted_once() {
    let releases = ["1.0.0", "2.0.0", "3.0.0"];
    let bed = bed_with_releases(&releases);
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::server_error()).naming("latest"));
    assert_eq!(returned(&deliver(&bed, &events("app", &releases))).len(), 6);
    assert_eq!(metrics(&bed)["Failed"], 1, "the aliases of the other releases were not begun");
}

#[test]
fn release_whose_aliases_are_not_begun_in_time_goes_back() {
    let mut bed = bed_with_releases(&["1.0.0", "1.1.0"]);
    bed.function = bed.function.with_remaining_time(Duration::from_secs(4));
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::Hang).naming("1.0.0"));
    assert_eq!(returned(&deliver(&bed, &events("app", &["1.0.0", "1.1.0"]))), ["0", "1", "2", "3"]);
    assert!(bed.digest("1.1.0").is_some());
    let log = lines(&bed, "returned to the queue");
    assert!(log.iter().any(|line| line["reason"].as_str().unwrap().contains("PutImage")), "{log:?}");
}

#[test]
fn yank_marker_is_followed_in_a_batch() {
    let bed = bed_with_releases(&["1.0.0", "1.1.0"]);
    deliver(&bed, &events("app", &["1.0.0", "1.1.0"]));
    assert!(bed.registry.retag("app", "yanked-1.1.0", &bed.digest("1.1.0").unwrap()));
    assert!(returned(&deliver(&bed, &[push_event("app", "yanked-1.1.0")])).is_empty());
    assert_eq!(bed.digest("latest"), bed.digest("1.0.0"));
}

#[test]
fn releases_of_a_batch_share_the_scans_of_their_aliases() {
    let releases: Vec<_> = (0..9).map(|patch| format!("1.0.{patch}")).collect();
    let releases: Vec<_> = releases.iter().map(String::as_str).collect();
    let bed = bed_with_releases(&releases);
    assert!(returned(&deliver(&bed, &events("app", &releases))).is_empty());
    assert_eq!(bed.digest("latest"), bed.digest("1.0.8"));
    assert_eq!(bed.calls("DescribeImages").len(), 2, "one before the write and one after it");
    assert_eq!(bed.calls("PutImage").len(), releases.len() + 2);
    assert_eq!(metrics(&bed)["AliasesMoved"], 2, "each move is counted once");
}

#[test]
fn markers_and_releases_of_a_batch_share_their_scans() {
    let bed = bed_with_releases(&["1.0.0", "1.1.0", "1.2.0"]);
    deliver(&bed, &events("app", &["1.0.0", "1.1.0"]));
    assert!(bed.registry.retag("app", "yanked-1.1.0", &bed.digest("1.1.0").unwrap()));
    assert!(bed.registry.retag("app", "yanked-1.2.0", &bed.digest("1.1.0").unwrap()));
    bed.ecr.clear_journal();
    let mut bodies = events("app", &["1.2.0"]);
    bodies.extend(["yanked-1.1.0", "yanked-1.2.0"].map(|marker| push_event("app", marker)));
    assert!(returned(&deliver(&bed, &bodies)).is_empty());
    assert_eq!(bed.digest("latest"), bed.digest("1.0.0"));
    assert_eq!(bed.digest("yanked-1.2.0"), bed.digest("1.2.0"), "the marker follows its release");
    assert_eq!(bed.calls("DescribeImages").len(), 2);
}
