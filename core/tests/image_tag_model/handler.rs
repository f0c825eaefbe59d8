//! A running handler: the step of the machine that it executes, and the event that it handles.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{Error, ImageTagStep, ImageTagging, Tag};

use super::catalog::{Answer, Catalog, View};
use super::handlers::Fingerprinted;

/// The event of a list's push: how many of its deliveries have failed.
pub type Event = u8;

/// A handler between two calls.
#[derive(Debug, Clone, Hash)]
pub struct Handler {
    pub step: ImageTagStep,
    /// The progress of a read whose tags are looked up one by one: how many, and what they name.
    pub partial_read: Option<(usize, View)>,
    /// The responses to the writes of a step so far.
    pub responses: BTreeMap<Tag, PutResponse>,
    /// The event that it handles; none for the sweep.
    pub event: Option<Event>,
    /// How many steps it has executed.
    pub steps: u8,
}

/// A handler as part of a state.
pub type Running = Arc<Fingerprinted<Handler>>;

/// The next state of a handler.
#[derive(Debug, Clone)]
pub enum Progress {
    Calls(Running),
    Ends(Result<ImageTagging, Error>),
}

impl Handler {
    /// A handler for an event, or for the sweep.
    pub fn start(catalog: &Catalog, event: Option<Event>) -> Running {
        Self::new(ImageTagStep::start(catalog.request(event.is_none())), event, 0)
    }

    fn new(step: ImageTagStep, event: Option<Event>, steps: u8) -> Running {
        Fingerprinted::new(Self { step, partial_read: None, responses: BTreeMap::new(), event, steps })
    }

    /// The handler after one more tag of a read was looked up.
    pub fn with_partial_read(&self, looked_up: usize, view: View) -> Running {
        Fingerprinted::new(Self { partial_read: Some((looked_up, view)), ..self.clone() })
    }

    /// The handler after one of its writes was answered.
    pub fn with_response(&self, tag: Tag, response: PutResponse) -> Self {
        let mut handler = self.clone();
        handler.responses.insert(tag, response);
        handler
    }

    /// Continues with an answer, up to the next call whose answer depends on time.
    pub fn resume(&self, catalog: &Catalog, answer: Answer) -> Progress {
        let mut next = catalog.resume(self.step.clone(), answer);
        loop {
            match next {
                Ok(ImageTagStep::Done(end)) => return Progress::Ends(Ok(end)),
                Err(error) => return Progress::Ends(Err(error)),
                Ok(step) => match catalog.resume_with_content(step) {
                    Ok(result) => next = result,
                    Err(step) => return Progress::Calls(Self::new(step, self.event, self.steps + 1)),
                },
            }
        }
    }
}
