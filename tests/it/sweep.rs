//! The sweep: which versions it publishes, which it leaves unchanged, and which registries it scans.

// Rates, throttling and deadlines.
mod pace;
// Throttling that lasts, and versions that are slow or cannot be read.
mod patience;
// What a run reaches, and where the next one goes on.
mod reach;
// Repositories whose writes are refused.
mod refusals;
// Several accounts and Regions.
mod registries;
// The answer, the log and the metrics.
mod report;

use std::time::{Duration, SystemTime};

use local_ecr::image::Image;
use local_ecr::{Fault, FaultKind, Mutability};
use serde_json::{Value, json};

use crate::support::assertions::{assert_failure, assert_outcome};
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

/// A test bed with four complete versions in two repositories and an incomplete one, none of them published.
fn bed_without_events() -> TestBed {
    let bed = fast_bed();
    for version in ["1", "2", "3"] {
        bed.store_images(version);
    }
    push_images(&bed.registry, "team-a/app", "1");
    bed.registry.push("app", Some("4-amd64"), &Image::oci("linux/amd64"));
    bed
}

#[test]
fn versions_without_events_are_published() {
    let bed = bed_without_events();
    let swept = bed.sweep(&json!({}));
    assert_eq!(
        swept,
        json!({"outcome": "swept", "repositories": 2, "versions": 5, "published": 4, "unchanged": 0,
               "incomplete": [], "incomplete_total": 0, "failed": [], "failed_total": 0, "complete": true})
    );
    for (repository, version) in [("app", "1"), ("app", "2"), ("app", "3"), ("team-a/app", "1")] {
        assert!(bed.registry.tag(repository, version).is_some(), "{repository}:{version}");
    }
}

#[test]
fn incomplete_version_is_not_published() {
    let bed = bed_without_events();
    bed.sweep(&json!({}));
    assert_eq!(bed.digest("4"), None);
}

#[test]
fn second_sweep_changes_nothing() {
    let bed = bed_without_events();
    bed.sweep(&json!({}));
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
fn images_are_listed_in_pages_of_maximal_size() {
    let bed = up_to_date_bed("0s");
    bed.sweep(&json!({}));
    assert_eq!(bed.calls("DescribeImages")[0].request["maxResults"], 1_000);
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

/// A test bed whose list was published before a platform tag moved back to an older image, and that image.
fn bed_with_tag_moved_back() -> (TestBed, String) {
    let bed = fast_bed_with(|function| function.env("SETTLED_AFTER", "0s"));
    bed.store_images("1");
    let old = bed.digest("1-arm64").unwrap();
    bed.registry.push("app", Some("1-arm64"), &Image::oci("linux/arm64").content("newer"));
    bed.sweep(&json!({}));
    bed.registry.retag("app", "1-arm64", &old);
    (bed, old)
}

#[test]
fn listing_does_not_show_tag_moved_back() {
    let (bed, _) = bed_with_tag_moved_back();
    assert_eq!(counts(&bed.sweep(&json!({}))), [1, 0, 1, 0, 0]);
}

#[test]
fn deep_sweep_finds_tag_moved_back() {
    let (bed, old) = bed_with_tag_moved_back();
    assert_eq!(counts(&bed.sweep(&json!({"deep": true}))), [1, 1, 0, 0, 0]);
    assert_eq!(bed.list("1")["manifests"][1]["digest"], json!(old));
}

#[test]
fn deep_dry_run_publishes_nothing() {
    let (bed, old) = bed_with_tag_moved_back();
    assert_eq!(counts(&bed.sweep(&json!({"deep": true, "dry_run": true}))), [1, 0, 0, 0, 0]);
    assert_ne!(bed.list("1")["manifests"][1]["digest"], json!(old));
}

#[test]
fn second_deep_sweep_changes_nothing() {
    let (bed, _) = bed_with_tag_moved_back();
    bed.sweep(&json!({"deep": true}));
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
fn sweep_publishes_same_digest_as_event() {
    let (swept, notified) = (fast_bed(), fast_bed());
    for bed in [&swept, &notified] {
        bed.store_images("1");
    }
    swept.sweep(&json!({}));
    notified.deliver_event("1-arm64").unwrap();
    assert!(swept.digest("1").is_some());
    assert_eq!(swept.digest("1"), notified.digest("1"));
}

/// A test bed that serves one repository, one that is missing and one whose images may not be listed.
fn bed_with_unlistable_repositories() -> TestBed {
    let bed = fast_bed_with(|function| function.env("REPOSITORIES", "app,missing,denied"));
    bed.store_images("1");
    push_images(&bed.registry, "denied", "1");
    let denial = FaultKind::client_error("AccessDeniedException", "no");
    bed.ecr.faults().add(Fault::on("DescribeImages", denial).repository("denied"));
    bed
}

#[test]
fn unlistable_repositories_are_reported() {
    let swept = bed_with_unlistable_repositories().sweep(&json!({}));
    let mut errors: Vec<_> =
        swept["failed"].as_array().unwrap().iter().map(|row| (&row["version"], &row["error"])).collect();
    errors.sort_by_key(|(_, error)| error.as_str());
    assert_eq!(errors, [(&Value::Null, &json!("AccessDenied")), (&Value::Null, &json!("RepositoryNotFound"))]);
}

#[test]
fn unlistable_repositories_stop_no_other() {
    let bed = bed_with_unlistable_repositories();
    assert_eq!(counts(&bed.sweep(&json!({}))), [1, 1, 0, 0, 2]);
}

#[test]
fn named_repositories_are_not_listed() {
    let bed = bed_with_unlistable_repositories();
    bed.sweep(&json!({}));
    assert_eq!(bed.calls("DescribeRepositories").len(), 0);
}

#[test]
fn denied_list_of_repositories_fails_the_sweep() {
    let bed = fast_bed();
    bed.ecr.faults().add(Fault::on("DescribeRepositories", FaultKind::client_error("AccessDeniedException", "no")));
    assert_failure(&bed.try_sweep(&json!({})), "AccessDenied", &["ecr:DescribeRepositories", "123456789012"]);
}

/// A test bed that serves `team-*`, with an image in three such repositories and in one other.
fn bed_with_teams() -> TestBed {
    let bed = fast_bed_with(|function| function.env("REPOSITORIES", "team-*"));
    for repository in ["team-a/x", "team-a/y", "team-b/x", "other"] {
        push_images(&bed.registry, repository, "1");
    }
    bed
}

#[test]
fn requested_glob_limits_the_sweep() {
    let swept = bed_with_teams().sweep(&json!({"repositories": ["team-a/*"]}));
    assert_eq!((&swept["repositories"], &swept["published"]), (&json!(2), &json!(2)));
}

#[test]
fn requested_name_limits_the_sweep() {
    let swept = bed_with_teams().sweep(&json!({"repositories": ["team-b/x"]}));
    assert_eq!((&swept["repositories"], &swept["published"]), (&json!(1), &json!(1)));
}

#[test]
fn requested_repository_that_is_not_served_is_skipped() {
    let bed = bed_with_teams();
    let swept = bed.sweep(&json!({"repositories": ["team-a/*", "other"]}));
    assert_eq!((&swept["repositories"], &swept["published"]), (&json!(2), &json!(2)));
    assert_eq!(bed.sweep(&json!({"repositories": ["team-b/x", "other"]}))["published"], 1);
    assert_eq!(bed.registry.tag("other", "1"), None);
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

/// A test bed with 700 versions without lists, of 1,400 images: two pages of them.
fn bed_with_two_pages() -> TestBed {
    let bed = fast_bed();
    bed.registry.fill("app", 700, &["linux/amd64", "linux/arm64"]).unwrap();
    bed
}

#[test]
fn all_pages_of_images_are_read() {
    let bed = bed_with_two_pages();
    assert_eq!(bed.sweep(&json!({"dry_run": true}))["versions"], 700);
    assert_eq!(bed.calls("DescribeImages").len(), 2);
}

#[test]
fn dry_run_writes_nothing() {
    let bed = bed_with_two_pages();
    let swept = bed.sweep(&json!({"dry_run": true}));
    assert_eq!((&swept["published"], &swept["would_publish"]), (&json!(0), &json!(700)));
    assert_eq!(bed.calls("PutImage").len(), 0);
}

#[test]
fn versions_of_a_repository_share_reads() {
    let bed = bed_with_two_pages();
    bed.sweep(&json!({"dry_run": true}));
    // A version has three tags, and a call reads a hundred.
    assert!(bed.calls("BatchGetImage").len() <= 700 / 33 + 1);
}

/// A test bed that serves another account, whose registry has an image of its own.
fn bed_with_two_accounts() -> TestBed {
    let bed = fast_bed_with(|function| function.env("ACCOUNTS", "210987654321"));
    push_images(&bed.ecr.registry("210987654321", "eu-central-1"), "far", "1");
    bed.store_images("1");
    bed
}

#[test]
fn all_accounts_are_swept() {
    let bed = bed_with_two_accounts();
    assert_eq!(counts(&bed.sweep(&json!({}))), [2, 2, 0, 0, 0]);
    assert!(bed.ecr.registry("210987654321", "eu-central-1").tag("far", "1").is_some());
}

#[test]
fn requested_account_limits_the_sweep() {
    let bed = bed_with_two_accounts();
    bed.sweep(&json!({}));
    assert_eq!(counts(&bed.sweep(&json!({"account": "210987654321"}))), [1, 0, 1, 0, 0]);
}

#[test]
fn requested_account_that_is_not_served_is_ignored() {
    assert_outcome(&bed_with_two_accounts().try_sweep(&json!({"account": "210987654322"})), "ignored");
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
