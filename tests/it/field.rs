//! Troubles that people reported in public, each with the images of its true shape. `docs/field-cases.md` lists them
//! with their sources; the numbers are those of its rows.

// What a version, a tag or a release is called.
mod names;

use serde_json::Value;

/// A sweep's entry of a version.
#[track_caller]
fn entry<'a>(swept: &'a Value, list: &str, version: &str) -> &'a Value {
    let entries = swept[list].as_array().unwrap();
    entries.iter().find(|entry| entry["version"] == version).unwrap_or_else(|| panic!("{version} is not in {swept:#}"))
}
