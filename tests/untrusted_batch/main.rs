//! Untrusted batches: what a queue delivers is worked off or answered, in a bounded memory.
//!
//! The property is in [`target`], which the fuzz target under `fuzz/` shares. `corpus/` has inputs of both.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic fails the test")]
#![allow(unreachable_pub, reason = "a test crate exports nothing")]

#[path = "../../core/tests/support/memory.rs"]
mod memory;
mod target;

use std::fs;
use std::path::Path;

use ecr_multiarch::payload;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/untrusted_batch/corpus/batch");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 5, "the corpus is gone");
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let held = std::panic::catch_unwind(|| target::batch(&bytes));
        assert!(held.is_ok(), "{}", file.display());
    }
}

/// JSON of about so many bytes that takes much memory for each of them.
fn filled(filler: &str, bytes: usize) -> Value {
    match filler {
        "objects" => vec![json!({"": 0}); bytes / 7].into(),
        "arrays" => vec![json!([]); bytes / 3].into(),
        "numbers" => vec![json!(0); bytes / 2].into(),
        "nested" => (0..100).fold(json!("x".repeat(bytes)), |inner, _| json!({"a": inner})),
        "pairs" => {
            (0..bytes / 10).map(|number| (format!("{number:x}"), json!(0))).collect::<serde_json::Map<_, _>>().into()
        }
        "quotes" => "\"".repeat(bytes / 2).into(),
        other => panic!("{other}"),
    }
}

/// A body that is an event, a request or neither, with a field that is filled.
fn body(place: &str, filled: Value) -> String {
    let mut push = json!({
        "detail-type": "ECR Image Action", "source": "aws.ecr", "account": "123456789012", "region": "eu-central-1",
        "detail": {"result": "SUCCESS", "repository-name": "app", "action-type": "PUSH", "image-tag": "1-amd64"},
    });
    match place {
        "event" => push["resources"] = filled,
        "detail" => push["detail"]["x"] = filled,
        "tag" => push["detail"]["image-tag"] = filled,
        "request" => push = json!({"action": "assemble", "repository": "app", "version": "1", "x": filled}),
        "action" => push = json!({"action": filled}),
        other => panic!("{other}"),
    }
    push.to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_batches_take_bounded_memory(
        filler in prop::sample::select(&["objects", "arrays", "numbers", "nested", "pairs", "quotes"][..]),
        place in prop::sample::select(&["event", "detail", "tag", "request", "action"][..]),
        bytes in prop::sample::select(&[100, 20_000, 200_000][..]),
        records in 1..10_usize,
        is_in_body: bool,
    ) {
        let filled = filled(filler, bytes / records);
        let of_body = if is_in_body { filled.clone() } else { Value::Null };
        let record = |id: usize| {
            json!({"messageId": id.to_string(), "eventSource": "aws:sqs", "body": body(place, of_body.clone()),
                   "attributes": if is_in_body { Value::Null } else { filled.clone() }})
        };
        let batch = json!({"Records": (0..records).map(record).collect::<Vec<_>>()});
        target::batch(batch.to_string().as_bytes());
    }
}
