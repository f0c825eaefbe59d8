//! The function's sweep at a terminal: the way to look before deploying, and to backfill without waiting for a schedule.
//!
//! `cargo run --release --example sweep -- --platforms linux/amd64,linux/arm64 --repositories 'team-a/*' --dry-run`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it shows is all that it is for")]
#![allow(unreachable_pub, reason = "the modules of a program have no outside")]
#![allow(clippy::doc_markdown, reason = "what documents the options is shown at a terminal")]

mod options;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use ecr_multiarch::answer::Swept;
use ecr_multiarch::ecr::{Pace, Registries};
use ecr_multiarch::repository::RegistryId;
use ecr_multiarch::settings::Settings;
use ecr_multiarch::sweep::{Scope, sweep};
use tokio::time::Instant;

use options::Options;
use table::Seen;

/// A sweep at a terminal has no deadline but the patience of who sits there.
const A_DAY: Duration = Duration::from_hours(24);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(swept) if swept.failed.total == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<Swept, String> {
    let settings = Settings::read(|name| options.setting(name)).map_err(|error| error.to_string())?;
    let registries = Registries::from_environment().await;
    let region = options.region.clone().or_else(|| registries.home_region());
    let region = region.ok_or("there is no Region: name one with --region, or set AWS_REGION")?;
    let registry = registries.open(&RegistryId { account: options.account.clone(), region }, Pace::Yielding);
    let deadline = Instant::now() + A_DAY;
    let scope = Scope {
        repositories: (!options.repositories.is_empty()).then(|| options.repositories.clone()),
        dry_run: options.dry_run,
        deep: options.deep,
        stop_at: deadline,
        deadline,
    };
    let seen = Seen::new(options.rows);
    let swept = tokio::select! {
        swept = sweep(&registry, &settings, &scope, &seen) => swept.map_err(|error| format!("{}: {error}", error.error_type()))?,
        _ = tokio::signal::ctrl_c() => return Err("interrupted; what is done is done, the next run goes on".to_owned()),
    };
    seen.finish();
    println!("{seen}");
    println!("{}", table::summary(&swept, registries.calls()));
    Ok(swept)
}
