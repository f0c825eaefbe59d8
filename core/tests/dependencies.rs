//! The purity of the core: its manifest names only these dependencies, and its code uses no clock, environment or I/O.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;

const ALLOWED: [&str; 7] = ["regex-lite", "serde", "serde_json", "serde_path_to_error", "sha2", "strum", "thiserror"];

#[test]
fn core_depends_on_nothing_that_does_io() {
    let manifest = include_str!("../Cargo.toml");
    let section = manifest.split_once("\n[dependencies]\n").unwrap().1.split("\n[").next().unwrap();
    let names = section.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let names: BTreeSet<_> = names.filter_map(|line| line.split(['.', ' ', '=']).next()).collect();
    assert_eq!(names, BTreeSet::from(ALLOWED));
}

#[test]
fn core_reads_neither_clock_nor_environment() {
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for name in ["SystemTime::now", "Instant", "std::env", "std::fs", "std::net", "std::thread", "std::process"]
            {
                assert!(!code.contains(name), "{} uses {name}", path.display());
            }
        }
    }
}
