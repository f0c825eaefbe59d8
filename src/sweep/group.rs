//! A group of versions: read together, then each brought to its end.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::{Group, Run, State, Target, before};
use crate::drive::carry_out;
use crate::ecr::ReadError;
use crate::error::{Error, Reference};
use crate::inventory::Version;
use crate::observation::Found;
use crate::reconcile::{Ask, Job, Next, Reconciliation, Reply};

/// How often a write of the sweep is sent again, each time in its turn.
const MAX_RESENDS: u8 = 3;

/// How many versions of a group go on by themselves at a time.
const PARALLEL_VERSIONS: usize = 16;

/// A version under way.
struct UnderWay {
    index: usize,
    job: Arc<Job>,
    machine: Reconciliation,
    ask: Ask,
}

impl UnderWay {
    fn start(index: usize, job: Arc<Job>) -> Self {
        let (machine, ask) = Reconciliation::start(Arc::clone(&job));
        Self { index, job, machine, ask }
    }

    fn read_afresh(self) -> Self {
        let (machine, ask) = self.machine.read_afresh();
        Self { machine, ask, ..self }
    }

    fn wants_manifests(&self) -> Option<&[Reference]> {
        match &self.ask {
            Ask::Read { references, after } if after.is_zero() => Some(references),
            _ => None,
        }
    }

    /// Takes a reply, and says either that it goes on or how it ended.
    fn step(self, reply: Reply) -> Result<Self, (usize, State)> {
        match self.machine.step(reply) {
            Ok(Next::Ask(machine, ask)) => Ok(Self { machine, ask, ..self }),
            Ok(Next::Done(outcome)) => Err((self.index, State::of(outcome.verdict))),
            Err(error) => Err((self.index, State::Failed(error))),
        }
    }
}

impl Run<'_> {
    /// Brings the versions of a group to their ends, side by side.
    pub(super) async fn reconcile_group<'a>(&self, group: Group<'a>) -> (Target<'a>, Vec<(Version, State)>) {
        let Group { target, versions } = group;
        let mut states: Vec<_> = versions.iter().map(|_| State::Unfinished).collect();
        if Instant::now() < self.scope.stop_at {
            let jobs = versions.iter().enumerate();
            let start = |(index, version)| Some(UnderWay::start(index, self.job(&target, version)?));
            let together = jobs.filter_map(start).collect();
            let (mut ended, apart) = self.read_together(&target, together).await;
            let apart = stream::iter(apart).map(|one| self.finish(one)).buffer_unordered(PARALLEL_VERSIONS);
            ended.extend(apart.collect::<Vec<_>>().await);
            for (index, state) in ended {
                states[index] = state;
            }
        }
        (target, versions.into_iter().zip(states).collect())
    }

    /// Joins the reads of all versions for as long as there are any, and hands back what goes on by itself.
    async fn read_together(
        &self,
        target: &Target<'_>,
        mut together: Vec<UnderWay>,
    ) -> (Vec<(usize, State)>, Vec<UnderWay>) {
        let (mut ended, mut apart) = (Vec::new(), Vec::new());
        while !together.is_empty() {
            let references: BTreeSet<_> = together.iter().filter_map(UnderWay::wants_manifests).flatten().collect();
            let references: Vec<_> = references.into_iter().cloned().collect();
            let found = match before(self.scope.deadline, self.registry.read(&target.repository, &references)).await {
                Some(Ok(found)) => found,
                // One image fails a whole read. By itself, each version gets its own answer.
                Some(Err(ReadError::Image(_) | ReadError::Call(Error::RegistryRefused { .. }))) => {
                    apart.extend(together);
                    break;
                }
                Some(Err(ReadError::Call(error))) => {
                    ended.extend(together.iter().map(|one| (one.index, State::Failed(error.clone()))));
                    break;
                }
                None => break,
            };
            for one in std::mem::take(&mut together) {
                let own = one.wants_manifests().unwrap_or_default().iter();
                let own: Found = own.filter_map(|name| Some((name.clone(), found.get(name)?.clone()))).collect();
                match one.step(Reply::Read(own)) {
                    Ok(next) if next.wants_manifests().is_some() => together.push(next),
                    Ok(next) => apart.push(next),
                    Err(end) => ended.push(end),
                }
            }
        }
        (ended, apart)
    }

    /// Brings one version to its end by itself. Each of its writes goes out in its turn.
    async fn finish(&self, mut one: UnderWay) -> (usize, State) {
        let index = one.index;
        let mut turn = None;
        let mut resends = 0;
        loop {
            let is_write = matches!(one.ask, Ask::Put(_));
            if is_write && turn.is_none() {
                let Some(taken) = before(self.scope.stop_at, self.pacer.take_turn()).await else {
                    return (index, State::Unfinished);
                };
                if turn.insert(taken).was_waited_for {
                    one = one.read_afresh();
                    continue;
                }
            }
            if is_write && let Some(turn) = &turn {
                let come = turn.come(self.registry.ready());
                if before(self.scope.stop_at, come).await.is_none() {
                    return (index, State::Unfinished);
                }
            }
            let reply = match carry_out(self.registry, &one.job, one.ask.clone(), self.scope.deadline).await {
                Ok(reply) => reply,
                Err(_) if Instant::now() >= self.scope.deadline => return (index, State::Unfinished),
                Err(Error::RegistryUnavailable { .. }) if is_write && resends < MAX_RESENDS => {
                    resends += 1;
                    continue;
                }
                Err(error) => return (index, State::Failed(error)),
            };
            if is_write {
                turn = None;
            }
            one = match one.step(reply) {
                Ok(next) => next,
                Err(end) => return end,
            };
        }
    }
}
