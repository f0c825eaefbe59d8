//! `ecr-multiarch` at a terminal: audits and sweeps a registry, and shows the function at work on a local one.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
#![allow(unreachable_pub, reason = "a program exports nothing")]
#![allow(clippy::doc_markdown, reason = "the documentation of the commands is the help text")]

mod audit;
mod demo;
mod event_line;
mod local_stack;
mod published_list;
mod serve;
mod sweep;
mod terminal;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::{Shell, generate};

/// Multi-architecture manifest lists in Amazon ECR: find what is wrong with them, publish what is missing, and try the
/// function ecr-multiarch on this machine.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ecr-multiarch demo
  ecr-multiarch audit --repositories 'team-a/*' --html audit.html
  ecr-multiarch sweep --platforms linux/amd64,linux/arm64 --dry-run
  ecr-multiarch serve --port 5055 --data ./registry
  ecr-multiarch completions bash > ~/.local/share/bash-completion/completions/ecr-multiarch

`ecr-multiarch help COMMAND` tells all of a command.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Find what is wrong with the images of a registry, without writing anything
    Audit(audit::Options),
    /// Publish the manifest lists that a registry lacks, or show which
    Sweep(sweep::Options),
    /// See the function at work on a local ECR: no AWS account, no Docker
    Demo,
    /// Serve a local ECR to push to, with the function attached
    Serve(serve::Options),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Audit(options) => audit::run(&options).await.into(),
        Command::Sweep(options) => exit_code(sweep::run(&options).await),
        Command::Demo => exit_code(demo::run().await.map(|()| true)),
        Command::Serve(options) => exit_code(serve::run(&options).await.map(|()| true)),
        Command::Completions { shell } => exit_code(print_completions(shell).map(|()| true)),
    }
}

/// The exit code of a command that ended, without a failure or with some; or that could not, for a reason.
fn exit_code(ended: Result<bool, String>) -> ExitCode {
    let is_success = ended.unwrap_or_else(|message| {
        eprintln!("{message}");
        false
    });
    if is_success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_completions(shell: Shell) -> Result<(), String> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), env!("CARGO_BIN_NAME"), &mut script);
    io::stdout().write_all(&script).map_err(|error| format!("standard output: {error}"))
}
