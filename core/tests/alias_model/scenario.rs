//! What may happen to the aliases of a repository, as a model for the checker.

use std::sync::Arc;

use ecr_multiarch_core::alias::yank::YankStep;
use ecr_multiarch_core::{AliasReconciliation, AliasStep, Error, Reference, Step};
use stateright::{Model, Property};

use super::catalog::{BUILDS, Catalog, Content, TagId, list_of};
use super::handler::{Answer, Handler, Job, Progress, Running, Stage};
use super::handlers::{enqueue, insert, take};
use super::properties;
use super::state::{Action, Budget, State, Violation};

/// How a scan reads its pages. ECR states no order of images; so lists and builds are on pages of either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// All at one moment.
    One,
    /// In two parts, between which other things happen. First the images of which release and build add up to an even
    /// number: neighbouring releases, and the builds of one release, are on different pages.
    EvenFirst,
    OddFirst,
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
    pub pages: Pages,
    pub sweep: Sweep,
    /// Whether the version's machine runs, too. Otherwise a release is published by one atomic write.
    pub is_whole: bool,
    /// The releases that are published before everything else, with their aliases.
    pub published: usize,
    /// What an alias names at first that nobody published.
    pub foreign: Option<(usize, Content)>,
    /// What the version that is not a release names.
    pub shared: Option<Content>,
    /// Whether [`NOT_TAKEN_BACK`](properties::NOT_TAKEN_BACK) is checked, which takes more states.
    pub watches: bool,
    /// The negative control: a write that succeeded is taken for the end, and not confirmed.
    pub skips_confirmation: bool,
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut now = vec![None; self.catalog.tags.len()];
        let releases = self.catalog.releases.len();
        for release in 0..self.published {
            now[release] = Some(list_of(release, 0));
            for alias in self.aliases_of(release) {
                now[alias] = now[release];
            }
        }
        if let Some((alias, content)) = self.foreign {
            now[alias] = Some(content);
        }
        now[self.catalog.other_version()] = self.shared;
        let mut builds = vec![None; releases];
        builds[..self.published].fill(Some(0));
        let (left, sweeps_left) = (self.budget, u8::from(self.sweep != Sweep::Never));
        vec![State { now, builds, left, sweeps_left, ..State::default() }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        for (release, build) in state.builds.iter().enumerate() {
            let may_push = if build.is_none() { left.pushes > 0 } else { left.rebuilds > 0 };
            actions.extend(may_push.then_some(Action::Push(release)));
            let may_mark = state.now[release].is_some() && state.now[self.catalog.marker_of(release)].is_none();
            actions.extend((may_mark && left.marks > 0).then_some(Action::Mark(release)));
            let may_start = may_mark && state.handlers.len() < self.handlers;
            actions.extend((may_start && left.yanks > 0).then_some(Action::Yank(release)));
            actions.extend((left.partial_lists > 0).then_some(Action::PushPartial(release)));
        }
        let mut jobs = state.jobs.clone();
        jobs.dedup();
        for job in jobs {
            actions.extend((state.handlers.len() < self.handlers).then_some(Action::Take(job)));
            actions.extend((left.duplicates > 0).then_some(Action::Duplicate(job)));
            actions.extend((left.dropped > 0).then_some(Action::Drop(job)));
        }
        for (index, handler) in state.handlers.iter().enumerate() {
            actions.push(Action::Step(index));
            if let Stage::Alias(AliasStep::Put(_)) = handler.stage {
                actions.extend((left.write_retries > 0).then_some(Action::RetryWrite(index)));
                actions.extend((left.late_writes > 0).then_some(Action::Delay(index)));
            }
            actions.extend((left.crashes > 0).then_some(Action::Crash(index)));
        }
        actions.extend((0..state.late.len()).map(Action::Land));
        let may_sweep = match self.sweep {
            Sweep::Never => false,
            Sweep::InTheEnd => {
                let changes = [left.pushes, left.rebuilds, left.marks, left.yanks, left.partial_lists];
                state.is_quiescent() && changes == [0; 5]
            }
            Sweep::AnyTime => state.handlers.len() < self.handlers,
        };
        actions.extend((may_sweep && state.sweeps_left > 0).then_some(Action::Sweep));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Push(release) => {
                let build = state.builds[release];
                *(if build.is_none() { &mut state.left.pushes } else { &mut state.left.rebuilds }) -= 1;
                state.builds[release] = Some(build.map_or(0, |build| (build + 1) % BUILDS));
                enqueue(&mut state.jobs, Job::Push { release, failures: 0 });
            }
            Action::Mark(release) => {
                state.left.marks -= 1;
                let content = state.now[release]?;
                self.store(&mut state, self.catalog.marker_of(release), content);
            }
            Action::PushPartial(release) => {
                state.left.partial_lists -= 1;
                state.now[release] = Some(self.catalog.partial_list(release));
            }
            Action::Take(job) => {
                take(&mut state.jobs, &job);
                self.execute(&mut state, &Handler::start(&self.catalog, job, self.is_whole));
            }
            Action::Yank(release) => {
                state.left.yanks -= 1;
                self.execute(&mut state, &Handler::start(&self.catalog, Job::Yank { release }, self.is_whole));
            }
            Action::Duplicate(job) => {
                state.left.duplicates -= 1;
                enqueue(&mut state.jobs, job);
            }
            Action::Drop(job) => {
                state.left.dropped -= 1;
                take(&mut state.jobs, &job);
                state.needs_sweep = true;
            }
            Action::Step(index) => {
                let handler = state.handlers.remove(index);
                self.execute(&mut state, &handler);
            }
            Action::RetryWrite(index) => {
                state.left.write_retries -= 1;
                let handler = Arc::clone(&state.handlers[index]);
                let (tag, content) = self.next_write(&handler);
                self.write(&mut state, &handler, tag, content);
            }
            Action::Delay(index) => {
                state.left.late_writes -= 1;
                let handler = state.handlers.remove(index);
                state.late.push(self.next_write(&handler));
                self.sent(&mut state, &handler, true);
            }
            Action::Land(index) => {
                let (tag, content) = state.late.remove(index);
                self.store(&mut state, tag, content);
                state.needs_sweep = true;
            }
            Action::Crash(index) => {
                state.left.crashes -= 1;
                let handler = state.handlers.remove(index);
                state.failed(handler.job);
            }
            Action::Sweep => {
                state.sweeps_left -= 1;
                self.execute(&mut state, &Handler::start(&self.catalog, Job::Sweep, self.is_whole));
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Scenario {
    fn aliases_of(&self, release: usize) -> Vec<usize> {
        let aliases = self.catalog.settings.aliases(&self.catalog.releases[release]);
        aliases.iter().flatten().map(|alias| self.catalog.tag_id(alias)).collect()
    }

    /// The release that an alias must name at rest: the highest that is published with all platforms and not yanked. And
    /// the higher ones that are passed over for it.
    pub fn expected(&self, state: &State, alias: usize) -> (Option<usize>, Vec<usize>) {
        let mut passed_over = Vec::new();
        let is_eligible = |release: &usize| {
            state.now[*release].is_some()
                && state.now[self.catalog.marker_of(*release)].is_none()
                && self.aliases_of(*release).contains(&alias)
        };
        for release in (0..state.builds.len()).rev().filter(is_eligible) {
            if state.now[release] != Some(self.catalog.partial_list(release)) {
                return (Some(release), passed_over);
            }
            passed_over.push(release);
        }
        (None, passed_over)
    }

    fn execute(&self, state: &mut State, handler: &Running) {
        let named = |state: &State, references: Vec<Reference>| {
            let content = |reference: Reference| match reference {
                Reference::Tag(tag) => state.now[self.catalog.tag_id(&tag)],
                Reference::Digest(_) => unreachable!("aliases are read by tag"),
            };
            references.into_iter().map(content).collect()
        };
        let (handler, answer) = match &handler.stage {
            Stage::Publish => {
                let Job::Push { release, .. } = handler.job else { unreachable!() };
                let list = state.publish(release).expect("it was pushed");
                (Arc::clone(handler), Answer::Published(list))
            }
            Stage::Version(Step::ReadManifests(read)) => {
                let release = self.catalog.tag_id(&read.request().version);
                (Arc::clone(handler), Answer::Version(state.builds[release], state.now[release]))
            }
            Stage::Version(Step::Put(put)) => {
                let release = self.catalog.tag_id(&put.request().version);
                state.now[release] = Some(self.catalog.content_of(put.manifest_list().digest));
                (Arc::clone(handler), Answer::Put)
            }
            Stage::Yank(YankStep::Read(read)) => (Arc::clone(handler), Answer::Read(named(state, read.references()))),
            Stage::Yank(YankStep::Put(put)) => {
                let (tag, list) = (self.catalog.tag_id(put.tag()), self.catalog.content_of(put.list().digest));
                self.store(state, tag, list);
                (Arc::clone(handler), Answer::Put)
            }
            Stage::Alias(AliasStep::Scan(_)) => match self.scan(state, handler) {
                Ok(scanned) => scanned,
                Err(first_page) => return insert(&mut state.handlers, first_page),
            },
            Stage::Alias(AliasStep::Read(read)) => (Arc::clone(handler), Answer::Read(named(state, read.references()))),
            Stage::Alias(AliasStep::Put(_)) => {
                let (tag, content) = self.next_write(handler);
                self.write(state, handler, tag, content);
                return self.sent(state, handler, false);
            }
            other => unreachable!("{other:?} is not a call that depends on time"),
        };
        self.advance(state, &handler, answer);
    }

    fn advance(&self, state: &mut State, handler: &Running, answer: Answer) {
        match self.catalog.advance(handler, answer) {
            Progress::Calls(next) => insert(&mut state.handlers, next),
            Progress::Ends(end) => self.ended(state, handler, &end),
        }
    }

    /// Reads a page. After the first of two, gives back the handler that is to read the second.
    fn scan(&self, state: &mut State, handler: &Running) -> Result<(Running, Answer), Running> {
        let page = |state: &State, is_first: bool| {
            let platforms = state.builds.iter().enumerate().filter_map(|(release, build)| {
                Some((self.catalog.platform_tags_of(release), list_of(release, (*build)?)))
            });
            let ids = 0..TagId::try_from(state.now.len()).unwrap();
            let tags = ids.zip(&state.now).filter_map(|(id, content)| Some((id, (*content)?)));
            let is_here = |(_, content): &(TagId, Content)| self.is_on_first_page(*content) == is_first;
            tags.chain(platforms).filter(is_here).collect::<Vec<_>>()
        };
        let at_scan = || if self.watches { state.now[self.catalog.aliases.clone()].to_vec() } else { Vec::new() };
        let (handler, mut shown) = match &handler.first_page {
            Some(first_page) => (Arc::clone(handler), first_page.clone()),
            None if self.pages == Pages::One => (handler.with_watch(at_scan()), page(state, true)),
            None => return Err(handler.with_first_page(page(state, true), at_scan())),
        };
        shown.extend(page(state, false));
        let is_confirming = matches!(&handler.stage, Stage::Alias(AliasStep::Scan(scan)) if scan.is_confirmation());
        let is_of_sweep = handler.job == Job::Sweep && !is_confirming;
        if is_of_sweep {
            // The sweep publishes what is due, by the version's machine, which is the subject of the other model.
            for release in 0..state.builds.len() {
                if let Some(list) = state.publish(release) {
                    shown.push((TagId::try_from(release).unwrap(), list));
                }
            }
        }
        Ok((handler, Answer::Scan(shown, self.pages == Pages::One && !is_of_sweep)))
    }

    fn is_on_first_page(&self, content: Content) -> bool {
        let is_even = (content / BUILDS + content % BUILDS).is_multiple_of(2);
        match self.pages {
            Pages::One => true,
            Pages::EvenFirst => is_even,
            Pages::OddFirst => !is_even,
        }
    }

    /// The next of the writes of a handler.
    fn next_write(&self, handler: &Handler) -> (usize, Content) {
        let Stage::Alias(AliasStep::Put(put)) = &handler.stage else { unreachable!() };
        let write = &put.writes()[usize::from(handler.sent)];
        (self.catalog.tag_id(&write.tag), self.catalog.content_of(write.list.digest))
    }

    /// Carries out a write of a handler.
    fn write(&self, state: &mut State, handler: &Handler, tag: usize, content: Content) {
        let is_alias = self.catalog.aliases.contains(&tag);
        let (before, after) = (state.now[tag], self.catalog.release_of(content));
        let is_marker_of = |release| {
            let is_list = after == Some(release) || content == self.catalog.partial_list(release);
            tag == self.catalog.marker_of(release) && is_list
        };
        if !(is_alias && after.is_some() || (0..state.builds.len()).any(is_marker_of)) {
            state.violation = Some(Violation::UnknownWrite);
        }
        let replaced = before.and_then(|content| self.catalog.release_of(content));
        let is_eligible = |release: usize| state.now[self.catalog.marker_of(release)].is_none();
        let at_scan = || handler.at_scan[tag - self.catalog.aliases.start];
        if self.watches && is_alias && at_scan() == before && replaced > after && replaced.is_some_and(is_eligible) {
            state.violation = Some(Violation::TakenBack);
        }
        self.store(state, tag, content);
    }

    /// What ECR does with a write: a marker that moves is announced.
    fn store(&self, state: &mut State, tag: usize, content: Content) {
        if state.now[tag] == Some(content) {
            return;
        }
        state.now[tag] = Some(content);
        if let Some(release) = tag.checked_sub(self.catalog.aliases.end) {
            enqueue(&mut state.jobs, Job::Mark { release, failures: 0 });
        }
    }

    /// Continues after one of several writes.
    fn sent(&self, state: &mut State, handler: &Running, is_lost: bool) {
        let Stage::Alias(AliasStep::Put(put)) = &handler.stage else { unreachable!() };
        let handler = handler.with_write(is_lost);
        if usize::from(handler.sent) < put.writes().len() {
            return insert(&mut state.handlers, handler);
        }
        if !self.skips_confirmation {
            let lost = handler.lost;
            self.advance(state, &handler, Answer::Puts(lost));
        }
    }

    fn ended(&self, state: &mut State, handler: &Handler, end: &Result<AliasReconciliation, Error>) {
        let error = match end {
            Ok(end) => end.failed.first().map(|failure| &failure.error),
            Err(error) => Some(error),
        };
        let is_due = match error {
            Some(Error::RegistryUnavailable { .. }) => self.budget.late_writes > 0,
            Some(_) => false,
            None => true,
        };
        if let Some(error) = error.filter(|_| !is_due) {
            state.violation = Some(Violation::Unexpected(error.clone()));
        }
        if error.is_some() {
            state.failed(handler.job);
        } else {
            state.is_swept |= handler.job == Job::Sweep;
        }
    }
}
