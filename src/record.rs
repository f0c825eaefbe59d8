//! The record of an invocation, or of a task of a batch: what its log line and its metrics report.

use std::time::{Duration, SystemTime};

use ecr_multiarch_core::alias::outcome::AliasOutcomeKind;
use ecr_multiarch_core::answer::aliases_of_kind;
use ecr_multiarch_core::batch::TaskRecords;
use ecr_multiarch_core::image_tags::outcome::{ImageTagOutcomeKind, image_tags_of_kind};
use ecr_multiarch_core::plan::{InputKind, Subject};
use ecr_multiarch_core::{
    Answer, ErrorType, InvocationError, RegistryId, RepositoryName, RepositoryStart, SweepReport, Tag,
};
use ecr_multiarch_engine::log;

/// How many image tags that were left alone are logged: those of a usual list. A list may have thousands.
const MAX_LOGGED_CONFLICTS: usize = 10;

/// The record of an invocation that has ended.
#[derive(Debug)]
pub struct InvocationRecord<'a> {
    /// The id that Lambda gave the invocation.
    pub request_id: &'a str,
    /// What the input was about.
    pub subject: &'a Subject,
    /// What has ended.
    pub scope: Scope<'a>,
    /// The answer, or the error.
    pub result: Result<&'a Answer, &'a InvocationError>,
}

/// What a record is of.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// A whole invocation.
    Invocation(Cost),
    /// A task of a batch, which shares the invocation with others.
    Task(BatchTask<'a>),
}

/// A task of a batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchTask<'a> {
    /// The records that ask for it.
    pub records: &'a TaskRecords,
    /// When work on the batch began.
    pub begun_at: SystemTime,
    /// When the task ended.
    pub ended_at: SystemTime,
}

/// What an invocation took.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// How long it took.
    pub duration: Duration,
    /// How many calls were sent to ECR.
    pub ecr_calls: u64,
}

impl InvocationRecord<'_> {
    /// Whether Lambda, or the queue, delivers the input again after this error.
    fn is_retried(&self, error: ErrorType) -> bool {
        match self.task() {
            Some(BatchTask { records, .. }) => records.messages.iter().any(|message| message.is_redelivered(error)),
            None => error.is_retryable(),
        }
    }

    pub(super) fn cost(&self) -> Option<Cost> {
        if let Scope::Invocation(cost) = self.scope { Some(cost) } else { None }
    }

    pub(super) fn task(&self) -> Option<BatchTask<'_>> {
        if let Scope::Task(task) = self.scope { Some(task) } else { None }
    }

    /// How long the invocation took, or the task since work on its batch began.
    fn took(&self) -> Duration {
        match self.scope {
            Scope::Invocation(cost) => cost.duration,
            Scope::Task(task) => task.ended_at.duration_since(task.begun_at).unwrap_or_default(),
        }
    }

    /// Writes a line for each alias and image tag that was left alone.
    fn log_conflicts(&self) {
        let Subject { registry, repository, .. } = self.subject;
        let (Ok(answer), Some(registry)) = (self.result, registry) else { return };
        for alias in aliases_of_kind(answer.aliases().unwrap_or_default(), AliasOutcomeKind::Conflict) {
            let reason = alias.reason().unwrap_or_default();
            log::conflict(registry, repository.as_deref().unwrap_or_default(), &alias.tag, &reason);
        }
        let Some(version) = &self.subject.version else { return };
        let image_tags = answer.image_tags().unwrap_or_default();
        for image_tag in image_tags_of_kind(image_tags, ImageTagOutcomeKind::Conflict).take(MAX_LOGGED_CONFLICTS) {
            log::image_tag_conflict(registry, repository.as_deref().unwrap_or_default(), version, image_tag);
        }
    }

    /// Writes the log line.
    pub fn log(&self) {
        let Self { request_id, subject, .. } = self;
        let task = self.task();
        let records = task.map(|task| task.records.count);
        let event_milliseconds = task.and_then(|task| task.records.event_took()).map(milliseconds);
        let queue_milliseconds = task.and_then(|task| task.records.queue_took(task.begun_at)).map(milliseconds);
        let (account, region) = subject.registry.as_ref().map(RegistryId::fields).unzip();
        let account = account.flatten();
        let repository = subject.repository.as_deref();
        let version = subject.version.as_ref().map(Tag::as_str);
        let tag = subject.tag.as_ref().map(Tag::as_str);
        let input = subject.kind.map(InputKind::name);
        let milliseconds = milliseconds(self.took());
        let ecr_calls = self.cost().map(|cost| cost.ecr_calls);
        let aliases = |kind| {
            let aliases = self.result.ok().and_then(Answer::aliases).unwrap_or_default();
            joined(aliases_of_kind(aliases, kind).map(|alias| alias.tag.as_str()))
        };
        let aliases_moved = aliases(AliasOutcomeKind::Moved);
        let alias_conflicts = aliases(AliasOutcomeKind::Conflict);
        let aliases_pending = aliases(AliasOutcomeKind::Pending);
        let image_tags = self.result.ok().and_then(Answer::image_tags).unwrap_or_default();
        let moved = image_tags_of_kind(image_tags, ImageTagOutcomeKind::Moved);
        let image_tags_moved = joined(moved.map(|image_tag| image_tag.tag.as_str()));
        self.log_conflicts();
        match self.result {
            Ok(Answer::Version(report)) => {
                let outcome = &report.outcome;
                tracing::info!(
                    outcome = outcome.kind().name(),
                    account,
                    region,
                    repository,
                    version,
                    tag,
                    input,
                    digest = outcome.manifest_list().map(|list| list.digest.to_string()),
                    replaced = report.replaced.map(|digest| digest.to_string()),
                    missing = joined(outcome.missing().iter().map(|missing| missing.platform.to_string())),
                    expected_tags = joined(outcome.missing().iter().map(|missing| missing.tag.as_str())),
                    reason = outcome.reason(),
                    aliases_moved,
                    alias_conflicts,
                    aliases_pending,
                    image_tags_moved,
                    records,
                    event_milliseconds,
                    queue_milliseconds,
                    milliseconds,
                    ecr_calls,
                    request_id,
                    "reconciled"
                );
            }
            Ok(Answer::Yank(report)) => tracing::info!(
                outcome = report.outcome.name(),
                account,
                region,
                repository,
                version,
                input,
                digest = report.digest.map(|digest| digest.to_string()),
                reason = report.reason.as_deref(),
                aliases_moved,
                alias_conflicts,
                aliases_pending,
                records,
                milliseconds,
                ecr_calls,
                request_id,
                "yank"
            ),
            Ok(Answer::Sweep(report)) => self.log_sweep(report),
            Ok(Answer::Registries(report)) => tracing::info!(
                outcome = "registries",
                input,
                registries = report.registries.len(),
                milliseconds,
                ecr_calls,
                request_id,
                "registries"
            ),
            Err(error) => tracing::error!(
                outcome = "failed",
                error = error.error_type().name(),
                reason = %error,
                retry = self.is_retried(error.error_type()),
                account,
                region,
                repository,
                version,
                tag,
                input,
                records,
                message_ids = task.map(|task| task.records.logged_ids()),
                milliseconds,
                ecr_calls,
                request_id,
                "failed"
            ),
        }
    }

    fn log_sweep(&self, report: &SweepReport) {
        let (account, region) = self.subject.registry.as_ref().map(RegistryId::fields).unzip();
        tracing::info!(
            outcome = "swept",
            input = self.subject.kind.map(InputKind::name),
            account = account.flatten(),
            region,
            repositories = report.repositories,
            versions = report.versions,
            published = report.published,
            unchanged = report.unchanged,
            incomplete = report.incomplete.total,
            ignored = report.ignored.total,
            archived = report.archived.total,
            failed = report.failed.total,
            aliases_moved = report.aliases.as_ref().map(|aliases| aliases.moved),
            alias_conflicts = report.aliases.as_ref().map(|aliases| aliases.conflicts.total),
            image_tags_moved = report.image_tags.map(|image_tags| image_tags.moved),
            image_tag_conflicts = report.image_tags.map(|image_tags| image_tags.conflicts),
            complete = report.is_complete(),
            next = report.next.as_ref().map(RepositoryStart::as_str),
            unfinished = joined(report.named_unfinished().into_iter().map(RepositoryName::as_str)),
            unfinished_total = report.unfinished.len(),
            milliseconds = self.cost().map(|cost| milliseconds(cost.duration)),
            ecr_calls = self.cost().map(|cost| cost.ecr_calls),
            request_id = self.request_id,
            "swept"
        );
    }
}

/// Texts as a log line lists them. `None`, if there are none.
fn joined(texts: impl Iterator<Item = impl AsRef<str>>) -> Option<String> {
    texts.map(|text| text.as_ref().to_owned()).reduce(|all, text| all + "," + &text)
}

/// Whole milliseconds, as log lines and metrics report durations.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
