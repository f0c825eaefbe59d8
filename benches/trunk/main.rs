//! What the publication of a build costs in a trunk repository of 10,000 builds, which are 30,000 tagged images.
//!
//! `cargo bench --bench trunk` publishes two builds without aliases, with an alias of releases of three numbers, and with
//! one of a stream, each in a process of its own. `TRUNK_BUILDS` is the number of builds.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its results, and a panic ends it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "as in the tests, whose support it uses"
)]

#[path = "../burst/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use local_ecr::BLOB;
use local_ecr::image::{Entry, Image, Index};
use support::test_bed::TestBed;

const DEFAULT_BUILDS: usize = 10_000;
/// The rows: a name, and the variable and its value.
const ROWS: [(&str, &str, &str); 3] = [
    ("no alias", "ALIASES", ""),
    ("ALIASES", "ALIASES", "latest"),
    ("STREAMS", "STREAMS", r#"[{"releases":"1\\.0\\.(?<build>\\d+)","aliases":"latest"}]"#),
];
/// How many images a page of `DescribeImages` has.
const PAGE: usize = 1_000;
/// The unit of a process's times: a hundredth of a second on Linux. (proc(5), `/proc/pid/stat`.)
const CLOCK_TICK_MS: u64 = 10;

fn main() {
    let builds = std::env::var("TRUNK_BUILDS").map_or(DEFAULT_BUILDS, |number| number.parse().unwrap());
    println!("{:>9} {:>9} {:>8} {:>7} {:>9}  calls", "row", "build", "seconds", "CPU ms", "peak MiB");
    for (row, variable, value) in ROWS {
        let bed = trunk(builds, variable, value);
        for build in ["first", "second"] {
            let version = format!("1.0.{}", builds + usize::from(build == "second"));
            bed.store_images(&version);
            bed.ecr.clear_journal();
            let (begun, cpu) = (Instant::now(), cpu(&bed));
            bed.assemble(&version).unwrap();
            let (seconds, cpu) = (begun.elapsed().as_secs_f64(), self::cpu(&bed).saturating_sub(cpu));
            let mut calls = BTreeMap::<String, usize>::new();
            for call in bed.ecr.journal().into_iter().filter(|call| call.operation != BLOB) {
                *calls.entry(call.operation).or_default() += 1;
            }
            let scans = calls.get("DescribeImages").copied().unwrap_or_default();
            let pages = (3 * builds).div_ceil(PAGE);
            assert!(if value.is_empty() { scans == 0 } else { scans <= 2 * (pages + 1) }, "{calls:?}");
            let calls: Vec<_> = calls.iter().map(|(operation, count)| format!("{operation} {count}")).collect();
            let peak = bed.function.peak_memory() >> 20;
            println!("{row:>9} {build:>9} {seconds:>8.2} {:>7} {peak:>9}  {}", cpu.as_millis(), calls.join(", "));
        }
    }
}

/// A repository of so many builds, each with two images and a list.
fn trunk(builds: usize, variable: &str, value: &str) -> TestBed {
    let bed = TestBed::with(|function| function.env(variable, value));
    bed.registry.fill("app", builds, &["linux/amd64", "linux/arm64"]).unwrap();
    for build in 0..builds {
        let entries = ["linux/amd64", "linux/arm64"]
            .map(|platform| Entry::new(&Image::docker(platform).revision(&build.to_string())));
        bed.registry.push("app", Some(&format!("1.0.{build}")), &Index::docker(entries));
    }
    bed
}

/// The CPU time of the function so far.
fn cpu(bed: &TestBed) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", bed.function.process_id())).unwrap();
    // What follows the name of the program, which may contain spaces, begins with the third field.
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: usize| fields[field - 3].parse::<u64>().unwrap();
    Duration::from_millis((ticks(14) + ticks(15)) * CLOCK_TICK_MS)
}
