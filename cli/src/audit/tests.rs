//! What the audit reports of a local ECR.

mod output;
#[cfg(unix)]
mod paste;
mod repositories;

use std::time::{Duration, SystemTime};

use clap::Parser as _;
use ecr_multiarch_audit::report::Report;
use ecr_multiarch_core::timestamp::rfc_3339;
use local_ecr::image::{Entry, Image, Index};
use local_ecr::{Fault, FaultKind, LocalEcr, Mutability, Options as EcrOptions};

use super::table::{ReportText, summary};
use super::{Options, exit};
use crate::exit::Exit;
use crate::local_stack::registries;
use crate::{Cli, Command};

fn start_ecr() -> LocalEcr {
    LocalEcr::start(EcrOptions::default()).unwrap()
}

fn image(architecture: &str, content: &str) -> Image {
    Image::oci(&format!("linux/{architecture}")).content(content)
}

/// Pushes the images of a version on some platforms.
fn push(ecr: &LocalEcr, repository: &str, version: &str, architectures: &[&str]) {
    for architecture in architectures {
        ecr.home().push(repository, Some(&format!("{version}-{architecture}")), &image(architecture, version));
    }
}

/// Pushes the images of a version, and its list.
fn push_with_list(ecr: &LocalEcr, repository: &str, version: &str, tags: &[&str]) {
    push(ecr, repository, version, &["amd64", "arm64"]);
    let list = Index::oci(["amd64", "arm64"].map(|architecture| Entry::new(&image(architecture, version))));
    for tag in std::iter::once(&version).chain(tags) {
        ecr.home().push(repository, Some(tag), &list);
    }
}

/// A time so long after the pushes that all versions are judged.
fn later() -> SystemTime {
    SystemTime::now() + Duration::from_hours(2)
}

/// The options of a command line.
fn parse(arguments: &[&str]) -> Options {
    match Cli::parse_from(["ecr-multiarch", "audit"].iter().chain(arguments)).command {
        Command::Audit(options) => options,
        other => panic!("{other:?}"),
    }
}

/// Audits as with these options at a time. Returns the number of calls as well.
async fn audit(ecr: &LocalEcr, options: &[&str], now: SystemTime) -> (Result<Report, String>, u64) {
    let registries = registries(ecr, 1.0).await;
    let options = parse(options);
    let report = super::audit(&options, &registries, now).await;
    (report, registries.calls())
}

async fn audited(ecr: &LocalEcr, options: &[&str], now: SystemTime) -> (Report, u64) {
    let (report, calls) = audit(ecr, options, now).await;
    (report.unwrap(), calls)
}

fn findings(report: &Report) -> Vec<String> {
    let text = |finding: &ecr_multiarch_audit::finding::Finding| {
        let kind = serde_json::to_value(finding.problem.kind()).unwrap();
        format!("{} {}: {}", finding.repository, finding.tag, kind.as_str().unwrap())
    };
    report.findings.iter().map(text).collect()
}

#[tokio::test]
async fn scan_reads_no_manifest() {
    let ecr = start_ecr();
    push_with_list(&ecr, "team-a/app", "1.0.0", &["latest"]);
    push(&ecr, "team-a/app", "1.1.0", &["amd64"]);
    push(&ecr, "team-b/web", "2.0", &["amd64", "arm64"]);
    let (report, calls) = audited(&ecr, &[], later()).await;
    assert_eq!(findings(&report), ["team-a/app 1.1.0: missing-platform", "team-b/web 2.0: list-missing"]);
    assert_eq!(calls, 3, "one page of names, and one of each repository");
    assert!(report.failures.is_empty());
}

#[tokio::test]
async fn exit_tells_findings_from_failures() {
    let ecr = start_ecr();
    push(&ecr, "app", "1.0", &["amd64", "arm64"]);
    ecr.home().create("empty");
    let exits = async |repository: &str| {
        let options = ["--repositories", repository];
        let (report, _) = audited(&ecr, &options, later()).await;
        [&[][..], &["--fail-on-findings"]].map(|more| exit(&parse(&[&options, more].concat()), &report))
    };
    assert_eq!(exits("app").await, [Exit::Done, Exit::Found]);
    assert_eq!(exits("empty").await, [Exit::Done, Exit::Done]);
    let denied = FaultKind::client_error("AccessDeniedException", "no");
    ecr.faults().add(Fault::on("DescribeImages", denied).times(1));
    assert_eq!(exits("app").await, [Exit::Failed, Exit::Failed]);
}

#[tokio::test]
async fn fresh_push_is_judged_as_of_a_later_time() {
    let ecr = start_ecr();
    push(&ecr, "app", "1.0", &["amd64", "arm64"]);
    let (now, later) = (SystemTime::now(), rfc_3339(later()));
    for (options, judged) in
        [(&[][..], false), (&["--as-of", "now"], false), (&["--as-of", "+1h"], true), (&["--as-of", &later], true)]
    {
        let (report, _) = audited(&ecr, options, now).await;
        let expected: &[&str] = if judged { &["app 1.0: list-missing"] } else { &[] };
        assert_eq!(
            (findings(&report), report.totals.recent),
            (expected.iter().map(|&one| one.to_owned()).collect(), usize::from(!judged)),
            "{options:?}"
        );
        assert_eq!((report.audited_at, report.as_of.is_some()), (now, judged));
    }
}

#[test]
fn json_goes_to_standard_output_without_a_file() {
    let json = |arguments: &[&str]| parse(arguments).json;
    assert_eq!(json(&[]), None);
    assert_eq!(json(&["--json", "--deep"]), Some("-".into()));
    assert_eq!(json(&["--json", "report.json"]), Some("report.json".into()));
}

#[tokio::test]
async fn file_that_cannot_be_written_is_told_before_the_first_call() {
    let missing = std::env::temp_dir().join("no such folder").join("report");
    let path = missing.to_str().unwrap();
    for option in ["--html", "--json"] {
        let error = super::run(&parse(&[option, path])).await.err().unwrap();
        assert!(error.contains(path), "{error}");
    }
}

#[tokio::test]
async fn archived_image_is_found_by_scan() {
    let ecr = start_ecr();
    push_with_list(&ecr, "app", "1.0.0", &[]);
    assert!(ecr.home().archive("app", "1.0.0-arm64"));
    for options in [&[][..], &["--deep"]] {
        let (report, _) = audited(&ecr, options, later()).await;
        assert_eq!(findings(&report), ["app 1.0.0: image-archived"], "{options:?}");
    }
}

#[tokio::test]
async fn deep_audit_reads_what_lists_and_configs_say() {
    let ecr = start_ecr();
    let ecr_home = ecr.home();
    push_with_list(&ecr, "app", "1.0.0", &[]);
    push_with_list(&ecr, "app", "1.1.0", &[]);
    ecr_home.push("app", Some("1.1.0-arm64"), &image("arm64", "rebuilt"));
    push_with_list(&ecr, "app", "1.2.0", &[]);
    ecr_home.push("app", Some("1.2.0-arm64"), &image("amd64", "of another platform"));
    push(&ecr, "app", "1.3.0", &["amd64", "arm64"]);
    ecr_home.push("app", Some("1.3.0-amd64"), &image("amd64", "1").revision("one").attested());
    ecr_home.push("app", Some("1.3.0-arm64"), &image("arm64", "1").revision("two").attested());
    let twice = ["amd64", "arm64"].map(|architecture| Entry::new(&image(architecture, "1.0.0")));
    let twice = twice.into_iter().chain([Entry::new(&image("arm64", "again"))]);
    ecr_home.push("app", Some("1.0.0"), &Index::oci(twice));
    let (report, _) = audited(&ecr, &["--deep"], later()).await;
    // Which of the pushes was the newest depends on the second in which each was made.
    let mut found = findings(&report);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "app 1.0.0: duplicate-platform",
            "app 1.1.0: list-differs-from-tags",
            "app 1.2.0: list-differs-from-tags",
            "app 1.2.0: platform-mismatch",
            "app 1.3.0: list-missing",
            "app 1.3.0: mixed-revisions",
        ]
    );
    assert!(report.failures.is_empty());
}

#[tokio::test]
async fn list_of_a_deleted_image_is_found_by_reading() {
    let ecr = start_ecr();
    push_with_list(&ecr, "app", "1.0.0", &[]);
    ecr.home().push("app", Some("1.0.0-arm64"), &image("arm64", "rebuilt"));
    let old = Entry::new(&image("arm64", "1.0.0")).digest();
    assert!(ecr.home().delete("app", &old));
    let (report, _) = audited(&ecr, &["--deep"], later()).await;
    assert_eq!(findings(&report), ["app 1.0.0: image-gone", "app 1.0.0: list-differs-from-tags"]);
}

#[tokio::test]
async fn unreadable_image_hides_no_other() {
    let ecr = start_ecr();
    push_with_list(&ecr, "app", "1.0.0", &[]);
    push(&ecr, "app", "1.1.0", &["amd64", "arm64"]);
    ecr.home().fail("app", &ecr.home().tag("app", "1.1.0-arm64").unwrap(), "UpstreamAccessDenied");
    let (report, _) = audited(&ecr, &["--deep"], later()).await;
    assert_eq!(findings(&report), ["app 1.1.0: list-missing"], "that ECR refuses is not the fault of the image");
    let message = &report.failures[0].message;
    assert!(message.starts_with("1 image not read: RegistryRefused"), "{message}");
    assert_eq!(report.failures.len(), 1);
}

#[tokio::test]
async fn repository_that_cannot_be_read_is_audited_by_its_scan() {
    let ecr = start_ecr();
    push(&ecr, "app", "1.0.0", &["amd64", "arm64"]);
    for operation in ["BatchGetImage", "GetDownloadUrlForLayer"] {
        let message = format!("User is not authorized to perform: ecr:{operation}");
        let denied = FaultKind::client_error("AccessDeniedException", &message);
        ecr.faults().clear();
        ecr.faults().add(Fault::on(operation, denied));
        let (report, _) = audited(&ecr, &["--deep"], later()).await;
        assert_eq!(findings(&report), ["app 1.0.0: list-missing"], "{operation}");
        let message = &report.failures[0].message;
        assert!(message.starts_with("not read: AccessDenied") && message.contains(operation), "{message}");
    }
}

#[tokio::test]
async fn immutable_tags_and_artifacts_are_known_from_scans() {
    let ecr = start_ecr();
    push(&ecr, "app", "1.0.0", &["amd64", "arm64"]);
    ecr.home().push("app", Some("1.0.0"), &image("amd64", "single"));
    ecr.home().set_mutability("app", Mutability::ImmutableWithExclusion(vec!["latest".to_owned()]));
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let config = serde_json::json!({
        "mediaType": "application/vnd.cncf.helm.config.v1+json", "size": 0,
        "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    });
    let chart = serde_json::json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": []});
    ecr.home().store_raw("chart", Some("1.0.0-amd64"), media_type, chart.to_string(), None);
    let (report, _) = audited(&ecr, &[], later()).await;
    assert_eq!(findings(&report), ["app 1.0.0: single-image"]);
    let obstacle = report.findings[0].obstacle().unwrap().to_string();
    assert_eq!(obstacle, "the tag 1.0.0 is immutable: delete it first");
    assert_eq!((report.totals.versions, report.repositories[1].guess.tags), (1, 0));
}

#[tokio::test]
async fn many_versions_take_a_call_for_each_thousand_images() {
    let ecr = start_ecr();
    ecr.home().fill("app", 10_000, &["linux/amd64", "linux/arm64"]).unwrap();
    let (report, calls) = audited(&ecr, &[], later()).await;
    assert_eq!((report.totals.versions, report.totals.findings, calls), (10_000, 10_000, 21));
}
