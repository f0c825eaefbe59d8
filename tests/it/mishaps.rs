//! Why a tag is not there: mishaps of every day, each from the guide's own commands to its cause, in three steps at most.

use local_ecr::image::Image;
use local_ecr::{Fault, FaultKind, Mutability};
use serde_json::Value;

use crate::support::assertions::assert_contains;
use crate::support::function::FunctionBuilder;
use crate::support::test_bed::TestBed;

const GUIDE: &str = include_str!("../../docs/runbook.md");

/// The section of the guide.
fn section() -> &'static str {
    let (_, section) = GUIDE.split_once("## Why is my tag not there?\n").unwrap();
    section.split("\n## ").next().unwrap()
}

/// Step 1: what the guide's dry run says of `app:1.2.3`.
fn dry_run(bed: &TestBed) -> String {
    let (_, request) = section().split_once("echo '").unwrap();
    let request: Value = serde_json::from_str(request.split('\'').next().unwrap()).unwrap();
    assert_eq!(
        (&request["repository"], &request["version"], &request["dry_run"]),
        (&"app".into(), &"1.2.3".into(), &true.into())
    );
    match bed.function.invoke(&request) {
        Ok(answer) => answer.to_string(),
        Err(failure) => format!("{}: {}", failure.error_type, failure.message),
    }
}

/// Step 2: what the guide's query finds of events, as text.
fn history(bed: &TestBed) -> String {
    let query = r#"filter repository = "app" and (version = "1.2.3" or tag like "1.2.3")"#;
    assert!(GUIDE.contains(query));
    let is_found = |line: &Value| {
        let is_tagged = line["tag"].as_str().is_some_and(|tag| tag.contains("1.2.3"));
        line["repository"] == "app" && (line["version"] == "1.2.3" || is_tagged) && line["input"] == "event"
    };
    let lines = bed.function.final_log_lines().into_iter().filter(is_found);
    lines.map(|line| line.to_string()).collect::<Vec<_>>().join("\n")
}

fn images(bed: &TestBed, tags: [(&str, &str); 2]) {
    for (tag, platform) in tags {
        // The steps show what is refused.
        let _ = bed.push(tag, &Image::oci(platform));
    }
}

const RIGHT: [(&str, &str); 2] = [("1.2.3-amd64", "linux/amd64"), ("1.2.3-arm64", "linux/arm64")];

fn with(name: &'static str, value: &'static str) -> TestBed {
    TestBed::with(|function: FunctionBuilder| function.env(name, value))
}

#[test]
fn another_suffix_is_in_the_history_with_what_was_expected() {
    let bed = TestBed::new();
    images(&bed, [("1.2.3-x86_64", "linux/amd64"), ("1.2.3-aarch64", "linux/arm64")]);
    assert_contains(&dry_run(&bed), &["waiting", "1.2.3-amd64", "1.2.3-arm64"]);
    assert_contains(&history(&bed), &["1.2.3-x86_64 is not the tag", "expected VERSION-amd64 or VERSION-arm64"]);
}

#[test]
fn missing_platform_is_named_with_its_tag() {
    let bed = TestBed::new();
    bed.push("1.2.3-amd64", &Image::oci("linux/amd64")).unwrap();
    assert_contains(&dry_run(&bed), &[r#""missing":["linux/arm64"]"#, r#""expected_tags":["1.2.3-arm64"]"#]);
    assert_contains(&history(&bed), &[r#""outcome":"waiting""#, r#""expected_tags":"1.2.3-arm64""#]);
}

#[test]
fn wrong_architecture_is_an_error_of_both_steps() {
    let bed = TestBed::new();
    images(&bed, [("1.2.3-amd64", "linux/amd64"), ("1.2.3-arm64", "linux/amd64")]);
    let cause = ["PlatformMismatch", "1.2.3-arm64"];
    assert_contains(&dry_run(&bed), &cause);
    assert_contains(&history(&bed), &cause);
}

#[test]
fn images_of_two_commits_are_told() {
    let bed = TestBed::new();
    bed.push("1.2.3-amd64", &Image::oci("linux/amd64").revision("a")).unwrap();
    bed.push("1.2.3-arm64", &Image::oci("linux/arm64").revision("b")).unwrap();
    let cause = ["waiting", "revision"];
    assert_contains(&dry_run(&bed), &cause);
    assert_contains(&history(&bed), &cause);
}

#[test]
fn settings_that_leave_it_out_are_named() {
    for (bed, setting) in
        [(with("REPOSITORIES", "team-a/*"), "REPOSITORIES"), (with("VERSION_PATTERN", "v.*"), "VERSION_PATTERN")]
    {
        images(&bed, RIGHT);
        assert_contains(&dry_run(&bed), &["ignored", setting]);
        assert_contains(&history(&bed), &["ignored", setting]);
    }
}

#[test]
fn tag_that_is_taken_is_a_conflict() {
    let bed = TestBed::new();
    bed.registry.push("app", Some("1.2.3"), &Image::oci("linux/riscv64"));
    images(&bed, RIGHT);
    assert_contains(&dry_run(&bed), &["TagConflict", "force"]);
    assert_contains(&history(&bed), &["TagConflict", "force"]);
}

#[test]
fn immutable_tag_is_a_conflict() {
    let bed = TestBed::new();
    images(&bed, RIGHT);
    bed.registry.set_mutability("app", Mutability::ImmutableWithExclusion(vec!["1.2.3-*".to_owned()]));
    bed.push("1.2.3-arm64", &Image::oci("linux/arm64").content("again")).unwrap_err();
    assert_contains(&dry_run(&bed), &["would_publish", "unless the tag is immutable: TagConflict"]);
    assert_contains(&history(&bed), &["TagConflict", "immutable"]);
}

#[test]
fn missing_permission_is_named() {
    let bed = TestBed::new();
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error("AccessDeniedException", "denied")));
    images(&bed, RIGHT);
    assert_contains(&dry_run(&bed), &["would_publish"]);
    assert_contains(&history(&bed), &["AccessDenied", "ecr:PutImage"]);
}

#[test]
fn lost_event_leaves_no_line_but_that_of_the_dry_run() {
    let bed = TestBed::new();
    bed.store_images("1.2.3");
    assert_contains(&dry_run(&bed), &["would_publish"]);
    assert_eq!(history(&bed), "");
    assert_contains(section(), &["**3. No line of an event: it did not arrive.**"]);
}
