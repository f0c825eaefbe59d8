//! Handles an invocation: an input in, an answer out, with a log line and metrics.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ecr_multiarch_core::alias::marker::YankMarker;
use ecr_multiarch_core::alias::yank::{YankAction, YankOutcome, YankRequest};
use ecr_multiarch_core::input::{AssembleRequest, Push, RegistriesRequest, ReleaseRequest, SweepRequest};
use ecr_multiarch_core::settings::Accounts;
use ecr_multiarch_core::{
    AccountId, AliasReport, AliasRequest, Answer, Error, Input, InvocationError, OutcomeKind, ReconcileRequest, Region,
    RegistriesReport, RegistryId, RepositoryGlob, RepositoryName, RepositorySettings, Settings, SweepReport, Tag,
    VersionReport, YankReport,
};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::event;
use super::metrics;
use super::record::InvocationRecord;
use crate::alias::{reconcile_aliases, yank};
use crate::ecr::{Priority, Registries, Registry};
use crate::execute::reconcile;
use crate::sweep::{SweepScope, SweepTime, sweep};

/// How long before Lambda's deadline the answer is due, so that the invocation ends with an answer and not with a
/// timeout. A second is ample to log and send it, also with the share of a CPU that a function of 128 MB has.
pub(super) const ANSWER_MARGIN: Duration = Duration::from_secs(1);
/// How long before Lambda's deadline a sweep stops beginning work: a version takes a few seconds at most, unless its
/// calls have to be retried.
const SWEEP_MARGIN: Duration = Duration::from_secs(20);

/// How long before the answer is due a throttled call is given up, so that the answer says why.
const PATIENCE_MARGIN: Duration = Duration::from_secs(1);
/// The pauses between two looks at a version that a request waits for: short at first, since most versions are complete
/// within seconds, and then long enough that a minute of waiting takes some twenty reads.
const WAIT_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3)];

/// The age up to which an event proves that its tag exists.
///
/// A tag is visible seconds after its push, and EventBridge delivers within seconds. An event that was delayed, retried
/// for hours or redriven from a queue says nothing about now: the tag may have been deleted since.
const RECENT_PUSH: Duration = Duration::from_mins(5);

const _: () = assert!(SWEEP_MARGIN.as_secs() > ANSWER_MARGIN.as_secs(), "work in flight needs time to finish");

/// Handles the invocations of one execution environment.
#[derive(Debug)]
pub struct Handler {
    settings: Settings,
    registries: Registries,
    emit_metrics: fn(&InvocationRecord<'_>),
}

/// An invocation as Lambda describes it.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The account of the function, if Lambda states it.
    pub own_account: Option<AccountId>,
    /// When Lambda ends the invocation.
    pub deadline: Instant,
    /// The id that Lambda gave the invocation.
    pub request_id: String,
}

/// The work that an input requests and the settings allow.
enum Work {
    Reconcile { registry: RegistryId, request: ReconcileRequest, wait: Option<Duration> },
    Yank { registry: RegistryId, request: YankRequest },
    Marker { registry: RegistryId, marker: YankMarker, aliases: AliasRequest },
    Sweep(SweepRequest),
    Registries(RegistriesRequest),
}

/// Why an input results in no work.
enum Rejection {
    /// It is filtered out. The version is the one that a platform tag names.
    Ignored { reason: String, version: Option<Tag> },
    /// It is invalid.
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
    /// Every [`Error`](ecr_multiarch_core::Error), after it was logged and counted.
    pub async fn handle(&self, payload: Value, invocation: &Invocation) -> Result<Answer, InvocationError> {
        let started = Instant::now();
        let calls_before = self.registries.calls();

        let input = event::parse(payload);
        let subject = input.as_ref().map(|input| self.subject(input, invocation)).unwrap_or_default();
        let work = input.map_err(Rejection::Failed).and_then(|input| self.plan(input, invocation));
        let version = match &work {
            Ok(Work::Reconcile { request, .. }) => Some(request.version.clone()),
            Ok(Work::Marker { marker, .. }) => Some(marker.release().tag().clone()),
            Err(Rejection::Ignored { version: version @ Some(_), .. }) => version.clone(),
            _ => subject.version,
        };
        let result = match work {
            Ok(work) => self.carry_out(work, invocation).await,
            Err(Rejection::Ignored { reason, .. }) => {
                let (registry, repository) = (subject.registry.clone(), subject.repository.clone());
                Ok(Answer::Version(Box::new(VersionReport::ignored(reason, registry, repository, version.clone()))))
            }
            Err(Rejection::Failed(error)) => Err(error.into()),
        };

        let record = InvocationRecord {
            request_id: &invocation.request_id,
            registry: subject.registry,
            repository: subject.repository,
            version,
            pushed_at: subject.pushed_at,
            is_full_sweep: subject.is_full_sweep,
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
                self.check_registry(request.account.as_ref(), request.region.as_ref(), invocation)?;
                self.check_repositories(request.repositories.as_deref().unwrap_or_default())?;
                Ok(Work::Sweep(request))
            }
            Input::Yank(action, request) => self.plan_yank(action, request, invocation),
            Input::Registries(request) => Ok(Work::Registries(request)),
        }
    }

    fn plan_push(&self, push: Push, invocation: &Invocation) -> Result<Work, Rejection> {
        self.check_registry(Some(&push.account), Some(&push.region), invocation)?;
        let settings = self.repository_settings(&push.repository)?;
        if let Some(marker) = YankMarker::from_tag(&push.tag)
            && let Some(aliases) = AliasRequest::for_marker(push.repository.clone(), &push.tag, settings)
        {
            let registry = RegistryId { account: Some(push.account), region: push.region };
            return Ok(Work::Marker { registry, marker, aliases });
        }
        let Some(parsed) = settings.tag_scheme.parse(&push.tag) else {
            return Err(ignored(format!("{} is not the tag of a configured platform", push.tag)));
        };
        let request = new_request(push.repository, parsed.version, settings)?;
        let registry = RegistryId { account: Some(push.account), region: push.region };
        let pushed = is_recent(push.time, SystemTime::now()).then_some(push.tag);
        let request = ReconcileRequest { pushed, ..request };
        Ok(Work::Reconcile { registry, request, wait: None })
    }

    fn plan_assemble(&self, request: AssembleRequest, invocation: &Invocation) -> Result<Work, Rejection> {
        let AssembleRequest { repository, version, dry_run, force, account, region, wait_seconds } = request;
        self.check_registry(account.as_ref(), region.as_ref(), invocation)?;
        let settings = self.repository_settings(&repository)?;
        let request = new_request(repository, version, settings)?;
        let registry = self.registry_id(account.or_else(|| invocation.own_account.clone()), region)?;
        let request = ReconcileRequest { dry_run, force, ..request };
        Ok(Work::Reconcile { registry, request, wait: wait_seconds.map(Duration::from) })
    }

    fn plan_yank(
        &self,
        action: YankAction,
        request: ReleaseRequest,
        invocation: &Invocation,
    ) -> Result<Work, Rejection> {
        let ReleaseRequest { repository, version, dry_run, account, region } = request;
        self.check_registry(account.as_ref(), region.as_ref(), invocation)?;
        let settings = self.repository_settings(&repository)?;
        let request = YankRequest::new(repository, &version, action, settings);
        let request = request.map_err(|error| ignored(error.to_string()))?.with_dry_run(dry_run);
        let registry = self.registry_id(account.or_else(|| invocation.own_account.clone()), region)?;
        Ok(Work::Yank { registry, request })
    }

    async fn carry_out(&self, work: Work, invocation: &Invocation) -> Result<Answer, InvocationError> {
        match work {
            Work::Reconcile { registry, request, wait } => {
                let report = if let Some(wait) = wait {
                    self.wait_until_published(&registry, request, wait, invocation).await
                } else {
                    let deadline = answer_deadline(invocation);
                    self.reconcile(&registry, &Arc::new(request), deadline, patience(deadline)).await
                };
                report.map(|report| Answer::Version(Box::new(report)))
            }
            Work::Yank { registry, request } => {
                let report = self.yank(registry, request, invocation).await?;
                Ok(Answer::Yank(Box::new(report)))
            }
            Work::Marker { registry: id, marker, aliases } => {
                let registry = self.open(&id, invocation);
                let repository = aliases.repository.clone();
                let aliases = self.reconcile_aliases(&registry, aliases, answer_deadline(invocation)).await?;
                Ok(Answer::Yank(Box::new(YankReport::for_push(id, repository, marker, aliases))))
            }
            Work::Sweep(request) => {
                let report = self.sweep(request, invocation).await?;
                Ok(Answer::Sweep(Box::new(report)))
            }
            Work::Registries(RegistriesRequest { accounts }) => {
                let registries = self.registries(accounts.as_deref(), &self.own_region()?, invocation);
                Ok(Answer::Registries(RegistriesReport { registries }))
            }
        }
    }

    async fn reconcile(
        &self,
        id: &RegistryId,
        request: &Arc<ReconcileRequest>,
        deadline: Instant,
        patience: Instant,
    ) -> Result<VersionReport, InvocationError> {
        let registry = self.registries.open(id, Priority::Interactive, patience);
        let reconciliation = Box::pin(reconcile(&registry, Arc::clone(request), deadline)).await?;
        let mut report = VersionReport::new(id.clone(), request, reconciliation);
        let settings = self.settings.for_repository(&request.repository);
        let aliases =
            settings.and_then(|it| AliasRequest::for_version(request.repository.clone(), &request.version, it));
        if let (Some(aliases), Some(list)) = (aliases, report.outcome.manifest_list()) {
            let aliases = aliases.with_dry_run(request.dry_run).with_force(request.force).with_list(list);
            let confirmed = (!request.dry_run).then(|| request.target());
            let reconciled = self.reconcile_aliases(&registry, aliases, deadline).await;
            report.aliases = Some(reconciled.map_err(|error| InvocationError { error, confirmed })?);
        }
        Ok(report)
    }

    async fn yank(
        &self,
        id: RegistryId,
        request: YankRequest,
        invocation: &Invocation,
    ) -> Result<YankReport, InvocationError> {
        let registry = self.open(&id, invocation);
        let repository = request.repository.clone();
        let end = Box::pin(yank(&registry, request, answer_deadline(invocation))).await?;
        let mut report = YankReport::new(id, repository, &end);
        if let Some(aliases) = end.aliases {
            let confirmed = (end.outcome == YankOutcome::Yanked).then(|| aliases.image(end.marker.tag()));
            let reconciled = self.reconcile_aliases(&registry, aliases, answer_deadline(invocation)).await;
            report.aliases = reconciled.map_err(|error| InvocationError { error, confirmed })?;
        }
        Ok(report)
    }

    async fn reconcile_aliases(
        &self,
        registry: &Registry,
        request: AliasRequest,
        deadline: Instant,
    ) -> Result<Vec<AliasReport>, Error> {
        // A request is made from the settings of its repository.
        let Some(settings) = self.settings.for_repository(&request.repository) else { return Ok(Vec::new()) };
        Box::pin(reconcile_aliases(registry, request, settings, deadline)).await
    }

    /// The registry, for calls that are answered soon.
    fn open(&self, id: &RegistryId, invocation: &Invocation) -> Registry {
        self.registries.open(id, Priority::Interactive, patience(answer_deadline(invocation)))
    }

    /// Reconciles a version again and again until it waits for nothing, an error is permanent, or time is up.
    async fn wait_until_published(
        &self,
        id: &RegistryId,
        request: ReconcileRequest,
        wait: Duration,
        invocation: &Invocation,
    ) -> Result<VersionReport, InvocationError> {
        let request = Arc::new(request);
        let deadline = answer_deadline(invocation);
        let time_is_up = deadline.min(Instant::now() + wait);
        let patience = time_is_up.min(patience(deadline));
        let mut pauses = WAIT_PAUSES.into_iter().chain(std::iter::repeat(WAIT_PAUSES[WAIT_PAUSES.len() - 1]));
        let mut waiting = None;
        loop {
            let unfinished = match self.reconcile(id, &request, deadline, patience).await {
                Ok(report) if report.outcome.kind() == OutcomeKind::Waiting => Ok(report),
                Err(error) if error.error_type().is_retryable() => Err(error),
                ended => return ended,
            };
            // What is missing says more than the error of a later look, unless that look published the version.
            let unfinished = unfinished.or_else(|error| match waiting.take() {
                Some(report) if error.confirmed.is_none() => Ok(report),
                _ => Err(error),
            });
            if Instant::now() >= time_is_up {
                return unfinished;
            }
            sleep_until(time_is_up.min(Instant::now() + pauses.next().unwrap_or_default())).await;
            // The last look is made when the time is up, unless the answer is due then.
            if Instant::now() >= deadline {
                return unfinished;
            }
            waiting = unfinished.ok();
        }
    }

    async fn sweep(&self, request: SweepRequest, invocation: &Invocation) -> Result<SweepReport, Error> {
        let SweepRequest { repositories, dry_run, deep, account, region, from } = request;
        let time = SweepTime { stop_at: sweep_deadline(invocation), deadline: answer_deadline(invocation) };
        let own_region = self.own_region().or_else(|error| region.clone().ok_or(error))?;
        let all = self.registries(None, &own_region, invocation);
        let mut ids = match &account {
            Some(account) => self.registries(Some(std::slice::from_ref(account)), &own_region, invocation),
            None => all.clone(),
        };
        ids.retain(|id| region.as_ref().is_none_or(|region| id.region == *region));
        let is_everywhere = ids == all && *self.settings.accounts() != Accounts::Any;
        let scope = SweepScope { repositories, from, dry_run, deep, is_everywhere };
        let open = |id: &RegistryId| self.registries.open(id, Priority::Background, time.stop_at);
        let registries: Vec<_> = ids.iter().map(open).collect();
        Box::pin(sweep(&registries, &self.settings, &scope, time, &())).await
    }

    /// The registries that are served, those of these accounts only if they are given.
    fn registries(
        &self,
        accounts: Option<&[AccountId]>,
        own_region: &Region,
        invocation: &Invocation,
    ) -> Vec<RegistryId> {
        let served = |account: &&AccountId| {
            let own = invocation.own_account.as_ref();
            own.is_none_or(|own| own == *account) || self.settings.accounts().contain(account)
        };
        let accounts: Option<Vec<_>> = accounts.map(|accounts| accounts.iter().filter(served).cloned().collect());
        self.settings.registries(invocation.own_account.as_ref(), own_region, accounts.as_deref())
    }

    /// Ignores a request that names only repositories that are not served. A glob may match a served one.
    fn check_repositories(&self, globs: &[RepositoryGlob]) -> Result<(), Rejection> {
        let is_left_out =
            |glob: &RepositoryGlob| glob.literal().is_some_and(|name| self.settings.for_repository(&name).is_none());
        if globs.is_empty() || !globs.iter().all(is_left_out) {
            return Ok(());
        }
        let names: Vec<_> = globs.iter().map(RepositoryGlob::as_str).collect();
        Err(ignored(format!("REPOSITORIES does not cover any of {}", names.join(", "))))
    }

    /// Ignores registries that are not served. Lambda always states the own account and Region, which test hosts may not.
    fn check_registry(
        &self,
        account: Option<&AccountId>,
        region: Option<&Region>,
        invocation: &Invocation,
    ) -> Result<(), Rejection> {
        if let (Some(account), Some(own)) = (account, &invocation.own_account)
            && account != own
            && !self.settings.accounts().contain(account)
        {
            return Err(ignored(format!("the registry of account {account} is not served: ACCOUNTS does not list it")));
        }
        if let (Some(region), Some(own)) = (region, self.registries.own_region())
            && *region != own
            && !self.settings.regions().contains(region)
        {
            return Err(ignored(format!("the registry in {region} is not served: REGIONS does not list it")));
        }
        Ok(())
    }

    fn repository_settings(&self, repository: &RepositoryName) -> Result<&RepositorySettings, Rejection> {
        let left_out = || ignored(format!("repository {repository} is not served: REPOSITORIES does not cover it"));
        self.settings.for_repository(repository).ok_or_else(left_out)
    }

    fn registry_id(&self, account: Option<AccountId>, region: Option<Region>) -> Result<RegistryId, Error> {
        let region = region.map_or_else(|| self.own_region(), Ok)?;
        Ok(RegistryId { account, region })
    }

    fn own_region(&self) -> Result<Region, Error> {
        self.registries.own_region().ok_or_else(|| {
            let message = "the request names no region, and AWS_REGION is not set: give the request a region";
            Error::InvalidRequest(message.to_owned())
        })
    }

    /// What an input is about.
    fn subject(&self, input: &Input, invocation: &Invocation) -> Subject {
        match input {
            Input::Push(push) => Subject {
                registry: Some(RegistryId { account: Some(push.account.clone()), region: push.region.clone() }),
                repository: Some(push.repository.to_string()),
                pushed_at: push.time,
                ..Subject::default()
            },
            Input::Assemble(request) => {
                let account = request.account.clone().or_else(|| invocation.own_account.clone());
                Subject {
                    registry: self.registry_id(account, request.region.clone()).ok(),
                    repository: Some(request.repository.to_string()),
                    version: Some(request.version.clone()),
                    ..Subject::default()
                }
            }
            Input::Yank(_, request) => {
                let account = request.account.clone().or_else(|| invocation.own_account.clone());
                Subject {
                    registry: self.registry_id(account, request.region.clone()).ok(),
                    repository: Some(request.repository.to_string()),
                    version: Some(request.version.clone()),
                    ..Subject::default()
                }
            }
            Input::Sweep(SweepRequest { account, region, repositories, dry_run, from, deep: _ }) => Subject {
                is_full_sweep: account.is_none()
                    && region.is_none()
                    && repositories.is_none()
                    && from.is_none()
                    && !dry_run,
                ..Subject::default()
            },
            Input::Registries(_) => Subject::default(),
            Input::Ignored { registry, repository, .. } => {
                Subject { registry: registry.clone(), repository: repository.clone(), ..Subject::default() }
            }
        }
    }
}

/// What an input is about, for the answer, the log and the metrics.
#[derive(Debug, Default)]
struct Subject {
    registry: Option<RegistryId>,
    repository: Option<String>,
    version: Option<Tag>,
    pushed_at: Option<SystemTime>,
    is_full_sweep: bool,
}

fn new_request(
    repository: RepositoryName,
    version: Tag,
    settings: &RepositorySettings,
) -> Result<ReconcileRequest, Rejection> {
    ReconcileRequest::new(repository, version.clone(), settings)
        .map_err(|error| Rejection::Ignored { reason: error.to_string(), version: Some(version) })
}

/// Whether a push of this time is recent. One without a time, or with a time to come, is taken for a new one.
fn is_recent(time: Option<SystemTime>, now: SystemTime) -> bool {
    let age = time.and_then(|time| now.duration_since(time).ok());
    age.is_none_or(|age| age <= RECENT_PUSH)
}

/// When the answer is due. Short invocations keep four fifths of their time.
fn answer_deadline(invocation: &Invocation) -> Instant {
    before(invocation.deadline, ANSWER_MARGIN, 5)
}

/// When a sweep stops beginning work. Short invocations keep three quarters of their time.
fn sweep_deadline(invocation: &Invocation) -> Instant {
    before(invocation.deadline, SWEEP_MARGIN, 4)
}

/// When a throttled call is given up. Short invocations keep three quarters of their time.
fn patience(deadline: Instant) -> Instant {
    before(deadline, PATIENCE_MARGIN, 4)
}

/// The deadline minus a margin, but at most one part in `share` of the time that is left.
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
