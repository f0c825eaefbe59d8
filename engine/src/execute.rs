//! Executes the steps of a reconciliation until it ends or time is up.

use std::sync::Arc;

use ecr_multiarch_core::error::{Extent, Resource};
use ecr_multiarch_core::reconcile::outcome::Reconciliation;
use ecr_multiarch_core::{Error, IamAction, ReconcileRequest, Step};
use tokio::time::{Instant, timeout_at};

use crate::ecr::Registry;
use crate::pause::pause;

/// Reconciles one version.
///
/// # Errors
/// Those of the machine and of ECR; [`Error::RegistryUnavailable`], if ECR has not answered by the deadline.
pub async fn reconcile(
    registry: &Registry,
    request: Arc<ReconcileRequest>,
    deadline: Instant,
) -> Result<Reconciliation, Error> {
    let mut step = Step::start(request);
    loop {
        match step {
            Step::Done(reconciliation) => return Ok(reconciliation),
            next => step = execute(registry, next, deadline).await?,
        }
    }
}

/// Executes one step, and returns the next one.
///
/// # Errors
/// Those of the machine and of ECR; [`Error::RegistryUnavailable`], if ECR has not answered by the deadline.
pub async fn execute(registry: &Registry, step: Step, deadline: Instant) -> Result<Step, Error> {
    match step {
        Step::ReadManifests(read) => {
            let call = async {
                pause(read.after()).await;
                Ok(registry.batch_get_manifests(&read.request().repository, &read.references()).await?)
            };
            let manifests = before(deadline, IamAction::BatchGetImage, read.request(), call).await?;
            read.resume(manifests)
        }
        Step::ReadConfigs(read) => {
            let digests = read.digests();
            let call = registry.get_configs(&read.request().repository, &digests);
            let configs = before(deadline, IamAction::GetDownloadUrlForLayer, read.request(), call).await?;
            read.resume(&configs)
        }
        Step::Put(put) => {
            let request = put.request();
            let call = registry.put_manifest_list(&request.repository, &request.version, put.manifest_list());
            let response = before(deadline, IamAction::PutImage, request, call).await?;
            put.resume(response)
        }
        Step::Done(_) => Ok(step),
    }
}

/// The result of a call of a reconciliation.
///
/// # Errors
/// Those of the call; [`Error::RegistryUnavailable`], if ECR has not answered by the deadline.
pub(crate) async fn before<T>(
    deadline: Instant,
    action: IamAction,
    request: &ReconcileRequest,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout_at(deadline, call).await.unwrap_or_else(|_| {
        Err(Error::RegistryUnavailable {
            action,
            resource: Resource::Image(request.target()),
            message: "the deadline of the invocation was reached".into(),
            extent: Extent::Registry,
        })
    })
}
