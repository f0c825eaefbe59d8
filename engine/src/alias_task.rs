//! Tasks of a repository of which only the aliases remain, reconciled together.

use std::sync::Arc;
use std::time::SystemTime;

use ecr_multiarch_core::settings::yank_marker::YankMarker;
use ecr_multiarch_core::{
    AliasReconciliation, AliasReport, AliasRequest, Answer, Error, ImageReference, InvocationError, RegistryId,
    RepositoryName, VersionReport, YankReport,
};
use tokio::time::Instant;

use crate::alias::reconcile_aliases;
use crate::ecr::Registry;
use crate::end::{Answered, End, TaskEnd};

/// A task whose aliases are to be reconciled.
pub(crate) struct AliasTask<K> {
    /// The task as the caller knows it.
    pub(crate) key: K,
    pub(crate) aliases: AliasRequest,
    /// The tag that the task has written or found right, if any.
    pub(crate) confirmed: Option<ImageReference>,
    pub(crate) reply: Reply,
    /// How the task ends where its aliases do not fail.
    pub(crate) failed: Option<TaskEnd>,
}

/// The answer to a task, but for its aliases.
pub(crate) enum Reply {
    /// A version was reconciled, at this time.
    Version(VersionReport, SystemTime),
    /// A marker was pushed.
    Marker(YankMarker),
    /// A release was yanked.
    Yank(YankReport),
}

impl Reply {
    fn with_aliases(self, registry: &RegistryId, repository: &RepositoryName, aliases: Vec<AliasReport>) -> Answered {
        let yank = |report| Answered { answer: Answer::Yank(Box::new(report)), at: SystemTime::now() };
        match self {
            Self::Version(mut report, at) => {
                report.aliases = Some(aliases);
                Answered { answer: Answer::Version(Box::new(report)), at }
            }
            Self::Marker(marker) => yank(YankReport::for_push(registry.clone(), repository.clone(), marker, aliases)),
            Self::Yank(report) => yank(YankReport { aliases, ..report }),
        }
    }
}

/// Reconciles the aliases of tasks together, with the scans of one reconciliation. Returns how each task ended.
pub(crate) async fn finish<K>(
    registry: &Registry,
    repository: &RepositoryName,
    tasks: Vec<AliasTask<K>>,
    deadline: Instant,
) -> Vec<(K, TaskEnd)> {
    let requests = tasks.iter().map(|task| task.aliases.clone());
    let Some(joined) = requests.reduce(AliasRequest::join).map(Arc::new) else { return Vec::new() };
    let reconciliation = Box::pin(reconcile_aliases(registry, Arc::clone(&joined), deadline)).await;
    let mut failed: Option<Error> = None;
    let end = |AliasTask { key, aliases, confirmed, reply, failed: other }| {
        let part = reconciliation.as_ref().map_err(Clone::clone).map(|all| all.part(&aliases, &joined));
        let end = match part.and_then(AliasReconciliation::into_result) {
            Ok(reports) => other.unwrap_or_else(|| End::Done(reply.with_aliases(registry.id(), repository, reports))),
            // It is logged and counted once.
            Err(error) if error.error_type().is_retryable() && failed.as_ref() == Some(&error) => End::Abandoned(error),
            Err(error) => {
                failed = Some(error.clone());
                End::Failed(InvocationError { error, confirmed })
            }
        };
        (key, end)
    };
    tasks.into_iter().map(end).collect()
}
