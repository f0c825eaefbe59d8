//! The model of a version for the checker: pushes, events, handlers, and their faults.

use ecr_multiarch_core::error::Conflict;
use ecr_multiarch_core::reconcile::outcome::{Reconciliation, Waiting};
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{Error, Outcome, Step};
use stateright::{Model, Property};

use super::catalog::{ANOTHER, Answer, BUILDS, Build, CONVERSION, Catalog, List, PLATFORMS, Pushed, View};
use super::handler::{Event, Handler, Progress, Running};
use super::handlers::{enqueue, insert, take};
use super::properties;
use super::state::{Action, Budget, State, Stored, Violation};

/// How many pushes there were before a model with a history begins.
const HISTORY: u8 = 4;

/// The order in which `BatchGetImage` looks its images up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// All at one moment.
    AtOnce,
    /// One after the other, in the order of the request, with other actions in between.
    OneByOne,
    /// One after the other, the list first.
    ListFirst,
}

/// When a sweep runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    Never,
    /// Once, after all other actions.
    InTheEnd,
    /// Once, between any other actions.
    AnyTime,
    /// Like [`Sweep::InTheEnd`], except that it reads nothing where a scan shows a list that was first stored after the
    /// images: the negative control of comparing what is young.
    TrustsScans,
}

/// A model: its content and the actions that it allows.
pub struct Scenario {
    pub catalog: Catalog,
    pub budget: Budget,
    pub handlers: usize,
    pub reads: Reads,
    pub sweep: Sweep,
    pub immutable: bool,
    /// Whether both builds of each platform were pushed, and the second ones published, before the model begins: each push
    /// is then of an older image.
    pub has_history: bool,
    /// The negative control: a handler ends after its write, without the confirming read.
    pub skips_confirmation: bool,
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let sweeps_left = u8::from(self.sweep != Sweep::Never);
        let mut state = State { left: self.budget, sweeps_left, ..State::default() };
        if self.has_history {
            state.now = View { tags: [Some(1); PLATFORMS], list: Some(List::own([1; PLATFORMS])) };
            state.seen = [0b11; PLATFORMS];
            for (platform, pushed) in (1..).zip(&mut state.pushed) {
                (pushed[0], pushed[1]) = (platform, platform + 2);
            }
            state.tagged_at = HISTORY;
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        if left.pushes > 0 {
            actions.extend((0..PLATFORMS).map(Action::Push));
        }
        if left.lists > 0 && !(self.immutable && state.now.list.is_some()) {
            actions.extend(lists_of_others(&state.now).into_iter().map(Action::PushList));
        }
        let mut events = state.events.clone();
        events.dedup();
        for event in events {
            if state.handlers.len() < self.handlers {
                actions.push(Action::Take(event, None));
                actions.extend(self.stale(state, 0).map(|place| Action::Take(event, Some(place))));
            }
            actions.extend((left.duplicates > 0).then_some(Action::Duplicate(event)));
            actions.extend((left.dropped > 0).then_some(Action::Drop(event)));
        }
        if left.joins > 0 && state.handlers.len() < self.handlers {
            actions.extend(joinable(&state.events).map(Action::Join));
        }
        for (index, handler) in state.handlers.iter().enumerate() {
            actions.push(Action::Step(index, None));
            if matches!(handler.step, Step::Put(_)) {
                actions.extend((left.write_retries > 0).then_some(Action::RetryWrite(index)));
                actions.extend((left.late > 0).then_some(Action::DelayWrite(index)));
                actions.extend((left.restarts > 0).then_some(Action::Restart(index)));
            } else {
                let looked_up = handler.partial_read.map_or(0, |(looked_up, _)| looked_up);
                let misled = self.stale(state, looked_up).map(|place| Action::Step(index, Some(place)));
                actions.extend(misled.filter(|_| !handler.is_sweep()));
            }
            actions.extend((left.crashes > 0).then_some(Action::Crash(index)));
        }
        let mut late_writes = state.late_writes.clone();
        late_writes.dedup();
        actions.extend(late_writes.into_iter().map(Action::Land));
        let may_sweep = match self.sweep {
            Sweep::Never => false,
            Sweep::InTheEnd | Sweep::TrustsScans => state.is_quiescent() && left.pushes + left.lists == 0,
            Sweep::AnyTime => state.handlers.len() < self.handlers,
        };
        actions.extend((may_sweep && state.sweeps_left > 0).then_some(Action::Sweep));
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Push(platform) => {
                state.left.pushes -= 1;
                let build = state.now.tags[platform].map_or(0, |build| (build + 1) % BUILDS);
                state.before.tags[platform] = self.remembered(state.now.tags[platform]);
                state.now.tags[platform] = Some(build);
                state.seen[platform] |= 1 << build;
                let time = self.clock(&state);
                self.record_pushed(&mut state, platform, build, time);
                state.tagged_at = time;
                self.record_stored(&mut state, Stored::Image(platform, build));
                let platform = self.catalog.handled(self.catalog.platform_tag(platform))?;
                enqueue(&mut state.events, Event { platform, failures: 0, time });
            }
            Action::Take(event, earlier) => {
                take(&mut state.events, &event);
                self.execute(&mut state, &Handler::start(&self.catalog, vec![event]), earlier);
            }
            Action::Join(events) => {
                state.left.joins -= 1;
                for event in &events {
                    take(&mut state.events, event);
                }
                self.execute(&mut state, &Handler::start(&self.catalog, events), None);
            }
            Action::Duplicate(event) => {
                state.left.duplicates -= 1;
                enqueue(&mut state.events, event);
            }
            Action::Drop(event) => {
                state.left.dropped -= 1;
                take(&mut state.events, &event);
                state.needs_sweep = true;
            }
            Action::Step(index, earlier) => {
                let handler = state.handlers.remove(index);
                self.execute(&mut state, &handler, earlier);
            }
            Action::RetryWrite(index) => {
                state.left.write_retries -= 1;
                let handler = state.handlers.remove(index);
                self.write(&mut state, &handler);
                insert(&mut state.handlers, handler.with_another_call());
            }
            Action::Restart(index) => {
                state.left.restarts -= 1;
                let handler = state.handlers.remove(index);
                insert(&mut state.handlers, handler.restarted());
            }
            Action::DelayWrite(index) => {
                state.left.late -= 1;
                let handler = state.handlers.remove(index);
                let Step::Put(put) = &handler.step else { unreachable!() };
                let list = self.catalog.list_of(put.manifest_list())?;
                enqueue(&mut state.late_writes, list);
                insert(&mut state.handlers, handler.with_another_call());
            }
            Action::Land(list) => {
                take(&mut state.late_writes, &list);
                state.needs_sweep |= self.sweep != Sweep::Never;
                self.store(&mut state, list);
            }
            Action::PushList(list) => {
                state.left.lists -= 1;
                let time = self.clock(&state);
                for (platform, build) in list.builds.iter().enumerate() {
                    if let Some(build) = build {
                        self.record_pushed(&mut state, platform, *build, time);
                    }
                }
                // The sweep mends what is wrong: the function does not handle the push of a list.
                state.needs_sweep = true;
                self.store(&mut state, list);
            }
            Action::Crash(index) => {
                state.left.crashes -= 1;
                let handler = state.handlers.remove(index);
                state.failed(&handler);
            }
            Action::Sweep => {
                state.sweeps_left -= 1;
                if self.sweep == Sweep::TrustsScans && state.scan_shows_current_list() {
                    state.is_swept = true;
                    return Some(state);
                }
                self.execute(&mut state, &Handler::start(&self.catalog, Vec::new()), None);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Scenario {
    /// Records when an image or list is first stored, where a scan is trusted: a later push of it does not change that.
    fn record_stored(&self, state: &mut State, stored: Stored) {
        if self.sweep == Sweep::TrustsScans && !state.stored.contains(&stored) {
            state.stored.push(stored);
        }
    }

    /// Whether the times of pushes matter, which multiply the states. They decide about lists whose images are all newer
    /// than those of the platform tags: of others, or of tags that were all moved to the second build and back, which takes
    /// six pushes.
    fn has_times(&self) -> bool {
        self.budget.lists > 0 || self.has_history || self.budget.pushes >= 6
    }

    /// Records when an image is first pushed.
    fn record_pushed(&self, state: &mut State, platform: usize, build: Build, time: u8) {
        let pushed = &mut state.pushed[platform][usize::from(build)];
        if *pushed == 0 && self.has_times() {
            *pushed = time;
        }
    }

    /// How many pushes there have been, where their times matter.
    fn clock(&self, state: &State) -> u8 {
        if !self.has_times() {
            return 0;
        }
        let begun = if self.has_history { HISTORY } else { 0 };
        begun + self.budget.pushes - state.left.pushes + self.budget.lists - state.left.lists
    }

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
        places.into_iter().filter(|_| state.left.stale_reads > 0)
    }

    /// The previous value, which is kept only if lookups can be stale.
    fn remembered<T>(&self, before: Option<T>) -> Option<T> {
        before.filter(|_| self.budget.stale_reads > 0)
    }

    fn execute(&self, state: &mut State, handler: &Running, earlier: Option<usize>) {
        if earlier.is_some() {
            state.left.stale_reads -= 1;
            state.needs_sweep = true;
        }
        let answer = match &handler.step {
            Step::Put(_) => {
                let response = self.write(state, handler);
                if self.skips_confirmation {
                    return;
                }
                Answer::Put(response)
            }
            Step::ReadManifests(read) => {
                let mut places: Vec<_> =
                    read.references().iter().filter_map(|one| self.catalog.position_of(one)).collect();
                assert_eq!(places.len(), PLATFORMS + 1, "each read has all tags of the version");
                if self.reads == Reads::ListFirst {
                    places.reverse();
                }
                let (mut looked_up, mut view) = handler.partial_read.unwrap_or_default();
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
                    return insert(&mut state.handlers, handler.with_partial_read(looked_up, view));
                }
                Answer::Read(view, pushed_of(state, view))
            }
            Step::DescribeImages(_) | Step::ReadConfigs(_) | Step::Done(_) => {
                unreachable!("content is read within a transition, and an end is not a call")
            }
        };
        match self.catalog.advance(handler, answer) {
            Progress::Calls(next) => {
                if let Answer::Read(view, pushed) = answer
                    && matches!(next.step, Step::Put(_))
                    && self.is_right(view, &pushed)
                {
                    state.violation = Some(Violation::WritesOverRightList);
                }
                insert(&mut state.handlers, next);
            }
            Progress::Ends(end) => self.ended(state, handler, end),
        }
    }

    /// Stores the list of a handler's write, as ECR does.
    fn write(&self, state: &mut State, handler: &Handler) -> PutResponse {
        let Step::Put(put) = &handler.step else { unreachable!() };
        let Some(list) = self.catalog.list_of(put.manifest_list()).filter(|list| !list.is_foreign) else {
            state.violation = Some(Violation::UnknownList);
            return PutResponse::Stored;
        };
        self.store(state, list)
    }

    /// What ECR does with a list, whenever it does it.
    fn store(&self, state: &mut State, list: List) -> PutResponse {
        if self.immutable && state.now.list.is_some() {
            return PutResponse::TagImmutable;
        }
        if state.now.list != Some(list) {
            state.is_rewritten |= self.immutable && state.now.list.is_some();
            state.before.list = self.remembered(state.now.list);
            state.now.list = Some(list);
            self.record_stored(state, Stored::List(list));
            if self.catalog.handled(self.catalog.version()).is_some() {
                state.violation = Some(Violation::OwnEventHandled);
            }
        }
        PutResponse::Stored
    }

    /// Whether the list of a view is right, whoever made it.
    pub fn is_right(&self, view: View, pushed: &Pushed) -> bool {
        let Some(List { builds, is_foreign }) = view.list else { return false };
        let all_are_tagged = view.tags.iter().all(Option::is_some);
        builds.iter().zip(&view.tags).zip(pushed).all(|((listed, tag), pushed)| match (listed, tag) {
            (Some(_), None) => true,
            // Others leave the attestations out.
            (Some(listed), Some(tag)) if listed == tag => !is_foreign || !self.catalog.is_attested(),
            (Some(listed), Some(tag)) => {
                let is_later = pushed[usize::from(*listed)] > pushed[usize::from(*tag)];
                *listed == tag + CONVERSION && is_later && all_are_tagged
            }
            (None, _) => false,
        })
    }

    fn ended(&self, state: &mut State, handler: &Handler, end: Result<Reconciliation, Error>) {
        match end {
            Ok(end) => {
                state.is_swept |= handler.is_sweep();
                let is_exact = self.reads == Reads::AtOnce && self.budget.stale_reads == 0;
                let is_true = match &end.outcome {
                    Outcome::Published(list) | Outcome::Unchanged(list) => {
                        state.now.list.is_some() && state.now.list == self.catalog.list_of(list)
                    }
                    Outcome::Waiting(Waiting::Platforms { missing, .. }) => {
                        missing.len() == state.now.tags.iter().filter(|tag| tag.is_none()).count()
                    }
                    _ => true,
                };
                if is_exact && !is_true {
                    state.violation = Some(Violation::FalseAnswer);
                }
            }
            // It is permanent: no delivery is repeated.
            Err(Error::TagConflict { conflict: Conflict::NewerImages { .. }, .. }) => {
                state.is_swept |= handler.is_sweep();
            }
            Err(error) => {
                let is_due = match &error {
                    Error::NotYetVisible { .. } => self.budget.stale_reads > 0,
                    Error::TagConflict { .. } => self.immutable,
                    // With few pushes, no tag moves often enough to use up the rounds of a handler.
                    Error::Contended { .. } => self.budget.pushes + self.budget.stale_reads > 3,
                    _ => false,
                };
                if !is_due {
                    state.violation = Some(Violation::Unexpected(error));
                }
                state.failed(handler);
            }
        }
    }
}

/// One event of each platform, if all have one.
fn joinable(events: &[Event]) -> Option<Vec<Event>> {
    let of_platform = |platform| events.iter().find(|event| event.platform == platform).copied();
    (0..PLATFORMS).map(of_platform).collect()
}

/// When the images of a view were pushed.
fn pushed_of(state: &State, view: View) -> Pushed {
    let mut pushed = Pushed::default();
    let lists = [view.tags, view.list.map_or([None; PLATFORMS], |list| list.builds)];
    for (platform, build) in lists.iter().flat_map(|builds| builds.iter().enumerate()) {
        if let Some(build) = build.map(usize::from) {
            pushed[platform][build] = state.pushed[platform][build];
        }
    }
    pushed
}

/// What others write: a list of the images of the platform tags, of images of their own, of both, one that lacks a
/// platform, and what a tool converts of the list that is there.
fn lists_of_others(now: &View) -> Vec<List> {
    let another = Some(ANOTHER);
    let mut lists = vec![[another, another], [another, None]];
    lists.extend([now.tags, [now.tags[0], another]].into_iter().filter(|builds| builds[0].is_some()));
    let convert = |build: Option<Build>| build.map(|build| if build < BUILDS { build + CONVERSION } else { build });
    lists.extend(
        now.list.iter().flat_map(|&List { builds, .. }| [builds.map(convert), [convert(builds[0]), builds[1]]]),
    );
    let mut lists: Vec<_> = lists.into_iter().map(List::foreign).filter(|list| now.list != Some(*list)).collect();
    lists.sort_unstable();
    lists.dedup();
    lists
}
