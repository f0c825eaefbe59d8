//! What a crate may depend on and use, as the tests of several crates check it.

use std::path::Path;

/// Asserts that the dependencies in a manifest are these.
#[track_caller]
pub(crate) fn assert_dependencies(manifest: &str, allowed: &str) {
    let section = manifest.split_once("\n[dependencies]\n").unwrap().1.split("\n[").next().unwrap();
    let names = section.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let names: Vec<_> = names.filter_map(|line| line.split(['.', ' ', '=']).next()).collect();
    assert_eq!(names.join(" "), allowed);
}

/// Asserts that the code in a folder uses no clock, environment or I/O, except in tests.
#[allow(dead_code, reason = "the engine does I/O")]
pub(crate) fn assert_no_io(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_io(&path);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let names = "SystemTime::now now_utc Instant std::env std::fs std::net std::thread std::process";
        for name in names.split(' ') {
            assert!(!code.contains(name), "{} uses {name}", path.display());
        }
    }
}
