//! Joins the records of an SQS batch to tasks: one for each version, whatever it has records of.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::answer::Answer;
use crate::error::{Error, ErrorType, InvocationError};
use crate::excerpt::RegistryText;
use crate::image_tags::request::ImageTagRequest;
use crate::input::{Input, not_for_a_queue};
use crate::name::{RegistryId, RepositoryName};
use crate::oci::tag::Tag;
use crate::plan::{Plan, Planner, Subject};
use crate::work::{MarkerTask, VersionTask, Work};

/// How many message ids a log line has: those of a version whose platforms are pushed once or twice.
const MAX_LOGGED_IDS: usize = 10;

/// From which receive on a message that ECR refuses does not go back: a policy that is about to be changed has been by
/// then, the sweep finds what is left, and one account that denies everything cannot fill the queue for the others.
const MAX_REFUSED_RECEIVES: u32 = 6;

/// The tasks of a batch.
#[derive(Debug, Default)]
pub struct BatchTasks {
    /// What it asks for in each repository.
    pub registries: BTreeMap<RegistryId, BTreeMap<RepositoryName, RepositoryTasks>>,
    /// The records that ask for nothing: they are filtered out, or invalid.
    pub answered: Vec<(TaskRecords, Result<Answer, InvocationError>)>,
}

/// What a batch asks for in one repository.
#[derive(Debug, Default)]
pub struct RepositoryTasks {
    /// The versions to be reconciled, each for all of its records.
    pub versions: BTreeMap<Tag, (TaskRecords, VersionTask)>,
    /// Requests with `force`, and dry runs: each for itself.
    pub separate: Vec<(TaskRecords, VersionTask)>,
    /// The versions whose lists were pushed, so that their images are to be tagged.
    pub lists: BTreeMap<Tag, (TaskRecords, ImageTagRequest)>,
    /// The yank markers whose aliases are to be reconciled.
    pub markers: BTreeMap<Tag, (TaskRecords, MarkerTask)>,
}

/// A message of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The id by which it goes back.
    pub id: String,
    /// How often it was received, this time included.
    pub receives: u32,
    /// When it was sent to the queue, if the record says so.
    pub sent_at: Option<SystemTime>,
}

impl ReceivedMessage {
    /// Whether it goes back to the queue after an error of this type.
    pub fn is_redelivered(&self, error: ErrorType) -> bool {
        error.is_retryable() || error.is_refusal() && self.receives < MAX_REFUSED_RECEIVES
    }
}

/// The records that a task is for, and what they are about.
#[derive(Debug)]
pub struct TaskRecords {
    /// How many they are.
    pub count: usize,
    /// The messages by which they go back to the queue.
    pub messages: Vec<ReceivedMessage>,
    /// What they are about.
    pub subject: Subject,
}

impl TaskRecords {
    /// The ids as a log line has them: the first ones.
    pub fn logged_ids(&self) -> String {
        let ids: Vec<_> = self.messages.iter().take(MAX_LOGGED_IDS).map(|message| message.id.as_str()).collect();
        RegistryText::from(ids.join(",")).as_str().to_owned()
    }

    /// How long the event of the newest push took until it was in the queue. Its own time has whole seconds.
    pub fn event_took(&self) -> Option<Duration> {
        self.sent_at()?.duration_since(self.subject.pushed_at?).ok()
    }

    /// How long the newest message was in the queue when work on the batch began at this time.
    pub fn queue_took(&self, begun_at: SystemTime) -> Option<Duration> {
        begun_at.duration_since(self.sent_at()?).ok()
    }

    fn sent_at(&self) -> Option<SystemTime> {
        self.messages.iter().filter_map(|message| message.sent_at).max()
    }

    /// Adds the records of another input for the same task. Its push is the newer one that completed the version.
    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.messages.extend(other.messages);
        self.subject.pushed_at = self.subject.pushed_at.max(other.subject.pushed_at);
    }
}

impl BatchTasks {
    /// Adds a record: its message, and what its body asks for.
    pub fn add(&mut self, message: Option<ReceivedMessage>, input: Result<Input, Error>, planner: &Planner<'_>) {
        let (subject, plan) = planner.plan(input);
        let records = TaskRecords { count: 1, messages: message.into_iter().collect(), subject };
        match plan {
            Plan::Do(Work::Version(registry, task, _wait)) => {
                self.repository(registry, &task.request.repository).add_version(records, task);
            }
            Plan::Do(Work::List(registry, request)) => {
                self.repository(registry, &request.repository).add_list(records, request);
            }
            Plan::Do(Work::Marker(registry, task)) => {
                self.repository(registry, &task.aliases.repository).add_marker(records, task);
            }
            Plan::Do(Work::Yank(..) | Work::Sweep(..) | Work::Registries(_)) => {
                self.answered.push((records, Err(not_for_a_queue().into())));
            }
            Plan::Answer(answer) => self.answered.push((records, answer)),
        }
    }

    fn repository(&mut self, registry: RegistryId, repository: &RepositoryName) -> &mut RepositoryTasks {
        self.registries.entry(registry).or_default().entry(repository.clone()).or_default()
    }
}

impl RepositoryTasks {
    fn add_version(&mut self, records: TaskRecords, task: VersionTask) {
        let VersionTask { request, .. } = &task;
        if request.dry_run || request.force {
            self.separate.push((records, task));
        } else if let Some((joined, joined_task)) = self.versions.get_mut(&request.version) {
            joined.join(records);
            joined_task.request.pushed.extend(task.request.pushed);
            joined_task.request.looks_for_archived |= task.request.looks_for_archived;
            joined_task.request.announced_at = joined_task.request.announced_at.max(task.request.announced_at);
        } else {
            self.versions.insert(request.version.clone(), (records, task));
        }
    }

    fn add_list(&mut self, records: TaskRecords, request: ImageTagRequest) {
        match self.lists.get_mut(&request.version) {
            Some((joined, joined_request)) => {
                joined.join(records);
                joined_request.is_expected |= request.is_expected;
            }
            None => {
                self.lists.insert(request.version.clone(), (records, request));
            }
        }
    }

    fn add_marker(&mut self, records: TaskRecords, task: MarkerTask) {
        match self.markers.get_mut(task.marker.tag()) {
            Some((joined, _)) => joined.join(records),
            None => {
                self.markers.insert(task.marker.tag().clone(), (records, task));
            }
        }
    }
}
