//! What the table shows of a sweep of a local ECR.

use clap::Parser as _;
use ecr_multiarch_core::SweepReport;
use local_ecr::image::Image;
use local_ecr::{Fault, FaultKind, LocalEcr, Options as EcrOptions};

use super::table::{SweepTable, failures, remainder, summary};
use super::{Options, exit, sweep_registry, unmatched_warning};
use crate::exit::Exit;
use crate::local_stack::registries;
use crate::{Cli, Command};

const ALIASES: [(&str, &str); 1] = [("ALIASES", "{major}.{minor},latest")];

fn start_ecr() -> LocalEcr {
    LocalEcr::start(EcrOptions::default()).unwrap()
}

/// Pushes the images of a version on some platforms to `app`.
fn push(ecr: &LocalEcr, version: &str, platforms: &[&str]) {
    for platform in platforms {
        let image = Image::oci(&format!("linux/{platform}")).content(version);
        ecr.home().push("app", Some(&format!("{version}-{platform}")), &image);
    }
}

/// The options of a command line.
fn parse(arguments: &[&str]) -> Options {
    match Cli::parse_from(["ecr-multiarch", "sweep"].iter().chain(arguments)).command {
        Command::Sweep(options) => options,
        other => panic!("{other:?}"),
    }
}

/// Sweeps, with these settings besides `PLATFORMS`. Returns the table, the report and what matches nothing.
async fn sweep(
    ecr: &LocalEcr,
    settings: &[(&str, &str)],
    arguments: &[&str],
) -> (SweepTable, SweepReport, Result<Option<String>, String>) {
    let options = parse(arguments);
    let settings = options.settings(|name| match name {
        "PLATFORMS" => Some("linux/amd64,linux/arm64".to_owned()),
        _ => settings.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned()),
    });
    let settings = settings.unwrap();
    let (table, report) = sweep_registry(&options, &settings, &registries(ecr, 1_000.0).await).await.unwrap();
    let warning = unmatched_warning(&options, &settings, &table, &report);
    (table, report, warning)
}

/// Sweeps, with a table of so many rows. Returns the table and the report.
async fn swept(ecr: &LocalEcr, settings: &[(&str, &str)], dry_run: bool, rows: usize) -> (String, SweepReport) {
    let rows = rows.to_string();
    let dry_run = if dry_run { &["--dry-run"][..] } else { &[] };
    let (table, report, _) = sweep(ecr, settings, &[&["--rows", &rows], dry_run].concat()).await;
    (table.to_string(), report)
}

/// The cells of each line of a table, which are two spaces or more apart.
fn cells(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect()
}

#[tokio::test]
async fn table_shows_versions_by_platform() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64", "arm64"]);
    push(&ecr, "1.3.0", &["amd64"]);
    let (table, _) = swept(&ecr, &[], false, 50).await;
    let expected = [
        vec!["app"],
        vec!["version", "linux/amd64", "linux/arm64", "list"],
        vec!["1.2.3", "present", "present", "published"],
        vec!["1.3.0", "present", "missing", "incomplete"],
    ];
    assert_eq!(cells(&table)[..4], expected, "{table}");
}

#[tokio::test]
async fn release_is_shown_with_the_aliases_that_moved_to_it() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64", "arm64"]);
    push(&ecr, "1.1.9", &["amd64", "arm64"]);
    let (table, _) = swept(&ecr, &ALIASES, false, 50).await;
    let expected = [
        vec!["app"],
        vec!["version", "linux/amd64", "linux/arm64", "list", "aliases"],
        vec!["1.1.9", "present", "present", "published", "moved 1.1"],
        vec!["1.2.3", "present", "present", "published", "moved 1.2, latest"],
    ];
    assert_eq!(cells(&table)[..4], expected, "{table}");
}

#[tokio::test]
async fn dry_run_shows_the_aliases_that_would_move() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64", "arm64"]);
    swept(&ecr, &[], false, 50).await;
    let (table, _) = swept(&ecr, &ALIASES, true, 50).await;
    assert_eq!(cells(&table)[2], ["1.2.3", "present", "present", "up to date", "would move 1.2, latest"], "{table}");
}

#[tokio::test]
async fn conflict_is_shown_with_its_reason() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64", "arm64"]);
    ecr.home().push("app", Some("latest"), &Image::oci("linux/amd64").content("plain"));
    let (table, _) = swept(&ecr, &ALIASES, false, 50).await;
    let rows = cells(&table);
    assert_eq!(rows[2].last(), Some(&"conflict latest; moved 1.2"), "{table}");
    assert!(
        table.contains("\n latest: conflict: it names sha256:") && table.contains("not a manifest list"),
        "{table}"
    );
}

#[tokio::test]
async fn alias_of_a_version_beyond_the_table_is_shown_below() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64", "arm64"]);
    swept(&ecr, &[], false, 50).await;
    push(&ecr, "1.1.9", &["amd64", "arm64"]);
    let (table, _) = swept(&ecr, &ALIASES, false, 1).await;
    assert!(!table.contains("\n1.2.3") && table.contains("\n latest: moved: 1.2.3\n"), "{table}");
}

#[tokio::test]
async fn summary_counts_aliases_where_there_are_any() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64", "arm64"]);
    let (_, with) = swept(&ecr, &ALIASES, false, 50).await;
    assert!(
        summary(&with, 9).contains(" 0 failed, 2 aliases moved, 0 in conflict; 9 calls to ECR"),
        "{}",
        summary(&with, 9)
    );
    let (_, without) = swept(&ecr, &[], false, 50).await;
    assert!(!summary(&without, 9).contains("alias"), "{}", summary(&without, 9));
}

#[test]
fn what_is_left_when_time_is_up_is_named() {
    let mut report = SweepReport::empty(false, false, false);
    assert_eq!(remainder(&report), None);
    report.unfinished = ["base", "app"].map(|name| name.parse().unwrap()).into();
    assert_eq!(remainder(&report).unwrap(), "time is up: to finish, sweep --repositories app,base");
    report.defer("team-b".parse().unwrap());
    let both = "time is up: to go on, sweep --from team-b; to finish, sweep --repositories app,base";
    assert_eq!(remainder(&report).unwrap(), both);
}

#[tokio::test]
async fn what_is_passed_over_is_shown_with_its_reason() {
    let ecr = start_ecr();
    push(&ecr, "feature-arm64", &["amd64", "arm64"]);
    push(&ecr, "1.2.3", &["amd64", "arm64"]);
    swept(&ecr, &[], false, 50).await;
    ecr.home().archive("app", "1.2.3");
    let (table, report) = swept(&ecr, &[], false, 50).await;
    assert!(table.contains("archived") && table.contains("ignored: version feature-arm64"), "{table}");
    let summary = super::table::summary(&report, 0);
    assert!(summary.contains("1 ignored, 1 archived, 0 failed"), "{summary}");
}

#[tokio::test]
async fn repository_that_fails_is_named_with_its_error() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64"]);
    ecr.faults().add(Fault::on("DescribeImages", FaultKind::client_error("AccessDeniedException", "denied")));
    let (_, report) = swept(&ecr, &[], true, 50).await;
    let [line] = &failures(&report)[..] else { panic!("{:?}", failures(&report)) };
    assert!(line.starts_with("app: AccessDenied: ecr:DescribeImages on app was denied"), "{line}");
    assert!(summary(&report, 1).starts_with("0 versions in 0 repositories: "), "{}", summary(&report, 1));
    assert!(summary(&report, 1).ends_with("1 failed; 1 call to ECR"), "{}", summary(&report, 1));
}

#[tokio::test]
async fn expired_credentials_are_told_as_such() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64"]);
    let expired = "The security token included in the request is expired";
    ecr.faults().add(Fault::on("DescribeImages", FaultKind::client_error("ExpiredTokenException", expired)));
    let (_, report) = swept(&ecr, &[], true, 50).await;
    assert_eq!(failures(&report), ["app: The credentials have expired: sign in again, such as by `aws sso login`"]);
}

#[test]
fn missing_platforms_name_the_option_and_the_variable() {
    let error = parse(&[]).settings(|_| None).unwrap_err();
    assert_eq!(error, "no platforms: pass --platforms or set PLATFORMS, such as linux/amd64,linux/arm64");
    assert!(parse(&["--platforms", "linux/amd64"]).settings(|_| None).is_ok());
}

#[tokio::test]
async fn pattern_that_matches_nothing_is_named() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64", "arm64"]);
    ecr.home().create("empty");
    let of = |text: &str| format!("no repository matches {text}");
    let of_settings = |text: &str| format!("no repository of REPOSITORIES matches {text}");
    for (served, patterns, expected) in [
        ("*", "app,em*", Ok(None)),
        ("*", "app,team-x/*,gone", Ok(Some(of("'team-x/*' or 'gone'")))),
        ("*", "gone", Err(of("'gone'"))),
        ("*", "team-x/*", Err(of("'team-x/*'"))),
        ("app", "app,empty", Ok(Some(of_settings("'empty'")))),
        ("app,gone", "", Ok(Some(of("'gone'")))),
        ("*", "", Ok(None)),
    ] {
        let arguments =
            if patterns.is_empty() { vec!["--dry-run"] } else { vec!["--dry-run", "--repositories", patterns] };
        let (_, report, warning) = sweep(&ecr, &[("REPOSITORIES", served)], &arguments).await;
        assert_eq!((warning, report.failed.total), (expected, 0), "{served} {patterns}");
    }
    let (_, _, warning) = sweep(&ecr, &[], &["--dry-run", "--repositories", "a*,z*", "--from", "b0"]).await;
    assert_eq!(warning, Ok(None), "what is passed over may match");
}

#[tokio::test]
async fn exit_tells_versions_that_failed_from_what_was_not_swept() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64", "arm64"]);
    let denied = |operation| Fault::on(operation, FaultKind::client_error("AccessDeniedException", "denied"));
    let exits = async || exit(&swept(&ecr, &[], false, 50).await.1);
    ecr.faults().add(denied("DescribeImages").times(1));
    assert_eq!(exits().await, Exit::Failed);
    ecr.home().push("app", Some("1.2.3-arm64"), &Image::oci("linux/amd64").content("wrong"));
    assert_eq!(exits().await, Exit::Found);
    push(&ecr, "1.2.3", &["arm64"]);
    assert_eq!(exits().await, Exit::Done);
}

#[tokio::test]
async fn denied_repository_counts_as_matched() {
    let ecr = start_ecr();
    push(&ecr, "1.2.3", &["amd64", "arm64"]);
    ecr.faults().add(Fault::on("DescribeImages", FaultKind::client_error("AccessDeniedException", "denied")));
    let (_, report, warning) = sweep(&ecr, &[], &["--repositories", "a*"]).await;
    assert_eq!((warning, report.failed.total), (Ok(None), 1));
}
