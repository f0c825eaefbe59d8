//! The report as text for a terminal.

use std::fmt::{self, Write as _};

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use ecr_multiarch_audit::coverage::{Coverage, Unit};
use ecr_multiarch_audit::finding::{ASSEMBLE_COMMAND, DRY_RUN_COMMAND, Finding, Request, SWEEP_COMMAND};
use ecr_multiarch_audit::guess::{GuessedAlias, GuessedStream};
use ecr_multiarch_audit::listed_images::ListedImages;
use ecr_multiarch_audit::report::{Report, RepositoryReport};
use ecr_multiarch_audit::shell::SettingsCommands;
use ecr_multiarch_audit::text::{counted, plain};
use ecr_multiarch_core::RegistryId;
use ecr_multiarch_core::timestamp::rfc_3339;

use crate::style::Style;
use crate::terminal::calls_to_ecr;

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
            writeln!(f, "{}", Style::Warning.paint(&plain(limit)))?;
        }
        for failure in &self.report.failures {
            let text = format!("{}: not audited completely: {}", failure.repository, plain(&failure.message));
            writeln!(f, "{}", Style::Failure.paint(&text))?;
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
        let style = if findings.is_empty() { Style::Success } else { Style::Failure };
        let found = style.paint(&counted(findings.len(), "finding", "findings"));
        write!(f, "{}: {versions}, {found}", Style::Bold.paint(repository.name.as_str()))?;
        match guess.layout {
            Some(layout) => {
                let platforms: Vec<_> = guess
                    .platforms
                    .iter()
                    .map(|guessed| format!("{}={} ({})", guessed.platform, guessed.tag_part, guessed.tags))
                    .collect();
                let (of, all) = (guess.platform_tags, counted(guess.tags, "tag", "tags"));
                let text = format!("guessed from {of} of {all}: {}, {}", layout.template(), platforms.join(", "));
                writeln!(f, "\n {}", Style::Dim.paint(&text))?;
            }
            None => writeln!(f, "\n no tag names a platform")?,
        }
        let counts = |aliases: &[GuessedAlias]| {
            let aliases: Vec<_> =
                aliases.iter().map(|guessed| format!("{} ({})", guessed.template, guessed.tags)).collect();
            aliases.join(", ")
        };
        if !guess.aliases.is_empty() {
            writeln!(f, " {}", Style::Dim.paint(&format!("aliases: {}", counts(&guess.aliases))))?;
        }
        for GuessedStream { releases, aliases, evidence, .. } in &guess.streams {
            let stream = format!("stream: {releases}, aliases: {}", counts(aliases));
            writeln!(f, " {}\n  {}", Style::Dim.paint(&stream), Style::Dim.paint(evidence))?;
        }
        if let Some(ListedImages { would_be_tagged: images @ 1.., untagged }) = repository.listed_images {
            let images = counted(images, "image", "images");
            writeln!(
                f,
                " {images} inside lists would get a tag with IMAGE_TAGS={{version}}_{{platform}}; {untagged} have none"
            )?;
        }
        for warning in &guess.warnings {
            writeln!(f, " {}", warning_text(&plain(warning)))?;
        }
        if !findings.is_empty() {
            let mut table = Table::new();
            table.load_style(NOTHING);
            let shown = || findings.iter().take(self.rows);
            for finding in shown() {
                let title = finding.problem.kind().texts().title;
                let mut message = finding.problem.message();
                if let Some(obstacle) = finding.obstacle() {
                    let _ = write!(message, " (no request: {obstacle})");
                }
                table.add_row([title.to_owned(), plain(&finding.tag), plain(&message)]);
            }
            // Codes of colours have a width to the table, so the titles get them when it is laid out.
            for (line, finding) in table.trim_fmt().lines().zip(shown()) {
                let title = finding.problem.kind().texts().title;
                writeln!(f, "{}", line.replacen(title, &Style::Failure.paint(title), 1))?;
            }
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
        writeln!(f, "{}\n{}\n", Style::Bold.paint("coverage"), table.trim_fmt())
    }

    fn write_kinds(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.report.kinds.is_empty() {
            return Ok(());
        }
        writeln!(f, "{}", Style::Bold.paint("what to do"))?;
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
        let heading = "requests to the function ecr-multiarch, once it is deployed with these settings, and with the \
                       permission lambda:InvokeFunction";
        writeln!(f, "{}", Style::Bold.paint(heading))?;
        if has_sweep {
            writeln!(f, " sweep: {SWEEP_COMMAND}\n   SweeperArn stands for that output of its stack.")?;
        }
        if has_assemble {
            writeln!(f, " assemble: {ASSEMBLE_COMMAND}\n   AssemblerArn stands for that output of its stack.")?;
        }
        writeln!(f, " before that, with these settings in the environment: {DRY_RUN_COMMAND}\n")
    }

    fn write_settings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(SettingsCommands { export, deploy }) = &self.report.settings_commands else { return Ok(()) };
        let heading = "settings of the function for these repositories, as variables of a shell";
        write_block(f, heading, export)?;
        writeln!(f)?;
        write_block(f, "the same as parameters of a deployment", deploy)?;
        for warning in &self.report.settings_warnings {
            writeln!(f, " {}", warning_text(warning))?;
        }
        writeln!(f)
    }
}

fn write_block(f: &mut fmt::Formatter<'_>, heading: &str, commands: &str) -> fmt::Result {
    writeln!(f, "{}", Style::Bold.paint(heading))?;
    commands.lines().try_for_each(|line| writeln!(f, " {line}"))
}

fn warning_text(warning: &str) -> String {
    Style::Warning.paint(&format!("warning: {warning}"))
}

/// One line for the whole audit.
pub fn summary(report: &Report, calls: u64) -> String {
    let totals = &report.totals;
    let recent = match totals.recent {
        0 => String::new(),
        recent => format!(" ({recent} of the last hour not judged: --as-of +1h judges all)"),
    };
    let archived = match totals.archived {
        0 => String::new(),
        archived => format!(" ({archived} archived and not judged)"),
    };
    let as_of = report.as_of.map(|time| format!(" as of {}", rfc_3339(time))).unwrap_or_default();
    let place = match &report.registry {
        RegistryId { account: Some(account), region } => format!("{account} in {region}"),
        RegistryId { account: None, region } => region.to_string(),
    };
    let how = if report.deep { "scans and reads" } else { "scans alone; --deep finds more" };
    format!(
        "{} in {}{recent}{archived} of {} of {place}{as_of}, by {how}; {}",
        counted(totals.findings, "finding", "findings"),
        counted(totals.versions, "version", "versions"),
        counted(totals.repositories, "repository", "repositories"),
        calls_to_ecr(calls),
    )
}
