//! The settings of docs/aliases.md, each with the versions and aliases that the document shows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::super::assert_named;
use crate::support::expected_list::PLATFORMS;
use crate::support::test_bed::TestBed;

/// A setting of the document.
struct Example {
    variable: String,
    value: String,
    /// The versions in ascending order, each with the aliases that name it in the end.
    rows: Vec<(String, Vec<String>)>,
}

/// The texts in backticks.
fn code(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The settings of the document.
fn examples() -> Vec<Example> {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/aliases.md")).unwrap();
    let examples: Vec<_> = document.split("```text\n").skip(1).map(Example::parse).collect();
    assert_eq!(examples.len(), 10, "what is not found is not tested");
    examples
}

impl Example {
    /// A setting, and the table that follows it.
    fn parse(text: &str) -> Self {
        let (setting, text) = text.split_once("\n```\n").unwrap();
        let (variable, value) = setting.split_once('=').unwrap();
        let (_, table) = text.split_once("\n| version | its aliases |\n| --- | --- |\n").unwrap();
        let rows = table.lines().take_while(|line| line.starts_with('|')).map(|row| {
            let (version, aliases) = row.trim_matches('|').split_once('|').unwrap();
            let [version] = code(version).try_into().unwrap();
            (version, code(aliases))
        });
        Self { variable: variable.to_owned(), value: value.to_owned(), rows: rows.collect() }
    }

    fn bed(&self) -> TestBed {
        TestBed::with(|function| function.env(&self.variable, &self.value).env("SWEEP_PUTS_PER_SECOND", "1000"))
    }

    /// The versions, the highest first.
    fn versions(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().rev().map(|(version, _)| version.as_str())
    }

    /// Asserts that the tags are those of the document, and that each alias names its version.
    fn assert_shown(&self, bed: &TestBed) {
        let mut expected = BTreeSet::new();
        for (version, aliases) in &self.rows {
            for alias in aliases {
                assert_named(bed, &[(alias, version)]);
            }
            expected.extend(PLATFORMS.map(|platform| format!("{version}-{platform}")));
            expected.extend([version.clone()].into_iter().chain(aliases.iter().cloned()));
        }
        assert_eq!(bed.registry.tags("app").into_iter().collect::<BTreeSet<_>>(), expected, "{}", self.value);
    }
}

/// The highest version finishes first and the lowest last, so that every event but those of the first would move an
/// alias back.
#[test]
fn documented_setting_gives_its_aliases_by_events() {
    for example in examples() {
        let bed = example.bed();
        for version in example.versions() {
            bed.store_images(version);
            for platform in PLATFORMS {
                bed.deliver_event(&format!("{version}-{platform}")).unwrap();
            }
        }
        example.assert_shown(&bed);
    }
}

#[test]
fn documented_setting_gives_its_aliases_by_a_sweep() {
    for example in examples() {
        let bed = example.bed();
        example.versions().for_each(|version| bed.store_images(version));
        let swept = bed.sweep(&json!({}));
        assert_eq!(swept["alias_conflicts_total"], 0, "{swept:#}");
        example.assert_shown(&bed);
    }
}
