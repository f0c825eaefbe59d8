//! Executes the steps of a reconciliation, each until its deadline.

use ecr_multiarch_core::error::{Extent, Resource};
use ecr_multiarch_core::{Error, IamAction, Step};
use tokio::time::{Instant, timeout_at};

use crate::ecr::Registry;
use crate::work_time::pause;

/// Executes one step, and returns the next one.
///
/// # Errors
/// Those of the machine and of ECR; [`Error::RegistryUnavailable`], if ECR has not answered by the deadline.
pub(crate) async fn execute(registry: &Registry, step: Step, deadline: Instant) -> Result<Step, Error> {
    match step {
        Step::ReadManifests(read) => {
            let call = async {
                pause(read.after()).await;
                Ok(registry.batch_get_manifests(&read.request().repository, &read.references()).await?)
            };
            let target = || Resource::Image(read.request().target());
            let manifests = with_deadline(deadline, IamAction::BatchGetImage, target, call).await?;
            read.resume(manifests)
        }
        Step::ReadConfigs(read) => {
            let digests = read.digests();
            let call = registry.get_configs(&read.request().repository, &digests);
            let target = || Resource::Image(read.request().target());
            let configs = with_deadline(deadline, IamAction::GetDownloadUrlForLayer, target, call).await?;
            read.resume(&configs)
        }
        // A write waits for its turn, which the group keeps.
        Step::Put(_) | Step::Done(_) => Ok(step),
    }
}

/// The result of a call that is dropped at the deadline.
///
/// # Errors
/// Those of the call; [`Error::RegistryUnavailable`], if ECR has not answered by the deadline.
pub(crate) async fn with_deadline<T>(
    deadline: Instant,
    action: IamAction,
    resource: impl Fn() -> Resource,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout_at(deadline, call).await.unwrap_or_else(|_| Err(deadline_reached(action, resource())))
}

/// The error of a call that was dropped at the deadline.
pub(crate) fn deadline_reached(action: IamAction, resource: Resource) -> Error {
    let message = "the deadline of the invocation was reached".into();
    Error::RegistryUnavailable { action, resource, message, extent: Extent::Registry }
}
