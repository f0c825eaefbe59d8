//! Every file of `events/`, handed to the function as `cargo lambda invoke` and `sam local invoke` do.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use local_ecr::image::Image;
use serde_json::Value;

use crate::world::World;

/// What each file comes to, in a registry in which `1.0.0` is complete, `2.0.0` lacks amd64, and nothing is published.
const EXPECTED: [(&str, &str); 26] = [
    ("archive", "ignored"),
    ("assemble", "published"),
    ("assemble-dry-run", "would_publish"),
    ("assemble-force", "published"),
    ("assemble-typo", "InvalidRequest"),
    ("delete", "ignored"),
    ("push-amd64", "published"),
    ("push-arm64", "published"),
    ("push-attested", "waiting"),
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
];

fn files() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn each_file_of_events_comes_to_what_is_stated_here() {
    let files = files();
    assert_eq!(files.keys().collect::<Vec<_>>(), EXPECTED.map(|(name, _)| name).iter().collect::<Vec<_>>());
    let world = World::with(|setup| setup.set("REPOSITORIES", "app,team-a/*"));
    for (name, expected) in EXPECTED {
        world.registry.delete("app", "1.0.0");
        world.registry.push("app", Some("1.0.0-amd64"), &Image::oci("linux/amd64"));
        world.registry.push("app", Some("1.0.0-arm64"), &Image::oci("linux/arm64"));
        world.registry.push("app", Some("2.0.0-arm64"), &Image::oci("linux/arm64").attested());
        world.ecr.clear_journal();
        let answer = world.function.invoke_raw(&files[name]);
        let came_to = match &answer {
            Ok(answer) => answer["outcome"].as_str().unwrap(),
            Err(failure) => &failure.error_type,
        };
        assert_eq!(came_to, expected, "{name}: {answer:?}");
        if expected == "ignored" {
            let answer = answer.unwrap();
            assert!(answer["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{name}");
            assert!(world.ecr.journal().is_empty(), "{name} is ignored without a call to ECR");
        }
    }
}

#[test]
fn a_request_that_the_settings_leave_out_is_ignored_with_the_reason() {
    let world = World::with(|setup| setup.set("REPOSITORIES", "app").set("VERSION_PATTERN", r"\d+"));
    for (payload, said) in [
        (r#"{"action":"assemble","repository":"other","version":"1"}"#, "REPOSITORIES"),
        (r#"{"action":"assemble","repository":"app","version":"latest"}"#, "VERSION_PATTERN"),
        (r#"{"action":"assemble","repository":"app","version":"1","account":"999999999999"}"#, "ACCOUNTS"),
        (r#"{"action":"sweep","repositories":["other"]}"#, "REPOSITORIES"),
        (r#"{"action":"sweep","account":"999999999999"}"#, "ACCOUNTS"),
    ] {
        let answer: Value = world.function.invoke_raw(payload).unwrap();
        assert_eq!(answer["outcome"], "ignored", "{payload}");
        assert!(answer["reason"].as_str().unwrap().contains(said), "{answer:#}");
    }
    assert!(world.ecr.journal().is_empty());
}
