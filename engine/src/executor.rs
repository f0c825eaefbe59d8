//! Carries out the tasks of one registry: the one way in which the work of events, of records of a queue and of requests is
//! done. A request is a batch of one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use ecr_multiarch_core::alias::yank::{YankOutcome, YankRequest};
use ecr_multiarch_core::error::Resource;
use ecr_multiarch_core::work::{MarkerTask, VersionTask};
use ecr_multiarch_core::{
    AliasRequest, Answer, Error, ErrorType, IamAction, ImageReference, ImageTagRequest, ImageTagging, InvocationError,
    ReconcileRequest, RepositoryName, Step, VersionReport, YankReport,
};
use tokio::sync::Semaphore;

use crate::alias::yank;
use crate::alias_task::{self, AliasTask, Reply};
use crate::ecr::Registry;
use crate::end::{Answered, End, TaskEnd, WorkTime, deadline_reached};
use crate::group::{FailedRead, GroupDelegate, GroupReconciler, Member, VersionEnd, versions_per_read};
use crate::image_tags::Tagger;

/// How many bytes the response to a read of several versions may have. Ten of this size, one for each record of a batch,
/// fit into the memory of the assembler.
const MAX_READ_BYTES: usize = 1 << 20;

/// How many repositories show that a registry is down. One alone may have an image that cannot be read.
const MIN_UNANSWERED_REPOSITORIES: usize = 2;

/// Carries out the tasks of one registry.
#[derive(Debug)]
pub struct Executor<'a> {
    registry: Registry,
    time: WorkTime,
    large_versions: &'a Semaphore,
    /// Whether aliases are deferred to the sweep for lack of time.
    defers_aliases: bool,
    /// Whether a call about each of these repositories was answered.
    answered: RefCell<BTreeMap<RepositoryName, bool>>,
    /// The error after which nothing more of the registry is begun.
    unavailable: RefCell<Option<Error>>,
}

/// The tasks of one repository, each with its key.
#[derive(Debug)]
pub struct Tasks<K> {
    /// The versions to be reconciled.
    pub versions: Vec<(K, VersionTask)>,
    /// The lists that were pushed, so that their images are to be tagged.
    pub lists: Vec<(K, ImageTagRequest)>,
    /// The yank markers whose aliases are to be reconciled.
    pub markers: Vec<(K, MarkerTask)>,
}

impl<K> Default for Tasks<K> {
    fn default() -> Self {
        Self { versions: Vec::new(), lists: Vec::new(), markers: Vec::new() }
    }
}

/// Versions of one repository that are reconciled together.
struct VersionsDelegate<'a, K, F> {
    executor: &'a Executor<'a>,
    repository: &'a RepositoryName,
    on_end: F,
    /// Those that have their lists, and whose other tags are to be reconciled.
    listed: RefCell<Vec<ListedVersion<K>>>,
}

/// A version that is being reconciled, and what follows it.
struct ExecutedVersion<K> {
    key: K,
    request: Arc<ReconcileRequest>,
    image_tags: Option<ImageTagRequest>,
    aliases: Option<AliasRequest>,
}

/// A version that has its list, and what follows it.
struct ListedVersion<K> {
    key: K,
    report: VersionReport,
    at: SystemTime,
    /// The version's tag, unless nothing was written.
    confirmed: Option<ImageReference>,
    image_tags: Option<ImageTagRequest>,
    aliases: Option<AliasRequest>,
    /// How the task ends although the version has its list.
    failed: Option<TaskEnd>,
}

impl<K> ListedVersion<K> {
    /// Records how the tagging of its images ended, if they get tags.
    fn tagged(&mut self, end: Option<End<ImageTagging>>) {
        match end {
            None => {}
            Some(End::Done(tagging)) => self.report.image_tags = Some(tagging.into_image_tags()),
            Some(End::Failed(InvocationError { error, .. })) => {
                self.failed = Some(End::Failed(InvocationError { error, confirmed: self.confirmed.clone() }));
            }
            Some(End::Abandoned(error)) => self.failed = Some(End::Abandoned(error)),
            Some(End::OutOfTime(error)) => self.failed = Some(End::OutOfTime(error)),
        }
    }
}

impl<'a> Executor<'a> {
    /// An executor of tasks of this registry, with calls that are repeated until its own time while ECR throttles them.
    /// The semaphore admits one version at a time whose manifests are too large to be read with others.
    pub fn new(registry: Registry, time: WorkTime, large_versions: &'a Semaphore) -> Self {
        let (answered, unavailable) = (RefCell::default(), RefCell::default());
        Self { registry, time, large_versions, defers_aliases: false, answered, unavailable }
    }

    /// The same executor, which defers aliases to the sweep for lack of time, since no delivery repeats their version.
    #[must_use]
    pub fn deferring_aliases(self) -> Self {
        Self { defers_aliases: true, ..self }
    }

    /// Carries out tasks of one repository: first the versions, of which those that fit into one read share it, then the
    /// tags of the images inside their lists, and last the aliases of all, together.
    pub async fn carry_out<K>(&self, repository: &RepositoryName, tasks: Tasks<K>, on_end: impl Fn(K, TaskEnd)) {
        let Tasks { versions, lists, markers } = tasks;
        let mut versions = versions.into_iter().peekable();
        let mut listed = Vec::new();
        while let Some((_, first)) = versions.peek() {
            let count = versions_per_read(first.request.platforms.len());
            let group = versions.by_ref().take(count).collect();
            listed.extend(self.reconcile_together(repository, group, &on_end).await);
        }
        self.tag_images(repository, &mut listed, lists, &on_end).await;
        let mut alias_tasks = Vec::new();
        for ListedVersion { key, report, at, confirmed, aliases, failed, .. } in listed {
            match (aliases, failed) {
                (Some(aliases), failed) => {
                    alias_tasks.push(AliasTask { key, aliases, confirmed, reply: Reply::Version(report, at), failed });
                }
                (None, Some(failed)) => on_end(key, failed),
                (None, None) => on_end(key, End::Done(Answered { answer: Answer::Version(Box::new(report)), at })),
            }
        }
        alias_tasks.extend(markers.into_iter().map(|(key, MarkerTask { marker, aliases })| AliasTask {
            key,
            aliases,
            confirmed: None,
            reply: Reply::Marker(marker),
            failed: None,
        }));
        self.finish(repository, alias_tasks, on_end).await;
    }

    async fn reconcile_together<K>(
        &self,
        repository: &RepositoryName,
        tasks: Vec<(K, VersionTask)>,
        on_end: impl Fn(K, TaskEnd),
    ) -> Vec<ListedVersion<K>> {
        let delegate = VersionsDelegate { executor: self, repository, on_end, listed: RefCell::default() };
        let group = GroupReconciler {
            registry: &self.registry,
            repository,
            time: self.time,
            max_read_bytes: MAX_READ_BYTES,
            failed_read: FailedRead::OneByOne,
            large_versions: self.large_versions,
            delegate: &delegate,
        };
        let members = tasks.into_iter().map(|(key, task)| {
            let request = Arc::new(task.request);
            let step = Step::start(Arc::clone(&request));
            Member {
                step,
                version: ExecutedVersion { key, request, image_tags: task.image_tags, aliases: task.aliases },
            }
        });
        group.reconcile(members.collect()).await;
        delegate.listed.into_inner()
    }

    /// Tags the images of versions that have their lists, and of lists that were pushed: each version once.
    async fn tag_images<K>(
        &self,
        repository: &RepositoryName,
        listed: &mut [ListedVersion<K>],
        lists: Vec<(K, ImageTagRequest)>,
        on_end: impl Fn(K, TaskEnd),
    ) {
        let mut requests = BTreeMap::new();
        let own = listed.iter_mut().filter_map(|version| version.image_tags.take());
        for request in own.chain(lists.iter().map(|(_, request)| request.clone())) {
            requests.entry(request.version.clone()).or_insert(request);
        }
        let ends = RefCell::new(BTreeMap::new());
        let Self { registry, time, large_versions, .. } = self;
        let abandoned = &|| self.unavailable();
        let tagger = Tagger { registry, repository, time: *time, large_versions, abandoned };
        let on_tagged = |version, end| {
            if let End::Failed(InvocationError { error, .. }) = &end {
                self.note(repository, error);
            }
            ends.borrow_mut().insert(version, end);
        };
        tagger.tag(requests, on_tagged).await;
        let ends = ends.into_inner();
        for version in listed {
            let end = version.report.version.as_ref().and_then(|tag| ends.get(tag));
            version.tagged(end.cloned());
        }
        for (key, request) in lists {
            let Some(end) = ends.get(&request.version) else { continue };
            let id = self.registry.id().clone();
            let report = |tagging| Answer::Version(Box::new(VersionReport::for_list(id, &request, tagging)));
            on_end(key, end.clone().map(|tagging| Answered { answer: report(tagging), at: SystemTime::now() }));
        }
    }

    /// Carries out the only task of these, which is about this tag.
    async fn carry_out_one(&self, target: ImageReference, task: Tasks<()>) -> Result<Answer, InvocationError> {
        let end = RefCell::new(End::OutOfTime(None));
        self.carry_out(&target.repository, task, |(), ended| *end.borrow_mut() = ended).await;
        answer(end.into_inner(), Resource::Image(target))
    }

    /// Reconciles one version, and then the tags that follow it.
    ///
    /// # Errors
    /// That of the version or of these tags.
    pub async fn reconcile_one(&self, task: VersionTask) -> Result<Answer, InvocationError> {
        let target = task.request.target();
        self.carry_out_one(target, Tasks { versions: vec![((), task)], ..Tasks::default() }).await
    }

    /// Tags the images of a list that was pushed.
    ///
    /// # Errors
    /// That of the image tags.
    pub async fn tag_list(&self, request: ImageTagRequest) -> Result<Answer, InvocationError> {
        let target = request.target();
        self.carry_out_one(target, Tasks { lists: vec![((), request)], ..Tasks::default() }).await
    }

    /// Reconciles the aliases of a release whose marker was pushed.
    ///
    /// # Errors
    /// That of the aliases.
    pub async fn mark(&self, task: MarkerTask) -> Result<Answer, InvocationError> {
        let target = task.aliases.image(task.marker.tag());
        self.carry_out_one(target, Tasks { markers: vec![((), task)], ..Tasks::default() }).await
    }

    /// Yanks a release, or finds out whether it is yanked, and reconciles its aliases.
    ///
    /// # Errors
    /// That of the marker or of the aliases.
    pub async fn yank(&self, request: YankRequest) -> Result<Answer, InvocationError> {
        let (repository, target) = (request.repository.clone(), request.target());
        let end = Box::pin(yank(&self.registry, request, self.time.deadline)).await?;
        let report = YankReport::new(self.registry.id().clone(), repository.clone(), &end);
        let Some(aliases) = end.aliases else { return Ok(Answer::Yank(Box::new(report))) };
        let confirmed = (end.outcome == YankOutcome::Yanked).then(|| target.clone());
        let task = AliasTask { key: (), aliases, confirmed, reply: Reply::Yank(report), failed: None };
        let end = RefCell::new(End::OutOfTime(None));
        self.finish(&repository, vec![task], |(), ended| *end.borrow_mut() = ended).await;
        answer(end.into_inner(), Resource::Image(target))
    }

    /// Reconciles the aliases of tasks, unless nothing more is begun.
    async fn finish<K>(&self, repository: &RepositoryName, tasks: Vec<AliasTask<K>>, on_end: impl Fn(K, TaskEnd)) {
        let not_begun = match self.unavailable() {
            Some(error) => Some(End::Abandoned(error)),
            None => (self.time.is_up() && !self.defers_aliases).then_some(End::OutOfTime(None)),
        };
        if let Some(end) = not_begun {
            return tasks.into_iter().for_each(|task| on_end(task.key, end.clone()));
        }
        for (key, end) in alias_task::finish(&self.registry, repository, tasks, self.time.deadline).await {
            if let End::Failed(InvocationError { error, .. }) = &end {
                self.note(repository, error);
            }
            on_end(key, end);
        }
    }

    /// The error after which nothing more is begun.
    fn unavailable(&self) -> Option<Error> {
        self.unavailable.borrow().clone()
    }

    /// Takes note of an error. Nothing more is begun if the registry denies access, or if the calls about two repositories
    /// were not answered: of those about one, an image can be the reason.
    fn note(&self, repository: &RepositoryName, error: &Error) {
        let mut answered = self.answered.borrow_mut();
        if error.is_registry_down() {
            answered.entry(repository.clone()).or_insert(false);
        }
        let unanswered = answered.values().filter(|is_answered| !**is_answered).count();
        let is_down = error.is_registry_down() && unanswered >= MIN_UNANSWERED_REPOSITORIES;
        if is_down || error.error_type() == ErrorType::AccessDenied {
            self.unavailable.borrow_mut().get_or_insert_with(|| error.clone());
        }
    }
}

impl<K, F: Fn(K, TaskEnd)> GroupDelegate for VersionsDelegate<'_, K, F> {
    type Version = ExecutedVersion<K>;

    fn abandoned(&self) -> Option<Error> {
        self.executor.unavailable()
    }

    fn on_answer(&self) {
        self.executor.answered.borrow_mut().insert(self.repository.clone(), true);
    }

    fn on_read_error(&self, error: &Error) -> Option<VersionEnd> {
        error.concerns_repository().then(|| error.clone().into())
    }

    fn on_end(&self, version: Self::Version, end: VersionEnd) {
        let ExecutedVersion { key, request, image_tags, aliases } = version;
        if let End::Failed(InvocationError { error, .. }) = &end {
            self.executor.note(self.repository, error);
        }
        let at = SystemTime::now();
        let id = self.executor.registry.id().clone();
        let end = end.map(|reconciliation| VersionReport::new(id, &request, reconciliation));
        let follows = image_tags.is_some() || aliases.is_some();
        match end {
            End::Done(report) if follows && report.outcome.manifest_list().is_some() => {
                let list = report.outcome.manifest_list();
                let image_tags = image_tags.zip(list).map(|(image_tags, list)| image_tags.with_list(list));
                let aliases = aliases.zip(list).map(|(aliases, list)| aliases.with_list(list));
                let confirmed = (!request.dry_run).then(|| request.target());
                let version = ListedVersion { key, report, at, confirmed, image_tags, aliases, failed: None };
                self.listed.borrow_mut().push(version);
            }
            end => (self.on_end)(key, end.map(|report| Answered { answer: Answer::Version(Box::new(report)), at })),
        }
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
