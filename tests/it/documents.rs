//! The documents: their links, and what they repeat.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ecr_multiarch_core::settings::variable::Variable;

/// The folder of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Markdown files of the project.
fn documents() -> Vec<PathBuf> {
    files("md")
}

/// All files of a kind, without those of builds and installed tools.
fn files(kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if path.is_dir() && !["target", ".git", ".aws-sam", "node_modules"].contains(&name.as_str()) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == kind) {
                found.push(path);
            }
        }
    }
    found
}

/// A document without its code blocks.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// The targets of all inline links and pictures of a document.
fn links(text: &str) -> Vec<String> {
    let link = regex_lite::Regex::new(r"\]\(([^()\s]+)\)").unwrap();
    link.captures_iter(&prose(text)).map(|found| found[1].to_owned()).collect()
}

/// The anchors of a document's headings, by the rules of the code hosts: lower case, spaces become hyphens, and other
/// characters than letters, digits, hyphens and underscores are left out.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|title| anchor(title.trim_start_matches('#').trim()))
        .collect()
}

fn anchor(heading: &str) -> String {
    let kept = |character: &char| character.is_alphanumeric() || "-_ ".contains(*character);
    heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

#[test]
fn links_lead_to_files_and_headings() {
    let documents = documents();
    assert!(documents.contains(&root().join("docs/design.md")));
    let mut broken = Vec::new();
    for document in documents {
        for link in links(&fs::read_to_string(&document).unwrap()) {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { document.clone() } else { document.with_file_name(file) };
            let is_external = link.contains("://");
            let leads = || {
                target.exists()
                    && (heading.is_empty() || anchors(&fs::read_to_string(&target).unwrap()).contains(heading))
            };
            if !is_external && !leads() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn contents_name_every_section() {
    let mut incomplete = Vec::new();
    for document in documents() {
        let text = prose(&fs::read_to_string(&document).unwrap());
        let entries = text.lines().filter_map(|line| line.strip_prefix("- [")?.strip_suffix(')')?.split_once("](#"));
        let contents: Vec<_> = entries.map(|(title, _)| title).collect();
        let sections: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        if !contents.is_empty() && contents != sections {
            incomplete.push((document, contents.join(", "), sections.join(", ")));
        }
    }
    assert_eq!(incomplete, []);
}

/// The sections of all documents that have commands for a shell, each as the path and the heading.
fn sections_with_commands() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for document in documents().into_iter().chain(files("in")) {
        let (mut heading, mut is_code) = ("its beginning".to_owned(), false);
        for line in fs::read_to_string(&document).unwrap().lines() {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
                if line.trim() == "```sh" {
                    let name = document.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                    found.insert((name, heading.clone()));
                }
            } else if let Some(title) = line.strip_prefix("## ").filter(|_| !is_code) {
                title.clone_into(&mut heading);
            }
        }
    }
    found
}

#[test]
fn all_commands_are_run_or_need_what_is_stated() {
    let testing = fs::read_to_string(root().join("TESTING.md")).unwrap();
    let (_, table) = testing.split_once("\n## Commands of the documents\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let rows: Vec<Vec<_>> =
        table.lines().filter(|line| line.starts_with("| `")).map(|line| line.split(" | ").collect()).collect();
    let is_stated = |(document, heading): &(String, String)| {
        rows.iter().any(|row| {
            let [named, headings, _] = row[..] else { panic!("{row:?}") };
            named == format!("| `{document}`") && headings.contains(heading.as_str())
        })
    };
    let found = sections_with_commands();
    assert!(found.len() > 30, "{found:?}");
    assert_eq!(found.iter().filter(|section| !is_stated(section)).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}

#[test]
fn quoted_figures_are_on_record() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap().replace("\n- ", "\n\n- ");
    let figures = words(&read("docs/figures.md"));
    let number = regex_lite::Regex::new(r"[0-9][0-9.,]* (?:ms|MiB|USD)\b").unwrap();
    for guide in ["docs/evaluate.md", "docs/cost.md"] {
        let text = read(guide);
        let quoting = text.split("\n\n").filter(|paragraph| paragraph.contains("](figures.md"));
        let paragraphs: Vec<_> = quoting.map(words).collect();
        let quoted: Vec<_> = paragraphs.iter().flat_map(|text| number.find_iter(text)).collect();
        assert!(quoted.len() > 3, "{guide} quotes {quoted:?}");
        let unknown: Vec<_> = quoted.iter().filter(|figure| !figures.contains(figure.as_str())).collect();
        assert!(unknown.is_empty(), "{guide} quotes {unknown:?}");
    }
}

#[test]
fn everything_names_the_current_version() {
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    let (version, readme, changelog) = (env!("CARGO_PKG_VERSION"), read("README.md"), read("CHANGELOG.md"));
    let released = changelog.lines().find_map(|line| line.strip_prefix(&format!("## [{version}] - ")));
    let date = released.expect("the changelog has the version");
    assert!(readme.contains(&format!("| version | {version}, of {date}.")), "README.md lacks {version}, of {date}");
    let archive = regex_lite::Regex::new(r"ecr-multiarch-([0-9]+\.[0-9]+\.[0-9]+)").unwrap();
    let archives: BTreeSet<_> = archive.captures_iter(&readme).map(|found| found[1].to_owned()).collect();
    assert_eq!(archives, [version.to_owned()].into());
    assert!(read("template.yaml").contains(&format!("SemanticVersion: {version}\n")));
    assert!(read("docs/deploy.md").contains(concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"), " or later")));
}

#[test]
fn readme_stays_short() {
    let lines = fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines <= 150, "{lines} lines: a reader decides by them whether to go on");
}

/// The defaults in the rows of a table whose first two columns are names and defaults.
fn stated_defaults(table: &str) -> BTreeMap<String, String> {
    let rows = table.lines().filter(|line| line.starts_with("| `")).map(|row| row.split(" | ").collect::<Vec<_>>());
    let pairs = rows.flat_map(|cells| {
        let names = cells[0].trim_start_matches("| ").split(", ").map(|name| name.trim_matches('`').to_owned());
        let defaults = cells[1].split(", ").map(|default| match default {
            "any" | "none" => String::new(),
            value => value.trim_matches('`').to_owned(),
        });
        names.zip(defaults).collect::<Vec<_>>()
    });
    pairs.collect()
}

#[test]
fn the_guide_states_the_default_of_each_setting() {
    let guide = fs::read_to_string(root().join("docs/settings.md")).unwrap();
    let (_, settings) = guide.split_once("\n## Settings\n").unwrap();
    let (settings, _) = settings.split_once("\n## ").unwrap();
    let defaults = Variable::ALL.iter().map(|name| (name.to_string(), name.default().unwrap_or("required").to_owned()));
    assert_eq!(stated_defaults(settings), defaults.collect());
}

/// The cases of `docs/field-cases.md`. A row that is dropped would leave what its test shows without a place.
const FIELD_CASES: &str = "01 02 05 06 07 08 09 10 11 12 13 14 17 18 19 20 21 22 23 24 26 27 28 29 31 32 33 34 35 36 \
    38 41 42 44 45 46 47 48 49";

/// All tests, each as `module::function`: a module is named by its file, or by its folder.
fn tests() -> BTreeSet<String> {
    let test = regex_lite::Regex::new(r"#\[test\]\s+fn ([a-z0-9_]+)\(").unwrap();
    let tests_of = |path: PathBuf| {
        let named = if path.ends_with("main.rs") { path.parent().unwrap() } else { &path };
        let module = named.file_stem().unwrap().to_str().unwrap().to_owned();
        let code = fs::read_to_string(&path).unwrap();
        test.captures_iter(&code).map(|found| format!("{module}::{}", &found[1])).collect::<Vec<_>>()
    };
    files("rs").into_iter().flat_map(tests_of).collect()
}

#[test]
fn every_field_case_has_tests_and_sources() {
    let document = fs::read_to_string(root().join("docs/field-cases.md")).unwrap();
    let (test, source) = (r"`([a-z0-9_]+::[a-z0-9_]+)`", r"^[\w.-]+/[\w.-]+#[0-9]+$");
    let [test, source] = [test, source].map(|pattern| regex_lite::Regex::new(pattern).unwrap());
    let rows = document.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit());
    let rows: Vec<Vec<_>> = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), FIELD_CASES.split_whitespace().collect::<Vec<_>>());
    let existing = tests();
    for row in rows {
        let [case, _, _, named, sources] = row[..] else { panic!("{row:?}") };
        let named: Vec<_> = named.split(", ").collect();
        let is_test = |name: &&str| test.captures(name).is_some_and(|found| existing.contains(&found[1]));
        assert_eq!(named.iter().filter(|name| !is_test(name)).collect::<Vec<_>>(), [&""; 0], "{case}");
        assert!(sources.split(", ").all(|text| source.is_match(text)), "{case}: {sources}");
    }
}

#[test]
fn every_claim_of_the_security_review_has_a_test_or_a_document() {
    let review = fs::read_to_string(root().join("docs/security-review.md")).unwrap();
    let rows: Vec<_> = prose(&review).lines().filter(|line| line.starts_with("| ")).map(str::to_owned).collect();
    let claims: Vec<_> =
        rows.iter().filter(|row| !row.ends_with("| shown by |") && !row.starts_with("| ---")).collect();
    assert!(claims.len() > 15, "{claims:?}");
    let test = regex_lite::Regex::new("`([a-z0-9_]+::[a-z0-9_]+)`").unwrap();
    let existing = tests();
    for claim in claims {
        let proof = claim.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(proof.contains("](") || test.is_match(proof), "{claim}");
    }
    let named: Vec<_> = test.captures_iter(&review).map(|found| found[1].to_owned()).collect();
    assert_eq!(named.iter().filter(|name| !existing.contains(*name)).collect::<Vec<_>>(), [""; 0]);
}
