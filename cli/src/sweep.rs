//! The function's sweep in a terminal: to preview a deployment, and to backfill without waiting for the schedule.

mod alias_rows;
mod options;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ecr_multiarch_audit::text::plain;
use ecr_multiarch_core::work::SweepScope;
use ecr_multiarch_core::{Settings, SweepReport};
use ecr_multiarch_engine::ecr::{Priority, Registries};
use ecr_multiarch_engine::end::WorkTime;
use ecr_multiarch_engine::sweep::sweep;
use tokio::time::Instant;

pub use options::Options;
use table::SweepTable;

use crate::credentials;
use crate::exit::Exit;
use crate::style::Style;
use crate::terminal::{error_text, print, warn};
use crate::unmatched;

/// The deadline that the sweep requires. In a terminal, Ctrl-C ends it earlier.
const DEADLINE: Duration = Duration::from_hours(24);

/// Sweeps, and prints what was found.
pub async fn run(options: &Options) -> Result<Exit, String> {
    let settings = options.settings(|name| std::env::var(name).ok())?;
    let registries = Registries::from_terminal(settings.sweep().puts_per_second).await;
    let registries = registries.map_err(|error| error.to_string())?.with_labels(settings.taken_over());
    credentials::check(registries.credentials_provider()).await?;
    settings.warnings().iter().for_each(|warning| warn(warning));
    let (table, report) = tokio::select! {
        swept = sweep_registry(options, &settings, &registries) => swept?,
        _ = tokio::signal::ctrl_c() => return Err("interrupted: published lists remain, and the next run continues".to_owned()),
    };
    let warning = unmatched_warning(options, &settings, &table, &report)?;
    let failures = table::failures(&report).into_iter().map(|failure| Style::Failure.paint(&plain(&failure)));
    let remainder = table::remainder(&report).map(|remainder| Style::Warning.paint(&remainder));
    let lines = failures.chain([table::summary(&report, registries.calls())]).chain(remainder);
    print(format!("{table}{}\n", lines.collect::<Vec<_>>().join("\n")))?;
    if let Some(warning) = warning {
        warn(&warning);
    }
    Ok(exit(&report))
}

async fn sweep_registry(
    options: &Options,
    settings: &Settings,
    registries: &Registries,
) -> Result<(SweepTable, SweepReport), String> {
    let id = options.registry.id(registries)?;
    let deadline = Instant::now() + DEADLINE;
    let swept = [registries.open(&id, Priority::Background, deadline)];
    let scope = SweepScope {
        repositories: (!options.repositories.is_empty()).then(|| options.repositories.clone()),
        dry_run: options.dry_run,
        deep: options.deep,
        max_age: options.max_age.map(Duration::from),
        from: options.from.clone(),
        // A name that no repository has is reported in the same words as a glob that matches none.
        covers_all_registries: false,
    };
    let time = WorkTime { stop_at: deadline, deadline };
    let table = SweepTable::new(options.rows, options.patterns(settings));
    let report = sweep(&swept, settings, &scope, time, &table).await;
    table.finish();
    Ok((table, report.map_err(|error| error_text(&error))?))
}

/// What is said of names and globs that match no repository.
///
/// # Errors
/// The same, if none matches any.
fn unmatched_warning(
    options: &Options,
    settings: &Settings,
    table: &SweepTable,
    report: &SweepReport,
) -> Result<Option<String>, String> {
    let are_both_given = !options.repositories.is_empty() && options::is_limited(settings);
    let repository = if are_both_given { "repository of REPOSITORIES" } else { "repository" };
    unmatched::warning(repository, &table.unmatched(report), options.patterns(settings))
}

/// How a sweep with this report ended.
fn exit(report: &SweepReport) -> Exit {
    let is_whole = report.failed.first.iter().all(|failed| failed.version.is_some()) && report.is_complete();
    match report.failed.total {
        _ if !is_whole => Exit::Failed,
        0 => Exit::Done,
        _ => Exit::Found,
    }
}
