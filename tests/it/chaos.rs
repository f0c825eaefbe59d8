//! Chaos: several processes of the function, repeated pushes of all platforms to two registries, events that are
//! duplicated, delayed, reordered and lost, and an ECR with slow, throttled and dropped responses. What lost events leave
//! behind, one sweep of all registries repairs, by comparing what is young.
//!
//! `CHAOS_RUNS=300` makes that many runs, `CHAOS_SEED=7` the one of that seed. A seed reproduces the schedule, not how
//! the threads and processes interleave.

mod schedule;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use fastrand::Rng;
use local_ecr::image::Artifact;
use local_ecr::{LocalEcr, Mutability, Options, RegistryHandle};
use serde_json::json;

use crate::support::expected_list::{ImageKind, PLATFORMS, digest_of_list};
use crate::support::function::{Function, FunctionBuilder};
use crate::support::input::{assemble_request, sweep_request};
use schedule::Schedule;

const VERSIONS: [&str; 4] = ["1.0.0", "1.0.1", "1.1.0", "2.0.0"];
const REPOSITORY: &str = "app";
/// The registry of every second version; the others are in the home registry.
const OTHER_REGISTRY: (&str, &str) = ("210987654321", "us-west-2");
/// The processes of the function: twice as many as versions, so that several handle one version at the same time.
const PROCESSES: usize = 8;
/// The runs of a plain `cargo test`, which take some twenty seconds.
const DEFAULT_RUNS: u64 = 24;
/// The runs at a time: more than cores, since they mostly wait.
const CONCURRENT_RUNS: usize = 3;

/// A push of the schedule.
#[derive(Debug, Clone, Copy)]
pub struct Push {
    version: usize,
    platform: usize,
    build: usize,
}

/// The images that a run pushes.
struct Workload {
    kinds: [ImageKind; VERSIONS.len()],
    /// The number of builds of each platform of each version.
    builds: [[usize; 2]; VERSIONS.len()],
    is_immutable: bool,
}

impl Workload {
    fn random(rng: &mut Rng) -> Self {
        let kinds = [(); VERSIONS.len()].map(|()| if rng.bool() { ImageKind::Docker } else { ImageKind::Attested });
        let builds = [(); VERSIONS.len()].map(|()| [(); 2].map(|()| rng.usize(1..=3)));
        Self { kinds, builds, is_immutable: rng.f64() < 0.2 }
    }

    fn pushes(&self) -> impl Iterator<Item = Push> {
        (0..VERSIONS.len() * PLATFORMS.len()).flat_map(|index| {
            let (version, platform) = (index / PLATFORMS.len(), index % PLATFORMS.len());
            (0..self.builds[version][platform]).map(move |build| Push { version, platform, build })
        })
    }

    fn push(&self, registries: &[RegistryHandle; 2], push: Push) {
        let Push { version, platform, build } = push;
        let tag = format!("{}-{}", VERSIONS[version], PLATFORMS[platform]);
        registry_of(registries, version).push(REPOSITORY, Some(&tag), &self.image(version, platform, build));
    }

    fn image(&self, version: usize, platform: usize, build: usize) -> Artifact {
        self.kinds[version].image(PLATFORMS[platform], &format!("{} {build}", VERSIONS[version]))
    }

    /// The digest of the list of these builds.
    fn list(&self, version: usize, builds: [usize; 2]) -> String {
        digest_of_list(self.kinds[version], &[0, 1].map(|platform| self.image(version, platform, builds[platform])))
    }

    /// The digests of all lists of one image per platform.
    fn complete_lists(&self, version: usize) -> BTreeSet<String> {
        let [amd64, arm64] = self.builds[version];
        let pairs = (0..amd64).flat_map(|amd64| (0..arm64).map(move |arm64| [amd64, arm64]));
        pairs.map(|builds| self.list(version, builds)).collect()
    }

    /// Checks a version after the run: the tag names the list of the newest images, and never named a partial list.
    fn violation(&self, registries: &[RegistryHandle; 2], version: usize) -> Option<String> {
        let registry = registry_of(registries, version);
        let history = registry.history(REPOSITORY, VERSIONS[version]);
        let complete = self.complete_lists(version);
        if let Some(list) = history.iter().find(|list| !complete.contains(*list)) {
            return Some(format!("{} named {list}, which is not a complete list", VERSIONS[version]));
        }
        let expected = self.list(version, self.builds[version].map(|builds| builds - 1));
        let actual = registry.tag(REPOSITORY, VERSIONS[version]);
        let is_correct = if self.is_immutable { history.len() == 1 } else { actual.as_ref() == Some(&expected) };
        (!is_correct).then(|| format!("{} names {actual:?}, not {expected}; it named {history:?}", VERSIONS[version]))
    }

    fn violations(&self, registries: &[RegistryHandle; 2]) -> Vec<String> {
        (0..VERSIONS.len()).filter_map(|version| self.violation(registries, version)).collect()
    }
}

/// The registry of a version.
fn registry_of(registries: &[RegistryHandle; 2], version: usize) -> &RegistryHandle {
    &registries[version % 2]
}

/// Makes the run of a seed and returns its violations.
fn run(seed: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let workload = Workload::random(&mut rng);
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let (account, region) = OTHER_REGISTRY;
    let registries = [ecr.home(), ecr.registry(account, region)];
    if workload.is_immutable {
        let platforms = PLATFORMS.map(|platform| format!("*-{platform}"));
        for registry in &registries {
            registry.set_mutability(REPOSITORY, Mutability::ImmutableWithExclusion(platforms.clone().into()));
        }
    }
    let function = || {
        let function = FunctionBuilder::new(&ecr).env("SWEEP_PUTS_PER_SECOND", "50");
        function.env("ACCOUNTS", account).env("REGIONS", region).start()
    };
    let functions: Vec<Function> = (0..PROCESSES).map(|_| function()).collect();
    for function in &functions {
        // A process that is still starting would miss most of the run.
        assert_eq!(function.invoke(&assemble_request("absent", "1")).unwrap_err().error_type, "RepositoryNotFound");
    }
    let mut schedule = Schedule::new(&ecr, rng);
    let lost = schedule.run(&functions, workload.pushes(), |push| workload.push(&registries, push));

    ecr.faults().clear();
    let violations = workload.violations(&registries);
    if lost == 0 || violations.is_empty() {
        return violations;
    }
    let swept = functions[0].invoke(&sweep_request(&json!({"repositories": [REPOSITORY]})));
    let mut violations = workload.violations(&registries);
    if !violations.is_empty() {
        violations.push(format!("{lost} events were lost, and the sweep answered {swept:?}"));
    }
    violations
}

#[test]
fn tags_end_on_the_newest_complete_list() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seeds = match number("CHAOS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CHAOS_RUNS").unwrap_or(DEFAULT_RUNS),
    };
    let next = AtomicU64::new(seeds.start);
    let failed = thread::scope(|scope| {
        let workers: Vec<_> = (0..CONCURRENT_RUNS)
            .map(|_| {
                scope.spawn(|| {
                    let mut failed = Vec::new();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if !seeds.contains(&seed) {
                            return failed;
                        }
                        let violations = run(seed);
                        if !violations.is_empty() {
                            failed.push(format!("CHAOS_SEED={seed}: {}", violations.join("; ")));
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
