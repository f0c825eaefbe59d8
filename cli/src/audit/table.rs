//! The report as text for a terminal.

use std::fmt::{self, Write as _};

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use ecr_multiarch_audit::coverage::{Coverage, Unit};
use ecr_multiarch_audit::finding::{ASSEMBLE_COMMAND, DRY_RUN_COMMAND, Finding, Request, SWEEP_COMMAND};
use ecr_multiarch_audit::guess::{GuessedAlias, GuessedStream};
use ecr_multiarch_audit::listed_images::ListedImages;
use ecr_multiarch_audit::report::{Report, RepositoryReport};
use ecr_multiarch_audit::text::{counted, plain};

/// How many of the last periods the coverage shows: a year of months, and a quarter of weeks.
const PERIODS_SHOWN: usize = 12;

/// A report, with at most so many findings for each repository.
pub struct ReportText<'a> {
    /// The report.
    pub report: &'a Report,
    /// How many findings of a repository are shown.
    pub rows: usize,
}

/// The request of a finding that the sweep of its repository does not fix.
fn forced(finding: &Finding) -> Option<&Request> {
    finding.request().filter(|request| request.is_forced())
}

impl fmt::Display for ReportText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut findings = self.report.findings.as_slice();
        for repository in &self.report.repositories {
            let own;
            (own, findings) = findings.split_at(repository.findings);
            self.write_repository(f, repository, own)?;
        }
        self.write_coverage(f)?;
        self.write_kinds(f)?;
        self.write_settings(f)?;
        self.write_requests(f)?;
        for limit in &self.report.limits {
            writeln!(f, "{}", plain(limit))?;
        }
        for failure in &self.report.failures {
            writeln!(f, "{}: not audited completely: {}", failure.repository, plain(&failure.message))?;
        }
        Ok(())
    }
}

impl ReportText<'_> {
    fn write_repository(
        &self,
        f: &mut fmt::Formatter<'_>,
        repository: &RepositoryReport,
        findings: &[Finding],
    ) -> fmt::Result {
        let guess = &repository.guess;
        let versions = counted(repository.versions.len(), "version", "versions");
        write!(f, "{}: {versions}, {}", repository.name, counted(findings.len(), "finding", "findings"))?;
        match guess.layout {
            Some(layout) => {
                let platforms: Vec<_> = guess
                    .platforms
                    .iter()
                    .map(|guessed| format!("{}={} ({})", guessed.platform, guessed.tag_part, guessed.tags))
                    .collect();
                let (of, all) = (guess.platform_tags, counted(guess.tags, "tag", "tags"));
                writeln!(f, "\n guessed from {of} of {all}: {}, {}", layout.template(), platforms.join(", "))?;
            }
            None => writeln!(f, "\n no tag names a platform")?,
        }
        let counts = |aliases: &[GuessedAlias]| {
            let aliases: Vec<_> =
                aliases.iter().map(|guessed| format!("{} ({})", guessed.template, guessed.tags)).collect();
            aliases.join(", ")
        };
        if !guess.aliases.is_empty() {
            writeln!(f, " aliases: {}", counts(&guess.aliases))?;
        }
        for GuessedStream { releases, aliases, evidence, .. } in &guess.streams {
            writeln!(f, " stream: {releases}, aliases: {}\n  {evidence}", counts(aliases))?;
        }
        if let Some(ListedImages { would_be_tagged: images @ 1.., untagged }) = repository.listed_images {
            let images = counted(images, "image", "images");
            writeln!(
                f,
                " {images} inside lists would get a tag with IMAGE_TAGS={{version}}_{{platform}}; {untagged} have none"
            )?;
        }
        for warning in &guess.warnings {
            writeln!(f, " warning: {}", plain(warning))?;
        }
        if !findings.is_empty() {
            let mut table = Table::new();
            table.load_style(NOTHING);
            for finding in findings.iter().take(self.rows) {
                let title = finding.problem.kind().texts().title;
                let mut message = finding.problem.message();
                if let Some(obstacle) = finding.obstacle() {
                    let _ = write!(message, " (no request: {obstacle})");
                }
                table.add_row([title.to_owned(), plain(&finding.tag), plain(&message)]);
            }
            writeln!(f, "{}", table.trim_fmt())?;
        }
        if let hidden @ 1.. = findings.len().saturating_sub(self.rows) {
            writeln!(f, " and {hidden} more")?;
        }
        for request in findings.iter().take(self.rows).filter_map(forced).chain(&repository.request) {
            writeln!(f, " request: {}", serde_json::to_string(request).map_err(|_| fmt::Error)?)?;
        }
        writeln!(f)
    }

    fn write_coverage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Coverage { versions, platforms } = &self.report.coverage;
        if platforms.is_empty() {
            return Ok(());
        }
        let first = versions.len().saturating_sub(PERIODS_SHOWN);
        let unit = match self.report.timeline.unit {
            Unit::Week => "week of",
            Unit::Month => "month",
            Unit::Year => "year",
        };
        let mut table = Table::new();
        table.load_style(NOTHING);
        let names = platforms.iter().map(|covered| plain(&covered.platform));
        table.set_header([unit.to_owned(), "versions".to_owned()].into_iter().chain(names));
        for (period, label) in self.report.timeline.periods.iter().enumerate().skip(first) {
            let all = versions[period];
            let shares = platforms.iter().map(|covered| match all {
                0 => String::new(),
                all => format!("{}%", covered.versions[period] * 100 / all),
            });
            table.add_row([label.clone(), all.to_string()].into_iter().chain(shares));
        }
        writeln!(f, "coverage\n{}\n", table.trim_fmt())
    }

    fn write_kinds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.report.kinds.is_empty() {
            return Ok(());
        }
        writeln!(f, "what to do")?;
        for kind in &self.report.kinds {
            let texts = kind.texts;
            writeln!(f, " {} ({})\n   {}\n   {}", texts.title, kind.findings, texts.meaning, texts.remedy)?;
        }
        writeln!(f)
    }

    fn write_requests(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_sweep = self.report.repositories.iter().any(|repository| repository.request.is_some());
        let has_assemble = self.report.findings.iter().any(|finding| forced(finding).is_some());
        if !has_sweep && !has_assemble {
            return Ok(());
        }
        writeln!(
            f,
            "requests to the function ecr-multiarch, once it is deployed with these settings, and with the permission \
             lambda:InvokeFunction"
        )?;
        if has_sweep {
            writeln!(f, " sweep: {SWEEP_COMMAND}\n   SweeperArn stands for that output of its stack.")?;
        }
        if has_assemble {
            writeln!(f, " assemble: {ASSEMBLE_COMMAND}\n   AssemblerArn stands for that output of its stack.")?;
        }
        writeln!(f, " before that, with these settings in the environment: {DRY_RUN_COMMAND}\n")
    }

    fn write_settings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.report.settings.is_empty() {
            return Ok(());
        }
        writeln!(f, "settings of the function for these repositories")?;
        for (name, value) in &self.report.settings {
            writeln!(f, " {name}={value}")?;
        }
        for warning in &self.report.settings_warnings {
            writeln!(f, " warning: {warning}")?;
        }
        writeln!(f)
    }
}

/// One line for the whole audit.
pub fn summary(report: &Report, calls: u64) -> String {
    let totals = &report.totals;
    let recent = match totals.recent {
        0 => String::new(),
        recent => format!(" ({recent} of the last hour not judged)"),
    };
    let archived = match totals.archived {
        0 => String::new(),
        archived => format!(" ({archived} archived and not judged)"),
    };
    let how = if report.deep { "scans and reads" } else { "scans alone; --deep finds more" };
    format!(
        "{} in {}{recent}{archived} of {}, by {how}; {calls} calls to ECR",
        counted(totals.findings, "finding", "findings"),
        counted(totals.versions, "version", "versions"),
        counted(totals.repositories, "repository", "repositories"),
    )
}
