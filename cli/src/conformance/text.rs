//! What `conformance` writes for people.

use ecr_multiarch_conformance::assumption::Assumption;
use ecr_multiarch_conformance::bench::Bench;
use ecr_multiarch_conformance::opt_in::OptIn;
use ecr_multiarch_conformance::report::{Finding, Report, Verdict};

use crate::style::Style;

/// What is about to be done, and the question whether to do it.
pub fn question(bench: &Bench, region: &str, allowed: &[OptIn]) -> String {
    let others = if allowed.contains(&OptIn::Events) { ", and a rule and a queue of the first name" } else { "" };
    format!(
        "This makes the repositories {} and\n{} in {region}{others}, sends some 400 calls, and removes them again.\n\
         They hold less than a megabyte, which costs less than 0.01 USD. Begin? [y/N] ",
        bench.repository, bench.immutable
    )
}

/// What was seen of an assumption, and, if it does not hold, what follows.
pub fn line(finding: &Finding) -> String {
    let Finding { assumption, verdict, seen, .. } = finding;
    let (style, verdict_text) = match verdict {
        Verdict::AsExpected => (Style::Success, "as expected"),
        Verdict::Differs => (Style::Failure, "differs"),
        Verdict::Unknown => (Style::Warning, "unknown"),
    };
    let mut lines = vec![format!("{} {:<30} {seen}", style.paint(&format!("{verdict_text:<11}")), assumption.id)];
    if *verdict == Verdict::Differs {
        let Assumption { statement, severity, consequence, relied_on_by, .. } = assumption;
        lines.push(format!("            expected: {statement}"));
        lines.push(format!("            {}: {consequence} ({relied_on_by})", severity.name()));
    }
    lines.join("\n") + "\n"
}

/// How many assumptions hold.
pub fn summary(report: &Report) -> String {
    let count = |verdict| report.findings.iter().filter(|finding| finding.verdict == verdict).count();
    let mut text = format!(
        "\n{} assumptions: {} as expected, {} differ, {} unknown; {} calls to ECR\n",
        report.findings.len(),
        count(Verdict::AsExpected),
        count(Verdict::Differs),
        count(Verdict::Unknown),
        report.calls()
    );
    if report.left_behind.is_empty() {
        text += "both repositories were removed\n";
    }
    text
}
