//! A registry that stays up, with the function attached to its events.

use std::time::Duration;

use ecr_multiarch::answer::OutcomeName;
use ecr_multiarch::error::Error;
use ecr_multiarch::function::Answer;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use local_ecr::{ANY, Fault, FaultKind, LocalEcr, Mutability};
use serde_json::{Value, json};

use crate::guide;
use crate::happening::{Arrival, decision};
use crate::options::Options;
use crate::published::Published;
use crate::signals::wished_end;
use crate::stage::Stage;

/// Serves until it is asked to end.
pub(crate) async fn run(options: &Options) -> Result<(), String> {
    let settings = Stage::settings(&options.platforms, &options.tag_template).map_err(|error| error.to_string())?;
    let ecr = start(options)?;
    let mut events = ecr.events();
    guide::print(options, &ecr, &settings);
    let stage = Stage::new(ecr, settings).await;
    let mut end = Box::pin(wished_end());
    let mut decisions = FuturesOrdered::new();
    if options.data.is_some() {
        // What was pushed while nobody decided is made up for, as the schedule does on Lambda.
        println!("  {}", decision(&stage.invoke(json!({"action": "sweep"})).await));
    }
    loop {
        tokio::select! {
            Some(event) = events.recv() => decisions.push_back(decide(&stage, event)),
            Some((arrival, decided)) = decisions.next() => {
                println!("{}", arrival.line(&decided));
                if let Some(list) = published(&stage, &decided) {
                    println!("\n{list}\n");
                }
            }
            ended = &mut end => return ended.map_err(|error| format!("no signal can be waited for: {error}")),
        }
    }
}

fn start(options: &Options) -> Result<LocalEcr, String> {
    let mutability = if options.immutable { Mutability::Immutable } else { Mutability::Mutable };
    let ecr = LocalEcr::start(local_ecr::Options {
        port: options.port,
        create_on_push: true,
        mutability,
        data: options.data.clone(),
        ..local_ecr::Options::default()
    });
    let ecr = ecr.map_err(|error| match &options.data {
        Some(folder) => format!("no server on port {} with the data of {}: {error}", options.port, folder.display()),
        None => format!("no server on port {}: {error}", options.port),
    })?;
    if options.latency_ms > 0 {
        ecr.faults().add(Fault::on(ANY, FaultKind::Latency(Duration::from_millis(options.latency_ms))));
    }
    Ok(ecr)
}

/// The list that the function has published, unless it is already gone.
fn published(stage: &Stage, decided: &Result<Answer, Error>) -> Option<Published> {
    let Ok(Answer::Reconciled(answer)) = decided else { return None };
    let (repository, tag) = (answer.repository.as_deref()?, answer.tag.as_ref()?);
    let is_new = answer.outcome == OutcomeName::Published;
    is_new.then(|| Published::read(&stage.registry(), repository, tag.as_str()).ok())?
}

async fn decide(stage: &Stage, event: Value) -> (Arrival, Result<Answer, Error>) {
    (Arrival::of(&event), stage.invoke(event).await)
}
