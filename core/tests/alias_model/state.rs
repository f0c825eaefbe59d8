//! The state of the model, and the actions that change it.

use ecr_multiarch_core::Error;

use super::catalog::{Content, list_of};
use super::handler::{Job, Running};
use super::handlers::{REDELIVERIES, enqueue};

/// How often each thing may happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Pushes of a release that has none yet. The rest are rebuilds.
    pub pushes: u8,
    pub rebuilds: u8,
    pub duplicates: u8,
    pub dropped: u8,
    pub crashes: u8,
    /// Markers that somebody writes by hand.
    pub marks: u8,
    /// Requests to yank.
    pub yanks: u8,
    /// Pushes of a list that lacks a platform under the tag of a release.
    pub partial_lists: u8,
    /// Writes that take effect without a response, so that the SDK repeats them.
    pub write_retries: u8,
    /// Writes without a response that take effect later.
    pub late_writes: u8,
}

/// Everything at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// What the tags name.
    pub now: Vec<Option<Content>>,
    /// The build under the platform tags of each release.
    pub builds: Vec<Option<u8>>,
    pub jobs: Vec<Job>,
    pub handlers: Vec<Running>,
    /// Writes that are yet to take effect: a tag, and what it will name.
    pub late: Vec<(usize, Content)>,
    pub left: Budget,
    pub is_swept: bool,
    pub sweeps_left: u8,
    /// An event was dropped, or given up after its last delivery, or a write was late: only the sweep repairs these.
    pub needs_sweep: bool,
    pub violation: Option<Violation>,
}

/// What must never happen, where the state afterwards does not show it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Violation {
    /// A handler took an alias back from a higher release, which it named when the handler's scan began.
    TakenBack,
    /// A tag was written that is not to be written, or with another list than that of a release.
    UnknownWrite,
    /// An error without a cause.
    Unexpected(Error),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Both images of a release are pushed: the first time, or of the other build.
    Push(usize),
    /// Somebody marks a release as yanked.
    Mark(usize),
    /// Somebody pushes a list that lacks a platform under the tag of a release. No event announces it.
    PushPartial(usize),
    /// A handler starts on an event, and makes its first call.
    Take(Job),
    /// A request to yank arrives, and makes its first call.
    Yank(usize),
    Duplicate(Job),
    Drop(Job),
    /// The call of a handler is carried out.
    Step(usize),
    RetryWrite(usize),
    /// The write of a handler gets no response.
    Delay(usize),
    /// A late write takes effect.
    Land(usize),
    Crash(usize),
    Sweep,
}

impl State {
    /// Nothing is in flight.
    pub fn is_quiescent(&self) -> bool {
        self.jobs.is_empty() && self.handlers.is_empty() && self.late.is_empty()
    }

    /// Publishes the list of the images of a release as they stand, if there are any.
    pub fn publish(&mut self, release: usize) -> Option<Content> {
        self.now[release] = Some(list_of(release, self.builds[release]?));
        self.now[release]
    }

    /// Delivers an event again after a failure, or gives it up. Nobody repeats a request.
    pub fn failed(&mut self, job: Job) {
        match job {
            Job::Push { release, failures } if failures < REDELIVERIES => {
                enqueue(&mut self.jobs, Job::Push { release, failures: failures + 1 });
            }
            Job::Mark { release, failures } if failures < REDELIVERIES => {
                enqueue(&mut self.jobs, Job::Mark { release, failures: failures + 1 });
            }
            Job::Sweep => {
                self.needs_sweep = true;
                self.sweeps_left += 1;
            }
            _ => self.needs_sweep = true,
        }
    }
}
