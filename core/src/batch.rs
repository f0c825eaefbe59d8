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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::access::Access;
    use crate::fixtures::{settings, with_fields};

    const ACCOUNT: &str = "123456789012";
    const REGION: &str = "eu-central-1";
    const LIST: &str = "application/vnd.oci.image.index.v1+json";

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// The push of a tag at a time, in seconds.
    fn push(tag: &str, pushed_at: u64, media_type: &str) -> Result<Input, Error> {
        let detail = json!({
            "action-type": "PUSH", "result": "SUCCESS", "repository-name": "app", "image-tag": tag,
            "manifest-media-type": media_type,
        });
        let (account, region, time) = (Some(ACCOUNT.to_owned()), Some(REGION.to_owned()), Some(at(pushed_at)));
        Input::from_image_action(account, region, time, serde_json::from_value(detail).unwrap())
    }

    fn request(fields: &Value) -> Result<Input, Error> {
        let request = json!({"action": "assemble", "repository": "app", "version": "1.2.3"});
        Input::from_request(with_fields(request, fields))
    }

    fn message(id: &str, receives: u32, sent_at: u64) -> ReceivedMessage {
        ReceivedMessage { id: id.to_owned(), receives, sent_at: Some(at(sent_at)) }
    }

    /// The tasks of inputs, each of which is a message that was sent two seconds after the one before. It is the second
    /// 1,000.
    fn tasks(inputs: impl IntoIterator<Item = Result<Input, Error>>) -> BatchTasks {
        let variables = [
            ("PLATFORMS", "linux/amd64,linux/arm64"),
            ("ALIASES", "{major}"),
            ("IMAGE_TAGS", "{version}_{platform}"),
            ("VERSION_PATTERN", r"\d+\.\d+\.\d+"),
        ];
        let settings = settings(&variables).unwrap();
        let (own_account, own_region) = (Some(&ACCOUNT.parse().unwrap()), Some(REGION.parse().unwrap()));
        let planner = Planner { settings: &settings, access: Access::Full, own_account, own_region, now: at(1_000) };
        let mut tasks = BatchTasks::default();
        for (sent_at, input) in (100..).step_by(2).zip(inputs) {
            tasks.add(Some(message(&format!("m{sent_at}"), 1, sent_at)), input, &planner);
        }
        tasks
    }

    /// The tasks of the one repository of inputs.
    fn tasks_of_app(inputs: impl IntoIterator<Item = Result<Input, Error>>) -> RepositoryTasks {
        let mut tasks = tasks(inputs);
        let (_, mut repositories) = tasks.registries.pop_first().unwrap();
        assert!(tasks.registries.is_empty() && tasks.answered.is_empty());
        let (repository, tasks) = repositories.pop_first().unwrap();
        assert_eq!((repository.as_str(), repositories.len()), ("app", 0));
        tasks
    }

    fn ids(records: &TaskRecords) -> Vec<&str> {
        records.messages.iter().map(|message| message.id.as_str()).collect()
    }

    #[test]
    fn records_of_a_version_are_one_task() {
        let inputs = [push("1.2.3-amd64", 990, ""), push("1.2.3-arm64", 995, ""), request(&json!({}))];
        let [(records, task)] = &*tasks_of_app(inputs).versions.into_values().collect::<Vec<_>>() else { panic!() };
        assert_eq!((records.count, ids(records)), (3, vec!["m100", "m102", "m104"]));
        assert_eq!(records.subject.pushed_at, Some(at(995)));
        assert_eq!(task.request.announced_at, Some(at(995)));
        let pushed: Vec<_> = task.request.pushed.iter().map(Tag::as_str).collect();
        assert_eq!(pushed, ["1.2.3-amd64", "1.2.3-arm64"]);
        // The request's caller wants to know of archived images.
        assert!(task.request.looks_for_archived);
    }

    #[test]
    fn versions_are_tasks_of_their_own() {
        let tasks = tasks_of_app([push("1.2.3-amd64", 990, ""), push("1.2.4-amd64", 990, "")]);
        assert_eq!(tasks.versions.keys().map(Tag::as_str).collect::<Vec<_>>(), ["1.2.3", "1.2.4"]);
    }

    #[test]
    fn forced_request_and_dry_run_are_tasks_of_their_own() {
        for fields in [json!({"force": true}), json!({"dry_run": true})] {
            let tasks = tasks_of_app([request(&json!({})), request(&fields), request(&fields)]);
            assert_eq!((tasks.versions.len(), tasks.separate.len()), (1, 2), "{fields}");
        }
    }

    #[test]
    fn pushes_of_a_list_are_one_task_that_expects_it_if_one_is_recent() {
        for (times, expected) in [([1, 2], false), ([1, 990], true), ([990, 1], true)] {
            let tasks = tasks_of_app(times.map(|time| push("1.2.3", time, LIST)));
            let [(records, request)] = &*tasks.lists.into_values().collect::<Vec<_>>() else { panic!() };
            assert_eq!((records.count, request.is_expected), (2, expected), "{times:?}");
        }
    }

    #[test]
    fn pushes_of_a_marker_are_one_task() {
        let tasks = tasks_of_app([push("yanked-1.2.3", 990, ""), push("yanked-1.2.3", 991, "")]);
        let [(records, task)] = &*tasks.markers.into_values().collect::<Vec<_>>() else { panic!() };
        assert_eq!((records.count, task.marker.tag().as_str()), (2, "yanked-1.2.3"));
    }

    #[test]
    fn what_asks_for_nothing_has_its_answer() {
        let sweep = Input::from_request(json!({"action": "sweep"}));
        let tasks = tasks([push("latest", 990, ""), sweep, Err(Error::InvalidRequest("none".to_owned()))]);
        assert!(tasks.registries.is_empty());
        let answers: Vec<_> =
            tasks.answered.iter().map(|(records, answer)| (ids(records)[0], answer.is_ok())).collect();
        assert_eq!(answers, [("m100", true), ("m102", false), ("m104", false)]);
    }

    #[test]
    fn refused_message_goes_back_five_times_and_a_failed_one_always() {
        for (error, receives, expected) in [
            (ErrorType::AccessDenied, 1, true),
            (ErrorType::RegistryRefused, 5, true),
            (ErrorType::AccessDenied, 6, false),
            (ErrorType::RegistryUnavailable, 7, true),
            (ErrorType::CorruptImage, 1, false),
        ] {
            assert_eq!(message("m", receives, 1).is_redelivered(error), expected, "{error:?} {receives}");
        }
    }

    #[test]
    fn newest_push_and_message_tell_how_long_they_took() {
        let tasks = tasks_of_app([push("1.2.3-amd64", 95, ""), push("1.2.3-arm64", 99, "")]);
        let (records, _) = &tasks.versions.into_values().next().unwrap();
        assert_eq!(records.event_took(), Some(Duration::from_secs(3)));
        assert_eq!(records.queue_took(at(110)), Some(Duration::from_secs(8)));
        // Clocks differ.
        assert_eq!(records.queue_took(at(101)), None);
    }

    #[test]
    fn first_ids_are_logged() {
        let tasks = tasks_of_app((0..11).map(|_| push("1.2.3-amd64", 990, "")));
        let (records, _) = &tasks.versions.into_values().next().unwrap();
        assert_eq!(records.logged_ids(), "m100,m102,m104,m106,m108,m110,m112,m114,m116,m118");
    }
}
