//! What the audit reports of a local ECR.

use std::time::{Duration, SystemTime};

use clap::Parser as _;
use ecr_multiarch_audit::report::Report;
use local_ecr::image::{Entry, Image, Index};
use local_ecr::{Fault, FaultKind, LocalEcr, Mutability, Options as EcrOptions};

use super::Options;
use super::table::{ReportText, summary};
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
async fn globs_select_repositories() {
    let ecr = start_ecr();
    for repository in ["team-a/app", "team-a/web", "team-b/app"] {
        push(&ecr, repository, "1.0", &["amd64", "arm64"]);
    }
    let names = |report: &Report| report.repositories.iter().map(|found| found.name.to_string()).collect::<Vec<_>>();
    let (report, _) = audited(&ecr, &["--repositories", "team-a/*"], later()).await;
    assert_eq!(names(&report), ["team-a/app", "team-a/web"]);
    assert_eq!(report.registry.account.unwrap().as_str(), ecr.home().id().account);
    let (report, calls) = audited(&ecr, &["--repositories", "team-b/app"], later()).await;
    assert_eq!((names(&report), calls), (vec!["team-b/app".to_owned()], 2));
}

/// A version whose own tag names an image and is immutable, and the options that name its repository.
fn push_immutable(ecr: &LocalEcr) -> [&'static str; 2] {
    push(ecr, "app", "1.0.0", &["amd64", "arm64"]);
    ecr.home().push("app", Some("1.0.0"), &image("amd64", "single"));
    ecr.home().set_mutability("app", Mutability::Immutable);
    ["--repositories", "app"]
}

#[tokio::test]
async fn named_repositories_are_described_one_by_one() {
    let ecr = start_ecr();
    (0..1_000).for_each(|index| ecr.home().create(&format!("b-{index}")));
    push_immutable(&ecr);
    let (report, calls) = audited(&ecr, &["--repositories", "app,gone"], later()).await;
    let [failure] = report.failures.as_slice() else { panic!("{:?}", report.failures) };
    assert_eq!(failure.repository.as_str(), "gone");
    assert!(failure.message.starts_with("RepositoryNotFound"), "{}", failure.message);
    assert_eq!(report.findings[0].obstacle().unwrap().to_string(), "the tag 1.0.0 is immutable: delete it first");
    assert_eq!(report.registry.account.unwrap().as_str(), ecr.home().id().account);
    assert_eq!((report.limits, calls), (Vec::<String>::new(), 4));
}

#[tokio::test]
async fn named_repository_is_audited_even_if_ecr_does_not_describe_it() {
    let ecr = start_ecr();
    let options = push_immutable(&ecr);
    let message = "User is not authorized to perform: ecr:DescribeRepositories";
    ecr.faults().add(Fault::on("DescribeRepositories", FaultKind::client_error("AccessDeniedException", message)));
    let (report, _) = audited(&ecr, &options, later()).await;
    assert_eq!(findings(&report), ["app 1.0.0: single-image"]);
    assert_eq!((report.registry.account.as_ref(), report.findings[0].obstacle()), (None, None));
    let [limit] = report.limits.as_slice() else { panic!("{:?}", report.limits) };
    let reason = "so a request that moves an existing tag may fail. (AccessDenied: ";
    assert!(limit.contains(reason) && limit.contains("ecr:DescribeRepositories"), "{limit}");
    assert!(ReportText { report: &report, rows: 20 }.to_string().ends_with(&format!("\n{limit}\n")));
    assert_eq!(super::exit_code(false, Some(&report)), 0);
    let error = audit(&ecr, &["--repositories", "a*"], later()).await.0.unwrap_err();
    assert!(error.starts_with("AccessDenied"), "{error}");
}

#[tokio::test]
async fn denial_names_the_repository_that_it_concerns() {
    let ecr = start_ecr();
    push_immutable(&ecr);
    push(&ecr, "web", "1.0.0", &["amd64", "arm64"]);
    let denial = FaultKind::client_error("AccessDeniedException", "no");
    ecr.faults().add(Fault::on("DescribeRepositories", denial).times(1));
    let (report, _) = audited(&ecr, &["--repositories", "app,web"], later()).await;
    let [limit] = report.limits.as_slice() else { panic!("{:?}", report.limits) };
    assert_eq!(["app", "web"].iter().filter(|name| limit.starts_with(&format!("Which tags of {name} are"))).count(), 1);
    assert_eq!(report.registry.account.unwrap().as_str(), ecr.home().id().account);
}

#[tokio::test]
async fn settings_serve_what_was_audited() {
    let ecr = start_ecr();
    for repository in ["team-a/app", "team-a/web", "team-b/app"] {
        push(&ecr, repository, "1.0", &["amd64", "arm64"]);
    }
    let repositories =
        async |options: &[&str]| audited(&ecr, options, later()).await.0.settings.get("REPOSITORIES").cloned();
    assert_eq!(repositories(&[]).await, None);
    assert_eq!(repositories(&["--repositories", "team-a/*"]).await.unwrap(), "team-a/*");
    let denial = FaultKind::client_error("AccessDeniedException", "no");
    ecr.faults().add(Fault::on("DescribeImages", denial).times(1));
    let named = repositories(&[]).await.unwrap();
    assert_eq!(named.split(',').count(), 2, "{named}: the one that could not be scanned is left alone");
}

#[tokio::test]
async fn glob_that_matches_nothing_is_an_error() {
    let ecr = start_ecr();
    push(&ecr, "team-a/app", "1.0", &["amd64", "arm64"]);
    let globs = "team-a/*,team-x/*";
    let error = audit(&ecr, &["--repositories", globs], later()).await.0.unwrap_err();
    assert_eq!(error, "no repository matches 'team-x/*'");
    assert_eq!(super::exit_code(false, None), 2);
}

#[tokio::test]
async fn exit_code_tells_findings_from_failures() {
    let ecr = start_ecr();
    push(&ecr, "app", "1.0", &["amd64", "arm64"]);
    ecr.home().create("empty");
    let codes = |report: &Report| [false, true].map(|fail| super::exit_code(fail, Some(report)));
    assert_eq!(codes(&audited(&ecr, &["--repositories", "app"], later()).await.0), [0, 1]);
    assert_eq!(codes(&audited(&ecr, &["--repositories", "empty"], later()).await.0), [0, 0]);
    assert_eq!(codes(&audited(&ecr, &["--repositories", "app,gone"], later()).await.0), [2, 2]);
    assert_eq!(super::exit_code(false, None), 2);
}

#[test]
fn json_goes_to_standard_output_without_a_file() {
    let json = |arguments: &[&str]| parse(arguments).json;
    assert_eq!(json(&[]), None);
    assert_eq!(json(&["--json", "--deep"]), Some("-".into()));
    assert_eq!(json(&["--json", "report.json"]), Some("report.json".into()));
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
async fn table_shows_findings_what_to_do_and_settings() {
    let ecr = start_ecr();
    push_with_list(&ecr, "app", "1.0.0", &[]);
    push(&ecr, "app", "1.1.0", &["amd64"]);
    push(&ecr, "app", "1.2.0", &["amd64", "arm64"]);
    let (report, calls) = audited(&ecr, &["--region", "eu-central-1"], later()).await;
    let text = ReportText { report: &report, rows: 1 }.to_string();
    for expected in [
        "app: 3 versions, 2 findings\n",
        " guessed from 5 of 6 tags: {version}-{platform}, linux/amd64=amd64 (3), linux/arm64=arm64 (2)\n",
        " Platform missing  1.1.0  has linux/amd64, but not linux/arm64\n and 1 more\n",
        r#" request: {"action":"sweep","repositories":["app"],"region":"eu-central-1"}"#,
        "\n PLATFORMS=linux/amd64,linux/arm64\n TAG_TEMPLATE={version}-{platform}\n",
        "100%",
        "66%",
        " List missing (1)\n   All platforms were pushed",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let summary = summary(&report, calls);
    assert_eq!(summary, "2 findings in 3 versions of 1 repository, by scans alone; --deep finds more; 2 calls to ECR");
}

#[tokio::test]
async fn table_names_what_its_requests_need() {
    let ecr = start_ecr();
    push(&ecr, "app", "1.0.0", &["amd64", "arm64"]);
    let text = async || {
        let (report, _) = audited(&ecr, &[], later()).await;
        ReportText { report: &report, rows: 20 }.to_string()
    };
    let sweep = " sweep: echo 'REQUEST' | aws lambda invoke --function-name SweeperArn --cli-read-timeout 0 ";
    let assemble = " assemble: echo 'REQUEST' | aws lambda invoke --function-name AssemblerArn ";
    let forced = r#" request: {"action":"assemble","repository":"app","version":"1.0.0","force":true}"#;
    let found = |text: &str| [sweep, assemble, forced, "lambda:InvokeFunction"].map(|part| text.contains(part));
    assert_eq!(found(&text().await), [true, false, false, true]);
    ecr.home().push("app", Some("1.0.0"), &image("amd64", "single"));
    assert_eq!(found(&text().await), [false, true, true, true]);
    push_with_list(&ecr, "app", "1.1.0", &[]);
    push(&ecr, "app", "1.2.0", &["amd64", "arm64"]);
    assert_eq!(found(&text().await), [true; 4]);
}

#[tokio::test]
async fn text_of_an_image_cannot_control_the_terminal() {
    let ecr = start_ecr();
    let home = ecr.home();
    home.push("app", Some("1.0-amd64"), &image("amd64", "1").revision("\u{1b}[2Jone"));
    home.push("app", Some("1.0-arm64"), &image("arm64", "1").revision("two\r\n\u{202e}\u{2066}\u{200b}"));
    let (report, _) = audited(&ecr, &["--deep"], later()).await;
    let text = ReportText { report: &report, rows: 20 }.to_string();
    assert!(text.contains("\u{fffd}[2Jone") && !text.contains('\u{1b}') && !text.contains('\r'), "{text}");
    assert!(text.contains("two") && !text.contains(['\u{202e}', '\u{2066}', '\u{200b}']), "{text}");
}

#[tokio::test]
async fn many_versions_take_a_call_for_each_thousand_images() {
    let ecr = start_ecr();
    ecr.home().fill("app", 10_000, &["linux/amd64", "linux/arm64"]).unwrap();
    let (report, calls) = audited(&ecr, &[], later()).await;
    assert_eq!((report.totals.versions, report.totals.findings, calls), (10_000, 10_000, 21));
}

/// The registry of `docs/audit.md`.
async fn documented() -> (Report, u64) {
    const WEEK: u64 = 7 * 24;
    let ecr = start_ecr();
    // Monday, 2 November 2026, at noon.
    let start = SystemTime::UNIX_EPOCH + Duration::from_hours(20_759 * 24 + 12);
    let week = |week: u64| ecr.clock().set(start + Duration::from_hours(week * WEEK));
    week(0);
    push(&ecr, "shop/checkout", "2.0.0", &["amd64"]);
    push(&ecr, "data/ingest", "2026.44", &["amd64"]);
    week(1);
    push_with_list(&ecr, "shop/checkout", "2.1.0", &["2.1", "2", "latest"]);
    week(2);
    push(&ecr, "shop/checkout", "2.2.0", &["amd64"]);
    for (part, architecture) in [("x86_64", "amd64"), ("aarch64", "arm64")] {
        ecr.home().push("edge/gateway", Some(&format!("{part}_7.1.0")), &image(architecture, "7.1.0"));
    }
    week(3);
    push_with_list(&ecr, "shop/checkout", "2.3.0", &["2.3", "2"]);
    // The build that took longest pushed the alias last.
    for (day, build, aliases) in
        [(1, "main-98-3f9c2d1", &[][..]), (2, "main-99-0a1b2c3", &["main"]), (3, "main-100-5e1ec7e", &[])]
    {
        ecr.clock().set(start + Duration::from_hours(2 * WEEK + day * 24));
        push_with_list(&ecr, "shop/search", build, aliases);
    }
    audited(&ecr, &[], start + Duration::from_hours(3 * WEEK + 24)).await
}

#[tokio::test]
async fn documented_output_is_that_of_the_program() {
    let (report, calls) = documented().await;
    let output = format!("{}{}\n", ReportText { report: &report, rows: 20 }, summary(&report, calls));
    let document = include_str!("../../../docs/audit.md");
    assert!(document.contains(&format!("```text\n{output}```")), "docs/audit.md does not show this:\n{output}");
}
