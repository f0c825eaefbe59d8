//! Which repositories an audit covers, and what it says of those that it cannot.

use super::*;

/// The patterns that match no repository.
fn unmatched(report: &Report) -> Vec<String> {
    report.unmatched.iter().map(ToString::to_string).collect()
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
    assert_eq!((unmatched(&report), report.failures.len()), (vec!["gone".to_owned()], 0));
    assert_eq!(report.findings[0].obstacle().unwrap().to_string(), "the tag 1.0.0 is immutable: delete it first");
    assert_eq!(report.registry.account.unwrap().as_str(), ecr.home().id().account);
    assert_eq!((report.limits, calls), (Vec::<String>::new(), 3));
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
    assert_eq!(exit(&parse(&options), &report), Exit::Done);
    let (with_another, _) = audited(&ecr, &["--repositories", "app,gone"], later()).await;
    assert_eq!((unmatched(&with_another), with_another.failures.len()), (vec!["gone".to_owned()], 0));
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
async fn pattern_that_matches_nothing_is_named_and_not_served() {
    let ecr = start_ecr();
    push(&ecr, "team-a/app", "1.0", &["amd64", "arm64"]);
    for (patterns, expected) in [("team-a/*,team-x/*", "team-x/*"), ("team-a/app,gone", "gone")] {
        let (report, _) = audited(&ecr, &["--repositories", patterns], later()).await;
        assert_eq!(unmatched(&report), [expected]);
        assert_eq!(report.settings["REPOSITORIES"], patterns.split(',').next().unwrap());
        assert_eq!(serde_json::to_value(&report).unwrap()["unmatched"], serde_json::json!([expected]));
    }
}
