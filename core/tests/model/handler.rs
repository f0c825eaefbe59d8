//! A running handler: the step of the machine that it executes, and the events that it handles.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use ecr_multiarch_core::reconcile::outcome::Reconciliation;
use ecr_multiarch_core::{Error, Step};

use super::catalog::{Answer, Catalog, View};

/// The event of a platform's push, and how many of its deliveries have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event {
    pub platform: usize,
    pub failures: u8,
}

/// A handler between two calls.
#[derive(Debug, Clone)]
pub struct Handler {
    pub step: Step,
    /// The progress of a read whose tags are looked up one by one: how many, and what they name.
    pub partial_read: Option<(usize, View)>,
    /// The events that it handles: several, where the records of a batch are joined; none for the sweep.
    pub events: Vec<Event>,
    /// How many calls to ECR it has made.
    pub calls: u8,
    fingerprint: u64,
}

/// The next state of a handler.
#[derive(Debug, Clone)]
pub enum Progress {
    Calls(Arc<Handler>),
    Ends(Result<Reconciliation, Error>),
}

impl Handler {
    /// A handler for events, or for the sweep, which compares a young version before it reconciles it.
    pub fn start(catalog: &Catalog, events: Vec<Event>) -> Arc<Self> {
        let request = catalog.request(events.iter().map(|event| event.platform));
        let start = if events.is_empty() { Step::start_with_comparison } else { Step::start };
        Self::new(start(request), events, 1)
    }

    fn new(step: Step, events: Vec<Event>, calls: u8) -> Arc<Self> {
        Arc::new(Self { step, partial_read: None, events, calls, fingerprint: 0 }.with_fingerprint())
    }

    fn with_fingerprint(mut self) -> Self {
        let mut hasher = DefaultHasher::new();
        (&self.step, self.partial_read, &self.events, self.calls).hash(&mut hasher);
        self.fingerprint = hasher.finish();
        self
    }

    /// The hash by which handlers are compared, as the checker compares states by theirs.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The handler after one more tag of a read was looked up.
    pub fn with_partial_read(&self, looked_up: usize, view: View) -> Arc<Self> {
        Arc::new(Self { partial_read: Some((looked_up, view)), ..self.clone() }.with_fingerprint())
    }

    /// The handler after its SDK got no response to a call, which it then repeats.
    pub fn with_another_call(&self) -> Arc<Self> {
        Arc::new(Self { calls: self.calls + 1, ..self.clone() }.with_fingerprint())
    }

    /// Whether it is the sweep's.
    pub fn is_sweep(&self) -> bool {
        self.events.is_empty()
    }

    /// The handler after its write waited for so long that the version is to be observed again.
    pub fn restarted(&self) -> Arc<Self> {
        let Step::Put(put) = self.step.clone() else { unreachable!() };
        Self::new(Step::ReadManifests(put.restart()), self.events.clone(), self.calls)
    }

    /// Continues with an answer, up to the next call whose answer depends on time.
    pub fn resume(&self, catalog: &Catalog, answer: Answer) -> Progress {
        let mut calls = self.calls;
        let mut next = catalog.resume(self.step.clone(), answer);
        loop {
            match next {
                Ok(Step::Done(end)) => return Progress::Ends(Ok(end)),
                Err(error) => return Progress::Ends(Err(error)),
                Ok(step) => {
                    calls += 1;
                    match catalog.resume_with_content(step) {
                        Ok(result) => next = result,
                        Err(step) => return Progress::Calls(Self::new(step, self.events.clone(), calls)),
                    }
                }
            }
        }
    }
}

impl PartialEq for Handler {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Handler {}

impl Hash for Handler {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}
