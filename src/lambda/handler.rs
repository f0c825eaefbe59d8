//! Handles an invocation: an input in, an answer out, with a log line and metrics.

use std::sync::Arc;
use std::time::Duration;

use ecr_multiarch_core::alias::yank::{YankOutcome, YankRequest};
use ecr_multiarch_core::{
    AccountId, AliasReport, AliasRequest, Answer, Error, InvocationError, OutcomeKind, ReconcileRequest,
    RegistriesReport, RegistryId, Settings, SweepReport, VersionReport, YankReport,
};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::event;
use super::metrics;
use super::plan::{Planner, Rejection, Work};
use super::record::InvocationRecord;
use crate::alias::{reconcile_aliases, yank};
use crate::ecr::{Priority, Registries, Registry};
use crate::execute::reconcile;
use crate::sweep::{SweepScope, sweep};
use crate::work_time::WorkTime;

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
    pub async fn handle(&self, payload: Value, invocation: &Invocation) -> Result<Answer, InvocationError> {
        let started = Instant::now();
        let calls_before = self.registries.calls();

        let input = event::parse(payload);
        let planner = Planner {
            settings: &self.settings,
            own_account: invocation.own_account.as_ref(),
            own_region: self.registries.own_region(),
        };
        let subject = input.as_ref().map(|input| planner.subject(input)).unwrap_or_default();
        let work = input.map_err(Rejection::Failed).and_then(|input| planner.plan(input));
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
            Work::Sweep { registries, scope } => {
                let report = self.sweep(&registries, &scope, invocation).await?;
                Ok(Answer::Sweep(Box::new(report)))
            }
            Work::Registries(registries) => Ok(Answer::Registries(RegistriesReport { registries })),
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

    async fn sweep(
        &self,
        registries: &[RegistryId],
        scope: &SweepScope,
        invocation: &Invocation,
    ) -> Result<SweepReport, Error> {
        let time = WorkTime { stop_at: sweep_deadline(invocation), deadline: answer_deadline(invocation) };
        let open = |id: &RegistryId| self.registries.open(id, Priority::Background, time.stop_at);
        let registries: Vec<_> = registries.iter().map(open).collect();
        Box::pin(sweep(&registries, &self.settings, scope, time, &())).await
    }
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
