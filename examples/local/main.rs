//! The function at work on a local ECR: a demonstration that ends by itself, or a registry to push to by hand.
//!
//! `cargo run --example local` shows two versions come together. `cargo run --example local -- --serve` stays up for
//! `docker buildx`, `podman`, `skopeo` and `crane`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it shows is all that it is for")]

mod demonstration;
mod guide;
mod happening;
mod options;
mod published;
mod screen;
mod serving;
mod signals;
mod stage;

use std::process::ExitCode;

use clap::Parser as _;

use options::Options;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let result = if options.serve { serving::run(&options).await } else { demonstration::run().await };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
