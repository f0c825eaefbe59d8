//! A running handler: the step of the machine that it executes, and the events that it handles.

use std::sync::Arc;

use ecr_multiarch_core::reconcile::outcome::Reconciliation;
use ecr_multiarch_core::{Error, Step};

use super::catalog::{Answer, Catalog, Pushed, View};
use super::handlers::Fingerprinted;

/// The event of a platform's push, and how many of its deliveries have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event {
    pub platform: usize,
    pub failures: u8,
    /// When the push was, as a count of pushes.
    pub time: u8,
}

/// A handler between two calls.
#[derive(Debug, Clone, Hash)]
pub struct Handler {
    pub step: Step,
    /// The progress of a read whose tags are looked up one by one: how many, and what they name.
    pub partial_read: Option<(usize, View)>,
    /// The events that it handles: several, where the records of a batch are joined; none for the sweep.
    pub events: Vec<Event>,
    /// How many calls to ECR it has made.
    pub calls: u8,
}

/// A handler as part of a state.
pub type Running = Arc<Fingerprinted<Handler>>;

/// The next state of a handler.
#[derive(Debug, Clone)]
pub enum Progress {
    Calls(Running),
    Ends(Result<Reconciliation, Error>),
}

impl Handler {
    /// A handler for events, or for the sweep.
    pub fn start(catalog: &Catalog, events: Vec<Event>) -> Running {
        let announced = events.iter().map(|event| event.time).max().unwrap_or_default();
        let request = catalog.request(events.iter().map(|event| event.platform), announced);
        Self::new(Step::start(request), events, 1)
    }

    fn new(step: Step, events: Vec<Event>, calls: u8) -> Running {
        Fingerprinted::new(Self { step, partial_read: None, events, calls })
    }

    /// The handler after one more tag of a read was looked up.
    pub fn with_partial_read(&self, looked_up: usize, view: View) -> Running {
        Fingerprinted::new(Self { partial_read: Some((looked_up, view)), ..self.clone() })
    }

    /// The handler after its SDK got no response to a call, which it then repeats.
    pub fn with_another_call(&self) -> Running {
        Fingerprinted::new(Self { calls: self.calls + 1, ..self.clone() })
    }

    /// Whether it is the sweep's.
    pub fn is_sweep(&self) -> bool {
        self.events.is_empty()
    }

    /// The handler after its write waited for so long that the version is to be observed again.
    pub fn restarted(&self) -> Running {
        let Step::Put(put) = self.step.clone() else { unreachable!() };
        Self::new(Step::ReadManifests(put.restart()), self.events.clone(), self.calls)
    }

    /// Continues with an answer, up to the next call whose answer depends on time.
    pub fn resume(&self, catalog: &Catalog, answer: Answer) -> Progress {
        let mut calls = self.calls;
        let pushed = if let Answer::Read(_, pushed) = answer { pushed } else { Pushed::default() };
        let mut next = catalog.resume(self.step.clone(), answer);
        loop {
            match next {
                Ok(Step::Done(end)) => return Progress::Ends(Ok(end)),
                Err(error) => return Progress::Ends(Err(error)),
                Ok(step) => {
                    calls += 1;
                    match catalog.resume_with_content(step, &pushed) {
                        Ok(result) => next = result,
                        Err(step) => return Progress::Calls(Self::new(step, self.events.clone(), calls)),
                    }
                }
            }
        }
    }
}
