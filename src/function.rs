//! The function itself: an input in, an answer out, with a line for the log and one of metrics.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::answer::{Reconciled, Swept};
use crate::drive::reconcile;
use crate::ecr::{Pace, Registries};
use crate::error::Error;
use crate::input::{Assemble, Input, Push, Sweep};
use crate::metrics::{self, Measured};
use crate::reconcile::Job;
use crate::repository::{AccountId, Region, RegistryId, RepositoryGlob, RepositoryName};
use crate::settings::{Policy, Settings};
use crate::sweep::{Scope, sweep};
use crate::tag::Tag;

/// The function with its settings, kept while the environment is warm.
#[derive(Debug)]
pub struct Function {
    settings: Settings,
    registries: Registries,
    emit: fn(&Measured<'_>),
}

/// What Lambda says of an invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The account that the function runs in, where Lambda tells.
    pub own_account: Option<AccountId>,
    /// When Lambda ends the function.
    pub deadline: Instant,
    /// The id under which Lambda knows the invocation.
    pub request_id: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To an event or an `assemble` request.
    Reconciled(Box<Reconciled>),
    /// To a `sweep` request.
    Swept(Box<Swept>),
}

/// Why there is nothing to reconcile.
enum Refusal {
    /// It is none of the function's business.
    Ignored(String),
    /// It cannot be done.
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Function {
    /// A function with these settings.
    pub fn new(settings: Settings, registries: Registries) -> Self {
        Self { settings, registries, emit: metrics::emit }
    }

    /// The function with its metrics handed over instead of written to standard output.
    #[must_use]
    pub fn with_metrics(self, emit: fn(&Measured<'_>)) -> Self {
        Self { emit, ..self }
    }

    /// Handles one invocation.
    ///
    /// # Errors
    /// Every [`Error`]; what was there to be logged and measured has been by then.
    pub async fn handle(&self, input: Value, invocation: &Invocation) -> Result<Answer, Error> {
        let started = Instant::now();
        let calls_before = self.registries.calls();
        let mut subject = Subject::default();
        let result = self.answer(input, invocation, &mut subject).await;
        let measured = Measured {
            result: result.as_ref(),
            is_whole_sweep: subject.is_whole_sweep,
            since_push: subject.pushed_at.and_then(|at| SystemTime::now().duration_since(at).ok()),
            took: started.elapsed(),
            ecr_calls: self.registries.calls() - calls_before,
            request_id: &invocation.request_id,
        };
        subject.log(&measured);
        (self.emit)(&measured);
        result
    }

    async fn answer(&self, input: Value, invocation: &Invocation, subject: &mut Subject) -> Result<Answer, Error> {
        let input = Input::read(input)?;
        *subject = Subject::of(&input);
        let answered = match input {
            Input::Ignored { reason, .. } => Err(Refusal::Ignored(reason)),
            Input::Push(push) => self.push(&push, invocation, subject).await,
            Input::Assemble(request) => self.assemble(&request, invocation).await,
            Input::Sweep(request) => self.sweep(&request, invocation).await,
        };
        match answered {
            Ok(answer) => Ok(answer),
            Err(Refusal::Ignored(reason)) => Ok(subject.ignored(reason)),
            Err(Refusal::Failed(error)) => Err(error),
        }
    }

    async fn push(&self, push: &Push, invocation: &Invocation, subject: &mut Subject) -> Result<Answer, Refusal> {
        self.check_account(Some(&push.account), invocation)?;
        let policy = self.policy(&push.repository)?;
        let Some((version, _)) = policy.naming.locate(&push.tag) else {
            return Err(Refusal::Ignored(format!("{} is not the tag of a configured platform", push.tag)));
        };
        subject.version = Some(version.clone());
        let job = Job { pushed: Some(push.tag.clone()), ..job(policy, &push.repository, version)? };
        let id = RegistryId { account: Some(push.account.clone()), region: push.region.clone() };
        self.reconcile(&id, job, invocation).await
    }

    async fn assemble(&self, request: &Assemble, invocation: &Invocation) -> Result<Answer, Refusal> {
        self.check_account(request.account.as_ref(), invocation)?;
        let policy = self.policy(&request.repository)?;
        let job = job(policy, &request.repository, request.version.clone())?;
        let job = Job { dry_run: request.dry_run, force: request.force, ..job };
        let account = request.account.as_ref().or(invocation.own_account.as_ref());
        let id = self.registry_id(account, request.region.as_ref())?;
        self.reconcile(&id, job, invocation).await
    }

    async fn reconcile(&self, id: &RegistryId, job: Job, invocation: &Invocation) -> Result<Answer, Refusal> {
        let registry = self.registries.open(id, Pace::Prompt);
        let job = Arc::new(job);
        let outcome = Box::pin(reconcile(&registry, Arc::clone(&job), answer_by(invocation.deadline))).await?;
        Ok(Answer::Reconciled(Box::new(Reconciled::of(&job, outcome))))
    }

    /// Sweeps the registries one after the other. One that cannot be listed does not keep the next from its sweep.
    async fn sweep(&self, request: &Sweep, invocation: &Invocation) -> Result<Answer, Refusal> {
        self.check_account(request.account.as_ref(), invocation)?;
        self.check_repositories(request.repositories.as_deref().unwrap_or_default())?;
        let scope = Scope {
            repositories: request.repositories.clone(),
            dry_run: request.dry_run,
            deep: request.deep,
            stop_at: stop_sweep_at(invocation.deadline),
            deadline: answer_by(invocation.deadline),
        };
        let own = invocation.own_account.as_ref();
        let further = self.settings.accounts().iter().map(Some).filter(|account| *account != own);
        let accounts: Vec<_> = match &request.account {
            account @ Some(_) => vec![account.as_ref()],
            None => std::iter::once(own).chain(further).collect(),
        };
        let mut all: Result<_, Error> = Ok(Swept::empty(request.dry_run));
        for account in accounts {
            let id = self.registry_id(account, request.region.as_ref())?;
            let registry = self.registries.open(&id, Pace::Yielding);
            let swept = Box::pin(sweep(&registry, &self.settings, &scope, &())).await;
            all = all.and_then(|all| Ok(all.and(swept?)));
        }
        Ok(Answer::Swept(Box::new(all?)))
    }

    /// Names that the settings leave out are ignored; a glob may stand for any.
    fn check_repositories(&self, globs: &[RepositoryGlob]) -> Result<(), Refusal> {
        let unserved = |glob: &RepositoryGlob| glob.literal().is_some_and(|name| self.settings.policy(&name).is_none());
        if globs.is_empty() || !globs.iter().all(unserved) {
            return Ok(());
        }
        Err(Refusal::Ignored(format!("of {globs:?} none is among REPOSITORIES")))
    }

    /// Without an account there is nothing to compare with: on Lambda there always is one.
    fn check_account(&self, account: Option<&AccountId>, invocation: &Invocation) -> Result<(), Refusal> {
        let (Some(account), Some(own)) = (account, &invocation.own_account) else { return Ok(()) };
        if account == own || self.settings.accounts().contains(account) {
            return Ok(());
        }
        Err(Refusal::Ignored(format!("the registry of account {account} is not served: it is not among ACCOUNTS")))
    }

    fn policy(&self, repository: &RepositoryName) -> Result<&Policy, Refusal> {
        let unserved = || Refusal::Ignored(format!("repository {repository} is not among REPOSITORIES"));
        self.settings.policy(repository).ok_or_else(unserved)
    }

    fn registry_id(&self, account: Option<&AccountId>, region: Option<&Region>) -> Result<RegistryId, Error> {
        let region = region.cloned().or_else(|| self.registries.home_region());
        let region = region.ok_or_else(|| {
            Error::InvalidRequest("there is no Region: name one in \"region\", or set AWS_REGION".to_owned())
        })?;
        Ok(RegistryId { account: account.cloned(), region })
    }
}

fn job(policy: &Policy, repository: &RepositoryName, version: Tag) -> Result<Job, Refusal> {
    if policy.version_pattern.as_ref().is_some_and(|pattern| !pattern.matches(&version)) {
        return Err(Refusal::Ignored(format!("version {version} does not match VERSION_PATTERN")));
    }
    let unnameable = |error| Refusal::Ignored(format!("version {version} can have no list: {error}"));
    let platforms = policy.naming.tags(&version).map_err(unnameable)?;
    Ok(Job {
        repository: repository.clone(),
        version,
        platforms,
        revisions: policy.revisions,
        attestations: policy.attestations,
        dry_run: false,
        force: false,
        pushed: None,
    })
}

/// When an answer must be given, so that it is Lambda's to deliver and not a timeout of Lambda's.
fn answer_by(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline - (left / 5).min(Duration::from_secs(1))
}

/// When a sweep begins no more work, so that what is under way has time to end.
fn stop_sweep_at(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline - (left / 4).min(Duration::from_secs(20))
}

/// What an invocation is about, for the log.
#[derive(Debug, Default)]
struct Subject {
    repository: Option<String>,
    version: Option<Tag>,
    pushed_at: Option<SystemTime>,
    is_whole_sweep: bool,
}

impl Subject {
    fn of(input: &Input) -> Self {
        match input {
            Input::Push(push) => {
                Self { repository: Some(push.repository.to_string()), pushed_at: push.time, ..Self::default() }
            }
            Input::Assemble(request) => Self {
                repository: Some(request.repository.to_string()),
                version: Some(request.version.clone()),
                ..Self::default()
            },
            Input::Ignored { repository, .. } => Self { repository: repository.clone(), ..Self::default() },
            Input::Sweep(Sweep { account, region, repositories, dry_run, deep: _ }) => Self {
                is_whole_sweep: account.is_none() && region.is_none() && repositories.is_none() && !dry_run,
                ..Self::default()
            },
        }
    }

    fn ignored(&self, reason: String) -> Answer {
        Answer::Reconciled(Box::new(Reconciled::ignored(reason, self.repository.clone(), self.version.clone())))
    }

    fn log(&self, measured: &Measured<'_>) {
        let repository = self.repository.as_deref();
        let version = self.version.as_ref().map(Tag::as_str);
        let milliseconds = u64::try_from(measured.took.as_millis()).unwrap_or(u64::MAX);
        let Measured { ecr_calls, request_id, .. } = measured;
        match measured.result {
            Ok(Answer::Reconciled(answer)) => {
                let outcome = answer.outcome.as_str();
                let digest = answer.digest.map(|digest| digest.to_string());
                let missing = (!answer.missing.is_empty()).then(|| answer.missing.join(","));
                let reason = answer.reason.as_deref();
                tracing::info!(
                    outcome,
                    repository,
                    version,
                    digest,
                    missing,
                    reason,
                    milliseconds,
                    ecr_calls,
                    request_id,
                    "reconciled"
                );
            }
            Ok(Answer::Swept(swept)) => tracing::info!(
                outcome = "swept",
                repositories = swept.repositories,
                versions = swept.versions,
                published = swept.published,
                unchanged = swept.unchanged,
                incomplete = swept.incomplete.total,
                failed = swept.failed.total,
                complete = swept.complete,
                milliseconds,
                ecr_calls,
                request_id,
                "swept"
            ),
            Err(error) => {
                let outcome = "failed";
                let error_type = error.error_type().name();
                let retry = error.error_type().is_worth_a_retry();
                let reason = error.to_string();
                tracing::error!(
                    outcome,
                    error = error_type,
                    reason,
                    retry,
                    repository,
                    version,
                    milliseconds,
                    ecr_calls,
                    request_id,
                    "failed"
                );
            }
        }
    }
}
