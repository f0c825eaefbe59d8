//! Chaos: several processes of the function, repeated pushes of all platforms, events that are duplicated, delayed,
//! reordered and lost, and an ECR with slow, throttled and dropped responses. What lost events leave behind, one sweep
//! of all registries repairs, by comparing what is young.
//!
//! `CHAOS_RUNS=300` makes that many runs of each test, `CHAOS_SEED=7` the one of that seed. A seed reproduces the
//! schedule, not how the threads and processes interleave.

mod image_tags;
mod releases;
mod schedule;
mod versions;
mod workload;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use local_ecr::LocalEcr;
use serde_json::json;

use crate::support::function::{Function, FunctionBuilder};
use crate::support::input::{assemble_request, sweep_request};

const REPOSITORY: &str = "app";
/// The processes of the function: about twice as many as versions, so that several handle one version at the same time.
const PROCESSES: usize = 8;
/// The runs of a plain `cargo test`, which take some twenty seconds.
const DEFAULT_RUNS: u64 = 24;
/// The runs at a time: more than cores, since they mostly wait.
const CONCURRENT_RUNS: usize = 3;

/// Starts the processes, with additional environment variables.
fn start_functions(ecr: &LocalEcr, variables: &[(&str, &str)]) -> Vec<Function> {
    let start = |_| {
        let function = FunctionBuilder::new(ecr).env("SWEEP_PUTS_PER_SECOND", "50");
        variables.iter().fold(function, |function, (name, value)| function.env(name, value)).start()
    };
    let functions: Vec<_> = (0..PROCESSES).map(start).collect();
    for function in &functions {
        // A process that is still starting would miss most of the run.
        assert_eq!(
            function.invoke(&assemble_request("absent", "absent")).unwrap_err().error_type,
            "RepositoryNotFound"
        );
    }
    functions
}

/// The violations at rest; where events were lost, those that a sweep leaves.
fn swept_violations(function: &Function, lost: usize, violations: impl Fn() -> Vec<String>) -> Vec<String> {
    let found = violations();
    if lost == 0 || found.is_empty() {
        return found;
    }
    let swept = function.invoke(&sweep_request(&json!({"repositories": [REPOSITORY]})));
    let mut left = violations();
    if !left.is_empty() {
        left.push(format!("{lost} events were lost, and the sweep answered {swept:?}"));
    }
    left
}

/// Makes the runs of all seeds, several at a time.
fn check(run: fn(u64) -> Vec<String>) {
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

#[test]
fn tags_end_on_the_newest_complete_list() {
    check(versions::run);
}

#[test]
fn aliases_end_on_the_highest_release() {
    check(|seed| releases::run(&releases::THREE_NUMBERS, seed));
}

#[test]
fn aliases_end_on_the_highest_build_of_each_branch() {
    check(|seed| releases::run(&releases::BUILDS, seed));
}

#[test]
fn image_tags_end_on_the_images_of_each_list() {
    check(image_tags::run);
}
