//! Tasks of a repository of which only the aliases remain, reconciled together.

use std::time::SystemTime;

use ecr_multiarch_core::settings::yank_marker::YankMarker;
use ecr_multiarch_core::{
    AliasReconciliation, AliasReport, AliasRequest, Answer, Error, ImageReference, InvocationError, RegistryId,
    RepositoryName, VersionReport, YankReport,
};

use crate::alias::reconcile_aliases;
use crate::end::End;
use crate::executor::{Answered, Executor, TaskEnd};

/// A task whose aliases are to be reconciled.
pub(crate) struct AliasTask<K> {
    /// The task as the caller knows it.
    pub(crate) key: K,
    pub(crate) aliases: AliasRequest,
    /// The tag that the task has written or found right, if any.
    pub(crate) confirmed: Option<ImageReference>,
    pub(crate) reply: Reply,
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

impl Executor<'_> {
    /// Reconciles the aliases of tasks together, with the scans of one reconciliation, unless nothing more is begun.
    pub(crate) async fn finish<K>(
        &self,
        repository: &RepositoryName,
        tasks: Vec<AliasTask<K>>,
        on_end: impl Fn(K, TaskEnd),
    ) {
        let requests = tasks.iter().map(|task| task.aliases.clone());
        let Some(joined) = requests.reduce(AliasRequest::join) else { return };
        let not_begun = match self.unavailable() {
            Some(error) => Some(End::Abandoned(error)),
            None => (self.time.is_up() && !self.defers_aliases).then_some(End::OutOfTime(None)),
        };
        if let Some(end) = not_begun {
            return tasks.into_iter().for_each(|task| on_end(task.key, end.clone()));
        }
        let reconciliation = Box::pin(reconcile_aliases(&self.registry, joined.clone(), self.time.deadline)).await;
        let mut failed: Option<Error> = None;
        for AliasTask { key, aliases, confirmed, reply } in tasks {
            let part = reconciliation.as_ref().map_err(Clone::clone).map(|all| all.part(&aliases, &joined));
            let end = match part.and_then(AliasReconciliation::into_result) {
                Ok(reports) => End::Done(reply.with_aliases(self.registry.id(), repository, reports)),
                // It is logged and counted once.
                Err(error) if error.error_type().is_retryable() && failed.as_ref() == Some(&error) => {
                    End::Abandoned(error)
                }
                Err(error) => {
                    self.note(repository, &error);
                    failed = Some(error.clone());
                    End::Failed(InvocationError { error, confirmed })
                }
            };
            on_end(key, end);
        }
    }
}
