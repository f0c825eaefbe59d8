//! What the product assumes of ECR, tried on a registry.

mod options;
mod text;

use std::io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use ecr_multiarch_conformance::bench::Bench;
use ecr_multiarch_conformance::opt_in::OptIn;
use ecr_multiarch_conformance::report::Report;
use ecr_multiarch_conformance::run::run as try_all;
use ecr_multiarch_engine::blob::BlobClient;
use ecr_multiarch_engine::connections::Connections;
use ecr_multiarch_engine::ecr::behavior_version;

pub use options::Options;

use crate::credentials;
use crate::exit::Exit;
use crate::registry_options::NO_REGION;
use crate::terminal::{check_writable, complain, print, write_file};

/// Tries all assumptions, and prints what was seen.
pub async fn run(options: &Options) -> Result<Exit, String> {
    let report = report(options).await?;
    Ok(if !report.left_behind.is_empty() {
        Exit::Failed
    } else if report.differing().next().is_some() {
        Exit::Found
    } else {
        Exit::Done
    })
}

async fn report(options: &Options) -> Result<Report, String> {
    if !options.json {
        check_writable(&options.answers)?;
    }
    let connections = Connections::from_environment();
    let sdk = load(options, &connections).await;
    credentials::check(sdk.credentials_provider()).await?;
    let region = sdk.region().ok_or(NO_REGION)?.to_string();
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let bench = Bench::new(&sdk, BlobClient::new(connections), &format!("{:x}", began.as_millis()));
    let allowed = options.allowed();
    if !options.yes {
        confirm(&bench, &region, &allowed)?;
    }
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION"),
        began_at: began.as_secs(),
        region,
        has_own_endpoint: ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECR"]
            .iter()
            .any(|name| std::env::var_os(name).is_some()),
        findings: Vec::new(),
        left_behind: Vec::new(),
    };
    let ended = tokio::select! {
        ended = try_on(&bench, options, &allowed, &mut report) => ended,
        _ = tokio::signal::ctrl_c() => Err("interrupted".to_owned()),
    };
    report.left_behind = bench.tear_down().await;
    for left in &report.left_behind {
        complain(&format!("could not be removed: {left}"));
    }
    ended?;
    let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())? + "\n";
    if options.json {
        print(json)?;
    } else {
        print(text::summary(&report))?;
        write_file(&options.answers, &json)?;
    }
    Ok(report)
}

async fn load(options: &Options, connections: &Connections) -> SdkConfig {
    let loader = aws_config::defaults(behavior_version()).http_client(connections.http_client());
    match &options.region {
        Some(region) => loader.region(aws_config::Region::new(region.to_string())).load().await,
        None => loader.load().await,
    }
}

async fn try_on(bench: &Bench, options: &Options, allowed: &[OptIn], report: &mut Report) -> Result<(), String> {
    bench.set_up(allowed).await?;
    let mut printed = Ok(());
    try_all(bench, allowed, |finding| {
        if !options.json && printed.is_ok() {
            printed = print(text::line(&finding));
        }
        report.findings.push(finding);
    })
    .await;
    printed
}

/// Asks whether to begin.
fn confirm(bench: &Bench, region: &str, allowed: &[OptIn]) -> Result<(), String> {
    eprint!("{}", text::question(bench, region, allowed));
    if !stdin().is_terminal() {
        eprintln!();
        return Err("nobody can answer here: pass --yes".to_owned());
    }
    stderr().flush().map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer).map_err(|error| error.to_string())?;
    if matches!(answer.trim(), "y" | "yes") { Ok(()) } else { Err("nothing was done".to_owned()) }
}
