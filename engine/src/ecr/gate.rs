//! The gate that all calls to one registry pass: it slows them down together where ECR throttles, and limits the rate of
//! the sweep's writes.
//!
//! ECR's rates are those of an account, Region and operation, so one throttled call says that all calls of its kind come
//! too fast. Each kind therefore has its own spacing. The SDK's adaptive retry mode serves the same purpose, but derives
//! its rate from the most recent calls: a sweep makes few and large ones, and a single throttled one would almost stop it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ecr_multiarch_core::IamAction;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// The spacing after the first throttled call. It doubles with each further one.
const MIN_SPACING: Duration = Duration::from_millis(250);
/// The longest spacing of background calls: of a call that is throttled for minutes, a few attempts per minute remain.
const MAX_BACKGROUND_SPACING: Duration = Duration::from_secs(8);
/// The longest spacing of interactive calls: short, so that the thirty writes of a batch of ten versions with image tags
/// have their turns before the deadline of its invocation, also where another execution environment takes most of what
/// ECR admits.
const MAX_INTERACTIVE_SPACING: Duration = Duration::from_millis(500);
/// Below this, a spacing that shrinks has no effect any more and is dropped.
const NEGLIGIBLE_SPACING: Duration = Duration::from_millis(20);

const _: () = assert!(
    MIN_SPACING.as_millis() < MAX_INTERACTIVE_SPACING.as_millis()
        && MAX_INTERACTIVE_SPACING.as_millis() < MAX_BACKGROUND_SPACING.as_millis()
        && !NEGLIGIBLE_SPACING.is_zero()
);

/// How many kinds of calls there are.
const KINDS: usize = 5;

/// The gate of one registry.
#[derive(Debug)]
pub struct Gate {
    limits: [Mutex<OperationLimit>; KINDS],
    /// Who may prepare a write, until ECR has responded.
    write_permits: Semaphore,
    throttled: AtomicU64,
}

/// The calls of one kind.
#[derive(Debug)]
struct OperationLimit {
    /// The least time between two calls.
    base: Duration,
    /// The most time between two calls that throttling demands.
    max_spacing: Duration,
    /// The time between two calls that throttling demands.
    spacing: Duration,
    /// When the next call may be sent.
    next: Option<Instant>,
    /// Until when calls pause after one was throttled.
    paused_until: Option<Instant>,
}

/// The permit for one write, until it is dropped.
#[derive(Debug)]
pub struct WritePermit<'a>(#[expect(dead_code, reason = "held, not read")] Option<SemaphorePermit<'a>>);

impl Gate {
    /// A gate for calls that are answered soon. It lets them through at any rate that ECR admits.
    pub fn interactive() -> Self {
        Self::new(MAX_INTERACTIVE_SPACING, Semaphore::MAX_PERMITS)
    }

    /// A gate for calls that may take their time. It lets writes through at this rate.
    pub fn background(puts_per_second: f64) -> Self {
        // A read takes well under a second, so that as many permits are enough to have the next write ready in time.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the setting is within 0 to 1000")]
        let write_permits = puts_per_second.ceil() as usize + 1;
        let gate = Self::new(MAX_BACKGROUND_SPACING, write_permits);
        gate.limit(IamAction::PutImage).base = Duration::from_secs_f64(1.0 / puts_per_second);
        gate
    }

    fn new(max_spacing: Duration, write_permits: usize) -> Self {
        let limit = || OperationLimit {
            base: Duration::ZERO,
            max_spacing,
            spacing: Duration::ZERO,
            next: None,
            paused_until: None,
        };
        let limits = std::array::from_fn(|_| Mutex::new(limit()));
        Self { limits, write_permits: Semaphore::new(write_permits), throttled: AtomicU64::new(0) }
    }

    /// Waits until a call of this kind may be sent.
    pub async fn admit(&self, action: IamAction) {
        loop {
            // Bound first, so that the lock is not held while waiting.
            let turn = self.limit(action).take_turn(Instant::now());
            match turn {
                Some(turn) => sleep_until(turn).await,
                None => return,
            }
        }
    }

    /// Waits for the permit for a write, first come, first served. Few are held at a time, so that whoever holds one writes
    /// soon, and can observe its version once more before.
    pub async fn write_permit(&self) -> WritePermit<'_> {
        WritePermit(self.write_permits.acquire().await.ok())
    }

    /// How many calls of all kinds ECR has throttled.
    pub fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    fn limit(&self, action: IamAction) -> MutexGuard<'_, OperationLimit> {
        self.limits[index(action)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records how a call ended, so that the next ones are spaced accordingly.
    pub fn record(&self, action: IamAction, throttled: bool) {
        self.throttled.fetch_add(throttled.into(), Ordering::Relaxed);
        self.limit(action).record(Instant::now(), throttled, fastrand::f64());
    }
}

impl OperationLimit {
    /// Takes the turn for a call now, or returns when to ask again.
    fn take_turn(&mut self, now: Instant) -> Option<Instant> {
        let next = self.next.max(self.paused_until);
        if next.is_some_and(|next| next > now) {
            return next;
        }
        self.next = Some(now + self.base.max(self.spacing));
        None
    }

    /// Shrinks the spacing after a successful call. After a throttled one, doubles it and pauses; calls that were in
    /// flight together count as one. The jitter keeps several processes from meeting again.
    fn record(&mut self, now: Instant, throttled: bool, jitter: f64) {
        if !throttled {
            let shrunk = self.spacing * 7 / 8;
            self.spacing = if shrunk < NEGLIGIBLE_SPACING { Duration::ZERO } else { shrunk };
        } else if self.paused_until.is_none_or(|until| until <= now) {
            self.spacing = (self.spacing * 2).clamp(MIN_SPACING, self.max_spacing);
            self.paused_until = Some(now + self.spacing.mul_f64(1.0 + jitter / 2.0));
        }
    }
}

const fn index(action: IamAction) -> usize {
    match action {
        IamAction::BatchGetImage => 0,
        IamAction::GetDownloadUrlForLayer => 1,
        IamAction::PutImage => 2,
        IamAction::DescribeImages => 3,
        IamAction::DescribeRepositories => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: IamAction = IamAction::PutImage;

    /// How long a call of this kind waits, in milliseconds.
    async fn wait(gate: &Gate, action: IamAction) -> u128 {
        let started = Instant::now();
        gate.admit(action).await;
        started.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn calls_pass_at_once_where_nothing_is_throttled() {
        let gate = Gate::interactive();
        for _ in 0..100 {
            assert_eq!(wait(&gate, PUT).await, 0);
            gate.record(PUT, false);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn writes_pass_at_the_configured_rate() {
        let gate = Gate::background(4.0);
        let started = Instant::now();
        for write in 0..9 {
            gate.admit(PUT).await;
            let elapsed = started.elapsed().as_millis();
            assert!((write * 250..=write * 250 + 20).contains(&elapsed), "{write}: {elapsed}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_the_longest_spacing() {
        let background: &[u128] = &[250, 500, 1_000, 2_000, 4_000, 8_000, 8_000];
        for (gate, pauses) in [(Gate::background(1_000.0), background), (Gate::interactive(), &[250, 500, 500])] {
            for expected in pauses {
                gate.record(PUT, true);
                let waited = wait(&gate, PUT).await;
                assert!((*expected..=expected * 3 / 2 + 2).contains(&waited), "{expected}: {waited}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_are_throttled_together_count_as_one() {
        let gate = Gate::interactive();
        for _ in 0..20 {
            gate.record(PUT, true);
        }
        assert!(wait(&gate, PUT).await <= 377);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_spaced_after_a_pause() {
        let gate = Gate::interactive();
        gate.record(PUT, true);
        wait(&gate, PUT).await;
        let (one, other) = tokio::join!(wait(&gate, PUT), wait(&gate, PUT));
        assert!(one.abs_diff(other) >= 249, "{one} {other}");
    }

    #[tokio::test(start_paused = true)]
    async fn successful_calls_end_the_spacing() {
        let gate = Gate::interactive();
        gate.record(PUT, true);
        for _ in 0..30 {
            gate.admit(PUT).await;
            gate.record(PUT, false);
        }
        gate.admit(PUT).await;
        assert_eq!(wait(&gate, PUT).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn other_kinds_of_calls_are_not_slowed_down() {
        let gate = Gate::interactive();
        gate.record(PUT, true);
        assert_eq!(wait(&gate, IamAction::BatchGetImage).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn write_permits_are_limited_by_the_rate() {
        let gate = Gate::background(0.5);
        let (one, _other) = (gate.write_permit().await, gate.write_permit().await);
        assert!(tokio::time::timeout(Duration::from_secs(9), gate.write_permit()).await.is_err());
        drop(one);
        gate.write_permit().await;
    }
}
