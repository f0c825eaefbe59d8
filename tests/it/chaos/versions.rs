//! Versions in two registries.

use fastrand::Rng;
use local_ecr::{LocalEcr, Mutability, Options, RegistryHandle};

use super::schedule::Schedule;
use super::workload::Workload;
use super::{REPOSITORY, start_functions, swept_violations};
use crate::support::expected_list::PLATFORMS;

const VERSIONS: [&str; 4] = ["1.0.0", "1.0.1", "1.1.0", "2.0.0"];
/// The registry of every second version; the others are in the home registry.
const OTHER_REGISTRY: (&str, &str) = ("210987654321", "us-west-2");

fn violations(workload: &Workload, registries: &[RegistryHandle; 2]) -> Vec<String> {
    (0..VERSIONS.len()).filter_map(|version| workload.violation(&registries[version % 2], version)).collect()
}

/// Makes the run of a seed and returns its violations.
pub fn run(seed: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let workload = Workload::random(&VERSIONS, 0.0, &mut rng);
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let (account, region) = OTHER_REGISTRY;
    let registries = [ecr.home(), ecr.registry(account, region)];
    if workload.is_immutable {
        let platforms = PLATFORMS.map(|platform| format!("*-{platform}"));
        for registry in &registries {
            registry.set_mutability(REPOSITORY, Mutability::ImmutableWithExclusion(platforms.clone().into()));
        }
    }
    let functions = start_functions(&ecr, &[("ACCOUNTS", account), ("REGIONS", region)]);
    let mut schedule = Schedule::new(&ecr, rng);
    let lost = schedule.run(&functions, workload.pushes(), |push| {
        workload.push(&registries[push.version % 2], push);
    });
    ecr.faults().clear();
    swept_violations(&functions[0], lost, || violations(&workload, &registries))
}
