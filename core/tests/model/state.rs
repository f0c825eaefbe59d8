//! The state of the model, and the actions that change it.

use ecr_multiarch_core::Error;

use super::catalog::{Build, List, PLATFORMS, Pushed, View};
use super::handler::{Event, Handler, Running};
use super::handlers::{REDELIVERIES, enqueue};

/// How often each action and fault may occur.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    pub pushes: u8,
    pub duplicates: u8,
    pub dropped: u8,
    pub crashes: u8,
    /// Writes that take effect without a response, so that the SDK repeats them.
    pub write_retries: u8,
    /// Writes whose connection breaks before they take effect: the SDK repeats them, and ECR carries them out later,
    /// perhaps after the handler has confirmed its repeated write.
    pub late: u8,
    /// Lookups that see the image that a tag named before.
    pub stale_reads: u8,
    /// Batches that have events of all platforms.
    pub joins: u8,
    /// Lists that others write under the version's tag.
    pub lists: u8,
    /// Writes that wait so long for their turn that the version is observed again.
    pub restarts: u8,
}

/// The state of the registry, the events and the handlers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub now: View,
    /// What each tag named before its last move.
    pub before: View,
    /// The builds that each platform's tag has named, as bits.
    pub seen: [u8; PLATFORMS],
    /// When each image was first pushed.
    pub pushed: Pushed,
    /// When a platform's tag was last pushed.
    pub tagged_at: u8,
    pub events: Vec<Event>,
    pub handlers: Vec<Running>,
    /// The images and lists in the order in which they were first stored, where a scan is trusted.
    pub stored: Vec<Stored>,
    /// The lists of writes that ECR has yet to carry out.
    pub late_writes: Vec<List>,
    pub left: Budget,
    pub is_swept: bool,
    pub sweeps_left: u8,
    /// Whether an event was dropped or its retries were exhausted, or a read was stale: only the sweep repairs these.
    pub needs_sweep: bool,
    pub is_rewritten: bool,
    pub violation: Option<Violation>,
}

/// An image or a list in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stored {
    Image(usize, Build),
    List(List),
}

/// A violation that the state afterwards does not show.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Violation {
    /// A list was written that does not name exactly one build of each platform.
    UnknownList,
    /// A handler answered that a list is published or a platform missing, and it is not.
    FalseAnswer,
    /// The event of the list's own push would start a handler.
    OwnEventHandled,
    /// A handler goes on to write over a list that it has read and that is right.
    WritesOverRightList,
    /// An error without a cause.
    Unexpected(Error),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Push(usize),
    /// Starts a handler for an event, with its first lookup, which may be stale.
    Take(Event, Option<usize>),
    /// Starts a handler for these events, which it got in one batch.
    Join(Vec<Event>),
    Duplicate(Event),
    Drop(Event),
    /// Executes the call of a handler, with a lookup that may be stale.
    Step(usize, Option<usize>),
    RetryWrite(usize),
    /// The write of a handler waits for so long that it observes the version again.
    Restart(usize),
    /// The write of a handler gets no response, and takes effect later.
    DelayWrite(usize),
    /// ECR carries out a write that was late.
    Land(List),
    /// Somebody writes a list under the version's tag.
    PushList(List),
    Crash(usize),
    Sweep,
}

impl State {
    /// Whether nothing is in flight.
    pub fn is_quiescent(&self) -> bool {
        self.events.is_empty() && self.handlers.is_empty() && self.late_writes.is_empty()
    }

    /// Whether a platform tag was pushed after all images of the list.
    pub fn is_tagged_since(&self) -> bool {
        let builds = self.now.list.map_or([None; PLATFORMS], |list| list.builds);
        let times = builds.iter().zip(&self.pushed).filter_map(|(build, pushed)| Some(pushed[usize::from((*build)?)]));
        times.max() < Some(self.tagged_at)
    }

    /// Whether a scan shows a list that was first stored after the images of the platform tags.
    pub fn scan_shows_current_list(&self) -> bool {
        let first_stored = |stored: Stored| self.stored.iter().position(|one| *one == stored);
        let image = |(platform, build): (usize, &Option<Build>)| first_stored(Stored::Image(platform, (*build)?));
        let images = self.now.tags.iter().enumerate().map(image);
        let Some(list) = self.now.list.and_then(|list| first_stored(Stored::List(list))) else { return false };
        images.into_iter().all(|image: Option<usize>| image.is_some_and(|image| image < list))
    }

    /// Delivers the events of a handler again after a failure, as Lambda does, until their retries are exhausted.
    pub fn failed(&mut self, handler: &Handler) {
        if handler.is_sweep() {
            // The next scheduled one repairs the version.
            self.needs_sweep = true;
            self.sweeps_left += 1;
        }
        for event in &handler.events {
            if event.failures < REDELIVERIES {
                enqueue(&mut self.events, Event { failures: event.failures + 1, ..*event });
            } else {
                self.needs_sweep = true;
            }
        }
    }
}
