//! The schedule of a run: when images are pushed, when events are delivered and to which process, which calls fail.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use local_ecr::{ANY, Fault, FaultKind, LocalEcr};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::workload::Push;
use crate::support::function::Function;
use crate::support::runtime_api::Reply;

/// How often Lambda repeats an asynchronous invocation that failed.
const REDELIVERIES: u32 = 2;
/// The milliseconds over which the pushes are spread: about the time of one reconciliation, so that they overlap.
const PUSH_WINDOW_MS: u64 = 250;
/// The longest delay of an event in milliseconds: longer than most calls, so that events are reordered.
const MAX_DELAY_MS: u64 = 30;
/// How long to wait between two checks for due steps, events and replies.
const TICK: Duration = Duration::from_millis(1);
/// How long a run may take before it fails: much longer than any run needs.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A step of the schedule.
enum Step {
    Push(Push),
    Deliver { event: Value, failures: u32 },
}

/// An invocation without a reply so far.
struct InFlight {
    event: Value,
    failures: u32,
    reply: Receiver<Reply>,
}

/// The schedule of one run and its progress.
pub struct Schedule {
    rng: Rng,
    events: UnboundedReceiver<Value>,
    start: Instant,
    /// The steps to come, by time and then in the order in which they were added.
    steps: BTreeMap<(Duration, u64), Step>,
    added: u64,
    in_flight: Vec<InFlight>,
    /// The probability that an event is lost.
    loss: f64,
    lost: usize,
}

impl Schedule {
    /// Adds random faults to an ECR and starts the clock.
    pub fn new(ecr: &LocalEcr, mut rng: Rng) -> Self {
        let max_latency = Duration::from_millis(rng.u64(2..22));
        ecr.faults().add(Fault::on(ANY, FaultKind::RandomLatency(Duration::ZERO, max_latency)).seed(rng.u64(..)));
        // Half of the writes are much slower, so that the process that read first may write last.
        let slow_write = FaultKind::RandomLatency(Duration::from_millis(20), Duration::from_millis(400));
        ecr.faults().add(Fault::on("PutImage", slow_write).probability(0.5, rng.u64(..)));
        let probability = [0.0, 0.02, 0.08][rng.usize(..3)];
        let throttle = FaultKind::Throttle;
        for kind in
            [throttle, FaultKind::server_error(), FaultKind::ResetBefore, FaultKind::ResetAfter, FaultKind::NotJson]
        {
            ecr.faults().add(Fault::on(ANY, kind).probability(probability, rng.u64(..)));
        }
        let loss = [0.0, 0.0, 0.05][rng.usize(..3)];
        Self {
            rng,
            events: ecr.events(),
            start: Instant::now(),
            steps: BTreeMap::new(),
            added: 0,
            in_flight: Vec::new(),
            loss,
            lost: 0,
        }
    }

    /// Makes a request at a random time while images are pushed. It is repeated like an event if it fails.
    pub fn request(&mut self, input: Value) {
        let time = Duration::from_millis(self.rng.u64(..PUSH_WINDOW_MS));
        self.add(time, Step::Deliver { event: input, failures: 0 });
    }

    /// Runs until all steps are done and all invocations answered. Returns how many events were lost.
    pub fn run(
        &mut self,
        functions: &[Function],
        pushes: impl Iterator<Item = Push>,
        mut push_image: impl FnMut(Push),
    ) -> usize {
        self.add_pushes(pushes);
        while !self.steps.is_empty() || !self.in_flight.is_empty() {
            assert!(self.start.elapsed() < TIMEOUT, "the run does not end");
            while let Some(next) = self.steps.first_entry().filter(|next| next.key().0 <= self.start.elapsed()) {
                match next.remove() {
                    Step::Push(push) => push_image(push),
                    Step::Deliver { event, failures } => {
                        let function = &functions[self.rng.usize(..functions.len())];
                        let reply = function.invoke_in_background(&event.to_string());
                        self.in_flight.push(InFlight { event, failures, reply });
                    }
                }
            }
            self.take_replies();
            // After the replies: by now the writes of an answered invocation have been announced.
            self.take_events();
            thread::sleep(TICK);
        }
        self.lost
    }

    /// Spreads the pushes over the window. The builds of one platform keep their order.
    fn add_pushes(&mut self, pushes: impl Iterator<Item = Push>) {
        let mut times: BTreeMap<(usize, usize), Vec<u64>> = BTreeMap::new();
        let pushes: Vec<_> = pushes.collect();
        for push in &pushes {
            let time = self.rng.u64(..PUSH_WINDOW_MS);
            times.entry((push.version, push.platform)).or_default().push(time);
        }
        for times in times.values_mut() {
            times.sort_unstable();
        }
        for push in pushes {
            let time = times[&(push.version, push.platform)][push.build];
            self.add(Duration::from_millis(time), Step::Push(push));
        }
    }

    fn add(&mut self, time: Duration, step: Step) {
        self.added += 1;
        self.steps.insert((time, self.added), step);
    }

    /// Delivers an event after a random delay.
    fn add_delivery(&mut self, event: Value, failures: u32) {
        let delay = Duration::from_millis(self.rng.u64(..MAX_DELAY_MS));
        self.add(self.start.elapsed() + delay, Step::Deliver { event, failures });
    }

    /// Loses, delays or duplicates the events that ECR has sent.
    fn take_events(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            if self.rng.f64() < self.loss {
                self.lost += 1;
                continue;
            }
            let deliveries = if self.rng.f64() < 0.1 { 2 } else { 1 };
            (0..deliveries).for_each(|_| self.add_delivery(event.clone(), 0));
        }
    }

    /// Delivers the events of failed invocations again, as Lambda does.
    fn take_replies(&mut self) {
        for InFlight { event, failures, reply } in std::mem::take(&mut self.in_flight) {
            match reply.try_recv() {
                Ok(Reply::Response(_)) => {}
                Ok(Reply::Error { .. }) if failures < REDELIVERIES => self.add_delivery(event, failures + 1),
                Ok(Reply::Error { .. }) => self.lost += 1,
                Err(TryRecvError::Empty) => self.in_flight.push(InFlight { event, failures, reply }),
                Err(TryRecvError::Disconnected) => panic!("the function has ended"),
            }
        }
    }
}
