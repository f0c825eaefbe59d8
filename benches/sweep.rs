//! The cost of a sweep as a registry grows: calls, seconds, and peak memory of a process that does nothing else.
//!
//! `cargo bench --bench sweep` fills a local ECR for each scenario and sweeps it. What the sweep promises is asserted:
//! calls, memory, and that it fails nothing that it need not fail.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints its results, and a panic ends it")]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, SystemTime};

use ecr_multiarch_core::settings::variable::Variable;
use ecr_multiarch_core::work::SweepScope;
use ecr_multiarch_core::{RegistryId, Settings};
use ecr_multiarch_engine::ecr::{Priority, Registries};
use ecr_multiarch_engine::end::WorkTime;
use ecr_multiarch_engine::sweep::sweep;
use local_ecr::image::{Image, ToArtifact as _};
use local_ecr::media_type::{OCI_INDEX, OCI_MANIFEST};
use local_ecr::{Fault, FaultKind, LocalEcr, Options};
use tokio::time::Instant;

const ENDPOINT: &str = "AWS_ENDPOINT_URL_ECR";
const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];
/// Lists of any age are trusted.
const SETTLED: &str = "0s";
/// Lists that were published within the benchmark are compared.
const YOUNG: &str = "3h";
/// The most memory of a sweep, in MiB, with usual manifests and with any.
const MAX_MEMORY: f64 = 64.0;
const MAX_MEMORY_OF_LARGE: f64 = 256.0;
/// The length of an index that is nearly as long as the function reads.
const LARGE_MANIFEST: usize = (1 << 20) - 1_024;

fn main() {
    if std::env::var_os(ENDPOINT).is_some() {
        sweep_once();
        return;
    }
    println!(
        "{:>12} {:>9} {:>16} {:>8} {:>9} {:>9} {:>7}  calls",
        "repositories", "versions", "state", "seconds", "peak MiB", "published", "failed"
    );
    one_repository(10_000);
    one_repository(100_000);
    many_repositories();
    throttled_registry();
    starving_registry();
    large_manifests();
}

/// The figures of a sweep in a process of its own, whose memory is that of the sweep alone.
struct Figures {
    seconds: f64,
    peak_mib: f64,
    published: u64,
    failed: u64,
    calls: BTreeMap<String, usize>,
}

impl Figures {
    fn calls(&self, operation: &str) -> usize {
        self.calls.get(operation).copied().unwrap_or_default()
    }
}

/// Sweeps, prints the figures and checks the memory.
fn run(ecr: &LocalEcr, versions: usize, state: &str, settled_after: &str, max_memory: f64) -> Figures {
    ecr.clear_journal();
    let output = Command::new(std::env::current_exe().unwrap())
        .env(ENDPOINT, ecr.url())
        .env(Variable::SettledAfter.name(), settled_after)
        .envs([("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "bench"), ("AWS_SECRET_ACCESS_KEY", "bench")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let mut calls = BTreeMap::<String, usize>::new();
    for call in ecr.journal() {
        *calls.entry(call.operation).or_default() += 1;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they are printed as whole numbers")]
    let [published, failed] = [numbers[2] as u64, numbers[3] as u64];
    let figures = Figures { seconds: numbers[0], peak_mib: numbers[1], published, failed, calls };
    let Figures { seconds, peak_mib, published, failed, calls } = &figures;
    let calls: Vec<_> = calls.iter().map(|(operation, count)| format!("{operation} {count}")).collect();
    let repositories = ecr.home().repositories().len();
    println!(
        "{repositories:>12} {versions:>9} {state:>16} {seconds:>8.2} {peak_mib:>9.1} {published:>9} {failed:>7}  {}",
        calls.join(", ")
    );
    assert!(*peak_mib < max_memory, "{peak_mib} MiB");
    figures
}

fn start() -> LocalEcr {
    LocalEcr::start(Options::default()).unwrap()
}

/// Checks that a sweep scanned everything once and read nothing.
fn assert_only_scanned(figures: &Figures, pages: usize) {
    assert_eq!(figures.calls.values().sum::<usize>(), pages + figures.calls("DescribeRepositories"));
    assert_eq!(figures.calls("DescribeImages"), pages);
}

/// A repository of many images: all out of date, then a hundredth of them, then none.
fn one_repository(images: usize) {
    let ecr = start();
    // A version has its two images and, once it is published, its list.
    let versions = images / 3;
    ecr.home().fill("app", versions, &PLATFORMS).unwrap();
    run(&ecr, versions, "new", SETTLED, MAX_MEMORY);
    for version in 0..versions / 100 {
        let image = Image::oci("linux/arm64").content(&format!("pushed again {version}"));
        ecr.clock().advance(Duration::from_millis(10));
        ecr.home().push("app", Some(&format!("1.0.{version}-arm64")), &image);
    }
    ecr.clock().advance(Duration::from_secs(1));
    run(&ecr, versions, "1% out of date", SETTLED, MAX_MEMORY);
    assert_only_scanned(&run(&ecr, versions, "settled", SETTLED, MAX_MEMORY), images.div_ceil(1_000));
    let young = run(&ecr, versions, "young", YOUNG, MAX_MEMORY);
    assert_eq!(young.calls("BatchGetImage"), versions.div_ceil(33));
}

/// 10,000 repositories, of which every tenth has a version, beside one of many images.
fn many_repositories() {
    let ecr = start();
    ecr.home().fill("app", 3_333, &PLATFORMS).unwrap();
    for index in 0..9_999 {
        ecr.home().create(&format!("team/{index:04}"));
        if index % 10 == 0 {
            ecr.home().fill(&format!("team/{index:04}"), 1, &PLATFORMS).unwrap();
        }
    }
    let versions = 3_333 + 1_000;
    assert_eq!(run(&ecr, versions, "new", SETTLED, MAX_MEMORY).failed, 0);
    assert_only_scanned(&run(&ecr, versions, "settled", SETTLED, MAX_MEMORY), 9_999 + 10);
}

/// A registry that allows fifty scans a second.
fn throttled_registry() {
    let ecr = start();
    for index in 0..500 {
        ecr.home().fill(&format!("team/{index:03}"), 1, &PLATFORMS).unwrap();
    }
    ecr.faults().add(Fault::on("DescribeImages", FaultKind::RateLimit { per_second: 50.0, burst: 50.0 }));
    let figures = run(&ecr, 500, "50 scans a second", SETTLED, MAX_MEMORY);
    assert_eq!((figures.published, figures.failed), (500, 0));
}

/// A repository that refuses all writes, before one of one lost version.
fn starving_registry() {
    let ecr = start();
    ecr.home().fill("aaa", 400, &PLATFORMS).unwrap();
    ecr.home().fill("zzz", 1, &PLATFORMS).unwrap();
    let quota = FaultKind::client_error("LimitExceededException", "the quota of images is exhausted");
    ecr.faults().add(Fault::on("PutImage", quota).repository("aaa"));
    let figures = run(&ecr, 401, "over its quota", SETTLED, MAX_MEMORY);
    assert_eq!(figures.published, 1);
    // One write is that of the lost version; one failure says how many versions are left.
    let refused = figures.calls("PutImage") - 1;
    assert!((3..=10).contains(&refused) && figures.failed == refused as u64 + 1, "{:?}", figures.calls);
}

/// Versions whose images are indexes of nearly maximal size, in four repositories.
fn large_manifests() {
    let ecr = start();
    ecr.clock().set(SystemTime::now());
    for repository in ["a0", "a1", "a2", "a3"] {
        for platform in PLATFORMS {
            let image = Image::oci(platform).to_artifact();
            ecr.home().push(repository, None, &image);
            let index = format!(
                r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{OCI_MANIFEST}","size":{},"digest":"{}"}}],"annotations":{{"a":"{}"}}}}"#,
                image.manifest.len(),
                image.digest(),
                "a".repeat(LARGE_MANIFEST)
            );
            // The versions share their images, which the sweep does not know before it has read them.
            let digest = ecr.home().store_raw(repository, None, OCI_INDEX, index, None);
            for version in 0..30 {
                let tag_part = platform.split('/').next_back().unwrap();
                ecr.home().retag(repository, &format!("1.0.{version}-{tag_part}"), &digest);
            }
        }
    }
    let figures = run(&ecr, 120, "1 MiB indexes", SETTLED, MAX_MEMORY_OF_LARGE);
    assert_eq!((figures.published, figures.failed), (120, 0));
}

/// Sweeps, and prints seconds, peak memory, published and failed.
fn sweep_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let variables = [
            (Variable::Platforms, PLATFORMS.join(",")),
            (Variable::SweepPutsPerSecond, "1000".to_owned()),
            (Variable::SettledAfter, std::env::var(Variable::SettledAfter.name()).unwrap()),
        ];
        let lookup = |name: &str| variables.iter().find(|(variable, _)| variable.name() == name);
        let settings = Settings::from_lookup(|name| lookup(name).map(|(_, value)| value.clone()));
        let settings = settings.unwrap();
        let registries = Registries::from_environment(settings.sweep().puts_per_second).unwrap();
        let region = registries.own_region().unwrap();
        let begun = Instant::now();
        let deadline = begun + Duration::from_hours(1);
        let registry = registries.open(&RegistryId { account: None, region }, Priority::Background, deadline);
        let time = WorkTime { stop_at: deadline, deadline };
        let report = sweep(&[registry], &settings, &SweepScope::default(), time, &()).await.unwrap();
        assert!(report.is_complete(), "{report:?}");
        println!("{} {} {} {}", begun.elapsed().as_secs_f64(), peak_mib(), report.published, report.failed.total);
    });
}

/// The peak memory of this process in MiB, where the system reports it.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(f64::NAN);
    kib / 1024.0
}
