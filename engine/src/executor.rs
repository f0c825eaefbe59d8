//! Carries out the tasks of one registry: the one way in which the work of events, of records of a queue and of requests is
//! done. A request is a batch of one.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::SystemTime;

use ecr_multiarch_core::alias::yank::{YankOutcome, YankRequest};
use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::work::{MarkerTask, VersionTask};
use ecr_multiarch_core::{
    AliasReport, AliasRequest, Answer, Error, ErrorType, IamAction, ImageReference, InvocationError, ReconcileRequest,
    RepositoryName, Step, VersionReport, YankReport,
};
use tokio::sync::Semaphore;

use crate::alias::{reconcile_aliases, yank};
use crate::ecr::{Registry, SharedRead};
use crate::end::{End, WorkTime, deadline_reached};
use crate::group::{GroupDelegate, GroupReconciler, Member, VersionEnd, versions_per_read};

/// A read that fails is repeated as any other call is, since its registry is abandoned if it fails for good. Ten
/// responses of this size, one for each record of a batch, fit into the memory of the assembler.
const SHARED_READ: SharedRead = SharedRead { is_attempted_once: false, max_bytes: 1 << 20 };

/// How a task ended.
pub type TaskEnd = End<Answered>;

/// A task that was done.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// When that was so; of a version with aliases, before these.
    pub at: SystemTime,
}

impl From<Result<Answer, InvocationError>> for TaskEnd {
    fn from(result: Result<Answer, InvocationError>) -> Self {
        result.map_or_else(Self::Failed, |answer| Self::Done(Answered { answer, at: SystemTime::now() }))
    }
}

/// Carries out the tasks of one registry.
#[derive(Debug)]
pub struct Executor<'a> {
    registry: Registry,
    time: WorkTime,
    large_versions: &'a Semaphore,
    /// Whether aliases are deferred to the sweep for lack of time.
    defers_aliases: bool,
    /// The error after which nothing more of the registry is begun.
    unavailable: RefCell<Option<Error>>,
}

/// Versions of one repository that are reconciled together.
struct VersionsDelegate<'a, K, F> {
    executor: &'a Executor<'a>,
    on_end: F,
    /// Those whose aliases are to be reconciled.
    published: RefCell<Vec<Published<K>>>,
}

/// A version that was reconciled, and whose aliases are not yet.
struct Published<K> {
    key: K,
    report: VersionReport,
    aliases: AliasRequest,
    /// The version's tag, if it was written or found right.
    confirmed: Option<ImageReference>,
    at: SystemTime,
}

impl<'a> Executor<'a> {
    /// An executor of tasks of this registry, with calls that are repeated until its own time while ECR throttles them.
    /// The semaphore admits one version at a time whose manifests are too large to be read with others.
    pub fn new(registry: Registry, time: WorkTime, large_versions: &'a Semaphore) -> Self {
        Self { registry, time, large_versions, defers_aliases: false, unavailable: RefCell::default() }
    }

    /// The same executor, which defers aliases to the sweep for lack of time, since no delivery repeats their version.
    #[must_use]
    pub fn deferring_aliases(self) -> Self {
        Self { defers_aliases: true, ..self }
    }

    /// Reconciles versions of one repository, and then their aliases. Those that fit into one read share it.
    pub async fn reconcile<K>(
        &self,
        repository: &RepositoryName,
        tasks: impl IntoIterator<Item = (K, VersionTask)>,
        on_end: impl Fn(K, TaskEnd),
    ) {
        let mut tasks = tasks.into_iter().peekable();
        while let Some((_, first)) = tasks.peek() {
            let count = versions_per_read(first.request.platforms.len());
            let group = tasks.by_ref().take(count).collect();
            self.reconcile_together(repository, group, &on_end).await;
        }
    }

    async fn reconcile_together<K>(
        &self,
        repository: &RepositoryName,
        tasks: Vec<(K, VersionTask)>,
        on_end: impl Fn(K, TaskEnd),
    ) {
        let delegate = VersionsDelegate { executor: self, on_end, published: RefCell::default() };
        let group = GroupReconciler {
            registry: &self.registry,
            repository,
            time: self.time,
            shared_read: SHARED_READ,
            large_versions: self.large_versions,
            delegate: &delegate,
        };
        let members = tasks.into_iter().map(|(key, VersionTask { request, aliases })| {
            let request = Arc::new(request);
            Member { step: Step::start(Arc::clone(&request)), version: (key, request, aliases) }
        });
        group.reconcile(members.collect()).await;
        let VersionsDelegate { on_end, published, .. } = delegate;
        for Published { key, mut report, aliases, confirmed, at } in published.into_inner() {
            let aliases = report.outcome.manifest_list().into_iter().fold(aliases, AliasRequest::with_list);
            let end = self.reconcile_aliases(aliases, confirmed).await.map(|aliases| {
                report.aliases = Some(aliases);
                Answered { answer: Answer::Version(Box::new(report)), at }
            });
            on_end(key, end);
        }
    }

    /// Reconciles one version, and then its aliases.
    ///
    /// # Errors
    /// That of the version or of its aliases.
    pub async fn reconcile_one(&self, task: VersionTask) -> Result<Answer, InvocationError> {
        let (repository, target) = (task.request.repository.clone(), task.request.target());
        let end = RefCell::new(End::OutOfTime(None));
        self.reconcile(&repository, [((), task)], |(), ended| *end.borrow_mut() = ended).await;
        answer(end.into_inner(), Resource::Image(target))
    }

    /// Reconciles the aliases of a release whose marker was pushed.
    pub async fn mark(&self, task: MarkerTask) -> TaskEnd {
        let MarkerTask { marker, aliases } = task;
        let (id, repository) = (self.registry.id().clone(), aliases.repository.clone());
        self.reconcile_aliases(aliases, None).await.map(|aliases| {
            let report = YankReport::for_push(id, repository, marker, aliases);
            Answered { answer: Answer::Yank(Box::new(report)), at: SystemTime::now() }
        })
    }

    /// As [`Self::mark`], for a request.
    ///
    /// # Errors
    /// That of the aliases.
    pub async fn mark_one(&self, task: MarkerTask) -> Result<Answer, InvocationError> {
        let target = task.aliases.image(task.marker.tag());
        answer(self.mark(task).await, Resource::Image(target))
    }

    /// Yanks a release, or finds out whether it is yanked, and reconciles its aliases.
    ///
    /// # Errors
    /// That of the marker or of the aliases.
    pub async fn yank(&self, request: YankRequest) -> Result<Answer, InvocationError> {
        let (repository, target) = (request.repository.clone(), request.target());
        let end = Box::pin(yank(&self.registry, request, self.time.deadline)).await?;
        let mut report = YankReport::new(self.registry.id().clone(), repository, &end);
        if let Some(aliases) = end.aliases {
            let confirmed = (end.outcome == YankOutcome::Yanked).then(|| target.clone());
            let end = self.reconcile_aliases(aliases, confirmed).await.map(|aliases| {
                report.aliases = aliases;
                Answered { answer: Answer::Yank(Box::new(report)), at: SystemTime::now() }
            });
            return answer(end, Resource::Image(target));
        }
        Ok(Answer::Yank(Box::new(report)))
    }

    /// Reconciles aliases, unless nothing more is begun. The error names the tag that was written before, if any.
    async fn reconcile_aliases(
        &self,
        request: AliasRequest,
        confirmed: Option<ImageReference>,
    ) -> End<Vec<AliasReport>> {
        if let Some(error) = self.unavailable() {
            return End::Abandoned(error);
        }
        if self.time.is_up() && !self.defers_aliases {
            return End::OutOfTime(None);
        }
        match Box::pin(reconcile_aliases(&self.registry, request, self.time.deadline)).await {
            Ok(aliases) => End::Done(aliases),
            Err(error) => {
                self.note(&error);
                End::Failed(InvocationError { error, confirmed })
            }
        }
    }

    /// The error after which nothing more is begun.
    fn unavailable(&self) -> Option<Error> {
        self.unavailable.borrow().clone()
    }

    /// Begins nothing more if the registry is down, or denies access.
    fn note(&self, error: &Error) {
        if error.is_registry_down() || error.error_type() == ErrorType::AccessDenied {
            self.unavailable.borrow_mut().get_or_insert_with(|| error.clone());
        }
    }
}

impl<K, F: Fn(K, TaskEnd)> GroupDelegate for VersionsDelegate<'_, K, F> {
    type Version = (K, Arc<ReconcileRequest>, Option<AliasRequest>);

    fn abandoned(&self) -> Option<Error> {
        self.executor.unavailable()
    }

    /// What one version of the read can be the reason for is found out by reading it in parts.
    fn on_shared_read_error(&self, error: &Error) -> Option<VersionEnd> {
        (error.error_type() != ErrorType::RegistryRefused).then(|| error.clone().into())
    }

    fn on_end(&self, (key, request, aliases): Self::Version, end: VersionEnd) {
        if let End::Failed(InvocationError { error, .. }) = &end {
            self.executor.note(error);
        }
        let at = SystemTime::now();
        let id = self.executor.registry.id().clone();
        let end = end.map(|reconciliation| VersionReport::new(id, &request, reconciliation));
        let end = match (end, aliases) {
            (End::Done(report), Some(aliases)) if report.outcome.manifest_list().is_some() => {
                let confirmed = (!request.dry_run).then(|| request.target());
                self.published.borrow_mut().push(Published { key, report, aliases, confirmed, at });
                return;
            }
            (end, _) => end,
        };
        (self.on_end)(key, end.map(|report| Answered { answer: Answer::Version(Box::new(report)), at }));
    }
}

/// The answer to a request, or the error that it fails with.
fn answer(end: TaskEnd, resource: Resource) -> Result<Answer, InvocationError> {
    match end {
        End::Done(Answered { answer, .. }) => Ok(answer),
        End::Failed(error) => Err(error),
        End::Abandoned(error) => Err(error.into()),
        End::OutOfTime(error) => {
            Err(error.unwrap_or_else(|| deadline_reached(IamAction::BatchGetImage, resource)).into())
        }
    }
}
