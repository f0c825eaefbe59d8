//! The purity of the core: its manifest names only these dependencies, and its code uses no clock, environment or I/O.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "support/purity.rs"]
mod purity;

#[test]
fn core_depends_on_nothing_that_does_io() {
    let allowed = "regex-lite serde serde_json serde_path_to_error sha2 strum thiserror time";
    purity::assert_dependencies(include_str!("../Cargo.toml"), allowed);
}

#[test]
fn core_reads_neither_clock_nor_environment() {
    purity::assert_no_io(concat!(env!("CARGO_MANIFEST_DIR"), "/src").as_ref());
}
