//! A release burst: many versions complete at the same moment, while ECR admits a few writes per second.
//!
//! `cargo bench --bench burst` delivers the same events through a queue with a maximum concurrency of two, and by
//! asynchronous invocations of up to sixty environments. `BURST_VERSIONS` is the number of versions, by default 300.
//! `cargo bench --bench burst -- queue` measures only the row of that name.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its results, and a panic ends it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "as in the tests, whose support it uses"
)]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use local_ecr::{ANY, Fault, FaultKind, LocalEcr, Options};
use support::function::{Function, FunctionBuilder};
use support::input::push_event;
use support::queue::{Delivery, Queue};
use support::test_bed::push_images;

const DEFAULT_VERSIONS: usize = 300;
/// The versions of a repository: a monorepo releases a few of many services.
const VERSIONS_PER_REPOSITORY: usize = 10;
/// Half of ECR's default quota of `PutImage`; the other half is that of the pushes.
const PUTS_PER_SECOND: f64 = 5.0;
/// The latency of each call.
const LATENCY: Duration = Duration::from_millis(20);
/// As in `template.yaml`.
const CONCURRENCY: usize = 2;
const VISIBILITY_TIMEOUT: Duration = Duration::from_mins(3);
const MAX_RECEIVES: u32 = 50;
/// The environments of asynchronous invocations.
const ENVIRONMENTS: usize = 60;
/// Asynchronous invocations: two retries, after a minute and after two more. (AWS Lambda developer guide, "How Lambda
/// handles errors and retries with asynchronous invocation".)
const ASYNCHRONOUS: Delivery = Delivery {
    batch_size: None,
    first_delay: Duration::from_mins(1),
    delay: |receives, first| first.saturating_mul(receives),
    max_receives: 3,
};
/// The names of the rows.
const QUEUE: &str = "queue";
const OUTAGE_ROW: &str = "queue, outage of a minute";
const IMAGE_TAGS_ROW: &str = "queue, image tags";
const ASYNCHRONOUS_ROW: &str = "asynchronous invocations";
/// How long ECR fails, and how long after the burst.
const OUTAGE: Duration = Duration::from_mins(1);
const OUTAGE_AFTER: Duration = Duration::from_secs(10);
/// What is promised of the queue: the time, as a multiple of what the quota demands, and the throttled calls, as a part of
/// what is written.
const MAX_TIME: f64 = 1.5;
const MAX_THROTTLED: f64 = 0.5;

fn main() {
    let versions = std::env::var("BURST_VERSIONS").map_or(DEFAULT_VERSIONS, |number| number.parse().unwrap());
    println!(
        "{:>27} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>6}",
        "delivery", "versions", "published", "seconds", "floor", "PutImage", "throttled", "dead"
    );
    // Cargo adds options of its own.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_chosen = |name| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    let mapping = Delivery::mapping(VISIBILITY_TIMEOUT, MAX_RECEIVES);
    for (row, burst) in [(QUEUE, Burst::new(versions)), (IMAGE_TAGS_ROW, Burst::new(versions).with_image_tags())] {
        if is_chosen(row) {
            let writes = burst.writes();
            let figures = burst.run(row, mapping, CONCURRENCY);
            assert_eq!((figures.published, figures.dead), (versions, 0));
            assert!(figures.seconds <= figures.floor * MAX_TIME, "{} seconds", figures.seconds);
            #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
            let share = figures.throttled as f64 / writes as f64;
            assert!(share <= MAX_THROTTLED, "{share} throttled calls for each write");
        }
    }
    if is_chosen(OUTAGE_ROW) {
        let figures = Burst::new(versions).with_outage().run(OUTAGE_ROW, mapping, CONCURRENCY);
        assert_eq!((figures.published, figures.dead), (versions, 0));
    }
    if is_chosen(ASYNCHRONOUS_ROW) {
        Burst::new(versions).run(ASYNCHRONOUS_ROW, ASYNCHRONOUS, ENVIRONMENTS);
    }
}

/// The versions that complete together, and their registry.
struct Burst {
    ecr: LocalEcr,
    versions: usize,
    has_outage: bool,
    has_image_tags: bool,
}

/// The figures of a burst.
struct Figures {
    published: usize,
    seconds: f64,
    /// The seconds that the quota demands.
    floor: f64,
    throttled: usize,
    dead: usize,
}

impl Burst {
    fn new(versions: usize) -> Self {
        let ecr = LocalEcr::start(Options::default()).unwrap();
        for (repository, version) in names(versions) {
            push_images(&ecr.home(), &repository, &version);
        }
        Self { ecr, versions, has_outage: false, has_image_tags: false }
    }

    fn with_image_tags(self) -> Self {
        Self { has_image_tags: true, ..self }
    }

    /// How many tags are to be written: of each version its own, and those of its two images.
    fn writes(&self) -> usize {
        self.versions * if self.has_image_tags { 3 } else { 1 }
    }

    fn with_outage(self) -> Self {
        Self { has_outage: true, ..self }
    }

    /// Delivers the events of all pushes, prints the figures and returns them.
    fn run(&self, name: &str, delivery: Delivery, environments: usize) -> Figures {
        let image_tags = if self.has_image_tags { "{version}_{platform}" } else { "" };
        let start = |_| FunctionBuilder::new(&self.ecr).env("IMAGE_TAGS", image_tags).start();
        let functions: Vec<Function> = (0..environments).map(start).collect();
        self.add_limits();
        let queue = Queue::new(delivery);
        // Each platform's job pushes its images, so that a version is complete with the later one.
        for platform in ["amd64", "arm64"] {
            for (repository, version) in names(self.versions) {
                queue.send(&push_event(&repository, &format!("{version}-{platform}")));
            }
        }
        queue.close();
        let begun = Instant::now();
        thread::scope(|scope| {
            if self.has_outage {
                scope.spawn(|| self.fail_for_a_while());
            }
            queue.deliver(&functions);
        });
        let seconds = begun.elapsed().as_secs_f64();
        let puts: Vec<_> = self.ecr.journal().into_iter().filter(|call| call.operation == "PutImage").collect();
        let throttled = puts.iter().filter(|call| call.status == Some(400)).count();
        let has_tag = |repository: &str, tag: &str| self.ecr.home().tag(repository, tag).is_some();
        let has_list = |(repository, version): &(String, String)| {
            let is_tagged = |part| has_tag(repository, &format!("{version}_{part}"));
            has_tag(repository, version) && (!self.has_image_tags || ["amd64", "arm64"].into_iter().all(is_tagged))
        };
        let published = names(self.versions).filter(has_list).count();
        #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
        let floor = (self.writes() as f64 - PUTS_PER_SECOND) / PUTS_PER_SECOND;
        let dead = queue.dead().len();
        let (versions, put_count) = (self.versions, puts.len());
        println!(
            "{name:>27} {versions:>9} {published:>9} {seconds:>9.1} {floor:>9.1} {put_count:>9} {throttled:>9} {dead:>6}"
        );
        Figures { published, seconds, floor, throttled, dead }
    }

    fn add_limits(&self) {
        let limit = FaultKind::RateLimit { per_second: PUTS_PER_SECOND, burst: PUTS_PER_SECOND };
        self.ecr.faults().add(Fault::on(ANY, FaultKind::Latency(LATENCY)));
        self.ecr.faults().add(Fault::on("PutImage", limit));
    }

    fn fail_for_a_while(&self) {
        thread::sleep(OUTAGE_AFTER);
        self.ecr.faults().clear();
        self.ecr.faults().add(Fault::on(ANY, FaultKind::server_error()));
        thread::sleep(OUTAGE);
        self.ecr.faults().clear();
        self.add_limits();
    }
}

/// The repository and version of each of so many versions.
fn names(versions: usize) -> impl Iterator<Item = (String, String)> {
    let name = |index: usize| {
        (format!("app-{}", index / VERSIONS_PER_REPOSITORY), format!("1.0.{}", index % VERSIONS_PER_REPOSITORY))
    };
    (0..versions).map(name)
}
