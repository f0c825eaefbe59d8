//! The rate of writes.

use aws_sdk_ecr::config::retry::RetryConfig;
use futures_util::{StreamExt as _, stream};

use crate::assumption::{Assumption, Severity};
use crate::bench::{Bench, put_call};
use crate::opt_in::OptIn;
use crate::outcome::{NotTried, outcome};
use crate::probe::{Probe, Seen};

/// How many writes are sent: twice what a bucket of the default rate of ten a second can hold for two seconds.
const WRITES: usize = 40;
/// How many of them at a time.
const PARALLEL: usize = 20;

pub(super) const PROBES: [Probe; 1] = [Probe::new(
    Assumption {
        id: "throttling",
        statement: "Too many calls fail with ThrottlingException and HTTP 400",
        relied_on_by: "engine/src/ecr/error.rs",
        severity: Severity::Slower,
        consequence: "Throttled calls are not spaced, and end with their invocation.",
    },
    |bench| Box::pin(throttling(bench)),
)
.with(OptIn::Throttling)];

async fn throttling(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("throttled", "linux/amd64").await?;
    let client = bench.client_with(RetryConfig::disabled());
    // Each write is of the same image under its tag, so that none has an effect.
    let writes = stream::iter(0..WRITES)
        .map(async |_| outcome(put_call(&client, &bench.repository, &image).image_tag("throttled").send().await));
    let answers: Vec<_> = writes.buffer_unordered(PARALLEL).collect().await;
    let mut others = Vec::new();
    let mut throttled = 0;
    for answer in answers {
        match answer? {
            Err(exception) if exception.code == "ThrottlingException" && exception.status == 400 => throttled += 1,
            Err(exception) if exception.code != "ImageAlreadyExistsException" => {
                others.push(format!("HTTP {} {}", exception.status, exception.code));
            }
            _ => {}
        }
    }
    others.sort_unstable();
    others.dedup();
    if throttled == 0 && others.is_empty() {
        return Err(NotTried(format!("{WRITES} writes at once were not throttled")));
    }
    let text = format!("{throttled} of {WRITES} writes throttled");
    Ok(Seen::new(others.is_empty(), [vec![text], others].concat().join(", ")))
}
