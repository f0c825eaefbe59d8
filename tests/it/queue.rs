//! The function behind a queue: bursts, outages, crashes, redelivery and dead letters.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use local_ecr::{ANY, Fault, FaultKind, LocalEcr, Options, RegistryHandle};
use serde_json::json;

use crate::support::expected_list::{ImageKind, PLATFORMS, digest_of_list};
use crate::support::function::{ACCOUNT, Failure, Function, FunctionBuilder, REGION};
use crate::support::input::{push_event, with_fields};
use crate::support::queue::{Delivery, Queue};
use crate::support::test_bed::push_images;

/// The maximum concurrency of the event source mapping, as in `template.yaml`.
const CONCURRENCY: usize = 2;
/// Short, so that tests need not wait.
const VISIBILITY_TIMEOUT: Duration = Duration::from_millis(200);
/// More than any test needs.
const MANY: u32 = 1_000;

fn functions(ecr: &LocalEcr) -> Vec<Function> {
    (0..CONCURRENCY).map(|_| FunctionBuilder::new(ecr).env("ACCOUNTS", "*").start()).collect()
}

/// An ECR with versions in several repositories, and a queue with the events of their pushes.
struct Burst {
    ecr: LocalEcr,
    queue: Queue,
    versions: Vec<(RegistryHandle, String, String)>,
}

impl Burst {
    fn new(versions: usize, max_receives: u32) -> Self {
        Self::in_accounts(&[ACCOUNT], versions, max_receives)
    }

    /// A burst whose versions are spread evenly over the registries of several accounts.
    fn in_accounts(accounts: &[&str], versions: usize, max_receives: u32) -> Self {
        let ecr = LocalEcr::start(Options::default()).unwrap();
        let queue = Queue::new(Delivery::mapping(VISIBILITY_TIMEOUT, max_receives));
        let mut named = Vec::new();
        for (index, account) in (0..versions).zip(accounts.iter().cycle()) {
            let (repository, version) = (format!("app-{}", index % 6), format!("1.0.{}", index / 6));
            let registry = ecr.registry(account, REGION);
            push_images(&registry, &repository, &version);
            for platform in PLATFORMS {
                let event = push_event(&repository, &format!("{version}-{platform}"));
                queue.send(&with_fields(event, &json!({"account": account})));
            }
            named.push((registry, repository, version));
        }
        Self { ecr, queue, versions: named }
    }

    fn published(&self) -> usize {
        let has_list = |(registry, repository, version): &&(RegistryHandle, String, String)| {
            registry.tag(repository, version).is_some()
        };
        self.versions.iter().filter(has_list).count()
    }

    /// How many calls of `PutImage` were sent, and how many of them were throttled.
    fn puts(&self) -> (usize, usize) {
        let puts: Vec<_> = self.ecr.journal().into_iter().filter(|call| call.operation == "PutImage").collect();
        (puts.len(), puts.iter().filter(|call| call.status == Some(400)).count())
    }
}

#[test]
fn burst_is_published_with_few_throttled_calls() {
    let burst = Burst::new(60, 1);
    burst.ecr.faults().add(Fault::on("PutImage", FaultKind::RateLimit { per_second: 10.0, burst: 10.0 }));
    burst.queue.close();
    burst.queue.deliver(&functions(&burst.ecr));
    assert_eq!((burst.published(), burst.queue.dead().len()), (60, 0), "at the first delivery");
    let (puts, throttled) = burst.puts();
    assert!(throttled <= 30, "{throttled} of {puts} calls were throttled for 60 lists");
}

/// Three writes for each version share the quota.
#[test]
fn burst_with_image_tags_keeps_within_the_quota() {
    let burst = Burst::new(20, 1);
    burst.ecr.faults().add(Fault::on("PutImage", FaultKind::RateLimit { per_second: 10.0, burst: 10.0 }));
    burst.queue.close();
    let function = |_| FunctionBuilder::new(&burst.ecr).env("ACCOUNTS", "*").env("IMAGE_TAGS", IMAGE_TAGS).start();
    burst.queue.deliver(&(0..CONCURRENCY).map(function).collect::<Vec<_>>());
    assert_eq!((burst.published(), burst.queue.dead().len()), (20, 0), "at the first delivery");
    for (registry, repository, version) in &burst.versions {
        let is_tagged = |part: &&str| {
            let tag = registry.tag(repository, &format!("{version}_{part}"));
            tag.is_some() && tag == registry.tag(repository, &format!("{version}-{part}"))
        };
        assert!(PLATFORMS.iter().all(is_tagged), "{repository}:{version}");
    }
    let (puts, throttled) = burst.puts();
    assert!(throttled <= 30, "{throttled} of {puts} calls were throttled for 60 writes");
}

/// Each registry has a gate of its own, also if ECR counts the calls of the account that calls, so that the registries
/// of a hub share one quota.
#[test]
fn accounts_that_share_a_quota_lose_nothing() {
    let accounts = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"].map(|digit| digit.repeat(12));
    let burst = Burst::in_accounts(&accounts.each_ref().map(String::as_str), 60, 1);
    burst.ecr.faults().add(Fault::on("PutImage", FaultKind::RateLimit { per_second: 10.0, burst: 10.0 }));
    burst.queue.close();
    burst.queue.deliver(&functions(&burst.ecr));
    assert_eq!((burst.published(), burst.queue.dead().len()), (60, 0), "at the first delivery");
    let (puts, throttled) = burst.puts();
    assert!(throttled <= 60, "{throttled} of {puts} calls were throttled for 60 lists");
}

#[test]
fn outage_of_many_visibility_timeouts_loses_nothing() {
    let burst = Burst::new(12, MANY);
    burst.ecr.faults().add(Fault::on(ANY, FaultKind::server_error()));
    burst.queue.close();
    thread::scope(|scope| {
        scope.spawn(|| burst.queue.deliver(&functions(&burst.ecr)));
        burst.queue.wait_until_received(5 * 24);
        burst.ecr.faults().clear();
    });
    assert_eq!((burst.published(), burst.queue.dead().len()), (12, 0));
}

#[test]
fn dead_letters_are_published_after_a_redrive() {
    let burst = Burst::new(6, 3);
    let denied = FaultKind::client_error("AccessDeniedException", "not authorized");
    burst.ecr.faults().add(Fault::on("PutImage", denied));
    burst.queue.close();
    let functions = functions(&burst.ecr);
    burst.queue.deliver(&functions);
    assert_eq!((burst.queue.dead().len(), burst.queue.received()), (12, 36), "three deliveries of each event");
    burst.ecr.faults().clear();
    burst.queue.redrive();
    burst.queue.deliver(&functions);
    assert_eq!((burst.published(), burst.queue.dead().len()), (6, 0));
}

/// The runs of the storm. `STORM_RUNS=100` makes more, `STORM_SEED=7` the one of that seed.
const DEFAULT_RUNS: u64 = 6;
/// The images that are pushed for each platform of a version, of which the last one counts.
const BUILDS: usize = 3;
/// The versions of a storm by repository: versions without aliases, and builds of a trunk in ascending order.
const STORM: [(&str, [&str; 3]); 2] =
    [("app-0", ["1.0", "1.1", "1.2"]), ("app-1", ["main-9-fffffff", "main-10-c0ffee1", "main-101-0badc0d"])];
const IMAGE_TAGS: &str = "{version}_{platform}";
/// What follows the builds of the trunk.
const STREAMS: &str = r#"[{"releases":"main-(?<build>[0-9]+)-[0-9a-f]{7,40}","aliases":"main"}]"#;

/// Adds the faults of a storm: slow calls, slower writes, failures and throttling.
fn add_faults(ecr: &LocalEcr, rng: &mut Rng) {
    let latency = |most| FaultKind::RandomLatency(Duration::ZERO, Duration::from_millis(most));
    ecr.faults().add(Fault::on(ANY, latency(20)).seed(rng.u64(..)));
    ecr.faults().add(Fault::on("PutImage", latency(200)).probability(0.5, rng.u64(..)));
    ecr.faults().add(Fault::on("PutImage", FaultKind::RateLimit { per_second: 40.0, burst: 5.0 }));
    for kind in [FaultKind::server_error(), FaultKind::ResetBefore, FaultKind::ResetAfter] {
        ecr.faults().add(Fault::on(ANY, kind).probability(0.03, rng.u64(..)));
    }
    // It is not repeated by the SDK, so that most versions need several deliveries. Few, and so at the first ones: a record
    // that is refused once it was received six times is left to the sweep.
    let denied = FaultKind::client_error("AccessDeniedException", "not authorized");
    ecr.faults().add(Fault::on(ANY, denied).probability(0.15, rng.u64(..)).times(4));
}

/// Pushes all builds of several versions while their events are delivered, some of them twice, by functions of which
/// one is killed in the middle of a batch. Returns the versions whose tag does not name the list of the last builds,
/// the image tags that do not name the last builds, and the alias, if it does not name that of the highest build of the trunk.
fn storm(seed: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let queue = Queue::new(Delivery::mapping(VISIBILITY_TIMEOUT, MANY));
    let mut versions: Vec<_> =
        STORM.iter().flat_map(|(repository, versions)| versions.map(|version| (*repository, version))).collect();
    add_faults(&ecr, &mut rng);
    let image = |version: &str, platform: &str, build: usize| {
        ImageKind::Attested.image(platform, &format!("{version} {build}"))
    };
    let (deliveries, is_killed) = (AtomicUsize::new(0), AtomicBool::new(false));
    // The function that is killed fails the invocation, and the next one has a new environment.
    let deliver = |kill_at: usize| {
        let start = || FunctionBuilder::new(&ecr).env("STREAMS", STREAMS).env("IMAGE_TAGS", IMAGE_TAGS).start();
        let mut function = start();
        queue.deliver_to(|input| {
            if deliveries.fetch_add(1, Ordering::SeqCst) == kill_at {
                drop(function.invoke_in_background(input));
                // In the middle of the batch, or before or after it: all must end well.
                thread::sleep(Duration::from_millis(20));
                function = start();
                is_killed.store(true, Ordering::SeqCst);
                return Err(Failure { error_type: "Runtime.ExitError".to_owned(), message: String::new() });
            }
            function.invoke_text(input)
        });
    };
    let kill_at = rng.usize(1..4);
    thread::scope(|scope| {
        for _ in 0..CONCURRENCY {
            scope.spawn(|| deliver(kill_at));
        }
        for build in 0..BUILDS {
            rng.shuffle(&mut versions);
            for (repository, version) in &versions {
                for platform in PLATFORMS {
                    let tag = format!("{version}-{platform}");
                    ecr.home().push(repository, Some(&tag), &image(version, platform, build));
                    let copies = if rng.f64() < 0.2 { 2 } else { 1 };
                    (0..copies).for_each(|_| queue.send(&push_event(repository, &tag)));
                }
            }
        }
        queue.close();
    });
    assert!(is_killed.into_inner(), "no function was killed");
    assert_eq!(queue.dead(), []);
    let last_list = |version: &str| {
        digest_of_list(ImageKind::Attested, &PLATFORMS.map(|platform| image(version, platform, BUILDS - 1)))
    };
    let expected = versions.iter().map(|(repository, version)| (*repository, *version, last_list(version)));
    let (trunk, [.., highest]) = STORM[1];
    let expected = expected.map(|(repository, tag, list)| (repository, tag.to_owned(), list));
    let image_tags = versions.iter().flat_map(|(repository, version)| {
        PLATFORMS.map(|part| {
            let last = image(version, part, BUILDS - 1).children[0].digest();
            (*repository, format!("{version}_{part}"), last)
        })
    });
    let expected = expected.chain(image_tags).chain([(trunk, "main".to_owned(), last_list(highest))]);
    let wrong = expected.filter(|(repository, tag, named)| ecr.home().tag(repository, tag).as_ref() != Some(named));
    wrong.map(|(repository, tag, _)| format!("STORM_SEED={seed}: {repository}:{tag}")).collect()
}

#[test]
fn storm_through_the_queue_ends_on_the_newest_lists() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seeds = match number("STORM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STORM_RUNS").unwrap_or(DEFAULT_RUNS),
    };
    assert_eq!(seeds.flat_map(storm).collect::<Vec<_>>(), [""; 0]);
}
