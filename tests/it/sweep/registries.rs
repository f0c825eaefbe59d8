//! Several accounts and Regions: which registries are served, swept, and named by what is reported.

use std::time::{Duration, SystemTime};

use local_ecr::image::Image;
use local_ecr::{Fault, FaultKind, RegistryHandle};
use serde_json::{Value, json};

use super::{counts, fast_bed, fast_bed_with, remaining};
use crate::support::assertions::{assert_contains, assert_failure, assert_outcome};
use crate::support::function::{ACCOUNT, FunctionBuilder, REGION};
use crate::support::input::{push_event, with_fields};
use crate::support::test_bed::{TestBed, push_images};

const OTHER: &str = "210987654321";
const THIRD: &str = "999999999999";
const FAR: &str = "us-east-1";
/// The registries of two accounts in two Regions, in the order in which they are served.
const FOUR: [(&str, &str); 4] = [(ACCOUNT, REGION), (ACCOUNT, FAR), (OTHER, REGION), (OTHER, FAR)];

/// Settings of two accounts and two Regions.
fn four_registries(function: FunctionBuilder) -> FunctionBuilder {
    function.env("ACCOUNTS", OTHER).env("REGIONS", FAR)
}

/// A test bed that serves four registries, each with a lost version.
fn bed_with_four_registries() -> TestBed {
    let bed = fast_bed_with(four_registries);
    for (account, region) in FOUR {
        push_images(&bed.ecr.registry(account, region), "app", "1");
    }
    bed
}

fn registries(bed: &TestBed, fields: &Value) -> Value {
    bed.function.invoke(&with_fields(json!({"action": "registries"}), fields)).unwrap()
}

fn ids(ids: &[(&str, &str)]) -> Value {
    let ids = ids.iter().map(|(account, region)| json!({"account": account, "region": region}));
    json!({"registries": ids.collect::<Vec<_>>()})
}

#[test]
fn registries_are_listed_without_a_call() {
    let bed = bed_with_four_registries();
    assert_eq!(registries(&bed, &json!({})), ids(&FOUR));
    assert_eq!(bed.operations(), [""; 0]);
    let bed = TestBed::with(|function| function.env("ACCOUNTS", "*"));
    assert_eq!(registries(&bed, &json!({})), ids(&FOUR[..1]));
    assert_eq!(registries(&bed, &json!({"accounts": [THIRD, OTHER]})), ids(&[(OTHER, REGION), (THIRD, REGION)]));
}

/// Which of the four registries have the list.
fn published(bed: &TestBed) -> Vec<(&'static str, &'static str)> {
    let has_list = |(account, region): &(&str, &str)| bed.ecr.registry(account, region).tag("app", "1").is_some();
    FOUR.into_iter().filter(has_list).collect()
}

#[test]
fn all_registries_are_swept_or_those_requested() {
    for (request, expected) in [
        (json!({}), &FOUR[..]),
        (json!({"region": FAR}), &[(ACCOUNT, FAR), (OTHER, FAR)]),
        (json!({"account": OTHER, "region": FAR}), &FOUR[3..]),
    ] {
        let bed = bed_with_four_registries();
        let count = expected.len() as u64;
        assert_eq!(counts(&bed.sweep(&request)), [count, count, 0, 0, 0]);
        assert_eq!(published(&bed), expected);
    }
}

#[test]
fn log_line_of_one_registry_names_it() {
    let bed = bed_with_four_registries();
    bed.sweep(&json!({"account": OTHER, "region": FAR}));
    bed.sweep(&json!({}));
    let log = bed.function.final_log_lines();
    let swept: Vec<_> = log.iter().filter(|line| line["message"] == "swept").collect();
    assert_eq!((&swept[0]["account"], &swept[0]["region"]), (&json!(OTHER), &json!(FAR)));
    assert!(swept[1].get("account").is_none(), "{}", swept[1]);
}

#[test]
fn any_account_is_swept_on_request() {
    let bed = fast_bed_with(|function| function.env("ACCOUNTS", "*"));
    push_images(&bed.ecr.registry(THIRD, REGION), "app", "1");
    assert_eq!(counts(&bed.sweep(&json!({"account": THIRD}))), [1, 1, 0, 0, 0]);
}

#[test]
fn each_registry_gets_its_share_of_the_time() {
    let mut bed = TestBed::with(|function| four_registries(function).env("SWEEP_PUTS_PER_SECOND", "10"));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(5));
    bed.registry.fill("aaa", 300, &["linux/amd64", "linux/arm64"]).unwrap();
    for (account, region) in FOUR {
        push_images(&bed.ecr.registry(account, region), "app", "1");
    }
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["complete"], remaining(&swept).first()), (&json!(false), Some(&"aaa")));
    assert!(published(&bed).ends_with(&FOUR[1..]), "{swept}");
}

#[test]
fn throttled_registry_leaves_time_for_the_others() {
    let mut bed = bed_with_four_registries();
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::Throttle).registry(ACCOUNT, REGION));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(5));
    let swept = bed.sweep(&json!({}));
    assert_eq!((&swept["failed_total"], &swept["unfinished"]), (&json!(0), &json!(["app"])));
    assert_eq!(published(&bed), FOUR[1..]);
}

/// Denies the scan of the names of some registries, with a message that names them.
fn deny(bed: &TestBed, registries: &[(&str, &str)]) {
    for (account, region) in registries {
        let denial = FaultKind::client_error("AccessDeniedException", &format!("not in {account} {region}"));
        bed.ecr.faults().add(Fault::on("DescribeRepositories", denial).registry(account, region));
    }
}

#[test]
fn denied_registry_is_one_failure() {
    let bed = bed_with_four_registries();
    deny(&bed, &FOUR[..1]);
    let swept = bed.sweep(&json!({}));
    assert_eq!((counts(&swept), &swept["complete"]), ([3, 3, 0, 0, 1], &json!(true)));
    let entry = &swept["failed"][0];
    let named = ["account", "region", "repository", "version", "error"].map(|field| &entry[field]);
    let (account, region, error) = (json!(ACCOUNT), json!(REGION), json!("AccessDenied"));
    assert_eq!(named, [&account, &region, &Value::Null, &Value::Null, &error]);
    assert_eq!(published(&bed), FOUR[1..]);
}

#[test]
fn error_of_the_first_registry_is_that_of_all() {
    let bed = bed_with_four_registries();
    deny(&bed, &FOUR);
    assert_failure(&bed.try_sweep(&json!({})), "AccessDenied", &[&format!("not in {ACCOUNT} {REGION}")]);
}

/// A test bed after a sweep of four registries, each with a version that fails, one that lacks a platform and one that
/// is complete. With the answer.
fn sweep_with_findings(fields: &Value) -> (TestBed, Value) {
    let bed = fast_bed_with(four_registries);
    bed.ecr.clock().set(SystemTime::now() - Duration::from_hours(2));
    for (account, region) in FOUR {
        let registry = bed.ecr.registry(account, region);
        push_images(&registry, "app", "complete");
        registry.push("app", Some("lacking-amd64"), &Image::oci("linux/amd64"));
        registry.push("app", Some("wrong-amd64"), &Image::oci("linux/amd64"));
        registry.push("app", Some("wrong-arm64"), &Image::oci("linux/amd64").content("wrong"));
    }
    let swept = bed.sweep(fields);
    (bed, swept)
}

/// The registries that objects name, in order.
fn named<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Vec<(&'a str, &'a str)> {
    objects
        .into_iter()
        .map(|object| (object["account"].as_str().unwrap(), object["region"].as_str().unwrap()))
        .collect()
}

#[test]
fn every_entry_names_its_registry() {
    let (_, swept) = sweep_with_findings(&json!({"dry_run": true}));
    for list in ["failed", "incomplete", "pending"] {
        assert_eq!(named(swept[list].as_array().unwrap()), FOUR, "{list}: {swept}");
    }
}

#[test]
fn log_lines_about_versions_name_the_registry() {
    let (bed, _) = sweep_with_findings(&json!({}));
    let lines = bed.function.final_log_lines();
    for level in ["ERROR", "WARN"] {
        assert_eq!(named(lines.iter().filter(|line| line["level"] == level)), FOUR, "{level}");
    }
}

/// An event of another registry.
fn foreign_event(account: &str, region: &str) -> Value {
    with_fields(push_event("app", "1-arm64"), &json!({"account": account, "region": region}))
}

#[test]
fn answer_and_log_line_name_the_registry_of_an_event() {
    let bed = bed_with_four_registries();
    let answer = bed.function.invoke(&foreign_event(OTHER, FAR)).unwrap();
    assert_eq!((&answer["outcome"], named([&answer])), (&json!("published"), vec![(OTHER, FAR)]));
    let lines = bed.function.final_log_lines();
    assert_eq!(named(lines.iter().filter(|line| line["outcome"] == "published")), [(OTHER, FAR)]);
}

#[test]
fn failed_request_is_logged_with_its_registry() {
    let bed = bed_with_four_registries();
    bed.assemble_with("1", &json!({"account": OTHER, "region": FAR, "repository": "absent"})).unwrap_err();
    let lines = bed.function.final_log_lines();
    assert_eq!(named(lines.iter().filter(|line| line["level"] == "ERROR")), [(OTHER, FAR)]);
}

#[test]
fn ignored_input_that_names_no_registry_has_none() {
    let bed = TestBed::new();
    let mut event = push_event("app", "1-arm64");
    event["detail"]["action-type"] = json!("DELETE");
    for field in ["account", "region"] {
        event.as_object_mut().unwrap().remove(field);
    }
    let answer = bed.function.invoke(&event).unwrap();
    assert_eq!(
        (&answer["outcome"], &answer["account"], &answer["region"]),
        (&json!("ignored"), &Value::Null, &Value::Null)
    );
}

#[test]
fn event_of_a_registry_that_is_not_served_is_ignored() {
    let bed = bed_with_four_registries();
    for (account, region, parts) in
        [(ACCOUNT, "ap-south-1", ["ap-south-1", "REGIONS"]), (THIRD, REGION, [THIRD, "ACCOUNTS"])]
    {
        let answer = bed.function.invoke(&foreign_event(account, region));
        assert_outcome(&answer, "ignored");
        assert_contains(answer.unwrap()["reason"].as_str().unwrap(), &parts);
    }
}

#[test]
fn event_of_any_account_is_served() {
    let bed = TestBed::with(|function| function.env("ACCOUNTS", "*"));
    push_images(&bed.ecr.registry(THIRD, REGION), "app", "1");
    assert_outcome(&bed.function.invoke(&foreign_event(THIRD, REGION)), "published");
}

/// A test bed that serves two accounts and the repositories `app`, `shared` and `absent` by name: the own registry has
/// `app`, the other one `shared`, and none has `absent`.
fn bed_with_names() -> TestBed {
    let bed = fast_bed_with(|function| function.env("ACCOUNTS", OTHER).env("REPOSITORIES", "absent,app,shared"));
    let other: RegistryHandle = bed.ecr.registry(OTHER, REGION);
    push_images(&other, "shared", "1");
    bed
}

#[test]
fn repository_that_no_registry_has_is_one_failure() {
    let swept = bed_with_names().sweep(&json!({}));
    assert_eq!((counts(&swept), &swept["complete"]), ([1, 1, 0, 0, 1], &json!(true)), "{swept}");
    assert_eq!(
        (&swept["failed"][0]["repository"], &swept["failed"][0]["error"]),
        (&json!("absent"), &json!("RepositoryNotFound"))
    );
}

#[test]
fn repository_that_one_of_several_lacks_is_skipped() {
    let bed = bed_with_names();
    for account in [ACCOUNT, OTHER] {
        assert_eq!(bed.sweep(&json!({"account": account}))["failed"], json!([]), "{account}");
    }
}

#[test]
fn repository_that_the_only_registry_lacks_is_a_failure() {
    let bed = fast_bed();
    let swept = bed.sweep(&json!({"repositories": ["absent", "app"]}));
    assert_eq!(swept["failed"][0]["repository"], "absent");
}

#[test]
fn repository_that_is_absent_is_reported_before_the_stop() {
    let mut bed = fast_bed_with(|function| function.env("REPOSITORIES", "absent,app"));
    bed.store_images("1");
    bed.ecr.faults().add(Fault::on("DescribeImages", FaultKind::Throttle).repository("app"));
    bed.function = bed.function.with_remaining_time(Duration::from_secs(2));
    let swept = bed.sweep(&json!({}));
    assert_eq!(
        (&swept["failed"][0]["repository"], &swept["unfinished"]),
        (&json!("absent"), &json!(["app"])),
        "{swept}"
    );
}
