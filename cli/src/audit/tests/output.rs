//! What an audit prints.

use super::*;

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
        "\n export PLATFORMS='linux/amd64,linux/arm64'\n export TAG_TEMPLATE='{version}-{platform}'\n",
        "100%",
        "66%",
        " List missing (1)\n   All platforms were pushed",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let summary = summary(&report, calls);
    assert_eq!(
        summary,
        "2 findings in 3 versions of 1 repository of 123456789012 in eu-central-1, by scans alone; --deep finds more; 2 calls to ECR"
    );
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
async fn versions_that_are_not_judged_say_how_they_are() {
    let ecr = start_ecr();
    push(&ecr, "app", "1.0.0", &["amd64"]);
    let (report, calls) = audited(&ecr, &[], SystemTime::now()).await;
    let expected =
        "0 findings in 1 version (1 of the last hour not judged: --as-of +1h judges all) of 1 repository of ";
    let text = summary(&report, calls);
    assert!(text.starts_with(expected), "{text}");
    let (report, calls) = audited(&ecr, &["--as-of", "+1h"], SystemTime::now()).await;
    let text = summary(&report, calls);
    let as_of = serde_json::to_value(&report).unwrap()["as_of"].as_str().unwrap().to_owned();
    assert!(text.contains(&format!(" in eu-central-1 as of {as_of}, ")) && !text.contains("judged"), "{text}");
}

/// The registry of `docs/audit.md`.
pub async fn documented() -> (Report, u64) {
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
    let document = include_str!("../../../../docs/audit.md");
    assert!(document.contains(&format!("```text\n{output}```")), "docs/audit.md does not show this:\n{output}");
}
