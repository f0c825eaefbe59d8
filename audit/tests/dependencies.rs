//! The purity of the audit: its manifest names only these dependencies, and its code uses no clock, environment or I/O.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "../../core/tests/support/purity.rs"]
mod purity;

#[test]
fn audit_depends_on_nothing_that_does_io() {
    let allowed = "base64 ecr-multiarch-core serde serde_json sha2 strum time";
    purity::assert_dependencies(include_str!("../Cargo.toml"), allowed);
}

#[test]
fn audit_reads_neither_clock_nor_environment() {
    purity::assert_no_io(concat!(env!("CARGO_MANIFEST_DIR"), "/src").as_ref());
}
