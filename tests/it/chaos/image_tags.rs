//! Image tags of lists that the function publishes from platform tags, and of those that others push.

use fastrand::Rng;
use local_ecr::image::{Entry, Image, Index};
use local_ecr::{LocalEcr, Options, RegistryHandle};
use serde_json::Value;

use super::schedule::Schedule;
use super::workload::{Push, Workload};
use super::{REPOSITORY, start_functions, swept_violations};
use crate::support::expected_list::PLATFORMS;

/// The versions of platform tags, and those of lists, which follow them.
const VERSIONS: [&str; 2] = ["1.0.0", "1.1.0"];
const LISTS: [&str; 2] = ["2.0.0", "2.1.0"];
/// How often each list is pushed, each time with other images.
const BUILDS: usize = 3;

/// A list of two platforms with attestations, as buildx pushes it.
fn list(version: &str, build: usize) -> Index {
    let images = PLATFORMS.map(|part| Image::oci(&format!("linux/{part}")).content(&format!("{version} {build}")));
    Index::oci(images.iter().map(Entry::new).chain(images.iter().map(Image::attestation)))
}

/// What is wrong with the image tags of a version that has a list.
fn violation(registry: &RegistryHandle, version: &str) -> Option<String> {
    let (_, list) = registry.manifest(REPOSITORY, version)?;
    let list: Value = serde_json::from_slice(&list).unwrap();
    PLATFORMS.iter().find_map(|part| {
        let mut entries = list["manifests"].as_array().unwrap().iter();
        let image = entries.find(|entry| entry["platform"]["architecture"] == *part).unwrap();
        let named = registry.tag(REPOSITORY, &format!("{version}_{part}"));
        let is_right = named.as_deref() == image["digest"].as_str();
        (!is_right).then(|| format!("{version}_{part} names {named:?}, and the list has {}", image["digest"]))
    })
}

/// Makes the run of a seed and returns its violations.
pub fn run(seed: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let mut workload = Workload::random(&VERSIONS, 0.0, &mut rng);
    workload.is_immutable = false;
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let registry = ecr.home();
    let functions = start_functions(&ecr, &[("IMAGE_TAGS", "{version}_{platform}")]);
    let mut schedule = Schedule::new(&ecr, rng);
    let builds = |version| (0..BUILDS).map(move |build| Push { version, platform: 0, build });
    let lists = (VERSIONS.len()..VERSIONS.len() + LISTS.len()).flat_map(builds);
    let lost = schedule.run(&functions, workload.pushes().chain(lists), |push| {
        match push.version.checked_sub(VERSIONS.len()) {
            None => workload.push(&registry, push),
            Some(position) => {
                registry.push(REPOSITORY, Some(LISTS[position]), &list(LISTS[position], push.build));
            }
        }
    });
    ecr.faults().clear();
    swept_violations(&functions[0], lost, || {
        let of_versions = (0..VERSIONS.len()).filter_map(|version| workload.violation(&registry, version));
        of_versions.chain(VERSIONS.iter().chain(&LISTS).filter_map(|version| violation(&registry, version))).collect()
    })
}
