//! The demonstration, from which the browser tests and the pictures are made, shows every kind of finding.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test exports nothing")]
#![allow(dead_code, reason = "other tests use the rest of the builder")]

#[path = "../examples/fixture/demonstration.rs"]
mod demonstration;
mod support;

use ecr_multiarch_audit::problem::Kind;

#[test]
fn demonstration_has_every_kind_of_finding() {
    let kinds: Vec<_> = demonstration::report().kinds.iter().map(|found| found.kind).collect();
    assert_eq!(kinds, Kind::ALL);
}
