//! The alias `wait` of the function, whose callers may only have versions assembled, and the script that invokes it.

use std::fs;
use std::path::Path;

use ecr_multiarch_core::ErrorType;
use serde_json::{Value, json};

use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::input::{assemble_request, batch, push_event, sweep_request, with_fields, yank_request};
use crate::support::test_bed::TestBed;

/// The requests that the alias refuses, each with the words by which its message names it.
fn refused() -> Vec<(Value, &'static str)> {
    let assemble = |fields| with_fields(assemble_request("app", "1"), &fields);
    let with_action = |action: &str| with_fields(yank_request("app", "1.2.3"), &json!({"action": action}));
    let mut scan = push_event("app", "1-arm64");
    scan["detail-type"] = "ECR Image Scan".into();
    vec![
        (assemble(json!({"force": true})), "force"),
        (assemble(json!({"force": true, "dry_run": true})), "force"),
        (sweep_request(&json!({})), "sweep"),
        (sweep_request(&json!({"dry_run": true})), "sweep"),
        (with_action("yank"), "yank"),
        (with_action("unyank"), "unyank"),
        (json!({"action": "registries"}), "registries"),
        (push_event("app", "1-arm64"), "event"),
        (scan, "event"),
        (batch(&[]), "batch"),
        (batch(&[assemble_request("app", "1")]), "batch"),
        (batch(&[assemble(json!({"force": true}))]), "batch"),
        (batch(&[push_event("app", "1-arm64")]), "batch"),
    ]
}

#[test]
fn wait_alias_assembles() {
    let bed = TestBed::with_images();
    for (fields, outcome) in [
        (json!({"dry_run": true}), "would_publish"),
        (json!({"force": false, "account": "123456789012", "region": "eu-central-1"}), "published"),
        (json!({}), "unchanged"),
        (json!({"wait_seconds": 1}), "unchanged"),
    ] {
        let request = with_fields(assemble_request("app", "1"), &fields);
        assert_outcome(&bed.function.invoke_by("wait", &request), outcome);
    }
}

#[test]
fn wait_alias_refuses_anything_else_before_it_calls_ecr() {
    let bed = TestBed::with_images();
    for (input, word) in refused() {
        let answer = bed.function.invoke_by("wait", &input);
        assert_failure(&answer, "InvalidRequest", &["\"wait\"", word, "invoke the function itself"]);
    }
    assert_eq!(bed.operations(), [""; 0]);
}

#[test]
fn wait_alias_names_what_is_wrong_with_a_request() {
    let request = with_fields(assemble_request("app", "1"), &json!({"forced": true}));
    assert_failure(&TestBed::new().function.invoke_by("wait", &request), "InvalidRequest", &["forced"]);
}

#[test]
fn other_qualifiers_refuse_nothing() {
    for qualifier in ["live", "$LATEST", "7", "waiting", "Wait"] {
        let bed = TestBed::with_images();
        for (input, _) in refused() {
            let answer = bed.function.invoke_by(qualifier, &input);
            assert!(answer.is_ok(), "{qualifier}: {answer:?}");
        }
    }
}

#[test]
fn script_that_waits_goes_on_after_retryable_errors_only() {
    let script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/wait-for-version")).unwrap();
    let retryable: Vec<_> = ErrorType::ALL.iter().filter(|kind| kind.is_retryable()).map(|kind| kind.name()).collect();
    assert_contains(&script, &[&format!("\n    {}) state=retry ;;\n", retryable.join(" | "))]);
    for kind in ErrorType::ALL.iter().filter(|kind| !kind.is_retryable()) {
        assert!(!script.contains(&format!("{}) state=retry", kind.name())), "{kind}");
    }
}

#[test]
fn refused_request_is_logged() {
    let bed = TestBed::new();
    bed.function.invoke_by("wait", &batch(&[])).unwrap_err();
    let lines = bed.function.final_log_lines();
    let line = lines.iter().find(|line| line["error"] == "InvalidRequest");
    assert!(line.is_some(), "{lines:?}");
}
