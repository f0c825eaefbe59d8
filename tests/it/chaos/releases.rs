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

/// Releases and the setting by which aliases follow them.
pub struct Numbering {
    /// In ascending order. The first one is published, with its aliases, before the run begins: the lowest, so that the
    /// others of its lines take its aliases.
    releases: [&'static str; 5],
    variable: &'static str,
    /// With mutable tags, and with immutable ones: then with no more aliases than ECR takes filters, which are five,
    /// with those of the platform tags.
    values: [&'static str; 2],
    /// The aliases of a release by such a value.
    aliases_of: fn(&str, &str) -> Vec<String>,
    /// The aliases of which some writes are slow.
    slow: [&'static str; 2],
}

/// Three numbers. `1.1.10` is a backport once one of the higher ones is published.
pub static THREE_NUMBERS: Numbering = Numbering {
    releases: ["1.1.9", "1.1.10", "1.2.0", "1.10.0", "2.0.0"],
    variable: "ALIASES",
    values: ["{major}.{minor},{major},latest", "{major},latest"],
    aliases_of: |release, templates| {
        let (minor, major) = (release.rsplit_once('.').unwrap().0, release.split_once('.').unwrap().0);
        let alias = |template: &str| template.replace("{major}.{minor}", minor).replace("{major}", major);
        templates.split(',').map(alias).collect()
    },
    slow: ["latest", "1"],
};

/// The setting of [`BUILDS`].
const BRANCHES: &str = r#"[{"releases":"(?<branch>main|dev)-(?<build>[0-9]+)-[0-9a-f]{7}","aliases":"{branch}"}]"#;

/// Builds of a trunk, whose commits have another order than their numbers, and one of another branch.
pub static BUILDS: Numbering = Numbering {
    releases: ["main-9-fffffff", "main-10-0badc0d", "main-99-c0ffee1", "dev-100-c0ffee1", "main-101-0a1b2c3"],
    variable: "STREAMS",
    values: [BRANCHES; 2],
    aliases_of: |release, _| vec![release.split_once('-').unwrap().0.to_owned()],
    slow: ["main", "dev"],
};

/// The release that is published before the run begins.
const PUBLISHED: usize = 0;
/// How many releases are built once, so that one handler writes their aliases: the others would repair what it leaves.
const BUILT_ONCE: f64 = 0.8;
/// How long some writes of an alias take: as long as others publish a higher release and write its aliases.
const SLOW_WRITE: Duration = Duration::from_millis(400);

impl Numbering {
    /// The releases of each alias, the highest last.
    fn lines(&self, value: &str) -> BTreeMap<String, Vec<usize>> {
        let mut lines = BTreeMap::<_, Vec<_>>::new();
        for (index, release) in self.releases.iter().enumerate() {
            for alias in (self.aliases_of)(release, value) {
                lines.entry(alias).or_default().push(index);
            }
        }
        lines
    }

    /// Publishes the first release, with its aliases.
    fn publish_first(&self, workload: &Workload, registry: &RegistryHandle, value: &str) {
        let list = workload.publish(registry, PUBLISHED);
        for alias in (self.aliases_of)(self.releases[PUBLISHED], value) {
            registry.retag(REPOSITORY, &alias, &list);
        }
    }
}

fn marker_of(release: &str) -> String {
    format!("yanked-{release}")
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
    let mut releases = line.iter().rev().map(|release| workload.versions[*release]);
    let highest = releases.find(|release| named(release).is_some() && named(&marker_of(release)).is_none())?;
    let (actual, expected) = (named(alias), named(highest));
    (actual != expected).then(|| {
        let all: Vec<_> = registry.tags(REPOSITORY).into_iter().map(|tag| (named(&tag), tag)).collect();
        format!("{alias} names {actual:?}, not {expected:?} of {highest}; it named {history:?}; all tags: {all:?}")
    })
}

/// Checks a marker: it names the list of its release, if the release is yanked.
fn marker_violation(registry: &RegistryHandle, release: &str) -> Option<String> {
    let marker = registry.tag(REPOSITORY, &marker_of(release))?;
    let list = registry.tag(REPOSITORY, release);
    (list.as_ref() != Some(&marker)).then(|| format!("{} names {marker}, not {list:?}", marker_of(release)))
}

fn violations(workload: &Workload, registry: &RegistryHandle, lines: &BTreeMap<String, Vec<usize>>) -> Vec<String> {
    let releases = (0..workload.versions.len()).filter_map(|release| workload.violation(registry, release));
    let markers = workload.versions.iter().filter_map(|release| marker_violation(registry, release));
    let aliases = lines.iter().filter_map(|(alias, line)| alias_violation(workload, registry, alias, line));
    releases.chain(markers).chain(aliases).collect()
}

/// Makes the run of a seed and returns its violations.
pub fn run(numbering: &'static Numbering, seed: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let releases = &numbering.releases;
    let workload = Workload::random(releases, BUILT_ONCE, &mut rng);
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let registry = ecr.home();
    let value = numbering.values[usize::from(workload.is_immutable)];
    let lines = numbering.lines(value);
    if workload.is_immutable {
        let platforms = PLATFORMS.map(|platform| format!("*-{platform}"));
        let filters = platforms.into_iter().chain(lines.keys().cloned()).collect();
        registry.set_mutability(REPOSITORY, Mutability::ImmutableWithExclusion(filters));
    }
    numbering.publish_first(&workload, &registry, value);
    let functions = start_functions(&ecr, &[(numbering.variable, value)]);
    let (is_yanked, yanked) = (rng.bool(), releases[rng.usize(..releases.len())]);
    for alias in numbering.slow {
        let slow_write = FaultKind::RandomLatency(SLOW_WRITE, SLOW_WRITE * 3);
        ecr.faults().add(Fault::on("PutImage", slow_write).naming(alias).probability(0.5, rng.u64(..)));
    }
    let mut schedule = Schedule::new(&ecr, rng);
    if is_yanked {
        schedule.request(yank_request(REPOSITORY, yanked));
    }
    let lost = schedule.run(&functions, workload.pushes(), |push| workload.push(&registry, push));
    ecr.faults().clear();
    swept_violations(&functions[0], lost, || violations(&workload, &registry, &lines))
}
