//! Handles an invocation: an input in, an answer out, with a log line and metrics.

use std::sync::Arc;
use std::time::Duration;

use ecr_multiarch_core::alias::yank::{YankOutcome, YankRequest};
use ecr_multiarch_core::{
    AliasReport, AliasRequest, Answer, Error, Input, InvocationError, Outcome, OutcomeKind, ReconcileRequest,
    RegistriesReport, RegistryId, Settings, SweepReport, VersionReport, YankReport,
};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::event;
use super::invocation::{Invocation, throttle_deadline};
use super::metrics::{self, Metrics};
use super::plan::{Planner, Prepared, Work};
use super::record::{Cost, InvocationRecord};
use ecr_multiarch_engine::alias::{reconcile_aliases, yank};
use ecr_multiarch_engine::ecr::{Priority, Registries, Registry};
use ecr_multiarch_engine::execute::reconcile;
use ecr_multiarch_engine::sweep::{SweepScope, sweep};

/// The pauses between two looks at a version that a request waits for: short at first, since most versions are complete
/// within seconds, and then long enough that a minute of waiting takes some twenty reads.
const WAIT_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3)];

/// Handles the invocations of one execution environment.
#[derive(Debug)]
pub struct Handler {
    pub(super) settings: Settings,
    pub(super) registries: Registries,
    pub(super) emit_metrics: fn(&str, &Metrics),
}

impl Handler {
    /// A handler with these settings.
    pub fn new(settings: Settings, registries: Registries) -> Self {
        Self { settings, registries, emit_metrics: metrics::emit }
    }

    /// Replaces the writing of metrics to standard output.
    #[must_use]
    pub fn with_metrics(self, emit_metrics: fn(&str, &Metrics)) -> Self {
        Self { emit_metrics, ..self }
    }

    /// Handles an event or a request.
    ///
    /// # Errors
    /// Every [`Error`], after it was logged and counted.
    pub async fn handle(&self, payload: Value, invocation: &Invocation) -> Result<Answer, InvocationError> {
        self.handle_input(event::parse(payload), invocation).await
    }

    /// Handles an input, or the error of one that is none.
    pub(super) async fn handle_input(
        &self,
        input: Result<Input, Error>,
        invocation: &Invocation,
    ) -> Result<Answer, InvocationError> {
        let started = Instant::now();
        let calls_before = self.registries.calls();

        let (subject, prepared) = self.planner(invocation).prepare(input);
        let result = match prepared {
            Prepared::Work(work) => self.carry_out(work, invocation).await,
            Prepared::Settled(result) => result,
        };

        let record = InvocationRecord {
            request_id: &invocation.request_id,
            registry: subject.registry,
            repository: subject.repository,
            version: subject.version,
            pushed_at: subject.pushed_at,
            is_full_sweep: subject.is_full_sweep,
            cost: Some(Cost { duration: started.elapsed(), ecr_calls: self.registries.calls() - calls_before }),
            delivery: None,
            result: result.as_ref(),
        };
        record.log();
        (self.emit_metrics)(&invocation.request_id, &Metrics::of(&record));
        result
    }

    pub(super) fn planner<'a>(&'a self, invocation: &'a Invocation) -> Planner<'a> {
        Planner {
            settings: &self.settings,
            access: invocation.access,
            own_account: invocation.own_account.as_ref(),
            own_region: self.registries.own_region(),
        }
    }

    async fn carry_out(&self, work: Work, invocation: &Invocation) -> Result<Answer, InvocationError> {
        match work {
            Work::Reconcile { registry, request, wait } => {
                let report = if let Some(wait) = wait {
                    self.wait_until_published(&registry, request, wait, invocation).await
                } else {
                    let deadline = invocation.answer_deadline();
                    self.reconcile(&registry, &Arc::new(request), deadline, throttle_deadline(deadline)).await
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
                let aliases = self.reconcile_aliases(&registry, aliases, invocation.answer_deadline()).await?;
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
        throttle_deadline: Instant,
    ) -> Result<VersionReport, InvocationError> {
        let registry = self.registries.open(id, Priority::Interactive, throttle_deadline);
        let reconciliation = Box::pin(reconcile(&registry, Arc::clone(request), deadline)).await?;
        let mut report = VersionReport::new(id.clone(), request, reconciliation);
        if let Some(aliases) = self.aliases_of(request, &report.outcome) {
            let confirmed = (!request.dry_run).then(|| request.target());
            let reconciled = self.reconcile_aliases(&registry, aliases, deadline).await;
            report.aliases = Some(reconciled.map_err(|error| InvocationError { error, confirmed })?);
        }
        Ok(report)
    }

    /// The aliases that are to be reconciled after a version was.
    pub(super) fn aliases_of(&self, request: &ReconcileRequest, outcome: &Outcome) -> Option<AliasRequest> {
        let list = outcome.manifest_list()?;
        let settings = self.settings.for_repository(&request.repository)?;
        let aliases = AliasRequest::for_version(request.repository.clone(), &request.version, settings)?;
        Some(aliases.with_dry_run(request.dry_run).with_force(request.force).with_list(list))
    }

    async fn yank(
        &self,
        id: RegistryId,
        request: YankRequest,
        invocation: &Invocation,
    ) -> Result<YankReport, InvocationError> {
        let registry = self.open(&id, invocation);
        let repository = request.repository.clone();
        let end = Box::pin(yank(&registry, request, invocation.answer_deadline())).await?;
        let mut report = YankReport::new(id, repository, &end);
        if let Some(aliases) = end.aliases {
            let confirmed = (end.outcome == YankOutcome::Yanked).then(|| aliases.image(end.marker.tag()));
            let reconciled = self.reconcile_aliases(&registry, aliases, invocation.answer_deadline()).await;
            report.aliases = reconciled.map_err(|error| InvocationError { error, confirmed })?;
        }
        Ok(report)
    }

    pub(super) async fn reconcile_aliases(
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
        self.registries.open(id, Priority::Interactive, throttle_deadline(invocation.answer_deadline()))
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
        let deadline = invocation.answer_deadline();
        let time_is_up = deadline.min(Instant::now() + wait);
        let throttle_deadline = time_is_up.min(throttle_deadline(deadline));
        let mut pauses = WAIT_PAUSES.into_iter().chain(std::iter::repeat(WAIT_PAUSES[WAIT_PAUSES.len() - 1]));
        let mut waiting = None;
        loop {
            let unfinished = match self.reconcile(id, &request, deadline, throttle_deadline).await {
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
        let time = invocation.sweep_time();
        let open = |id: &RegistryId| self.registries.open(id, Priority::Background, time.stop_at);
        let registries: Vec<_> = registries.iter().map(open).collect();
        Box::pin(sweep(&registries, &self.settings, scope, time, &())).await
    }
}
