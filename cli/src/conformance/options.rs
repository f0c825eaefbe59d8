//! The options of `conformance`.

use std::path::PathBuf;

use clap::Args;
use ecr_multiarch_conformance::opt_in::OptIn;
use ecr_multiarch_core::Region;

use crate::exit::exit_codes;

/// Try on your registry what the function assumes of ECR
///
/// Makes two repositories of its own, tries each assumption on them, says what differs and what follows from it, and
/// removes the repositories again. It touches no other repository.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_help = exit_codes!("an assumption does not hold"))]
pub struct Options {
    /// The Region of the registry; that of your environment or profile by default
    #[arg(long)]
    pub region: Option<Region>,
    /// Begin without asking
    #[arg(long)]
    pub yes: bool,
    /// Also make a rule of EventBridge and a queue of SQS, try what is announced, and remove them again
    #[arg(long)]
    pub events: bool,
    /// Also write 1,000 tags, which takes some minutes at the account's rate of `PutImage`
    #[arg(long)]
    pub many_tags: bool,
    /// Also exceed the rate of PutImage of the account, for a second or two
    #[arg(long)]
    pub throttling: bool,
    /// Write the report with all answers to standard output, as JSON, in place of the text
    #[arg(long)]
    pub json: bool,
    /// The file for the report with all answers, without accounts and URLs, as JSON
    #[arg(long, value_name = "FILE", default_value = "conformance.json", conflicts_with = "json")]
    pub answers: PathBuf,
}

impl Options {
    /// What the run may do that not everybody wants.
    pub fn allowed(&self) -> Vec<OptIn> {
        let choices =
            [(self.events, OptIn::Events), (self.many_tags, OptIn::ManyTags), (self.throttling, OptIn::Throttling)];
        choices.into_iter().filter_map(|(is_chosen, opt_in)| is_chosen.then_some(opt_in)).collect()
    }
}
