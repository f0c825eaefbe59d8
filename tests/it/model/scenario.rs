//! What may happen to a version, as a model for the checker: pushes, events, handlers and what goes wrong with them.

use std::sync::Arc;

use ecr_multiarch::error::Error;
use ecr_multiarch::reconcile::{Ask, Outcome, PutReply, Verdict};
use stateright::{Model, Property};

use super::catalog::{Answer, BUILDS, Catalog, PLATFORMS};
use super::handler::{Event, Handler, Moved};
use super::properties;
use super::state::{Action, Budget, Flaw, State};

/// How `BatchGetImage` looks its images up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// All at one moment.
    AtOnce,
    /// One after the other, as asked; other things happen in between.
    OneByOne,
    /// One after the other, the list first.
    ListFirst,
}

/// When a sweep runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    Never,
    /// Once nothing else will happen any more.
    InTheEnd,
    /// Once, in the middle of everything.
    AnyTime,
}

/// A model: what there is, and what may happen.
pub struct Scenario {
    pub catalog: Catalog,
    pub budget: Budget,
    pub handlers: usize,
    pub reads: Reads,
    pub sweep: Sweep,
    pub immutable: bool,
    /// The negative control: a write that succeeded is taken for the end, and not confirmed.
    pub trusts_its_write: bool,
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self.budget, u8::from(self.sweep != Sweep::Never))]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        if left.pushes > 0 {
            actions.extend((0..PLATFORMS).map(Action::Push));
        }
        let mut events = state.events.clone();
        events.dedup();
        for event in events {
            if state.handlers.len() < self.handlers {
                actions.push(Action::Take(event, None));
                actions.extend(self.stale(state, 0).map(|place| Action::Take(event, Some(place))));
            }
            actions.extend((left.doubled > 0).then_some(Action::Double(event)));
            actions.extend((left.dropped > 0).then_some(Action::Drop(event)));
        }
        for (index, handler) in state.handlers.iter().enumerate() {
            actions.push(Action::Step(index, None));
            if matches!(handler.ask, Ask::Put(_)) {
                actions.extend((left.resent > 0).then_some(Action::Resend(index)));
            } else {
                let looked_up = handler.partly_read.map_or(0, |(looked_up, _)| looked_up);
                let misled = self.stale(state, looked_up).map(|place| Action::Step(index, Some(place)));
                actions.extend(misled.filter(|_| handler.event.is_some()));
            }
            actions.extend((left.crashes > 0).then_some(Action::Crash(index)));
        }
        let may_sweep = match self.sweep {
            Sweep::Never => false,
            Sweep::InTheEnd => state.is_at_rest() && left.pushes == 0,
            Sweep::AnyTime => state.handlers.len() < self.handlers,
        };
        actions.extend((may_sweep && state.sweeps_left > 0).then_some(Action::Sweep));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Push(platform) => {
                state.left.pushes -= 1;
                let build = state.now.tags[platform].map_or(0, |build| (build + 1) % BUILDS);
                state.before.tags[platform] = self.remembered(state.now.tags[platform]);
                state.now.tags[platform] = Some(build);
                state.seen[platform] |= 1 << build;
                let platform = self.catalog.taken_up(self.catalog.platform_tag(platform))?;
                state.event(Event { platform, failures: 0 });
            }
            Action::Take(event, earlier) => {
                state.take(event);
                self.carry_out(&mut state, &Handler::start(&self.catalog, Some(event)), earlier);
            }
            Action::Double(event) => {
                state.left.doubled -= 1;
                state.event(event);
            }
            Action::Drop(event) => {
                state.left.dropped -= 1;
                state.take(event);
                state.is_lost = true;
            }
            Action::Step(index, earlier) => {
                let handler = state.handlers.remove(index);
                self.carry_out(&mut state, &handler, earlier);
            }
            Action::Resend(index) => {
                state.left.resent -= 1;
                let handler = state.handlers.remove(index);
                self.write(&mut state, &handler);
                state.handler(handler.with_another_call());
            }
            Action::Crash(index) => {
                state.left.crashes -= 1;
                let handler = state.handlers.remove(index);
                state.failed(handler.event);
            }
            Action::Sweep => {
                state.sweeps_left -= 1;
                self.carry_out(&mut state, &Handler::start(&self.catalog, None), None);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Scenario {
    /// The tags that the next lookup of a read may see as they were before.
    fn stale(&self, state: &State, looked_up: usize) -> impl Iterator<Item = usize> {
        let differs = |place: &usize| match *place {
            PLATFORMS => state.before.list != state.now.list,
            platform => state.before.tags[platform] != state.now.tags[platform],
        };
        let places = match self.reads {
            Reads::AtOnce => 0..PLATFORMS + 1,
            Reads::OneByOne => looked_up..looked_up + 1,
            Reads::ListFirst => PLATFORMS - looked_up..PLATFORMS - looked_up + 1,
        };
        let places = places.filter(differs).collect::<Vec<_>>();
        places.into_iter().filter(|_| state.left.stale > 0)
    }

    /// What is kept of the past: nothing, where no lookup is stale.
    fn remembered<T>(&self, before: Option<T>) -> Option<T> {
        before.filter(|_| self.budget.stale > 0)
    }

    fn carry_out(&self, state: &mut State, handler: &Arc<Handler>, earlier: Option<usize>) {
        if earlier.is_some() {
            state.left.stale -= 1;
            state.is_lost = true;
        }
        let answer = match &handler.ask {
            Ask::Put(_) => {
                let reply = self.write(state, handler);
                if self.trusts_its_write {
                    return;
                }
                Answer::Put(reply)
            }
            Ask::Read { references, .. } => {
                let mut places: Vec<_> = references.iter().filter_map(|one| self.catalog.place_of(one)).collect();
                assert_eq!(places.len(), PLATFORMS + 1, "every read is of all the version's tags");
                if self.reads == Reads::ListFirst {
                    places.reverse();
                }
                let (mut looked_up, mut view) = handler.partly_read.unwrap_or_default();
                let count = if self.reads == Reads::AtOnce { places.len() } else { 1 };
                for place in places.iter().skip(looked_up).take(count) {
                    let seen = if earlier == Some(*place) { &state.before } else { &state.now };
                    match *place {
                        PLATFORMS => view.list = seen.list,
                        platform => view.tags[platform] = seen.tags[platform],
                    }
                    looked_up += 1;
                }
                if looked_up < places.len() {
                    return state.handler(handler.with_partly_read(looked_up, view));
                }
                Answer::Read(view)
            }
            Ask::Configs(_) => unreachable!("configs are content, which is answered at once"),
        };
        match self.catalog.advance(handler, answer) {
            Moved::Asks(next) => state.handler(next),
            Moved::Ended(end) => self.ended(state, handler, end),
        }
    }

    /// What ECR does with a list.
    fn write(&self, state: &mut State, handler: &Handler) -> PutReply {
        let Ask::Put(list) = &handler.ask else { unreachable!() };
        let Some(builds) = self.catalog.builds_of(list) else {
            state.flaw = Some(Flaw::UnknownList);
            return PutReply::Stored;
        };
        if self.immutable && state.now.list.is_some() {
            return PutReply::TagTaken;
        }
        if state.now.list != Some(builds) {
            state.is_rewritten |= self.immutable && state.now.list.is_some();
            state.before.list = self.remembered(state.now.list);
            state.now.list = Some(builds);
            if self.catalog.taken_up(self.catalog.version()).is_some() {
                state.flaw = Some(Flaw::OwnEventTakenUp);
            }
        }
        PutReply::Stored
    }

    fn ended(&self, state: &mut State, handler: &Handler, end: Result<Outcome, Error>) {
        match end {
            Ok(outcome) => {
                state.is_swept |= handler.event.is_none();
                let is_exact = self.reads == Reads::AtOnce && self.budget.stale == 0;
                let is_true = match &outcome.verdict {
                    Verdict::Published(list) | Verdict::Unchanged(list) => {
                        state.now.list.is_some() && state.now.list == self.catalog.builds_of(list)
                    }
                    Verdict::Incomplete(missing) => {
                        missing.len() == state.now.tags.iter().filter(|tag| tag.is_none()).count()
                    }
                    _ => true,
                };
                if is_exact && !is_true {
                    state.flaw = Some(Flaw::FalseAnswer);
                }
            }
            Err(error) => {
                let is_due = match &error {
                    Error::NotYetVisible { .. } => self.budget.stale > 0,
                    Error::TagConflict { .. } => self.immutable,
                    // With little change, the others run out of reasons to write before a handler is out of rounds.
                    Error::Contended { .. } => self.budget.pushes + self.budget.stale > 3,
                    _ => false,
                };
                if !is_due {
                    state.flaw = Some(Flaw::Unexpected(error));
                }
                state.failed(handler.event);
            }
        }
    }
}
