//! SQS batches: which records are reconciled together, and which go back to the queue.

// The aliases of the releases of a batch.
mod aliases;
// What becomes of a batch where calls about one image, repository or registry fail.
mod neighbours;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use local_ecr::image::Image;
use local_ecr::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::assertions::{assert_failure, only_metrics};
use crate::support::function::{ACCOUNT, REGION};
use crate::support::input::{
    assemble_request, batch, batch_of_messages, batch_of_text, push_event, push_event_of_age, sweep_request,
    with_fields, yank_request,
};
use crate::support::queue::Message;
use crate::support::test_bed::{TestBed, push_images};

const OTHER: &str = "210987654321";

/// The message ids that go back to the queue.
#[track_caller]
fn returned(response: &Value) -> Vec<&str> {
    let failures = response["batchItemFailures"].as_array().unwrap().iter();
    let mut ids: Vec<_> = failures.map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// Invokes the function with a batch of these bodies.
#[track_caller]
fn deliver(bed: &TestBed, bodies: &[Value]) -> Value {
    bed.function.invoke(&batch(bodies)).unwrap()
}

/// The events of both images of these versions of a repository.
fn events(repository: &str, versions: &[&str]) -> Vec<Value> {
    let tags = versions.iter().flat_map(|version| ["amd64", "arm64"].map(|platform| format!("{version}-{platform}")));
    tags.map(|tag| push_event(repository, &tag)).collect()
}

/// A test bed with both images of these versions.
fn bed_with(versions: &[&str]) -> TestBed {
    let bed = TestBed::new();
    bed.store_all_images(versions);
    bed
}

/// The log lines of a message.
fn lines(bed: &TestBed, message: &str) -> Vec<Value> {
    bed.function.final_log_lines().into_iter().filter(|line| line["message"] == message).collect()
}

/// The metrics of the last invocation.
fn metrics(bed: &TestBed) -> Value {
    bed.function.final_log_lines().into_iter().rfind(|line| line.get("_aws").is_some()).unwrap()
}

#[test]
fn records_of_one_version_are_reconciled_once() {
    let bed = bed_with(&["1"]);
    let mut bodies = events("app", &["1", "1"]);
    bodies.push(assemble_request("app", "1"));
    assert_eq!(deliver(&bed, &bodies), json!({"batchItemFailures": []}));
    assert_eq!(bed.calls("BatchGetImage").len(), 2, "one read observes, one confirms");
    assert_eq!(bed.operations().len(), 7, "what the event of one record costs");
    assert_eq!(bed.architectures("1"), ["amd64", "arm64"]);
}

#[test]
fn versions_of_a_repository_share_their_first_read() {
    let versions = ["1", "2", "3", "4", "5"];
    let bed = bed_with(&versions);
    assert!(returned(&deliver(&bed, &events("app", &versions))).is_empty());
    assert_eq!(bed.operations()[0], "BatchGetImage");
    assert_eq!(bed.calls("BatchGetImage").len(), 1 + versions.len(), "one read observes, one of each version confirms");
    assert_eq!(bed.calls("PutImage").len(), versions.len());
}

#[test]
fn invalid_record_harms_no_other() {
    let bed = bed_with(&["1"]);
    let bodies = ["", "no JSON", "{", "7", "{}", r#"{"action":"publish"}"#, r#"{"Records":[]}"#];
    let mut bodies: Vec<_> = bodies.into_iter().map(str::to_owned).collect();
    bodies.push(push_event("app", "1-arm64").to_string());
    assert!(returned(&bed.function.invoke(&batch_of_text(&bodies)).unwrap()).is_empty());
    assert!(bed.digest("1").is_some());
    let failed = lines(&bed, "failed");
    assert_eq!(failed.len(), bodies.len() - 1);
    assert!(failed.iter().all(|line| line["error"] == "InvalidRequest" && line["retry"] == false));
    let mut ids: Vec<_> = failed.iter().map(|line| line["message_ids"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["0", "1", "2", "3", "4", "5", "6"]);
}

#[test]
fn requests_other_than_assemble_are_invalid_in_a_batch() {
    let bed = bed_with(&["1.2.3"]);
    let bodies = [sweep_request(&json!({})), yank_request("app", "1.2.3"), json!({"action": "registries"})];
    assert!(returned(&deliver(&bed, &bodies)).is_empty());
    assert_eq!(bed.operations(), [""; 0]);
    let failed = lines(&bed, "failed");
    assert!(failed.len() == 3 && failed.iter().all(|line| line["error"] == "InvalidRequest"), "{failed:?}");
}

#[test]
fn request_with_records_is_an_invalid_request() {
    let request = with_fields(assemble_request("app", "1"), &json!({"Records": []}));
    assert_failure(&TestBed::new().function.invoke(&request), "InvalidRequest", &["Records"]);
}

#[test]
fn permanent_errors_do_not_go_back() {
    let bed = bed_with(&["2"]);
    for platform in ["amd64", "arm64"] {
        bed.registry.push("app", Some(&format!("1-{platform}")), &Image::oci("linux/amd64").content(platform));
    }
    let mut bodies = events("app", &["1", "2"]);
    bodies.push(push_event("no-such-repository", "1-amd64"));
    assert!(returned(&deliver(&bed, &bodies)).is_empty());
    assert!(bed.digest("2").is_some());
    let failed = lines(&bed, "failed");
    let mut errors: Vec<_> = failed.iter().map(|line| line["error"].as_str().unwrap()).collect();
    errors.sort_unstable();
    assert_eq!(errors, ["PlatformMismatch", "RepositoryNotFound"]);
}

#[test]
fn all_records_of_a_version_go_back_after_a_retryable_error() {
    let bed = bed_with(&["1", "2"]);
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::server_error()).naming("1"));
    let response = deliver(&bed, &events("app", &["1", "2", "1"]));
    assert_eq!(returned(&response), ["0", "1", "4", "5"]);
    assert!(bed.digest("2").is_some());
}

#[test]
fn unseen_push_goes_back() {
    let bed = bed_with(&["1", "2"]);
    let mut bodies = events("app", &["2"]);
    bodies.push(push_event("app", "3-amd64"));
    bodies.push(push_event_of_age("app", "4-amd64", Duration::from_mins(10)));
    assert_eq!(returned(&deliver(&bed, &bodies)), ["2"], "only the push that is recent must be seen");
    assert!(bed.digest("2").is_some());
}

#[test]
fn every_push_of_joined_records_must_be_seen() {
    let bed = TestBed::new();
    bed.registry.push("app", Some("1-amd64"), &Image::oci("linux/amd64"));
    assert_eq!(returned(&deliver(&bed, &events("app", &["1"]))), ["0", "1"]);
}

#[test]
fn refused_records_go_back() {
    for (code, error) in [("AccessDeniedException", "AccessDenied"), ("InvalidParameterException", "RegistryRefused")] {
        let bed = bed_with(&["1"]);
        bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error(code, "no")).naming("1"));
        assert_eq!(returned(&deliver(&bed, &events("app", &["1"]))), ["0", "1"], "{code}");
        let failed = lines(&bed, "failed");
        assert_eq!((&failed[0]["error"], &failed[0]["retry"]), (&json!(error), &json!(true)));
    }
}

/// The records of both platforms of these versions, each received so often.
fn received(versions: &[&str], receives: u32) -> Value {
    let bodies = events("app", versions).into_iter().enumerate();
    let message = |(index, body): (usize, Value)| Message { id: index.to_string(), body: body.to_string(), receives };
    batch_of_messages(&bodies.map(message).collect::<Vec<_>>())
}

#[test]
fn refused_records_are_dropped_from_the_sixth_receive_on() {
    for code in ["AccessDeniedException", "InvalidParameterException"] {
        for (receives, count) in [(5, 2), (6, 0)] {
            let bed = bed_with(&["1"]);
            bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error(code, "no")));
            let response = bed.function.invoke(&received(&["1"], receives)).unwrap();
            assert_eq!(returned(&response).len(), count, "{code} {receives}");
            let lines = bed.function.final_log_lines();
            assert_eq!(only_metrics(&lines)["FailedPermanently"], json!(u64::from(count == 0)));
        }
    }
}

#[test]
fn throttled_records_go_back_however_often_they_were_received() {
    let mut bed = bed_with(&["1"]);
    bed.function = bed.function.with_remaining_time(Duration::from_secs(3));
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::Throttle));
    assert_eq!(returned(&bed.function.invoke(&received(&["1"], 20)).unwrap()).len(), 2);
}

#[test]
fn registry_that_denies_costs_one_call_for_all_repositories() {
    let bed = TestBed::new();
    let repositories = ["a1", "b2", "c3", "d4", "e5"];
    for repository in repositories {
        push_images(&bed.registry, repository, "1");
    }
    bed.ecr.clear_journal();
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::client_error("AccessDeniedException", "no")));
    let events: Vec<_> = repositories.iter().map(|repository| push_event(repository, "1-arm64")).collect();
    assert_eq!(returned(&deliver(&bed, &events)).len(), 5);
    // Two repositories are worked off at a time.
    assert_eq!(bed.operations().len(), 2);
    assert_eq!(only_metrics(&bed.function.final_log_lines())["FailedAccessDenied"], 5);
}

#[test]
fn refusal_of_one_version_spares_those_that_share_its_read() {
    let bed = bed_with(&["1", "2", "3"]);
    let refusal = FaultKind::client_error("InvalidParameterException", "no");
    bed.ecr.faults().add(Fault::on("BatchGetImage", refusal).naming("2-arm64"));
    assert_eq!(returned(&deliver(&bed, &events("app", &["1", "2", "3"]))), ["2", "3"]);
    assert!(bed.digest("1").is_some() && bed.digest("3").is_some());
}

#[test]
fn denied_repository_is_read_once_for_all_versions() {
    let bed = bed_with(&["1", "2", "3"]);
    bed.ecr.faults().add(Fault::on("BatchGetImage", FaultKind::client_error("AccessDeniedException", "no")));
    assert_eq!(returned(&deliver(&bed, &events("app", &["1", "2", "3"]))).len(), 6);
    assert_eq!(bed.operations(), ["BatchGetImage"]);
}

#[test]
fn record_that_waits_counts_as_denied_with_another_one() {
    let bed = bed_with(&["1", "2"]);
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::client_error("AccessDeniedException", "no")).naming("1"));
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::Throttle).naming("2"));
    assert_eq!(returned(&deliver(&bed, &events("app", &["1", "2"]))), ["0", "1", "2", "3"]);
    let log = bed.function.final_log_lines();
    let of_version = |version: &str| log.iter().find(|line| line["version"] == version).unwrap();
    assert_eq!(
        ["1", "2"].map(|version| of_version(version)["error"].clone()),
        [json!("AccessDenied"), json!("AccessDenied")]
    );
}

#[test]
fn records_that_cannot_be_begun_in_time_go_back() {
    let mut bed = TestBed::new();
    bed.function = bed.function.with_remaining_time(Duration::from_secs(4));
    bed.ecr.faults().add(Fault::on("PutImage", FaultKind::RateLimit { per_second: 1.0, burst: 1.0 }));
    let versions: Vec<_> = (0..10).map(|version| version.to_string()).collect();
    bed.store_all_images(&versions);
    let bodies: Vec<_> = versions.iter().map(|version| push_event("app", &format!("{version}-arm64"))).collect();
    let begun = Instant::now();
    let response = deliver(&bed, &bodies);
    assert!(begun.elapsed() < Duration::from_secs(4));
    let published: Vec<_> = versions.iter().filter(|version| bed.digest(version).is_some()).collect();
    let back = returned(&response);
    assert!(!published.is_empty() && !back.is_empty());
    assert_eq!(published.len() + back.len(), 10, "what is published does not go back");
    assert!(lines(&bed, "failed").is_empty());
}

#[test]
fn dry_run_is_not_joined_with_other_records() {
    let bed = bed_with(&["1"]);
    let dry_run = with_fields(assemble_request("app", "1"), &json!({"dry_run": true}));
    assert!(returned(&deliver(&bed, &[dry_run, push_event("app", "1-arm64")])).is_empty());
    assert!(bed.digest("1").is_some());
}

#[test]
fn force_is_not_joined_with_other_records() {
    let bed = bed_with(&["1", "2"]);
    for version in ["1", "2"] {
        bed.registry.push("app", Some(version), &Image::oci("linux/amd64").content("single"));
    }
    let force = with_fields(assemble_request("app", "1"), &json!({"force": true}));
    deliver(&bed, &[push_event("app", "1-arm64"), force, push_event("app", "2-arm64")]);
    let failed = lines(&bed, "failed");
    assert_eq!(failed.len(), 2, "the events meet the conflict");
    assert_eq!(bed.architectures("1"), ["amd64", "arm64"]);
}

#[test]
fn wait_is_not_honoured() {
    let bed = TestBed::new();
    let begun = Instant::now();
    let request = with_fields(assemble_request("app", "1"), &json!({"wait_seconds": 20}));
    assert!(returned(&deliver(&bed, &[request])).is_empty());
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn batch_is_one_line_of_metrics() {
    let bed = bed_with(&["1", "2"]);
    bed.registry.push("app", Some("3-amd64"), &Image::oci("linux/amd64"));
    let mut bodies = events("app", &["1", "2"]);
    bodies.push(push_event("app", "3-amd64"));
    bodies.push(json!("neither"));
    bodies.push(push_event("app", "9-amd64"));
    bodies.extend([push_event("app", "latest"), json!({"source": "my.app", "detail-type": "Order"})]);
    assert_eq!(returned(&deliver(&bed, &bodies)), ["6"]);
    let metrics = metrics(&bed);
    let expected = json!({
        "Published": 2, "Waiting": 1, "Failed": 2, "FailedInvalidRequest": 1, "FailedNotYetVisible": 1,
        "FailedPermanently": 1, "Returned": 1, "Ignored": 2,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&metrics[name], value, "{name}");
    }
    assert_eq!(metrics["PushToPublished"].as_array().unwrap().len(), 2);
}

#[test]
fn each_version_of_a_batch_has_its_log_line() {
    let bed = bed_with(&["1", "2"]);
    deliver(&bed, &events("app", &["1", "2"]));
    let reconciled = lines(&bed, "reconciled");
    let fields = reconciled.iter().map(|line| {
        let text = |field: &str| line[field].as_str().unwrap();
        (text("account"), text("region"), text("repository"), text("version"), text("outcome"), &line["records"])
    });
    let mut fields: Vec<_> = fields.collect();
    fields.sort_by_key(|fields| fields.3);
    let two = &json!(2);
    let expected = ["1", "2"].map(|version| (ACCOUNT, REGION, "app", version, "published", two));
    assert_eq!(fields, expected);
    assert_eq!(lines(&bed, "batch")[0]["tasks"], 2);
}

#[test]
fn version_of_a_batch_says_how_long_its_newest_push_was_on_its_way() {
    let bed = bed_with(&["1"]);
    let ago = |seconds| SystemTime::now() - Duration::from_secs(seconds);
    let ages = [(60, 40), (30, 10)];
    let bodies = ages.map(|(pushed, _)| push_event_of_age("app", "1-arm64", Duration::from_secs(pushed)));
    let mut input = batch(&bodies);
    for (record, (_, sent)) in input["Records"].as_array_mut().unwrap().iter_mut().zip(ages) {
        let sent = ago(sent).duration_since(UNIX_EPOCH).unwrap().as_millis();
        record["attributes"]["SentTimestamp"] = sent.to_string().into();
    }
    bed.function.invoke(&input).unwrap();
    let [line] = &lines(&bed, "reconciled")[..] else { panic!() };
    let milliseconds = |field: &str| line[field].as_u64().unwrap();
    assert!((19_000..=21_000).contains(&milliseconds("event_milliseconds")), "{line:#}");
    assert!((10_000..20_000).contains(&milliseconds("queue_milliseconds")), "{line:#}");
    assert!(milliseconds("milliseconds") < 10_000, "{line:#}");
}
