//! A handler at work: the machine that ships, what it waits for, and the event that it was started by.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use ecr_multiarch::error::Error;
use ecr_multiarch::reconcile::{Ask, Next, Outcome, Reconciliation, Reply};

use super::catalog::{Catalog, View};

/// An event of a platform's push, with how often it was delivered in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event {
    pub platform: usize,
    pub failures: u8,
}

/// A handler between two calls.
#[derive(Debug, Clone)]
pub struct Handler {
    machine: Reconciliation,
    pub ask: Ask,
    /// What came of a read whose images are looked up one by one, so far.
    pub partly_read: Option<(usize, View)>,
    /// None for the sweep.
    pub event: Option<Event>,
    /// How many calls it has made to ECR.
    pub calls: u8,
    fingerprint: u64,
}

/// What became of a handler.
#[derive(Debug, Clone)]
pub enum Moved {
    Asks(Arc<Handler>),
    Ended(Result<Outcome, Error>),
}

impl Handler {
    /// A handler for an event, or for the sweep.
    pub fn start(catalog: &Catalog, event: Option<Event>) -> Arc<Self> {
        let (machine, ask) = Reconciliation::start(catalog.job(event.map(|event| event.platform)));
        Self::at(machine, ask, event, 1)
    }

    fn at(machine: Reconciliation, ask: Ask, event: Option<Event>, calls: u8) -> Arc<Self> {
        Arc::new(Self { machine, ask, partly_read: None, event, calls, fingerprint: 0 }.stamped())
    }

    fn stamped(mut self) -> Self {
        let mut hasher = DefaultHasher::new();
        (&self.machine, &self.ask, self.partly_read, self.event, self.calls).hash(&mut hasher);
        self.fingerprint = hasher.finish();
        self
    }

    /// Stands for the whole handler: with the hash of its parts, states are compared as the checker compares them.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The handler after one more image of a read was looked up.
    pub fn with_partly_read(&self, looked_up: usize, view: View) -> Arc<Self> {
        Arc::new(Self { partly_read: Some((looked_up, view)), ..self.clone() }.stamped())
    }

    /// The handler whose SDK has sent a call that was not answered, and will send it again.
    pub fn with_another_call(&self) -> Arc<Self> {
        Arc::new(Self { calls: self.calls + 1, ..self.clone() }.stamped())
    }

    /// Gives the machine its reply, and goes on until something is asked that time may change.
    pub fn step(&self, catalog: &Catalog, reply: Reply) -> Moved {
        let (mut next, mut calls) = (self.machine.clone().step(reply), self.calls);
        loop {
            match next {
                Ok(Next::Done(outcome)) => return Moved::Ended(Ok(outcome)),
                Err(error) => return Moved::Ended(Err(error)),
                Ok(Next::Ask(machine, ask)) => {
                    calls += 1;
                    match catalog.settled_answer(&ask) {
                        Some(reply) => next = machine.step(reply),
                        None => return Moved::Asks(Self::at(machine, ask, self.event, calls)),
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
