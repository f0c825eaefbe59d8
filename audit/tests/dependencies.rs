//! The purity of the audit: its manifest names only these dependencies, and its code uses no clock, environment or I/O.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[test]
fn audit_depends_on_nothing_that_does_io() {
    let manifest = include_str!("../Cargo.toml");
    let section = manifest.split_once("\n[dependencies]\n").unwrap().1.split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty());
    assert_eq!(names.collect::<Vec<_>>(), ["ecr-multiarch-core", "serde", "serde_json", "sha2", "strum"]);
}

#[test]
fn audit_reads_neither_clock_nor_environment() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for name in ["SystemTime::now", "Instant", "std::env", "std::fs", "std::net", "std::thread", "std::process"] {
            assert!(!code.contains(name), "{} uses {name}", path.display());
        }
    }
}
