//! Joins the records of a batch to tasks: one for each version, whatever it has records of.

use std::collections::BTreeMap;
use std::time::SystemTime;

use ecr_multiarch_core::excerpt::RegistryText;
use ecr_multiarch_core::settings::yank_marker::YankMarker;
use ecr_multiarch_core::{AliasRequest, Answer, InvocationError, ReconcileRequest, RegistryId, RepositoryName, Tag};

use crate::plan::{Planner, Prepared, Subject, Work};
use crate::sqs::{Record, not_for_a_queue};

/// How many message ids a log line has: those of a version whose platforms are pushed once or twice.
const MAX_LOGGED_IDS: usize = 10;

/// What a batch asks for.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) registries: BTreeMap<RegistryId, BTreeMap<RepositoryName, RepositoryTasks>>,
    /// The records that ask for nothing: they are filtered out, or invalid.
    pub(super) settled: Vec<(Origin, Result<Answer, InvocationError>)>,
}

/// The versions that a batch asks for, each with its records.
pub(super) type Versions = BTreeMap<Tag, (Origin, ReconcileRequest)>;

/// What a batch asks for in one repository.
#[derive(Default)]
pub(super) struct RepositoryTasks {
    /// The versions to be reconciled, each for all of its records.
    pub(super) versions: Versions,
    /// Requests with `force`, and dry runs: each for itself.
    pub(super) separate: Vec<(Origin, ReconcileRequest)>,
    /// The yank markers whose aliases are to be reconciled.
    pub(super) markers: BTreeMap<Tag, (Origin, YankMarker, AliasRequest)>,
}

/// The records that a task is for, and what they are about.
#[derive(Default)]
pub(super) struct Origin {
    /// How many they are.
    pub(super) records: usize,
    /// The ids by which they go back to the queue.
    pub(super) message_ids: Vec<String>,
    pub(super) subject: Subject,
    /// When its version was reconciled, where that was before its end.
    pub(super) ended_at: Option<SystemTime>,
}

impl Origin {
    fn new(message_id: Option<String>, subject: Subject) -> Self {
        Self { records: 1, message_ids: message_id.into_iter().collect(), subject, ended_at: None }
    }

    /// The ids as a log line has them: the first ones.
    pub(super) fn logged_ids(&self) -> String {
        let ids: Vec<_> = self.message_ids.iter().take(MAX_LOGGED_IDS).map(String::as_str).collect();
        RegistryText::from(ids.join(",")).as_str().to_owned()
    }

    /// Adds the records of another origin of the same task. Its push is the newer one that completed the version.
    fn join(&mut self, other: Self) {
        self.records += other.records;
        self.message_ids.extend(other.message_ids);
        self.subject.pushed_at = self.subject.pushed_at.max(other.subject.pushed_at);
    }
}

impl Tasks {
    /// Adds a record.
    pub(super) fn add(&mut self, record: Record, planner: &Planner<'_>) {
        let Record { message_id, input } = record;
        let (subject, prepared) = planner.prepare(input);
        let origin = Origin::new(message_id, subject);
        match prepared {
            Prepared::Work(Work::Reconcile { registry, request, wait: _ }) => {
                self.repository(registry, &request.repository).add_version(origin, request);
            }
            Prepared::Work(Work::Marker { registry, marker, aliases }) => {
                self.repository(registry, &aliases.repository).add_marker(origin, marker, aliases);
            }
            // A record that is parsed holds neither.
            Prepared::Work(Work::Yank { .. } | Work::Sweep { .. } | Work::Registries(_)) => {
                self.settled.push((origin, Err(not_for_a_queue().into())));
            }
            Prepared::Settled(result) => self.settled.push((origin, result)),
        }
    }

    fn repository(&mut self, registry: RegistryId, repository: &RepositoryName) -> &mut RepositoryTasks {
        self.registries.entry(registry).or_default().entry(repository.clone()).or_default()
    }
}

impl RepositoryTasks {
    fn add_version(&mut self, origin: Origin, request: ReconcileRequest) {
        if request.dry_run || request.force {
            self.separate.push((origin, request));
        } else if let Some((joined, joined_request)) = self.versions.get_mut(&request.version) {
            joined.join(origin);
            joined_request.pushed.extend(request.pushed);
        } else {
            self.versions.insert(request.version.clone(), (origin, request));
        }
    }

    fn add_marker(&mut self, origin: Origin, marker: YankMarker, aliases: AliasRequest) {
        match self.markers.get_mut(marker.tag()) {
            Some((joined, ..)) => joined.join(origin),
            None => {
                self.markers.insert(marker.tag().clone(), (origin, marker, aliases));
            }
        }
    }
}
