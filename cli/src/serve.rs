//! The local ECR as a registry to push to, with the function attached to its events.

mod guide;
mod options;
mod signals;

use std::time::Duration;

use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::{Answer, InvocationError, OutcomeKind};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use local_ecr::{ANY, Fault, FaultKind, LocalEcr, Mutability};
use serde_json::{Value, json};

use crate::event_line::{ImageEvent, event_line, summary};
use crate::exit::Exit;
use crate::local_stack::LocalStack;
use crate::published_list::PublishedList;
pub use options::Options;
use signals::shutdown_signal;

/// Serves until Ctrl-C or SIGTERM.
pub async fn run(options: &Options) -> Result<Exit, String> {
    let variables = [
        (Variable::Platforms, options.platforms.as_str()),
        (Variable::TagTemplate, &options.tag_template),
        (Variable::Aliases, &options.aliases),
        (Variable::Streams, &options.streams),
        (Variable::ImageTags, &options.image_tags),
        (Variable::Annotations, &options.annotations),
    ];
    let settings = LocalStack::settings(&variables).map_err(|error| error.to_string())?;
    let ecr = start_ecr(options)?;
    let mut events = ecr.events();
    guide::print(options, &ecr, &settings);
    let stack = LocalStack::new(ecr, settings).await;
    let mut shutdown = Box::pin(shutdown_signal());
    let mut results = FuturesOrdered::new();
    if options.data.is_some() {
        // The sweep makes up for events missed while the program was down, as the schedule does on Lambda.
        println!("  {}", summary(&stack.invoke(json!({"action": "sweep"})).await));
    }
    loop {
        tokio::select! {
            Some(event) = events.recv() => results.push_back(invoke(&stack, event)),
            Some((event, result)) = results.next() => {
                println!("{}", event_line(&stack, &event, &result));
                if let Some(list) = published_list(&stack, &result) {
                    println!("\n{list}\n");
                }
            }
            signal = &mut shutdown => {
                signal.map_err(|error| format!("cannot wait for signals: {error}"))?;
                return Ok(Exit::Done);
            }
        }
    }
}

fn start_ecr(options: &Options) -> Result<LocalEcr, String> {
    let mutability = if options.immutable { Mutability::Immutable } else { Mutability::Mutable };
    let ecr = LocalEcr::start(local_ecr::Options {
        port: options.port,
        create_on_push: true,
        mutability,
        data: options.data.clone(),
        ..local_ecr::Options::default()
    });
    let ecr = ecr.map_err(|error| {
        let port = if options.port == 0 { String::new() } else { format!(" on port {}", options.port) };
        let data = options.data.as_ref().map(|directory| format!(" with the data in {}", directory.display()));
        format!("cannot start{port}{}: {error}", data.unwrap_or_default())
    })?;
    if options.latency_ms > 0 {
        ecr.faults().add(Fault::on(ANY, FaultKind::Latency(Duration::from_millis(options.latency_ms))));
    }
    Ok(ecr)
}

/// The list that the function has published, unless it has been deleted since.
fn published_list(stack: &LocalStack, result: &Result<Answer, InvocationError>) -> Option<PublishedList> {
    let Ok(Answer::Version(report)) = result else { return None };
    let (repository, tag) = (report.repository.as_deref()?, report.version.as_ref()?);
    let is_new = report.outcome.kind() == OutcomeKind::Published;
    is_new.then(|| PublishedList::read(&stack.registry(), repository, tag.as_str()).ok())?
}

async fn invoke(stack: &LocalStack, event: Value) -> (ImageEvent, Result<Answer, InvocationError>) {
    (ImageEvent::from(&event), stack.invoke(event).await)
}
