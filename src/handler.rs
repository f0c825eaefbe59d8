//! Handles an invocation: an input in, an answer out, with a log line and metrics.

use std::time::{Duration, SystemTime};

use aws_lambda_events::event::sqs::SqsBatchResponse;
use ecr_multiarch_core::plan::{Plan, Planner, Subject};
use ecr_multiarch_core::work::{SweepScope, VersionTask, Work};
use ecr_multiarch_core::{
    Answer, Error, Input, InvocationError, OutcomeKind, RegistriesReport, RegistryId, Settings, SweepReport,
};
use ecr_multiarch_engine::ecr::{Priority, Registries};
use ecr_multiarch_engine::end::WorkTime;
use ecr_multiarch_engine::executor::Executor;
use ecr_multiarch_engine::sweep::sweep;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use super::batch::{BatchLog, BatchRun};
use super::invocation::Invocation;
use super::metrics::{self, Metrics};
use super::payload::{self, Record};
use super::record::{Cost, InvocationRecord, Scope};

/// The pauses between two looks at a version that a request waits for: short at first, since most versions are complete
/// within seconds, and then long enough that a minute of waiting takes some twenty reads.
const WAIT_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(3)];

/// The response to an invocation.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// To an event or a request.
    Answer(Answer),
    /// To an SQS batch: the records that go back to the queue.
    Batch(SqsBatchResponse),
}

/// Handles the invocations of one execution environment.
#[derive(Debug)]
pub struct Handler {
    settings: Settings,
    registries: Registries,
    emit_metrics: fn(&str, &Metrics),
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

    /// Handles one invocation: an event, a request, or an SQS batch of them.
    ///
    /// # Errors
    /// Every [`Error`] of an event or a request. A batch never fails as a whole, unless the invocation may not bring one.
    pub async fn respond(
        &self,
        payload: Result<Value, Error>,
        invocation: &Invocation,
    ) -> Result<Response, InvocationError> {
        self.registries.begin_invocation();
        let mut payload = match payload {
            Ok(payload) => payload,
            Err(error) => return self.answer(Err(error), invocation).await.map(Response::Answer),
        };
        let Some(records) = payload::take_records(&mut payload) else {
            return self.answer(payload::parse(payload), invocation).await.map(Response::Answer);
        };
        match invocation.access.admit_batch() {
            Ok(()) => Ok(Response::Batch(self.work_off(records, invocation).await)),
            Err(error) => self.answer(Err(error), invocation).await.map(Response::Answer),
        }
    }

    /// Works off the records of a batch. Each task is logged and counted.
    async fn work_off(&self, records: Vec<Record>, invocation: &Invocation) -> SqsBatchResponse {
        let started = Instant::now();
        let calls_before = self.registries.calls();
        let (time, large_versions) = (invocation.batch_time(), Semaphore::new(1));
        let executor = |id: &RegistryId| self.executor(id, time, time.stop_at, &large_versions);
        let run = BatchRun::new(BatchLog::new(&invocation.request_id, records.len()));
        let (response, mut log) = run.work_off(records, &self.planner(invocation), executor).await;
        log.end(Cost { duration: started.elapsed(), ecr_calls: self.registries.calls() - calls_before });
        (self.emit_metrics)(&invocation.request_id, &log.metrics);
        response
    }

    /// Answers an event or a request, or the error of an input that is neither.
    ///
    /// # Errors
    /// Every [`Error`], after it was logged and counted.
    pub async fn answer(
        &self,
        input: Result<Input, Error>,
        invocation: &Invocation,
    ) -> Result<Answer, InvocationError> {
        let started = Instant::now();
        let calls_before = self.registries.calls();
        let (subject, plan) = self.planner(invocation).plan(input);
        let result = match plan {
            Plan::Do(work) => self.carry_out(work, invocation).await,
            Plan::Answer(result) => result,
        };
        let cost = Cost { duration: started.elapsed(), ecr_calls: self.registries.calls() - calls_before };
        self.record(&subject, cost, result.as_ref(), invocation);
        result
    }

    fn record(
        &self,
        subject: &Subject,
        cost: Cost,
        result: Result<&Answer, &InvocationError>,
        invocation: &Invocation,
    ) {
        let request_id = &invocation.request_id;
        let record = InvocationRecord { request_id, subject, scope: Scope::Invocation(cost), result };
        record.log();
        (self.emit_metrics)(request_id, &Metrics::of(&record));
    }

    fn planner<'a>(&'a self, invocation: &'a Invocation) -> Planner<'a> {
        Planner {
            settings: &self.settings,
            access: invocation.access,
            own_account: invocation.own_account.as_ref(),
            own_region: self.registries.own_region(),
            now: SystemTime::now(),
        }
    }

    async fn carry_out(&self, work: Work, invocation: &Invocation) -> Result<Answer, InvocationError> {
        let large_versions = Semaphore::new(1);
        let time = invocation.request_time();
        let executor = |id: &RegistryId| self.executor(id, time, time.stop_at, &large_versions).deferring_aliases();
        match work {
            Work::Version(id, task, None) => executor(&id).reconcile_one(task).await,
            Work::Version(id, task, Some(wait)) => self.wait_until_published(&id, &task, wait, invocation).await,
            Work::List(id, request) => executor(&id).tag_list(request).await,
            Work::Marker(id, task) => executor(&id).mark(task).await,
            Work::Yank(id, request) => executor(&id).yank(request).await,
            Work::Sweep(registries, scope) => {
                let report = self.sweep(&registries, &scope, invocation).await?;
                Ok(Answer::Sweep(Box::new(report)))
            }
            Work::Registries(registries) => Ok(Answer::Registries(RegistriesReport { registries })),
        }
    }

    /// An executor of tasks of this registry, for answers that are due soon, with calls that are repeated until this time
    /// while ECR throttles them.
    fn executor<'a>(
        &self,
        id: &RegistryId,
        time: WorkTime,
        throttle_deadline: Instant,
        large_versions: &'a Semaphore,
    ) -> Executor<'a> {
        Executor::new(self.registries.open(id, Priority::Interactive, throttle_deadline), time, large_versions)
    }

    /// Reconciles a version again and again until it waits for nothing, an error is permanent, or time is up.
    async fn wait_until_published(
        &self,
        id: &RegistryId,
        task: &VersionTask,
        wait: Duration,
        invocation: &Invocation,
    ) -> Result<Answer, InvocationError> {
        let (time, large_versions) = (invocation.request_time(), Semaphore::new(1));
        let time_is_up = time.deadline.min(Instant::now() + wait);
        let mut pauses = WAIT_PAUSES.into_iter().chain(std::iter::repeat(WAIT_PAUSES[WAIT_PAUSES.len() - 1]));
        let mut waiting = None;
        loop {
            // A new one for each look, since it begins nothing more once the registry has failed.
            let throttle_deadline = time_is_up.min(time.stop_at);
            let executor = self.executor(id, time, throttle_deadline, &large_versions).deferring_aliases();
            let unfinished = match executor.reconcile_one(task.clone()).await {
                Ok(answer) if answer.outcome_kind() == Some(OutcomeKind::Waiting) => Ok(answer),
                Err(error) if error.error_type().is_retryable() => Err(error),
                ended => return ended,
            };
            // What is missing says more than the error of a later look, unless that look published the version.
            let unfinished = unfinished.or_else(|error| match waiting.take() {
                Some(answer) if error.confirmed.is_none() => Ok(answer),
                _ => Err(error),
            });
            if Instant::now() >= time_is_up {
                return unfinished;
            }
            sleep_until(time_is_up.min(Instant::now() + pauses.next().unwrap_or_default())).await;
            // The last look is made when the time is up, unless the answer is due then.
            if Instant::now() >= time.deadline {
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
