//! Handles an invocation: an input in, an answer out, with a log line and metrics.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ecr_multiarch_core::input::{AssembleRequest, Push, SweepRequest};
use ecr_multiarch_core::{
    AccountId, Answer, Error, Input, ReconcileRequest, Region, RegistryId, RepositoryGlob, RepositoryName,
    RepositorySettings, Settings, SweepReport, Tag, VersionReport,
};
use serde_json::Value;
use tokio::time::Instant;

use super::event;
use super::metrics;
use super::record::InvocationRecord;
use crate::ecr::{Priority, Registries};
use crate::execute::reconcile;
use crate::sweep::{SweepScope, sweep};

/// How long before Lambda's deadline the answer is due, so that an answer and no timeout of Lambda ends the invocation.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);
/// How long before Lambda's deadline a sweep begins no more work: a version takes a few seconds, in the worst case.
const SWEEP_MARGIN: Duration = Duration::from_secs(20);

/// The age up to which an event proves that its tag exists.
///
/// A tag is visible seconds after its push, and EventBridge delivers within seconds. An event that was delayed, retried
/// for hours or redriven from a queue says nothing about now: the tag may have been deleted since.
const RECENT_PUSH: Duration = Duration::from_mins(5);

const _: () = assert!(SWEEP_MARGIN.as_secs() > ANSWER_MARGIN.as_secs(), "what has begun needs time to end");

/// Handles the invocations of one execution environment.
#[derive(Debug)]
pub struct Handler {
    settings: Settings,
    registries: Registries,
    emit_metrics: fn(&InvocationRecord<'_>),
}

/// What Lambda says of an invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The account of the function, if Lambda states it.
    pub own_account: Option<AccountId>,
    /// When Lambda ends the invocation.
    pub deadline: Instant,
    /// The id under which Lambda knows the invocation.
    pub request_id: String,
}

/// What an input asks for, once the settings allow it.
enum Work {
    Reconcile(RegistryId, ReconcileRequest),
    Sweep(SweepRequest),
}

/// Why an input asks for nothing.
enum Rejection {
    /// It is filtered out. The version is that of a platform tag.
    Ignored { reason: String, version: Option<Tag> },
    /// It cannot be done.
    Failed(Error),
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn ignored(reason: String) -> Rejection {
    Rejection::Ignored { reason, version: None }
}

impl Handler {
    /// A handler with these settings.
    pub fn new(settings: Settings, registries: Registries) -> Self {
        Self { settings, registries, emit_metrics: metrics::emit }
    }

    /// Replaces the writing of metrics to standard output.
    #[must_use]
    pub fn with_metrics(self, emit_metrics: fn(&InvocationRecord<'_>)) -> Self {
        Self { emit_metrics, ..self }
    }

    /// Handles one invocation.
    ///
    /// # Errors
    /// Every [`Error`], after it was logged and counted.
    pub async fn handle(&self, payload: Value, invocation: &Invocation) -> Result<Answer, Error> {
        let started = Instant::now();
        let calls_before = self.registries.calls();

        let input = event::parse(payload);
        let repository = input.as_ref().ok().and_then(repository);
        let requested_version = input.as_ref().ok().and_then(requested_version);
        let pushed_at = input.as_ref().ok().and_then(pushed_at);
        let is_full_sweep = input.as_ref().is_ok_and(is_full_sweep);
        let work = input.map_err(Rejection::Failed).and_then(|input| self.plan(input, invocation));
        let version = match &work {
            Ok(Work::Reconcile(_, request)) => Some(request.version.clone()),
            Err(Rejection::Ignored { version: version @ Some(_), .. }) => version.clone(),
            _ => requested_version,
        };
        let result = match work {
            Ok(work) => self.carry_out(work, invocation).await,
            Err(Rejection::Ignored { reason, .. }) => {
                Ok(Answer::Version(Box::new(VersionReport::ignored(reason, repository.clone(), version.clone()))))
            }
            Err(Rejection::Failed(error)) => Err(error),
        };

        let record = InvocationRecord {
            request_id: &invocation.request_id,
            repository,
            version,
            pushed_at,
            is_full_sweep,
            duration: started.elapsed(),
            ecr_calls: self.registries.calls() - calls_before,
            result: result.as_ref(),
        };
        record.log();
        (self.emit_metrics)(&record);
        result
    }

    fn plan(&self, input: Input, invocation: &Invocation) -> Result<Work, Rejection> {
        match input {
            Input::Ignored { reason, .. } => Err(ignored(reason)),
            Input::Push(push) => self.plan_push(push, invocation),
            Input::Assemble(request) => self.plan_assemble(request, invocation),
            Input::Sweep(request) => {
                self.check_account(request.account.as_ref(), invocation)?;
                self.check_repositories(request.repositories.as_deref().unwrap_or_default())?;
                Ok(Work::Sweep(request))
            }
        }
    }

    fn plan_push(&self, push: Push, invocation: &Invocation) -> Result<Work, Rejection> {
        self.check_account(Some(&push.account), invocation)?;
        let settings = self.repository_settings(&push.repository)?;
        let Some(parsed) = settings.tag_scheme.parse(&push.tag) else {
            return Err(ignored(format!("{} is not the tag of a configured platform", push.tag)));
        };
        let request = new_request(push.repository, parsed.version, settings)?;
        let registry = RegistryId { account: Some(push.account), region: push.region };
        let pushed = is_recent(push.time, SystemTime::now()).then_some(push.tag);
        Ok(Work::Reconcile(registry, ReconcileRequest { pushed, ..request }))
    }

    fn plan_assemble(&self, request: AssembleRequest, invocation: &Invocation) -> Result<Work, Rejection> {
        let AssembleRequest { repository, version, dry_run, force, account, region } = request;
        self.check_account(account.as_ref(), invocation)?;
        let settings = self.repository_settings(&repository)?;
        let request = new_request(repository, version, settings)?;
        let registry = self.registry_id(account.or_else(|| invocation.own_account.clone()), region)?;
        Ok(Work::Reconcile(registry, ReconcileRequest { dry_run, force, ..request }))
    }

    async fn carry_out(&self, work: Work, invocation: &Invocation) -> Result<Answer, Error> {
        match work {
            Work::Reconcile(id, request) => {
                let registry = self.registries.open(&id, Priority::Interactive);
                let request = Arc::new(request);
                let deadline = answer_deadline(invocation);
                let reconciliation = Box::pin(reconcile(&registry, Arc::clone(&request), deadline)).await?;
                Ok(Answer::Version(Box::new(VersionReport::new(&request, reconciliation))))
            }
            Work::Sweep(request) => {
                let report = self.sweep(request, invocation).await?;
                Ok(Answer::Sweep(Box::new(report)))
            }
        }
    }

    /// Sweeps the registries one after the other. An error of one does not stop the others.
    async fn sweep(&self, request: SweepRequest, invocation: &Invocation) -> Result<SweepReport, Error> {
        let SweepRequest { repositories, dry_run, deep, account, region } = request;
        let scope = SweepScope {
            repositories,
            dry_run,
            deep,
            stop_at: sweep_deadline(invocation),
            deadline: answer_deadline(invocation),
        };
        let own = &invocation.own_account;
        let additional = self.settings.accounts().iter().cloned().map(Some).filter(|account| account != own);
        let accounts: Vec<_> = match account {
            Some(account) => vec![Some(account)],
            None => std::iter::once(own.clone()).chain(additional).collect(),
        };
        let mut reports = Vec::new();
        for account in accounts {
            let id = self.registry_id(account, region.clone())?;
            let registry = self.registries.open(&id, Priority::Background);
            reports.push(Box::pin(sweep(&registry, &self.settings, &scope, &())).await);
        }
        reports.into_iter().try_fold(SweepReport::empty(dry_run), |all, report| Ok(all.merge(report?)))
    }

    /// Ignores a request of which no name is served; a glob may match any name.
    fn check_repositories(&self, globs: &[RepositoryGlob]) -> Result<(), Rejection> {
        let is_left_out =
            |glob: &RepositoryGlob| glob.literal().is_some_and(|name| self.settings.for_repository(&name).is_none());
        if globs.is_empty() || !globs.iter().all(is_left_out) {
            return Ok(());
        }
        let names: Vec<_> = globs.iter().map(RepositoryGlob::as_str).collect();
        Err(ignored(format!("REPOSITORIES does not cover any of {}", names.join(", "))))
    }

    /// Ignores accounts that are not served. Lambda always states the own account, which test hosts may not.
    fn check_account(&self, account: Option<&AccountId>, invocation: &Invocation) -> Result<(), Rejection> {
        let (Some(account), Some(own)) = (account, &invocation.own_account) else { return Ok(()) };
        if account == own || self.settings.accounts().contains(account) {
            return Ok(());
        }
        Err(ignored(format!("the registry of account {account} is not served: ACCOUNTS does not list it")))
    }

    fn repository_settings(&self, repository: &RepositoryName) -> Result<&RepositorySettings, Rejection> {
        let left_out = || ignored(format!("repository {repository} is not served: REPOSITORIES does not cover it"));
        self.settings.for_repository(repository).ok_or_else(left_out)
    }

    fn registry_id(&self, account: Option<AccountId>, region: Option<Region>) -> Result<RegistryId, Error> {
        let region = region.or_else(|| self.registries.own_region()).ok_or_else(|| {
            let message = "the request names no region, and AWS_REGION is not set: give the request a region";
            Error::InvalidRequest(message.to_owned())
        })?;
        Ok(RegistryId { account, region })
    }
}

fn new_request(
    repository: RepositoryName,
    version: Tag,
    settings: &RepositorySettings,
) -> Result<ReconcileRequest, Rejection> {
    ReconcileRequest::new(repository, version.clone(), settings)
        .map_err(|error| Rejection::Ignored { reason: error.to_string(), version: Some(version) })
}

fn repository(input: &Input) -> Option<String> {
    match input {
        Input::Push(push) => Some(push.repository.to_string()),
        Input::Assemble(request) => Some(request.repository.to_string()),
        Input::Sweep(_) => None,
        Input::Ignored { repository, .. } => repository.clone(),
    }
}

fn requested_version(input: &Input) -> Option<Tag> {
    match input {
        Input::Assemble(request) => Some(request.version.clone()),
        _ => None,
    }
}

fn pushed_at(input: &Input) -> Option<SystemTime> {
    match input {
        Input::Push(push) => push.time,
        _ => None,
    }
}

/// Whether a push of this time is recent. One without a time, or with a time to come, is taken for a new one.
fn is_recent(time: Option<SystemTime>, now: SystemTime) -> bool {
    let age = time.and_then(|time| now.duration_since(time).ok());
    age.is_none_or(|age| age <= RECENT_PUSH)
}

fn is_full_sweep(input: &Input) -> bool {
    match input {
        Input::Sweep(SweepRequest { account, region, repositories, dry_run, deep: _ }) => {
            account.is_none() && region.is_none() && repositories.is_none() && !dry_run
        }
        _ => false,
    }
}

/// When the answer is due. Short invocations keep four fifths of their time.
fn answer_deadline(invocation: &Invocation) -> Instant {
    before(invocation.deadline, ANSWER_MARGIN, 5)
}

/// When a sweep begins no more work. Short invocations keep three quarters of their time.
fn sweep_deadline(invocation: &Invocation) -> Instant {
    before(invocation.deadline, SWEEP_MARGIN, 4)
}

/// The deadline less a margin, which is at most this share of the time that is left.
fn before(deadline: Instant, margin: Duration, share: u32) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline - (left / share).min(margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_is_recent_for_five_minutes() {
        let now = SystemTime::now();
        let ago = |seconds| Some(now - Duration::from_secs(seconds));
        for (time, expected) in [
            (None, true),
            (Some(now + Duration::from_hours(1)), true),
            (ago(0), true),
            (ago(300), true),
            (ago(301), false),
            (Some(SystemTime::UNIX_EPOCH), false),
        ] {
            assert_eq!(is_recent(time, now), expected, "{time:?}");
        }
    }
}
