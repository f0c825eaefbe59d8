//! A queue and its deliveries: the event source mapping of an SQS queue, or Lambda's asynchronous invocations.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::function::{Failure, Function};
use super::input::batch_of_messages;

/// A message of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub body: String,
    /// How often it was received.
    pub receives: u32,
}

/// How messages are delivered.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    /// How many messages are delivered together, as an SQS batch. `None`: each by itself, as the input.
    pub batch_size: Option<usize>,
    /// How long after it was received for the first time a message that failed is delivered again.
    pub first_delay: Duration,
    /// The delay after it was received so often, from the first one.
    pub delay: fn(u32, Duration) -> Duration,
    /// How often a message is received before it is dead.
    pub max_receives: u32,
}

impl Delivery {
    /// An event source mapping: batches of ten, which take part in failures, as `template.yaml` has it.
    pub fn mapping(visibility_timeout: Duration, max_receives: u32) -> Self {
        Self { batch_size: Some(10), delay: |_, visibility| visibility, first_delay: visibility_timeout, max_receives }
    }
}

/// A queue that delivers each message at least once.
pub struct Queue {
    delivery: Delivery,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    sent: usize,
    visible: VecDeque<Message>,
    /// The messages that failed, by the time at which they are visible again.
    invisible: BTreeMap<(Instant, String), Message>,
    in_flight: usize,
    received: usize,
    is_closed: bool,
    dead: Vec<Message>,
}

impl Queue {
    pub fn new(delivery: Delivery) -> Self {
        Self { delivery, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Sends a message.
    pub fn send(&self, body: &Value) {
        let mut state = self.lock();
        state.sent += 1;
        let message = Message { id: format!("message-{}", state.sent), body: body.to_string(), receives: 0 };
        state.visible.push_back(message);
        self.changed.notify_all();
    }

    /// Lets the deliveries end once the queue is empty.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// The messages that were received too often.
    pub fn dead(&self) -> Vec<Message> {
        self.lock().dead.clone()
    }

    /// Moves the dead messages back into the queue, as a redrive does.
    pub fn redrive(&self) {
        let mut state = self.lock();
        let dead = std::mem::take(&mut state.dead);
        state.visible.extend(dead.into_iter().map(|message| Message { receives: 0, ..message }));
        self.changed.notify_all();
    }

    /// How many messages were received so far, each as often as it was.
    pub fn received(&self) -> usize {
        self.lock().received
    }

    /// Waits until this many messages were received, or the queue is closed and empty.
    pub fn wait_until_received(&self, count: usize) {
        let state = self.lock();
        drop(self.changed.wait_while(state, |state| state.received < count && !state.is_finished()).unwrap());
    }

    /// Delivers to these functions, to each one batch at a time, until the queue is closed and empty.
    pub fn deliver(&self, functions: &[Function]) {
        thread::scope(|scope| {
            for function in functions {
                scope.spawn(|| self.deliver_to(|input| function.invoke_text(input)));
            }
        });
    }

    /// Delivers one batch at a time, until the queue is closed and empty.
    pub fn deliver_to(&self, mut invoke: impl FnMut(&str) -> Result<Value, Failure>) {
        while let Some(messages) = self.receive() {
            let input = match self.delivery.batch_size {
                Some(_) => batch_of_messages(&messages).to_string(),
                None => messages[0].body.clone(),
            };
            let received_at = Instant::now();
            let response = invoke(&input);
            self.settle(messages, received_at, &response);
        }
    }

    /// Takes the next messages, waiting for them.
    fn receive(&self) -> Option<Vec<Message>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            while let Some(due) = state.invisible.first_entry().filter(|entry| entry.key().0 <= now) {
                let message = due.remove();
                state.visible.push_back(message);
            }
            if !state.visible.is_empty() {
                let size = state.visible.len().min(self.delivery.batch_size.unwrap_or(1));
                let mut messages: Vec<_> = state.visible.drain(..size).collect();
                for message in &mut messages {
                    message.receives += 1;
                }
                state.in_flight += size;
                state.received += size;
                self.changed.notify_all();
                return Some(messages);
            }
            if state.is_finished() {
                return None;
            }
            let next = state.invisible.first_key_value().map(|((due, _), _)| due.saturating_duration_since(now));
            state = match next {
                Some(next) => self.changed.wait_timeout(state, next).unwrap().0,
                None => self.changed.wait(state).unwrap(),
            };
        }
    }

    /// Deletes what succeeded, and keeps what failed for another delivery.
    fn settle(&self, messages: Vec<Message>, received_at: Instant, response: &Result<Value, Failure>) {
        let mut state = self.lock();
        state.in_flight -= messages.len();
        for message in messages {
            if !has_failed(&message, self.delivery.batch_size.is_some(), response) {
                continue;
            }
            if message.receives >= self.delivery.max_receives {
                state.dead.push(message);
                continue;
            }
            let due = received_at + (self.delivery.delay)(message.receives, self.delivery.first_delay);
            state.invisible.insert((due, message.id.clone()), message);
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    /// Whether the queue is closed and empty.
    fn is_finished(&self) -> bool {
        self.is_closed && self.visible.is_empty() && self.invisible.is_empty() && self.in_flight == 0
    }
}

/// Whether a message has failed, by the response to its delivery.
fn has_failed(message: &Message, is_batch: bool, response: &Result<Value, Failure>) -> bool {
    match response {
        Err(_) => true,
        Ok(_) if !is_batch => false,
        Ok(response) => {
            let failures = response["batchItemFailures"].as_array().unwrap();
            failures.iter().any(|failure| failure["itemIdentifier"] == *message.id)
        }
    }
}
