//! The sweep: which versions it publishes, which it leaves unchanged, and which registries it scans.

// Rates, throttling and deadlines.
mod pace;
// Throttling that lasts, and versions that are slow or cannot be read.
mod patience;
// What a run reaches, and where the next one goes on.
mod reach;
// Repositories whose writes are refused.
mod refusals;
// What one repository may take of a run, and when it has failed.
mod shares;
// Several accounts and Regions.
mod registries;
// The answer, the log and the metrics.
mod report;
// Ages, versions that no setting publishes, and archived images.
mod scope;

use std::time::{Duration, SystemTime};

use local_ecr::image::Image;
use local_ecr::{Fault, FaultKind, Mutability};
use serde_json::{Value, json};

use crate::support::assertions::assert_failure;
use crate::support::function::{FunctionBuilder, wait_for_response};
use crate::support::input::{push_event, sweep_request};
use crate::support::test_bed::{TestBed, push_images};

/// A test bed whose sweep does not wait before its writes.
fn fast_bed() -> TestBed {
    fast_bed_with(|function| function)
}

/// A [`fast_bed`] with other settings.
fn fast_bed_with(settings: impl FnOnce(FunctionBuilder) -> FunctionBuilder) -> TestBed {
    TestBed::with(|function| settings(function.env("SWEEP_PUTS_PER_SECOND", "1000")))
}

/// The counts of a sweep: versions, published, unchanged, incomplete and failed.
fn counts(swept: &Value) -> [u64; 5] {
    ["versions", "published", "unchanged", "incomplete_total", "failed_total"].map(|key| swept[key].as_u64().unwrap())
}

/// The repositories that a sweep has begun and not finished.
fn remaining(swept: &Value) -> Vec<&str> {
    swept["unfinished"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Sweeps as the state machine does: follows `next` to its end, and then sends what was left unfinished, twenty names at a
/// time, again while that publishes anything. Returns the answers.
fn sweep_to_the_end(bed: &TestBed) -> Vec<Value> {
    let (mut answers, mut unfinished) = (Vec::new(), Vec::new());
    let mut request = json!({});
    loop {
        assert!(answers.len() < 20, "{answers:?}");
        let answer = bed.sweep(&request);
        if request.get("repositories").is_none() || answer["published"] != 0 {
            unfinished.extend(remaining(&answer).into_iter().map(str::to_owned));
        }
        let next = answer.get("next").cloned();
        answers.push(answer);
        request = match next {
            Some(next) => json!({"from": next}),
            None if unfinished.is_empty() => return answers,
            None => json!({"repositories": unfinished.drain(..unfinished.len().min(20)).collect::<Vec<_>>()}),
        };
    }
}

#[test]
fn versions_without_events_are_published_once() {
    let bed = fast_bed();
    bed.store_all_images(&["1", "2", "3"]);
    push_images(&bed.registry, "team-a/app", "1");
    bed.registry.push("app", Some("4-amd64"), &Image::oci("linux/amd64"));
    assert_eq!(
        bed.sweep(&json!({})),
        json!({"outcome": "swept", "repositories": 2, "versions": 5, "published": 4, "unchanged": 0,
               "incomplete": [], "incomplete_total": 0, "ignored": [], "ignored_total": 0,
               "archived": [], "archived_total": 0, "failed": [], "failed_total": 0, "complete": true})
    );
    for (repository, version) in [("app", "1"), ("app", "2"), ("app", "3"), ("team-a/app", "1")] {
        assert!(bed.registry.tag(repository, version).is_some(), "{repository}:{version}");
    }
    assert_eq!(bed.digest("4"), None);
    bed.ecr.clock().advance(Duration::from_secs(2));
    assert_eq!(counts(&bed.sweep(&json!({}))), [5, 0, 4, 0, 0]);
}

/// A test bed with up-to-date versions, attested and plain, which count as settled after that time. The journal is empty.
fn up_to_date_bed(settled_after: &str) -> TestBed {
    let bed = fast_bed_with(|function| function.env("SETTLED_AFTER", settled_after));
    for platform in ["amd64", "arm64"] {
        let image = Image::oci(&format!("linux/{platform}"));
        bed.registry.push("app", Some(&format!("1-{platform}")), &image.attested());
        bed.registry.push("app", Some(&format!("2-{platform}")), &image.content("two"));
    }
    assert_eq!(counts(&bed.sweep(&json!({}))), [2, 2, 0, 0, 0]);
    bed.ecr.clear_journal();
    bed
}

#[test]
fn up_to_date_repository_is_only_scanned() {
    let bed = up_to_date_bed("0s");
    assert_eq!(counts(&bed.sweep(&json!({}))), [2, 0, 2, 0, 0]);
    assert_eq!(bed.operations(), ["DescribeRepositories", "DescribeImages"]);
    assert_eq!(bed.calls("DescribeImages")[0].request["maxResults"], 1_000);
}

#[test]
fn young_versions_are_compared_by_digest_in_one_read() {
    let bed = up_to_date_bed("3h");
    assert_eq!(counts(&bed.sweep(&json!({}))), [2, 0, 2, 0, 0]);
    assert_eq!(bed.operations(), ["DescribeRepositories", "DescribeImages", "BatchGetImage"]);
}

/// The digest of the list after a sweep, where ECR carried out the write of an old list late: it was first stored after
/// the push that it lacks. With the digest of that old list.
fn sweep_after_late_write(settled_after: &str) -> [Option<String>; 2] {
    let bed = up_to_date_bed(settled_after);
    let old = bed.digest("2").unwrap();
    let (media_type, bytes) = bed.registry.manifest("app", "2").unwrap();
    bed.registry.push("app", Some("2-arm64"), &Image::oci("linux/arm64").content("newer"));
    bed.registry.delete("app", &old);
    bed.ecr.clock().advance(Duration::from_secs(1));
    bed.registry.store_raw("app", Some("2"), &media_type, bytes, None);
    bed.sweep(&json!({}));
    [bed.digest("2"), Some(old)]
}

#[test]
fn late_write_is_replaced_while_it_is_young() {
    let [after, old] = sweep_after_late_write("3h");
    assert!(after.is_some() && after != old);
}

#[test]
fn late_write_that_counts_as_settled_stays() {
    let [after, old] = sweep_after_late_write("0s");
    assert_eq!(after, old, "the negative control of SETTLED_AFTER");
}

#[test]
fn repush_without_event_is_published() {
    let bed = fast_bed();
    bed.store_images("1");
    bed.sweep(&json!({}));
    bed.ecr.clock().set(SystemTime::now() + Duration::from_secs(5));
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").content("fixed"));
    assert_eq!(counts(&bed.sweep(&json!({}))), [1, 1, 0, 0, 0]);
    assert_eq!(bed.list("1")["manifests"][1]["digest"], json!(bed.digest("1-arm64")));
}

/// The list is newer than the image that the tag names again.
#[test]
fn only_a_deep_sweep_finds_a_tag_moved_back() {
    let bed = fast_bed_with(|function| function.env("SETTLED_AFTER", "0s"));
    bed.store_images("1");
    let old = bed.digest("1-arm64").unwrap();
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").content("newer"));
    bed.sweep(&json!({}));
    bed.registry.retag("app", "1-arm64", &old);
    let list = bed.digest("1");
    for (request, expected) in [(json!({}), [1, 0, 1, 0, 0]), (json!({"deep": true, "dry_run": true}), [1, 0, 0, 0, 0])]
    {
        assert_eq!(counts(&bed.sweep(&request)), expected);
        assert_eq!(bed.digest("1"), list);
    }
    assert_eq!(counts(&bed.sweep(&json!({"deep": true}))), [1, 1, 0, 0, 0]);
    assert_eq!(bed.list("1")["manifests"][1]["digest"], json!(old));
    assert_eq!(counts(&bed.sweep(&json!({"deep": true}))), [1, 0, 1, 0, 0]);
}

#[test]
fn up_to_date_list_under_immutable_tag_is_unchanged() {
    let bed = fast_bed();
    bed.store_images("1");
    bed.sweep(&json!({}));
    bed.registry.set_mutability("app", Mutability::Immutable);
    bed.ecr.clock().advance(Duration::from_secs(5));
    assert_eq!(counts(&bed.sweep(&json!({"deep": true}))), [1, 0, 1, 0, 0]);
}

#[test]
fn repository_deleted_while_it_is_swept_is_no_failure() {
    let bed = fast_bed();
    bed.store_images("1");
    push_images(&bed.registry, "pr-17", "1");
    let deleted = FaultKind::client_error("RepositoryNotFoundException", "no");
    bed.ecr.faults().add(Fault::on("DescribeImages", deleted).repository("pr-17"));
    assert_eq!(counts(&bed.sweep(&json!({}))), [1, 1, 0, 0, 0]);
    assert_eq!(counts(&bed.sweep(&json!({"repositories": ["pr-17"]}))), [0, 0, 0, 0, 1], "a name is expected to exist");
}

#[test]
fn unlistable_repositories_are_reported_and_stop_no_other() {
    let bed = fast_bed_with(|function| function.env("REPOSITORIES", "app,missing,denied"));
    bed.store_images("1");
    push_images(&bed.registry, "denied", "1");
    let denial = FaultKind::client_error("AccessDeniedException", "no");
    bed.ecr.faults().add(Fault::on("DescribeImages", denial).repository("denied"));
    let swept = bed.sweep(&json!({}));
    assert_eq!(counts(&swept), [1, 1, 0, 0, 2]);
    let failed = swept["failed"].as_array().unwrap().iter();
    let mut errors: Vec<_> = failed.map(|row| (&row["version"], &row["error"])).collect();
    errors.sort_by_key(|(_, error)| error.as_str());
    assert_eq!(errors, [(&Value::Null, &json!("AccessDenied")), (&Value::Null, &json!("RepositoryNotFound"))]);
    assert_eq!(bed.calls("DescribeRepositories").len(), 0, "repositories that are named are not listed");
}

#[test]
fn denied_list_of_repositories_fails_the_sweep() {
    let bed = fast_bed();
    bed.ecr.faults().add(Fault::on("DescribeRepositories", FaultKind::client_error("AccessDeniedException", "no")));
    assert_failure(&bed.try_sweep(&json!({})), "AccessDenied", &["ecr:DescribeRepositories", "123456789012"]);
}

#[test]
fn requested_repositories_limit_the_sweep_to_those_served() {
    for (requested, expected) in [
        (json!(["team-a/*"]), 2),
        (json!(["team-b/x"]), 1),
        (json!(["team-a/*", "other"]), 2),
        (json!(["team-b/x", "other"]), 1),
    ] {
        let bed = fast_bed_with(|function| function.env("REPOSITORIES", "team-*"));
        for repository in ["team-a/x", "team-a/y", "team-b/x", "other"] {
            push_images(&bed.registry, repository, "1");
        }
        let swept = bed.sweep(&json!({"repositories": requested}));
        assert_eq!((&swept["repositories"], &swept["published"]), (&json!(expected), &json!(expected)));
        assert_eq!(bed.registry.tag("other", "1"), None);
    }
}

#[test]
fn all_pages_of_repositories_are_read() {
    let bed = fast_bed();
    for index in 0..1_001 {
        bed.registry.create(&format!("r/{index}"));
    }
    assert_eq!(bed.sweep(&json!({"dry_run": true}))["repositories"], 1_002);
    assert_eq!(bed.calls("DescribeRepositories").len(), 2);
}

#[test]
fn dry_run_reads_all_pages_in_few_calls_and_writes_nothing() {
    let bed = fast_bed();
    bed.registry.fill("app", 700, &["linux/amd64", "linux/arm64"]).unwrap();
    let swept = bed.sweep(&json!({"dry_run": true}));
    assert_eq!(
        (&swept["versions"], &swept["published"], &swept["would_publish"]),
        (&json!(700), &json!(0), &json!(700))
    );
    assert_eq!((bed.calls("DescribeImages").len(), bed.calls("PutImage").len()), (2, 0));
    // A version has three tags, and a call reads a hundred.
    assert!(bed.calls("BatchGetImage").len() <= 700 / 33 + 1);
}

#[test]
fn repeated_account_is_swept_once() {
    let accounts = "123456789012,210987654321,210987654321";
    let bed = fast_bed_with(|function| function.env("ACCOUNTS", accounts));
    bed.store_images("1");
    assert_eq!(counts(&bed.sweep(&json!({}))), [1, 1, 0, 0, 0]);
    assert_eq!(bed.calls("DescribeRepositories").len(), 2);
}

#[test]
fn concurrent_sweeps_with_events_write_each_list_once() {
    let bed = fast_bed();
    for version in 0..20 {
        bed.store_images(&version.to_string());
    }
    let other = FunctionBuilder::new(&bed.ecr).env("SWEEP_PUTS_PER_SECOND", "1000").start();
    let events = FunctionBuilder::new(&bed.ecr).start();
    let request = sweep_request(&json!({})).to_string();
    let sweeps = [&bed.function, &other].map(|function| function.invoke_in_background(&request));
    for version in (0..20).rev() {
        events.invoke(&push_event("app", &format!("{version}-arm64"))).unwrap();
    }
    for sweep in sweeps {
        let swept = wait_for_response(&sweep).unwrap();
        assert_eq!((&swept["failed"], &swept["complete"]), (&json!([]), &json!(true)));
    }
    for version in 0..20 {
        assert_eq!(bed.registry.history("app", &version.to_string()).len(), 1, "version {version}");
    }
}
