//! What a storm does to pushes, events and calls.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use local_ecr::{ANY, Fault, FaultKind, LocalEcr};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Push;
use crate::function::Function;
use crate::runtime_api::Reply;

/// How often Lambda delivers an event again whose invocation failed.
const REDELIVERIES: u32 = 2;
/// Over how many milliseconds the pushes are spread.
const PUSHES_MS: usize = 250;
/// By how many milliseconds an event is late, at the most.
const LATE_MS: usize = 30;
/// No storm takes as long.
const PATIENCE: Duration = Duration::from_mins(2);

/// A small seeded generator: `SplitMix64`.
pub struct Random(u64);

impl Random {
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub fn happens(&mut self, probability: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are all that a f64 holds")]
        let drawn = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        drawn < probability
    }
}

/// What is due at some moment.
enum Due {
    Push(Push),
    Event { event: Value, failures: u32 },
}

/// An invocation that is not answered yet.
struct InFlight {
    event: Value,
    failures: u32,
    reply: Receiver<Reply>,
}

pub struct Weather {
    random: Random,
    announced: UnboundedReceiver<Value>,
    start: Instant,
    /// By time, and in the order in which it was planned.
    due: BTreeMap<(Duration, u64), Due>,
    planned: u64,
    in_flight: Vec<InFlight>,
    /// How likely an event is to get lost.
    loss: f64,
    lost: usize,
}

impl Weather {
    /// Lets the weather loose on an ECR.
    pub fn over(ecr: &LocalEcr, mut random: Random) -> Self {
        let slowness = Duration::from_millis(2 + random.below(20) as u64);
        ecr.faults().add(Fault::on(ANY, FaultKind::RandomLatency(Duration::ZERO, slowness)).seed(random.next()));
        // Some calls take far longer than others: whoever read first then writes last.
        let straggling = FaultKind::RandomLatency(Duration::from_millis(20), Duration::from_millis(400));
        ecr.faults().add(Fault::on("PutImage", straggling).probability(0.5, random.next()));
        let probability = [0.0, 0.02, 0.08][random.below(3)];
        let throttle = FaultKind::Throttle;
        for kind in
            [throttle, FaultKind::server_error(), FaultKind::ResetBefore, FaultKind::ResetAfter, FaultKind::NotJson]
        {
            ecr.faults().add(Fault::on(ANY, kind).probability(probability, random.next()));
        }
        let loss = [0.0, 0.0, 0.05][random.below(3)];
        Self {
            random,
            announced: ecr.events(),
            start: Instant::now(),
            due: BTreeMap::new(),
            planned: 0,
            in_flight: Vec::new(),
            loss,
            lost: 0,
        }
    }

    /// Goes on until everything is over. Says how many events were lost.
    pub fn rage(
        &mut self,
        functions: &[Function],
        pushes: impl Iterator<Item = Push>,
        carry_out: impl Fn(Push),
    ) -> usize {
        self.plan(pushes);
        while !self.due.is_empty() || !self.in_flight.is_empty() {
            assert!(self.start.elapsed() < PATIENCE, "the storm does not end");
            while let Some(next) = self.due.first_entry().filter(|next| next.key().0 <= self.start.elapsed()) {
                match next.remove() {
                    Due::Push(push) => carry_out(push),
                    Due::Event { event, failures } => {
                        let function = &functions[self.random.below(functions.len())];
                        let reply = function.begin(&event.to_string());
                        self.in_flight.push(InFlight { event, failures, reply });
                    }
                }
            }
            self.take_replies();
            // After the replies: what an answered invocation wrote has been announced by now.
            self.take_events();
            thread::sleep(Duration::from_millis(1));
        }
        self.lost
    }

    /// Spreads the pushes. Those of one platform keep their order.
    fn plan(&mut self, pushes: impl Iterator<Item = Push>) {
        let mut times: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        let pushes: Vec<_> = pushes.collect();
        for push in &pushes {
            let at = self.random.below(PUSHES_MS);
            times.entry((push.version, push.platform)).or_default().push(at);
        }
        for push in pushes {
            let times = times.get_mut(&(push.version, push.platform)).unwrap();
            times.sort_unstable();
            let at = Duration::from_millis(times[push.build] as u64);
            self.at(at, Due::Push(push));
        }
    }

    fn at(&mut self, time: Duration, due: Due) {
        self.planned += 1;
        self.due.insert((time, self.planned), due);
    }

    fn later(&mut self, event: Value, failures: u32) {
        let late = Duration::from_millis(self.random.below(LATE_MS) as u64);
        self.at(self.start.elapsed() + late, Due::Event { event, failures });
    }

    fn take_events(&mut self) {
        while let Ok(event) = self.announced.try_recv() {
            if self.random.happens(self.loss) {
                self.lost += 1;
                continue;
            }
            let times = if self.random.happens(0.1) { 2 } else { 1 };
            (0..times).for_each(|_| self.later(event.clone(), 0));
        }
    }

    fn take_replies(&mut self) {
        for InFlight { event, failures, reply } in std::mem::take(&mut self.in_flight) {
            match reply.try_recv() {
                Ok(Reply::Response(_)) => {}
                Ok(Reply::Error { .. }) if failures < REDELIVERIES => self.later(event, failures + 1),
                Ok(Reply::Error { .. }) => self.lost += 1,
                Err(TryRecvError::Empty) => self.in_flight.push(InFlight { event, failures, reply }),
                Err(TryRecvError::Disconnected) => panic!("the function is gone"),
            }
        }
    }
}
