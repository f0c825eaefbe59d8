//! The function's sweep in a terminal: to preview a deployment, and to backfill without waiting for the schedule.

mod alias_rows;
mod options;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ecr_multiarch_audit::text::plain;
use ecr_multiarch_core::Settings;
use ecr_multiarch_core::work::SweepScope;
use ecr_multiarch_engine::ecr::{Priority, Registries};
use ecr_multiarch_engine::end::WorkTime;
use ecr_multiarch_engine::sweep::sweep;
use tokio::time::Instant;

pub use options::Options;
use table::SweepTable;

use crate::credentials;
use crate::terminal::error_text;

/// The deadline that the sweep requires. In a terminal, Ctrl-C ends it earlier.
const DEADLINE: Duration = Duration::from_hours(24);

/// Sweeps, and prints what was found. Returns whether nothing failed.
pub async fn run(options: &Options) -> Result<bool, String> {
    let settings = Settings::from_lookup(|name| options.setting(name)).map_err(|error| error.to_string())?;
    let registries = Registries::from_terminal(settings.sweep().puts_per_second).await;
    let registries = registries.map_err(|error| error.to_string())?.with_labels(settings.taken_over());
    credentials::check(registries.credentials_provider()).await?;
    let id = options.registry.id(&registries)?;
    let deadline = Instant::now() + DEADLINE;
    let swept = [registries.open(&id, Priority::Background, deadline)];
    let scope = SweepScope {
        repositories: (!options.repositories.is_empty()).then(|| options.repositories.clone()),
        dry_run: options.dry_run,
        deep: options.deep,
        max_age: options.max_age.map(Duration::from),
        from: options.from.clone(),
        covers_all_registries: true,
    };
    let time = WorkTime { stop_at: deadline, deadline };
    let table = SweepTable::new(options.rows);
    let report = tokio::select! {
        report = sweep(&swept, &settings, &scope, time, &table) => report.map_err(|error| error_text(&error))?,
        _ = tokio::signal::ctrl_c() => return Err("interrupted: published lists remain, and the next run continues".to_owned()),
    };
    table.finish();
    println!("{table}");
    for failure in table::failures(&report) {
        println!("{}", plain(&failure));
    }
    println!("{}", table::summary(&report, registries.calls()));
    if let Some(remainder) = table::remainder(&report) {
        println!("{remainder}");
    }
    Ok(report.failed.total == 0)
}
