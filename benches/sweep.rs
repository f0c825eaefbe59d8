//! The cost of a sweep as a registry grows: calls, seconds, and peak memory of a process that does nothing else.
//!
//! `cargo bench --bench sweep` fills a local ECR with 10,000 and with 100,000 images and sweeps each twice: once
//! while a hundredth of the versions is out of date, once up to date.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its results, and a panic ends it")]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use ecr_multiarch::ecr::{Priority, Registries};
use ecr_multiarch::sweep::{SweepScope, SweepTime, sweep};
use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::{RegistryId, Settings};
use local_ecr::image::Image;
use local_ecr::{LocalEcr, Options};
use tokio::time::Instant;

const ENDPOINT: &str = "AWS_ENDPOINT_URL_ECR";
const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

fn main() {
    if std::env::var_os(ENDPOINT).is_some() {
        sweep_once();
        return;
    }
    println!(
        "{:>8} {:>9} {:>14} {:>8} {:>9} {:>9}  calls",
        "images", "versions", "state", "seconds", "peak MiB", "published"
    );
    for images in [10_000, 100_000] {
        let ecr = LocalEcr::start(Options::default()).unwrap();
        // A version has its two images and, once it is published, its list.
        let versions = images / 3;
        ecr.home().fill("app", versions, &PLATFORMS).unwrap();
        // The first run is not shown: it publishes the manifest lists of all versions.
        let _ = run(&ecr);
        let lost = versions / 100;
        for version in 0..lost {
            let image = Image::oci("linux/arm64").content(&format!("pushed again {version}"));
            ecr.clock().advance(Duration::from_millis(10));
            ecr.home().push("app", Some(&format!("1.0.{version}-arm64")), &image);
        }
        ecr.clock().advance(Duration::from_secs(1));
        for state in ["1% out of date", "up to date"] {
            ecr.clear_journal();
            let figures = run(&ecr);
            let mut calls = BTreeMap::<String, usize>::new();
            for call in ecr.journal() {
                *calls.entry(call.operation).or_default() += 1;
            }
            let calls: Vec<_> = calls.iter().map(|(operation, count)| format!("{operation} {count}")).collect();
            println!("{images:>8} {versions:>9} {state:>14} {figures}  {}", calls.join(", "));
        }
    }
}

/// Sweeps in a separate process, whose memory is that of the sweep alone.
fn run(ecr: &LocalEcr) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .env(ENDPOINT, ecr.url())
        .envs([("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "bench"), ("AWS_SECRET_ACCESS_KEY", "bench")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn sweep_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let variables = [(Variable::Platforms, PLATFORMS.join(",")), (Variable::SweepPutsPerSecond, "1000".to_owned())];
        let lookup = |name: &str| variables.iter().find(|(variable, _)| variable.name() == name);
        let settings = Settings::from_lookup(|name| lookup(name).map(|(_, value)| value.clone()));
        let settings = settings.unwrap();
        let registries = Registries::from_environment(settings.sweep().puts_per_second).await.unwrap();
        let region = registries.own_region().unwrap();
        let begun = Instant::now();
        let deadline = begun + Duration::from_hours(1);
        let registry = registries.open(&RegistryId { account: None, region }, Priority::Background, deadline);
        let time = SweepTime { stop_at: deadline, deadline };
        let report = sweep(&[registry], &settings, &SweepScope::default(), time, &()).await.unwrap();
        assert!(report.is_complete() && report.failed.total == 0, "{report:?}");
        println!("{:>8.2} {:>9.1} {:>9}", begun.elapsed().as_secs_f64(), peak_mib(), report.published);
    });
}

/// The peak memory of this process in MiB, where the system reports it.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(f64::NAN);
    kib / 1024.0
}
