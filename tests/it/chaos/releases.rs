//! Releases of several lines that are published, rebuilt and yanked at the same time, and the aliases that follow them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use local_ecr::{Fault, FaultKind, LocalEcr, Mutability, Options, RegistryHandle};

use super::schedule::Schedule;
use super::workload::Workload;
use super::{REPOSITORY, start_functions, swept_violations};
use crate::support::expected_list::PLATFORMS;
use crate::support::input::yank_request;

/// The releases, in ascending order. `1.1.10` is a backport once one of the others is published.
const RELEASES: [&str; 5] = ["1.1.9", "1.1.10", "1.2.0", "1.10.0", "2.0.0"];
/// The one that is published, with its aliases, before the run begins: the lowest, so that all others take `latest`.
const PUBLISHED: usize = 0;
/// How many releases are built once, so that one handler writes their aliases: the others would repair what it leaves.
const BUILT_ONCE: f64 = 0.8;
/// How long some writes of an alias take: as long as others publish a higher release and write its aliases.
const SLOW_WRITE: Duration = Duration::from_millis(400);
/// The templates, and those of which no more exist than ECR takes filters: five, with those of the platform tags.
const TEMPLATES: [&str; 2] = ["{major}.{minor},{major},latest", "{major},latest"];

/// The aliases of a release by these templates.
fn aliases_of(release: &str, templates: &str) -> Vec<String> {
    let (minor, major) = (release.rsplit_once('.').unwrap().0, release.split_once('.').unwrap().0);
    templates.split(',').map(|template| template.replace("{major}.{minor}", minor).replace("{major}", major)).collect()
}

/// The releases of each alias, the highest last.
fn lines(templates: &str) -> BTreeMap<String, Vec<usize>> {
    let mut lines = BTreeMap::<_, Vec<_>>::new();
    for (index, release) in RELEASES.iter().enumerate() {
        for alias in aliases_of(release, templates) {
            lines.entry(alias).or_default().push(index);
        }
    }
    lines
}

fn marker_of(release: usize) -> String {
    format!("yanked-{}", RELEASES[release])
}

/// Publishes the first release, with its aliases.
fn publish_first(workload: &Workload, registry: &RegistryHandle, templates: &str) {
    let list = workload.publish(registry, PUBLISHED);
    for alias in aliases_of(RELEASES[PUBLISHED], templates) {
        registry.retag(REPOSITORY, &alias, &list);
    }
}

/// Checks an alias: it names the list of the highest release of its line that is published and not yanked, and has
/// named lists of its line only. An alias without a release left names what it did before.
fn alias_violation(workload: &Workload, registry: &RegistryHandle, alias: &str, line: &[usize]) -> Option<String> {
    let named = |tag: &str| registry.tag(REPOSITORY, tag);
    let history = registry.history(REPOSITORY, alias);
    let lists: BTreeSet<_> = line.iter().flat_map(|release| workload.complete_lists(*release)).collect();
    if let Some(other) = history.iter().find(|list| !lists.contains(*list)) {
        return Some(format!("{alias} named {other}, which is not a list of its line"));
    }
    let is_eligible = |release: &&usize| named(RELEASES[**release]).is_some() && named(&marker_of(**release)).is_none();
    let highest = RELEASES[*line.iter().rfind(is_eligible)?];
    let (actual, expected) = (named(alias), named(highest));
    (actual != expected).then(|| {
        let all: Vec<_> = registry.tags(REPOSITORY).into_iter().map(|tag| (named(&tag), tag)).collect();
        format!("{alias} names {actual:?}, not {expected:?} of {highest}; it named {history:?}; all tags: {all:?}")
    })
}

/// Checks a marker: it names the list of its release, if the release is yanked.
fn marker_violation(registry: &RegistryHandle, release: usize) -> Option<String> {
    let marker = registry.tag(REPOSITORY, &marker_of(release))?;
    let list = registry.tag(REPOSITORY, RELEASES[release]);
    (list.as_ref() != Some(&marker)).then(|| format!("{} names {marker}, not {list:?}", marker_of(release)))
}

fn violations(workload: &Workload, registry: &RegistryHandle, templates: &str) -> Vec<String> {
    let releases = (0..RELEASES.len()).filter_map(|release| workload.violation(registry, release));
    let markers = (0..RELEASES.len()).filter_map(|release| marker_violation(registry, release));
    let lines = lines(templates);
    let aliases = lines.iter().filter_map(|(alias, line)| alias_violation(workload, registry, alias, line));
    releases.chain(markers).chain(aliases).collect()
}

/// Makes the run of a seed and returns its violations.
pub fn run(seed: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let workload = Workload::random(&RELEASES, BUILT_ONCE, &mut rng);
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let registry = ecr.home();
    let templates = TEMPLATES[usize::from(workload.is_immutable)];
    if workload.is_immutable {
        let platforms = PLATFORMS.map(|platform| format!("*-{platform}"));
        let filters = platforms.into_iter().chain(["latest", "1", "2"].map(str::to_owned)).collect();
        registry.set_mutability(REPOSITORY, Mutability::ImmutableWithExclusion(filters));
    }
    publish_first(&workload, &registry, templates);
    let functions = start_functions(&ecr, &[("ALIASES", templates)]);
    let (is_yanked, yanked) = (rng.bool(), RELEASES[rng.usize(..RELEASES.len())]);
    for alias in ["latest", "1"] {
        let slow_write = FaultKind::RandomLatency(SLOW_WRITE, SLOW_WRITE * 3);
        ecr.faults().add(Fault::on("PutImage", slow_write).naming(alias).probability(0.5, rng.u64(..)));
    }
    let mut schedule = Schedule::new(&ecr, rng);
    if is_yanked {
        schedule.request(yank_request(REPOSITORY, yanked));
    }
    let lost = schedule.run(&functions, workload.pushes(), |push| workload.push(&registry, push));
    ecr.faults().clear();
    swept_violations(&functions[0], lost, || violations(&workload, &registry, templates))
}
