//! A group of versions: read together, then each brought to its end.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;

use super::{Group, Run, State, before};
use crate::drive::carry_out;
use crate::error::{Error, Reference};
use crate::inventory::Version;
use crate::observation::Found;
use crate::reconcile::{Ask, Job, Next, Reconciliation, Reply};
use crate::repository::RepositoryName;

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
    pub(super) async fn reconcile_group(&self, group: Group<'_>) -> Vec<(RepositoryName, Version, State)> {
        let mut states: Vec<_> = group.versions.iter().map(|_| State::Unfinished).collect();
        if Instant::now() < self.scope.stop_at {
            let jobs = group.versions.iter().enumerate();
            let start = |(index, version)| Some(UnderWay::start(index, self.job(&group, version)?));
            let together = jobs.filter_map(start).collect();
            let (mut ended, apart) = self.read_together(&group.repository, together).await;
            let apart = stream::iter(apart).map(|one| self.finish(one)).buffer_unordered(PARALLEL_VERSIONS);
            ended.extend(apart.collect::<Vec<_>>().await);
            for (index, state) in ended {
                states[index] = state;
            }
        }
        let versions = group.versions.into_iter().zip(states);
        versions.map(|(version, state)| (group.repository.clone(), version, state)).collect()
    }

    /// Joins the reads of all versions for as long as there are any, and hands back what goes on by itself.
    async fn read_together(
        &self,
        repository: &RepositoryName,
        mut together: Vec<UnderWay>,
    ) -> (Vec<(usize, State)>, Vec<UnderWay>) {
        let (mut ended, mut apart) = (Vec::new(), Vec::new());
        while !together.is_empty() {
            let references =
                together.iter().filter_map(UnderWay::wants_manifests).flatten().cloned().collect::<Vec<_>>();
            let found = match before(self.scope.deadline, self.registry.read(repository, &references)).await {
                Some(Ok(found)) => found,
                // ECR refuses a whole read for one image in it. By itself, each version gets its own answer.
                Some(Err(Error::RegistryRefused { .. })) => {
                    apart.extend(together);
                    break;
                }
                Some(Err(error)) => {
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

    /// Brings one version to its end by itself. Its write waits for its turn.
    async fn finish(&self, mut one: UnderWay) -> (usize, State) {
        let index = one.index;
        let mut turn = None;
        loop {
            if matches!(one.ask, Ask::Put(_)) {
                match turn.take() {
                    None => {
                        let Some(taken) = before(self.scope.stop_at, self.pacer.take_turn()).await else {
                            return (index, State::Unfinished);
                        };
                        let read_afresh = taken.was_waited_for;
                        turn = Some(taken);
                        if read_afresh {
                            one = UnderWay::start(index, one.job);
                        }
                        continue;
                    }
                    Some(taken) => {
                        if before(self.scope.stop_at, taken.come()).await.is_none() {
                            return (index, State::Unfinished);
                        }
                    }
                }
            }
            let reply = match carry_out(self.registry, &one.job, one.ask.clone(), self.scope.deadline).await {
                Ok(reply) => reply,
                Err(_) if Instant::now() >= self.scope.deadline => return (index, State::Unfinished),
                Err(error) => return (index, State::Failed(error)),
            };
            one = match one.step(reply) {
                Ok(next) => next,
                Err(end) => return end,
            };
        }
    }
}
