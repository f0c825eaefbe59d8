//! The audit of a registry: what is wrong with its multi-architecture images today, before anything is deployed.

mod options;
mod progress;
mod scan;
mod table;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use ecr_multiarch_audit::audit::Audit;
use ecr_multiarch_audit::finding::RequestTarget;
use ecr_multiarch_audit::page;
use ecr_multiarch_audit::report::Report;
use ecr_multiarch_core::RegistryId;
use ecr_multiarch_engine::ecr::{Priority, Registries};
use tokio::time::Instant;

pub use options::Options;
use progress::Progress;
use table::ReportText;

use crate::credentials;
use crate::exit::Exit;
use crate::registry_options::RegistryOptions;
use crate::terminal::{check_writable, print, warn, write_file};
use crate::unmatched;

/// How long calls are repeated that ECR throttles. In a terminal, Ctrl-C ends the audit earlier.
const PATIENCE: Duration = Duration::from_hours(24);

/// The audit writes nothing, but a client has a rate of writes.
const PUTS_PER_SECOND: f64 = 1.0;

/// Audits, and writes the report.
pub async fn run(options: &Options) -> Result<Exit, String> {
    let report = tokio::select! {
        report = report(options) => report?,
        _ = tokio::signal::ctrl_c() => return Err("interrupted".to_owned()),
    };
    Ok(exit(options, &report))
}

/// How an audit with this report ended.
fn exit(options: &Options, report: &Report) -> Exit {
    if !report.failures.is_empty() {
        Exit::Failed
    } else if options.fail_on_findings && report.totals.findings > 0 {
        Exit::Found
    } else {
        Exit::Done
    }
}

async fn report(options: &Options) -> Result<Report, String> {
    options.files().try_for_each(check_writable)?;
    let registries = Registries::from_terminal(PUTS_PER_SECOND).await.map_err(|error| error.to_string())?;
    credentials::check(registries.credentials_provider()).await?;
    if options.deep {
        warn(
            "--deep reads the manifests of all tags and of the images in their lists. To ECR that is a pull of each \
             image: its last recorded pull time becomes today's, on which lifecycle policies may depend.",
        );
    }
    let report = audit(options, &registries, SystemTime::now()).await?;
    let warning = unmatched::warning("repository", &report.unmatched, &options.repositories)?;
    let printed = print_report(options, &report);
    eprintln!("{}", table::summary(&report, registries.calls()));
    if let Some(warning) = warning {
        warn(&warning);
    } else if report.totals.repositories == 0 {
        warn("the registry has no repositories: compare account and Region");
    }
    // Also where a reader such as `head` has closed standard output.
    write_files(options, &report)?;
    printed.map(|()| report)
}

/// Audits a registry at this time.
async fn audit(options: &Options, registries: &Registries, now: SystemTime) -> Result<Report, String> {
    let id = options.registry.id(registries)?;
    let registry = registries.open(&id, Priority::Background, Instant::now() + PATIENCE);
    let target = {
        let RegistryOptions { account, region } = options.registry.clone();
        RequestTarget { account, region }
    };
    let progress = Progress::new();
    let repositories = scan::repositories(&registry, &options.repositories).await?;
    let audited = RegistryId { account: id.account.or_else(|| repositories.account.clone()), ..id };
    let mut audit = Audit::new(audited, target, now, options.deep);
    audit.limit_to(&options.repositories);
    if let Some(time) = options.as_of.time(now) {
        audit.judge_as_of(time);
    }
    scan::audit_all(&registry, repositories, options.deep, &mut audit, &progress).await;
    progress.finish();
    Ok(audit.finish())
}

fn print_report(options: &Options, report: &Report) -> Result<(), String> {
    match options.json_file() {
        None if options.json.is_some() => print(json(report)?),
        _ => print(ReportText { report, rows: options.rows }.to_string()),
    }
}

fn write_files(options: &Options, report: &Report) -> Result<(), String> {
    if let Some(path) = &options.html {
        write_file(path, &page::render(report).map_err(|error| error.to_string())?)?;
    }
    options.json_file().map_or(Ok(()), |path| write_file(path, &json(report)?))
}

fn json(report: &Report) -> Result<String, String> {
    serde_json::to_string(report).map(|json| json + "\n").map_err(|error| error.to_string())
}
