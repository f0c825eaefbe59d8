//! The function with a local ECR: a demonstration, or a registry to push to.
//!
//! `cargo run --example local` publishes some versions and ends. `cargo run --example local -- --serve` stays up for
//! `docker buildx`, `podman`, `skopeo` and `crane`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod alias_demonstration;
mod demonstration;
mod event_line;
mod guide;
mod local_stack;
mod options;
mod published_list;
mod serve;
mod signals;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use options::Options;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let result = if options.serve { serve::run(&options).await } else { demonstrate().await };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

async fn demonstrate() -> Result<(), String> {
    demonstration::run().await?;
    alias_demonstration::run().await
}
