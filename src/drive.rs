//! The shell around the state machine: what it asks is carried out, until it is done or time is up.

use std::sync::Arc;

use tokio::time::{Instant, sleep, timeout_at};

use crate::action;
use crate::ecr::Registry;
use crate::error::Error;
use crate::reconcile::{Ask, Job, Next, Outcome, Reconciliation, Reply};

/// Reconciles one version.
///
/// # Errors
/// Those of the machine and of ECR; [`Error::RegistryUnavailable`], where ECR has not answered by the deadline.
pub async fn reconcile(registry: &Registry, job: Arc<Job>, deadline: Instant) -> Result<Outcome, Error> {
    let (mut machine, mut ask) = Reconciliation::start(Arc::clone(&job));
    loop {
        match machine.step(carry_out(registry, &job, ask, deadline).await?)? {
            Next::Ask(next, next_ask) => (machine, ask) = (next, next_ask),
            Next::Done(outcome) => return Ok(outcome),
        }
    }
}

/// Does what a machine asks.
///
/// # Errors
/// Those of ECR; [`Error::RegistryUnavailable`], where it has not answered by the deadline.
pub async fn carry_out(registry: &Registry, job: &Job, ask: Ask, deadline: Instant) -> Result<Reply, Error> {
    let action = match &ask {
        Ask::Read { .. } => action::BATCH_GET_IMAGE,
        Ask::Configs(_) => action::GET_DOWNLOAD_URL,
        Ask::Put(_) => action::PUT_IMAGE,
    };
    let reply = async {
        match ask {
            Ask::Read { references, after } => {
                sleep(after).await;
                Ok(Reply::Read(registry.read(&job.repository, &references).await?))
            }
            Ask::Configs(digests) => registry.configs(&job.repository, &digests).await.map(Reply::Configs),
            Ask::Put(list) => registry.put(&job.repository, &job.version, &list).await.map(Reply::Put),
        }
    };
    timeout_at(deadline, reply).await.unwrap_or_else(|_| {
        Err(Error::RegistryUnavailable {
            action,
            resource: job.image(&job.version).to_string(),
            message: "the deadline of the invocation came first".to_owned(),
        })
    })
}
