//! Untrusted input: any bytes from outside are accepted, or rejected with a typed error.
//!
//! The properties are in [`target`], which the fuzz targets under `fuzz/` share. The inputs that those kept are
//! in `corpus/`, and are replayed here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test crate exports nothing")]

mod boundaries;
mod target;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use target::ALL;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/untrusted_input/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

#[test]
fn corpus_holds() {
    for (name, target) in ALL {
        let files = corpus(name);
        assert!(files.len() >= 5, "the corpus of {name} is gone");
        for (file, bytes) in files {
            let held = std::panic::catch_unwind(|| target(&bytes));
            assert!(held.is_ok(), "{file}");
        }
    }
}

#[test]
fn corpus_has_versions_that_are_published() {
    let published = corpus("version").into_iter().filter(|(_, bytes)| target::published_list(bytes).is_some());
    let names = published.map(|(file, _)| file.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>();
    for name in ["plain", "oci", "attested", "docker-lists", "mixed-unsaid-platform", "os-features", "replaces-a-list"]
    {
        assert!(names.iter().any(|one| one == name), "{name} is not among {names:?}");
    }
}

const WORDS: [&str; 28] = [
    "action",
    "assemble",
    "sweep",
    "repository",
    "repositories",
    "version",
    "dry_run",
    "force",
    "deep",
    "account",
    "region",
    "source",
    "aws.ecr",
    "detail-type",
    "ECR Image Action",
    "detail",
    "action-type",
    "PUSH",
    "result",
    "SUCCESS",
    "repository-name",
    "image-tag",
    "app",
    "1.2.3-amd64",
    "123456789012",
    "eu-central-1",
    "time",
    "",
];

/// JSON of any shape, with the words of valid inputs.
fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let word = prop_oneof![4 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(word.clone(), inner, 0..9).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Text of the corpus with a part of it cut out, doubled or replaced.
fn mutated(target: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let files: Vec<_> = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
    let at = any::<prop::sample::Index>;
    (prop::sample::select(files), at(), at(), prop::collection::vec(any::<u8>(), 0..3), any::<bool>()).prop_map(
        |(mut bytes, one, other, put, doubled)| {
            if bytes.is_empty() {
                return put;
            }
            let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
            let (from, to) = (one.min(other), one.max(other).min(one.min(other) + 12));
            let cut = bytes[from..to].to_vec();
            let put = if doubled { [cut.clone(), put, cut].concat() } else { put };
            bytes.splice(from..to, put);
            bytes
        },
    )
}

fn tag() -> impl Strategy<Value = String> {
    // Composed of few parts, so that versions often contain the parts of platforms and templates.
    let part = prop::sample::select(&["1", "a", "aa", "amd64", "windows", "arm", "v7", "-", "_", "."][..]);
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_parsed_or_refused(value in json()) {
        target::input(value.to_string().as_bytes());
    }

    #[test]
    fn any_tag_parses_both_ways(
        (before, between, after) in ("[a1_.-]{0,2}", "[a1_.-]{0,2}", "[a1_.-]{0,2}"),
        version_first: bool,
        parts in prop::collection::vec(tag(), 1..4),
        tags in prop::collection::vec(tag(), 4),
    ) {
        let (first, second) = if version_first { ("{version}", "{platform}") } else { ("{platform}", "{version}") };
        let architectures = ["amd64", "arm64", "s390x"];
        let platforms = architectures.iter().zip(&parts).map(|(architecture, part)| format!("linux/{architecture}={part}"));
        let platforms = platforms.collect::<Vec<_>>().join(",");
        let [before, between, after] = [before.as_str(), &between, &after];
        let composed = tags.iter().flat_map(|version| {
            parts.iter().map(move |part| {
                let (one, other) = if version_first { (version, part) } else { (part, version) };
                [before, one, between, other, after].concat()
            })
        });
        let lines = composed.chain(tags.iter().cloned()).collect::<Vec<_>>().join("\n");
        target::tag_scheme(format!("{before}{first}{between}{second}{after}\n{platforms}\n{lines}").as_bytes());
    }

    #[test]
    fn any_bytes_are_a_config_or_refused(bytes in prop_oneof![mutated("config"), prop::collection::vec(any::<u8>(), 0..64)]) {
        target::config(&bytes);
    }

    #[test]
    fn any_variables_are_settings_or_one_is_named(bytes in mutated("settings")) {
        target::settings(&bytes);
    }

    #[test]
    fn any_images_give_a_complete_list_or_none(bytes in mutated("version")) {
        target::version(&bytes);
    }
}
