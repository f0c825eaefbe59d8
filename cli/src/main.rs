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
mod exit;
mod local_stack;
mod published_list;
mod registry_options;
mod serve;
mod settings;
mod style;
mod sweep;
mod terminal;
mod unmatched;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::{Shell, generate};

use exit::{Exit, exit_codes};

/// Multi-architecture manifest lists in Amazon ECR
#[derive(Debug, Parser)]
#[command(name = "ecr-multiarch", version, after_help = EXAMPLES)]
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

`ecr-multiarch help COMMAND` says more of each, and what its exit codes mean.";

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
    #[command(after_help = exit_codes!("a list or an alias is not as expected"))]
    Demo,
    Serve(serve::Options),
    Conformance(conformance::Options),
    /// Print the completions for a shell
    #[command(after_help = exit_codes!())]
    Completions {
        /// Whose completions to print
        shell: Shell,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Audit(options) => audit::run(&options).await,
        Command::Sweep(options) => sweep::run(&options).await,
        Command::Settings(command) => settings::run(&command),
        Command::Demo => demo::run().await,
        Command::Conformance(options) => conformance::run(&options).await,
        Command::Serve(options) => serve::run(&options).await,
        Command::Completions { shell } => print_completions(shell).map(|()| Exit::Done),
    };
    let exit = ended.unwrap_or_else(|message| {
        terminal::complain(&message);
        Exit::Failed
    });
    exit.into()
}

fn print_completions(shell: Shell) -> Result<(), String> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), env!("CARGO_BIN_NAME"), &mut script);
    terminal::print(&script)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command without further ones, as clap has built it.
    fn all_commands(parent: &clap::Command) -> Vec<&clap::Command> {
        let children = parent.get_subcommands().filter(|command| command.get_name() != "help");
        children
            .flat_map(|command| if command.has_subcommands() { all_commands(command) } else { vec![command] })
            .collect()
    }

    #[test]
    fn help_states_the_exit_codes_in_the_same_words() {
        let mut command = Cli::command();
        command.build();
        for command in all_commands(&command) {
            let help = command.get_after_help().unwrap_or_default().to_string();
            let codes: Vec<_> = help.lines().filter(|line| line.get(2..3) != Some("1")).collect();
            assert_eq!(codes, exit_codes!().lines().collect::<Vec<_>>(), "{}", command.get_name());
        }
    }

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
