//! The progress of a sweep while it runs, and at its end a table of versions by platform.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use ecr_multiarch_audit::text::{counted, plain};
use ecr_multiarch_core::answer::sweep::Failed;
use ecr_multiarch_core::inventory::{Version, VersionStatus};
use ecr_multiarch_core::reconcile::outcome::Waiting;
use ecr_multiarch_core::settings::VersionNotServed;
use ecr_multiarch_core::{
    AliasReconciliation, InvocationError, Outcome, RepositoryGlob, RepositoryName, RepositorySettings, SweepReport, Tag,
};
use ecr_multiarch_engine::end::End;
use ecr_multiarch_engine::sweep::{SweepObserver, VersionEnd};
use indicatif::ProgressBar;

use super::alias_rows::AliasRows;
use crate::style::Style;
use crate::terminal::{calls_to_ecr, described, progress_bar};

/// Collects the versions of a sweep.
pub struct SweepTable {
    bar: ProgressBar,
    rows_shown: usize,
    repositories: RefCell<BTreeMap<RepositoryName, Repository>>,
    /// The patterns that no scanned repository has matched yet.
    unmatched: RefCell<Vec<RepositoryGlob>>,
}

struct Repository {
    platforms: Vec<String>,
    versions: usize,
    rows: Vec<Row>,
    /// `None`, where the settings have no aliases.
    aliases: Option<AliasRows>,
}

/// A version. Those that need attention sort first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    rank: Rank,
    version: String,
    cells: Vec<&'static str>,
    state: String,
}

/// What a version needs of whoever looks at the table, most first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Failed,
    NotFinished,
    Published,
    LeftAlone,
    Incomplete,
    UpToDate,
}

impl Rank {
    fn style(self) -> Style {
        match self {
            Self::Failed => Style::Failure,
            Self::Published => Style::Success,
            Self::NotFinished | Self::LeftAlone | Self::Incomplete => Style::Warning,
            Self::UpToDate => Style::Dim,
        }
    }
}

impl SweepTable {
    /// A table of at most `rows_shown` rows for each repository, for a sweep of what these patterns match.
    pub fn new(rows_shown: usize, patterns: &[RepositoryGlob]) -> Self {
        let unmatched = RefCell::new(patterns.to_vec());
        Self { bar: progress_bar("versions"), rows_shown, repositories: RefCell::default(), unmatched }
    }

    /// The patterns that have matched no repository, as far as the report tells it of those that were not scanned.
    pub fn unmatched(&self, report: &SweepReport) -> Vec<RepositoryGlob> {
        let failed = report.failed.first.iter().filter_map(|failed| failed.repository.as_ref());
        let others: Vec<_> = failed.chain(&report.unfinished).collect();
        // It names only the first of many failures, and not what was not begun.
        let is_known = report.failed.total == report.failed.first.len() && report.next.is_none();
        let mut unmatched = self.unmatched.borrow().clone();
        unmatched.retain(|pattern| is_known && !others.iter().any(|name| pattern.matches(name)));
        unmatched
    }

    fn add(&self, repository: &RepositoryName, settings: &RepositorySettings, row: Row) {
        let mut repositories = self.repositories.borrow_mut();
        let entry = repositories.entry(repository.clone()).or_insert_with(|| Repository {
            platforms: settings.tag_scheme.platforms().iter().map(ToString::to_string).collect(),
            versions: 0,
            rows: Vec::new(),
            aliases: settings.has_aliases().then(AliasRows::default),
        });
        entry.versions += 1;
        entry.rows.push(row);
        // A registry may have a million versions: keep little more than what is shown.
        if entry.rows.len() > 2 * self.rows_shown.max(1) {
            entry.rows.sort();
            entry.rows.truncate(self.rows_shown);
        }
    }

    /// Removes the progress bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl SweepObserver for SweepTable {
    fn on_scan(&self, repository: &RepositoryName, versions: usize, to_read: usize) {
        self.unmatched.borrow_mut().retain(|pattern| !pattern.matches(repository));
        self.bar.inc_length(versions as u64);
        self.bar.set_message(format!("{repository}: {to_read} to read"));
    }

    fn on_version(
        &self,
        repository: &RepositoryName,
        settings: &RepositorySettings,
        version: &Version,
        end: Option<&VersionEnd>,
    ) {
        self.bar.inc(1);
        let platforms = settings.tag_scheme.platforms();
        let cells =
            (0..platforms.len()).map(|index| if version.platforms.contains(index) { "present" } else { "missing" });
        let (rank, state) = describe(version, end);
        self.add(repository, settings, Row { rank, version: version.tag.to_string(), cells: cells.collect(), state });
    }

    fn on_ignored(
        &self,
        repository: &RepositoryName,
        settings: &RepositorySettings,
        version: &Tag,
        reason: &VersionNotServed,
    ) {
        let cells = vec!["present"; settings.tag_scheme.platforms().len()];
        self.add(
            repository,
            settings,
            Row { rank: Rank::LeftAlone, version: version.to_string(), cells, state: ignored(reason) },
        );
    }

    fn on_aliases(&self, repository: &RepositoryName, aliases: &AliasReconciliation) {
        if let Some(entry) = self.repositories.borrow_mut().get_mut(repository) {
            entry.aliases = Some(aliases.into());
        }
    }
}

fn describe(version: &Version, end: Option<&VersionEnd>) -> (Rank, String) {
    let is_not_finished = || (Rank::NotFinished, "not finished".to_owned());
    match end {
        Some(End::Failed(InvocationError { error, .. })) if error.is_of_newer_images() => {
            (Rank::LeftAlone, ignored(error))
        }
        Some(End::Failed(error)) => (Rank::Failed, format!("failed: {}: {error}", error.error_type())),
        Some(End::Abandoned(_)) => (Rank::Failed, "abandoned: the repository refuses writes".to_owned()),
        Some(End::OutOfTime(_)) => is_not_finished(),
        Some(End::Done(reconciliation)) => match &reconciliation.outcome {
            Outcome::Published(_) => (Rank::Published, "published".to_owned()),
            Outcome::WouldPublish(_) => (Rank::Published, "would be published".to_owned()),
            Outcome::Waiting(Waiting::Revisions(reason)) | Outcome::Ignored(reason) => {
                (Rank::LeftAlone, format!("held back: {reason}"))
            }
            Outcome::Waiting(Waiting::Platforms { .. }) => (Rank::Incomplete, "incomplete".to_owned()),
            Outcome::Unchanged(_) | Outcome::Tagged(_) => (Rank::UpToDate, "up to date".to_owned()),
        },
        None if version.status == VersionStatus::Archived || !version.archived.is_empty() => {
            (Rank::LeftAlone, "archived".to_owned())
        }
        None => match version.status {
            VersionStatus::OutOfDate if version.is_too_old => (Rank::UpToDate, "older than --max-age".to_owned()),
            VersionStatus::OutOfDate | VersionStatus::Unsettled | VersionStatus::Archived => is_not_finished(),
            VersionStatus::Incomplete => (Rank::Incomplete, "incomplete".to_owned()),
            VersionStatus::UpToDate => (Rank::UpToDate, "up to date".to_owned()),
        },
    }
}

fn ignored(reason: &impl fmt::Display) -> String {
    format!("ignored: {reason}")
}

impl fmt::Display for SweepTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, repository) in self.repositories.borrow_mut().iter_mut() {
            repository.rows.sort();
            let mut table = Table::new();
            table.load_style(NOTHING);
            let platforms = repository.platforms.iter().map(String::as_str);
            let aliases = repository.aliases.as_ref();
            table
                .set_header(["version"].into_iter().chain(platforms).chain(["list"]).chain(aliases.map(|_| "aliases")));
            let rows: Vec<_> = repository.rows.iter().take(self.rows_shown).collect();
            for row in &rows {
                let cells = row.cells.iter().map(|cell| (*cell).to_owned());
                let aliases = aliases.map(|aliases| aliases.cell(&row.version));
                table.add_row([row.version.clone()].into_iter().chain(cells).chain([plain(&row.state)]).chain(aliases));
            }
            writeln!(f, "{}", Style::Bold.paint(name.as_str()))?;
            // Codes of colours have a width to the table, so its lines get them when it is laid out.
            let styles = [Style::Dim].into_iter().chain(rows.iter().map(|row| row.rank.style()));
            for (line, style) in table.trim_fmt().lines().zip(styles) {
                writeln!(f, "{}", style.paint(line))?;
            }
            let shown: Vec<_> = rows.iter().map(|row| row.version.as_str()).collect();
            for note in aliases.into_iter().flat_map(|aliases| aliases.notes(&shown)) {
                writeln!(f, " {note}")?;
            }
            if let hidden @ 1.. = repository.versions.saturating_sub(self.rows_shown) {
                writeln!(f, " and {hidden} more")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// One line for the whole sweep.
pub fn summary(report: &SweepReport, calls: u64) -> String {
    let done = match &report.pending {
        Some(pending) => format!("{} would be published", pending.total),
        None => format!("{} published", report.published),
    };
    let aliases = report.aliases.as_ref().map_or_else(String::new, |aliases| {
        format!(", {} aliases moved, {} in conflict", aliases.moved, aliases.conflicts.total)
    });
    format!(
        "{} in {}: {done}, {} up to date, {} incomplete or held back for longer than INCOMPLETE_AFTER, {} \
         ignored, {} archived, {} failed{aliases}; {}",
        counted(report.versions, "version", "versions"),
        counted(report.repositories, "repository", "repositories"),
        report.unchanged,
        report.incomplete.total,
        report.ignored.total,
        report.archived.total,
        report.failed.total,
        calls_to_ecr(calls),
    )
}

/// What failed as a whole: a repository or the registry. The table has the versions that failed by themselves.
pub fn failures(report: &SweepReport) -> Vec<String> {
    let whole = report.failed.first.iter().filter(|failed| failed.version.is_none());
    let line = |failed: &Failed| {
        let subject = failed.repository.as_ref().map_or("the registry", RepositoryName::as_str);
        format!("{subject}: {}", described(&failed.error, &failed.message()))
    };
    whole.map(line).collect()
}

/// What is left to do, if time was up before the end.
pub fn remainder(report: &SweepReport) -> Option<String> {
    let names: Vec<_> = report.unfinished.iter().map(RepositoryName::as_str).collect();
    let unfinished = (!names.is_empty()).then(|| format!("to finish, sweep --repositories {}", names.join(",")));
    let next = report.next.as_ref().map(|next| format!("to go on, sweep --from {next}"));
    let steps: Vec<_> = next.into_iter().chain(unfinished).collect();
    (!steps.is_empty()).then(|| format!("time is up: {}", steps.join("; ")))
}
