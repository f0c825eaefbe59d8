//! The files of `events/` as input, and requests that the settings exclude.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use local_ecr::image::Image;

use crate::support::assertions::assert_contains;
use crate::support::test_bed::TestBed;

/// What a batch is expected to answer.
const NOTHING_RETURNED: &str = r#"{"batchItemFailures":[]}"#;

/// The outcome or error type of each file, in a registry where `1.0.0` has both images, `2.0.0` lacks amd64, and
/// nothing is published, except that the yanks find `1.0.0` published. The alias is `latest`.
const EXPECTED: [(&str, &str); 30] = [
    ("archive", "ignored"),
    ("assemble", "published"),
    ("assemble-dry-run", "would_publish"),
    ("assemble-force", "published"),
    ("assemble-typo", "InvalidRequest"),
    ("batch", NOTHING_RETURNED),
    ("delete", "ignored"),
    ("push-amd64", "published"),
    ("push-arm64", "published"),
    ("push-attested", "waiting"),
    ("push-chart", "ignored"),
    ("push-failed", "ignored"),
    ("push-minimal", "published"),
    ("push-other-account", "ignored"),
    ("push-other-repository", "ignored"),
    ("push-own-list", "ignored"),
    ("push-signature", "ignored"),
    ("push-soci-index", "ignored"),
    ("push-untagged", "ignored"),
    ("push-untagged-no-key", "ignored"),
    ("referrer", "ignored"),
    ("replication", "ignored"),
    ("restore", "ignored"),
    ("scan", "ignored"),
    ("sweep", "swept"),
    ("sweep-deep", "swept"),
    ("sweep-dry-run", "swept"),
    ("unreadable", "InvalidRequest"),
    ("unyank", "unchanged"),
    ("yank", "yanked"),
];

/// The files of `events/`, by name without the extension.
fn event_files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Invokes the function with each file, as `sam local invoke` does.
#[test]
fn event_files_have_their_expected_outcomes() {
    let files = event_files();
    assert_eq!(files.keys().collect::<Vec<_>>(), EXPECTED.map(|(name, _)| name).iter().collect::<Vec<_>>());
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("events/README.md")).unwrap();
    let bed = TestBed::with(|function| function.env("REPOSITORIES", "app,team-a/*").env("ALIASES", "latest"));
    for (name, expected) in EXPECTED {
        assert!(guide.contains(&format!("| `{name}.json` |")), "events/README.md lacks {name}.json");
        bed.registry.delete("app", "1.0.0");
        bed.store_images("1.0.0");
        bed.registry.push("app", Some("2.0.0-arm64"), &Image::oci("linux/arm64").attested());
        if name.ends_with("yank") {
            bed.assemble("1.0.0").unwrap();
        }
        bed.ecr.clear_journal();
        let response = bed.function.invoke_text(&files[name]);
        let outcome = match &response {
            Ok(answer) => answer["outcome"].as_str().map_or_else(|| answer.to_string(), str::to_owned),
            Err(failure) => failure.error_type.clone(),
        };
        assert_eq!(outcome, expected, "{name}: {response:?}");
        if expected == "ignored" {
            let reason = response.unwrap()["reason"].clone();
            assert!(reason.as_str().is_some_and(|reason| !reason.is_empty()), "{name}");
            assert_eq!(bed.operations(), [""; 0], "{name}");
        }
    }
}

/// Requests that the settings exclude, with the variable that does.
const EXCLUDED: [(&str, &str); 5] = [
    (r#"{"action":"assemble","repository":"other","version":"1"}"#, "REPOSITORIES"),
    (r#"{"action":"assemble","repository":"app","version":"latest"}"#, "VERSION_PATTERN"),
    (r#"{"action":"assemble","repository":"app","version":"1","account":"999999999999"}"#, "ACCOUNTS"),
    (r#"{"action":"sweep","repositories":["other"]}"#, "REPOSITORIES"),
    (r#"{"action":"sweep","account":"999999999999"}"#, "ACCOUNTS"),
];

#[test]
fn excluded_request_is_ignored_with_reason() {
    let bed = TestBed::with(|function| function.env("REPOSITORIES", "app").env("VERSION_PATTERN", r"\d+"));
    for (payload, variable) in EXCLUDED {
        let answer = bed.function.invoke_text(payload).unwrap();
        assert_eq!(answer["outcome"], "ignored", "{payload}");
        assert_contains(answer["reason"].as_str().unwrap(), &[variable]);
    }
    assert_eq!(bed.operations(), [""; 0]);
}
