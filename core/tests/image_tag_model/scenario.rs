//! The model of a version's list and its image tags for the checker: pushes of lists, events, handlers, and their faults.

use ecr_multiarch_core::reconcile::machine::MAX_ROUNDS;
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{Error, ImageTagStep, ImageTagging};
use stateright::{Model, Property};

use super::catalog::{Answer, Build, Catalog, LISTS, View};
use super::handler::{Event, Handler, Progress, Running};
use super::handlers::{Fingerprinted, REDELIVERIES, enqueue, insert, take};

/// How often each fault may occur, after a push of each list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub duplicates: u8,
    pub dropped: u8,
    pub crashes: u8,
    /// Writes that ECR carries out after it answered their repetition.
    pub late: u8,
}

/// The registry, the events and the handlers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub now: View,
    pub pushes: usize,
    pub events: Vec<Event>,
    pub handlers: Vec<Running>,
    /// The writes that ECR has yet to carry out.
    pub late_writes: Vec<(usize, Build)>,
    pub left: Budget,
    pub is_swept: bool,
    /// Whether only the sweep repairs what happened.
    pub needs_sweep: bool,
    pub is_rewritten: bool,
    pub violation: Option<Violation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Violation {
    /// A handler answered that tags name the images of a list, and they do not.
    FalseAnswer,
    /// An error without a cause.
    Unexpected(Error),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Push,
    Take(Event),
    Duplicate(Event),
    Drop(Event),
    /// Executes the read of a handler, or one of its writes.
    Step(usize, usize),
    /// One of the writes of a handler is repeated, and ECR carries it out once more, later.
    DelayWrite(usize, usize),
    Land(usize, Build),
    Crash(usize),
    Sweep,
}

/// The order in which `BatchGetImage` looks its images up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// All at one moment.
    AtOnce,
    /// One after the other, the list first.
    OneByOne,
}

/// The bounds of a model, and what is different in it.
pub struct Scenario {
    pub catalog: Catalog,
    pub budget: Budget,
    /// How many handlers run at a time.
    pub handlers: usize,
    pub reads: Reads,
    /// Whether a sweep ends the model, where it is needed.
    pub has_sweep: bool,
    pub immutable: bool,
    /// A negative control: handlers end after their writes.
    pub skips_confirmation: bool,
}

pub const QUIESCENT_IS_TAGGED: &str = "when quiescent, each image of the list has its tag";

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State { left: self.budget, ..State::default() }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.is_swept && state.handlers.is_empty() {
            return;
        }
        if state.pushes < LISTS.len() {
            actions.push(Action::Push);
        }
        let mut events = state.events.clone();
        events.dedup();
        for event in events {
            if state.handlers.len() < self.handlers {
                actions.push(Action::Take(event));
            }
            if state.left.duplicates > 0 {
                actions.push(Action::Duplicate(event));
            }
            if state.left.dropped > 0 {
                actions.push(Action::Drop(event));
            }
        }
        for (index, handler) in state.handlers.iter().enumerate() {
            for call in 0..calls(handler) {
                actions.push(Action::Step(index, call));
                if state.left.late > 0 && matches!(handler.step, ImageTagStep::Put(_)) {
                    actions.push(Action::DelayWrite(index, call));
                }
            }
            if state.left.crashes > 0 {
                actions.push(Action::Crash(index));
            }
        }
        actions.extend(state.late_writes.iter().map(|(place, build)| Action::Land(*place, *build)));
        if self.has_sweep && state.needs_sweep && state.is_quiescent() && state.pushes == LISTS.len() {
            actions.push(Action::Sweep);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Push => {
                state.now.list = Some(state.pushes);
                state.pushes += 1;
                enqueue(&mut state.events, 0);
            }
            Action::Take(event) => {
                take(&mut state.events, &event);
                insert(&mut state.handlers, Handler::start(&self.catalog, Some(event)));
            }
            Action::Duplicate(event) => {
                state.left.duplicates -= 1;
                enqueue(&mut state.events, event);
            }
            Action::Drop(event) => {
                state.left.dropped -= 1;
                state.needs_sweep = true;
                take(&mut state.events, &event);
            }
            Action::Step(index, call) => {
                let handler = state.handlers.remove(index);
                self.execute(&mut state, &handler, call);
            }
            Action::DelayWrite(index, call) => {
                state.left.late -= 1;
                let handler = state.handlers.remove(index);
                let ImageTagStep::Put(put) = &handler.step else { unreachable!() };
                let (place, build) = self.catalog.image(put.writes()[call].image.digest);
                enqueue(&mut state.late_writes, (place, build));
                self.execute(&mut state, &handler, call);
            }
            Action::Land(place, build) => {
                take(&mut state.late_writes, &(place, build));
                self.write(&mut state, place, build);
                state.needs_sweep = true;
            }
            Action::Crash(index) => {
                state.left.crashes -= 1;
                let handler = state.handlers.remove(index);
                state.failed(&handler);
            }
            Action::Sweep => {
                state.is_swept = true;
                insert(&mut state.handlers, Handler::start(&self.catalog, None));
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        type Condition = fn(&Scenario, &State) -> bool;
        let always: [(&'static str, Condition); 5] = [
            (QUIESCENT_IS_TAGGED, |model, state| {
                let is_repaired = state.is_swept || !(state.needs_sweep && model.has_sweep);
                !state.is_quiescent() || !is_repaired || model.immutable || state.now.is_tagged()
            }),
            ("an immutable tag is written once", |_, state| !state.is_rewritten),
            ("every answer is true", |_, state| state.violation != Some(Violation::FalseAnswer)),
            ("every error has a cause", |_, state| !matches!(state.violation, Some(Violation::Unexpected(_)))),
            ("a handler makes a bounded number of steps", |_, state| {
                state.handlers.iter().all(|handler| handler.steps <= 2 * MAX_ROUNDS + 1)
            }),
        ];
        let mut all: Vec<_> = always.into_iter().map(|(name, condition)| Property::always(name, condition)).collect();
        let tagged: Condition = |_, state| state.is_quiescent() && state.pushes == LISTS.len() && state.now.is_tagged();
        all.push(Property::sometimes("in the end, each image of the list has its tag", tagged));
        all
    }
}

/// How many calls of a handler can be the next one: any of the writes that are not answered, or the read.
fn calls(handler: &Handler) -> usize {
    match &handler.step {
        ImageTagStep::Put(put) => put.writes().len() - handler.responses.len(),
        _ => 1,
    }
}

impl Scenario {
    fn execute(&self, state: &mut State, handler: &Running, call: usize) {
        let answer = match &handler.step {
            ImageTagStep::Put(put) => {
                let mut open = put.writes().iter().filter(|write| !handler.responses.contains_key(&write.tag));
                let write = open.nth(call).unwrap();
                let (place, build) = self.catalog.image(write.image.digest);
                assert_eq!(self.catalog.place(&write.tag), Some(place), "a tag names an image of its platform");
                let response = self.write(state, place, build);
                let handler = handler.with_response(write.tag.clone(), response);
                if calls(&handler) > 0 {
                    return insert(&mut state.handlers, Fingerprinted::new(handler));
                }
                if self.skips_confirmation {
                    return;
                }
                Answer::Put(handler.responses)
            }
            ImageTagStep::Observe(_) => {
                let (mut looked_up, mut view) = handler.partial_read.unwrap_or_default();
                let places = 1 + view.tags.len();
                for place in (looked_up..places).take(if self.reads == Reads::OneByOne { 1 } else { places }) {
                    match place.checked_sub(1) {
                        None => view.list = state.now.list,
                        Some(place) => view.tags[place] = state.now.tags[place],
                    }
                    looked_up += 1;
                }
                if looked_up < places {
                    return insert(&mut state.handlers, handler.with_partial_read(looked_up, view));
                }
                Answer::Read(view)
            }
            ImageTagStep::Read(_) | ImageTagStep::Done(_) => {
                unreachable!("content is read within a transition, and an end is not a call")
            }
        };
        match self.catalog.advance(handler, answer) {
            Progress::Calls(next) => insert(&mut state.handlers, next),
            Progress::Ends(Ok(ImageTagging::List(..))) => {
                if !self.immutable && self.reads == Reads::AtOnce && !state.now.is_tagged() {
                    state.violation = Some(Violation::FalseAnswer);
                }
            }
            Progress::Ends(Ok(ImageTagging::NoList(_))) => state.violation = Some(Violation::FalseAnswer),
            Progress::Ends(Err(error)) => {
                // Two handlers of different lists can outrun each other.
                if !matches!(error, Error::Contended { .. }) {
                    state.violation = Some(Violation::Unexpected(error));
                }
                state.failed(handler);
            }
        }
    }

    /// What ECR does with a write.
    fn write(&self, state: &mut State, place: usize, build: Build) -> PutResponse {
        let tag = &mut state.now.tags[place];
        if self.immutable && tag.is_some_and(|named| named != build) {
            return PutResponse::TagImmutable;
        }
        state.is_rewritten |= self.immutable && tag.is_some_and(|named| named != build);
        *tag = Some(build);
        PutResponse::Stored
    }
}

impl State {
    /// Whether nothing is in flight.
    pub fn is_quiescent(&self) -> bool {
        self.events.is_empty() && self.handlers.is_empty() && self.late_writes.is_empty()
    }

    /// Delivers the event of a handler that failed again, or leaves it to the sweep.
    fn failed(&mut self, handler: &Handler) {
        match handler.event {
            Some(failures) if failures < REDELIVERIES => enqueue(&mut self.events, failures + 1),
            _ => self.needs_sweep = true,
        }
    }
}
