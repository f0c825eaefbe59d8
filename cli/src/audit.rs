//! The audit of a registry: what is wrong with its multi-architecture images today, before anything is deployed.

mod options;
mod progress;
mod scan;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, SystemTime};

use ecr_multiarch_audit::audit::Audit;
use ecr_multiarch_audit::finding::RequestTarget;
use ecr_multiarch_audit::page;
use ecr_multiarch_audit::report::Report;
use ecr_multiarch_audit::text::plain;
use ecr_multiarch_core::RegistryId;
use ecr_multiarch_engine::ecr::{Priority, Registries};
use tokio::time::Instant;

pub use options::Options;
use progress::Progress;
use table::ReportText;

use crate::credentials;
use crate::registry_options::RegistryOptions;
use crate::terminal::print;

/// How long calls are repeated that ECR throttles. In a terminal, Ctrl-C ends the audit earlier.
const PATIENCE: Duration = Duration::from_hours(24);

/// The audit writes nothing, but a client has a rate of writes.
const PUTS_PER_SECOND: f64 = 1.0;

/// There are findings, and the caller asked for this exit code.
const FOUND: u8 = 1;
/// Something could not be audited, or not be written.
const FAILED: u8 = 2;

/// Audits, writes the report, and returns the exit code.
pub async fn run(options: &Options) -> u8 {
    let result = tokio::select! {
        result = report(options) => result,
        _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
    };
    if let Err(message) = &result {
        eprintln!("{}", plain(message));
    }
    exit_code(options.fail_on_findings, result.as_ref().ok())
}

/// The exit code of an audit with this report, or without any.
fn exit_code(fail_on_findings: bool, report: Option<&Report>) -> u8 {
    match report {
        Some(report) if !report.failures.is_empty() => FAILED,
        Some(report) if fail_on_findings && report.totals.findings > 0 => FOUND,
        Some(_) => 0,
        None => FAILED,
    }
}

async fn report(options: &Options) -> Result<Report, String> {
    let registries = Registries::from_terminal(PUTS_PER_SECOND).await.map_err(|error| error.to_string())?;
    credentials::check(registries.credentials_provider()).await?;
    if options.deep {
        eprintln!(
            "--deep reads the manifests of all tags and of the images in their lists. To ECR that is a pull of each \
             image: its last recorded pull time becomes today's, on which lifecycle policies may depend."
        );
    }
    let report = audit(options, &registries, SystemTime::now()).await?;
    write_report(options, &report, registries.calls())?;
    Ok(report)
}

/// Audits a registry as of this time.
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
    scan::audit_all(&registry, repositories, options.deep, &mut audit, &progress).await;
    progress.finish();
    Ok(audit.finish())
}

fn write_report(options: &Options, report: &Report, calls: u64) -> Result<(), String> {
    if let Some(path) = &options.html {
        let page = page::render(report).map_err(|error| error.to_string())?;
        write_file(path, &page)?;
    }
    let json = || serde_json::to_string(report).map(|json| json + "\n").map_err(|error| error.to_string());
    if options.json.as_deref() == Some(Path::new("-")) {
        print(json()?)?;
    } else {
        if let Some(path) = &options.json {
            write_file(path, &json()?)?;
        }
        print(ReportText { report, rows: options.rows }.to_string())?;
    }
    eprintln!("{}", table::summary(report, calls));
    Ok(())
}

fn write_file(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
