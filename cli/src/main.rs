//! `ecr-multiarch` at a terminal: audits and sweeps a registry, checks settings, shows the function at work on a local
//! registry, and tries on a registry what it assumes of ECR.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
#![allow(unreachable_pub, reason = "a program exports nothing")]
#![allow(clippy::doc_markdown, reason = "the documentation of the commands is the help text")]

mod audit;
mod conformance;
mod credentials;
mod demo;
mod event_line;
mod local_stack;
mod published_list;
mod registry_options;
mod serve;
mod settings;
mod sweep;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::{Shell, generate};

/// Multi-architecture manifest lists in Amazon ECR
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
  ecr-multiarch settings check --parameters Platforms=linux/amd64,linux/arm64 Aliases=latest --repository app
  ecr-multiarch serve --port 5055 --data ./registry
  ecr-multiarch conformance --region eu-central-1
  ecr-multiarch completions bash > ~/.local/share/bash-completion/completions/ecr-multiarch

`ecr-multiarch help COMMAND` says more of each.";

#[derive(Debug, Subcommand)]
enum Command {
    Audit(audit::Options),
    Sweep(sweep::Options),
    #[command(subcommand)]
    Settings(settings::SettingsCommand),
    /// Watch the function at work on a local ECR
    ///
    /// Pushes versions, platform by platform, shows the function's outcome for each event, and checks the published lists
    /// and the aliases. Needs no AWS account and no Docker.
    Demo,
    Serve(serve::Options),
    Conformance(conformance::Options),
    /// Print the completions for a shell
    Completions {
        /// Whose completions to print
        shell: Shell,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Audit(options) => audit::run(&options).await.into(),
        Command::Sweep(options) => exit_code(sweep::run(&options).await),
        Command::Settings(command) => exit_code(settings::run(&command).map(|()| true)),
        Command::Demo => exit_code(demo::run().await.map(|()| true)),
        Command::Conformance(options) => conformance::run(&options).await.into(),
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
    terminal::print(&script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_shows_an_example_of_each_command() {
        let mut command = Cli::command();
        command.build();
        for name in command.get_subcommands().map(clap::Command::get_name).filter(|name| *name != "help") {
            let example = EXAMPLES.lines().find_map(|line| line.strip_prefix(&format!("  ecr-multiarch {name}")));
            let arguments = example.unwrap_or_else(|| panic!("no example of {name}"));
            let arguments = arguments.split('>').next().unwrap_or_default().replace('\'', "");
            let parsed = Cli::try_parse_from(["ecr-multiarch", name].into_iter().chain(arguments.split_whitespace()));
            assert!(parsed.is_ok(), "{parsed:?}");
        }
    }
}
