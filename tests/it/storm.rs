//! Storms: several processes of the function, pushes of all platforms again and again, events doubled, late, out of
//! order and lost, and an ECR that is slow, throttles and breaks off.
//!
//! `STORMS=300` runs that many of them, `STORM_SEED=7` the one of that seed. A seed repeats all that is chosen here; how
//! the processes share the machine is theirs.

mod weather;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use local_ecr::{LocalEcr, Mutability, Options, Registry};
use serde_json::json;

use crate::faults::version::{PLATFORMS, Style, digest_of_list};
use crate::function::{Function, Setup, assemble};
use weather::{Random, Weather};

const VERSIONS: [&str; 4] = ["1.0.0", "1.0.1", "1.1.0", "2.0.0"];
const REPOSITORY: &str = "app";
/// How many processes of the function there are.
const PROCESSES: usize = 8;
/// How many storms `cargo test` runs.
const FEW: u64 = 24;
/// How many storms run at a time. They wait more than they work.
const AT_A_TIME: usize = 3;

/// A push that is to come.
#[derive(Debug, Clone, Copy)]
pub struct Push {
    version: usize,
    platform: usize,
    build: usize,
}

/// How a storm is laid out.
struct Storm {
    styles: [Style; VERSIONS.len()],
    /// How many builds each platform of each version sees.
    builds: [[usize; 2]; VERSIONS.len()],
    is_immutable: bool,
}

impl Storm {
    fn of(random: &mut Random) -> Self {
        let styles = [(); VERSIONS.len()].map(|()| if random.happens(0.5) { Style::Plain } else { Style::Attested });
        let builds = [(); VERSIONS.len()].map(|()| [(); 2].map(|()| 1 + random.below(3)));
        Self { styles, builds, is_immutable: random.happens(0.2) }
    }

    fn pushes(&self) -> impl Iterator<Item = Push> {
        (0..VERSIONS.len() * PLATFORMS.len()).flat_map(|index| {
            let (version, platform) = (index / PLATFORMS.len(), index % PLATFORMS.len());
            (0..self.builds[version][platform]).map(move |build| Push { version, platform, build })
        })
    }

    fn carry_out(&self, registry: &Registry, push: Push) {
        let Push { version, platform, build } = push;
        let tag = format!("{}-{}", VERSIONS[version], PLATFORMS[platform]);
        registry.push(REPOSITORY, Some(&tag), &self.image(version, platform, build));
    }

    fn image(&self, version: usize, platform: usize, build: usize) -> local_ecr::image::Artifact {
        self.styles[version].image(PLATFORMS[platform], &format!("{} {build}", VERSIONS[version]))
    }

    fn list(&self, version: usize, builds: [usize; 2]) -> String {
        digest_of_list(self.styles[version], &[0, 1].map(|platform| self.image(version, platform, builds[platform])))
    }

    /// All lists of one image of each platform.
    fn whole_lists(&self, version: usize) -> BTreeSet<String> {
        let [amd64, arm64] = self.builds[version];
        let pairs = (0..amd64).flat_map(|one| (0..arm64).map(move |other| [one, other]));
        pairs.map(|builds| self.list(version, builds)).collect()
    }

    /// What is wrong with the version once everything is over, if anything.
    fn wrong(&self, registry: &Registry, version: usize) -> Option<String> {
        let history = registry.history(REPOSITORY, VERSIONS[version]);
        let whole = self.whole_lists(version);
        if let Some(list) = history.iter().find(|list| !whole.contains(*list)) {
            return Some(format!("{} once named {list}, which is no list of a whole version", VERSIONS[version]));
        }
        let expected = self.list(version, self.builds[version].map(|builds| builds - 1));
        let named = registry.tag(REPOSITORY, VERSIONS[version]);
        let is_right = if self.is_immutable { history.len() == 1 } else { named.as_ref() == Some(&expected) };
        (!is_right).then(|| format!("{} names {named:?}, not {expected}; it named {history:?}", VERSIONS[version]))
    }

    fn all_wrong(&self, registry: &Registry) -> Vec<String> {
        (0..VERSIONS.len()).filter_map(|version| self.wrong(registry, version)).collect()
    }
}

/// Runs the storm of a seed, and says what is wrong in the end.
fn run(seed: u64) -> Vec<String> {
    let mut random = Random::of(seed);
    let storm = Storm::of(&mut random);
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let registry = ecr.home();
    if storm.is_immutable {
        let platforms = PLATFORMS.map(|platform| format!("*-{platform}"));
        registry.set_mutability(REPOSITORY, Mutability::ImmutableWithExclusion(platforms.into()));
    }
    let functions: Vec<Function> =
        (0..PROCESSES).map(|_| Setup::with(&ecr).set("SWEEP_PUTS_PER_SECOND", "50").start()).collect();
    for function in &functions {
        // A process that has yet to start sees only how everything ended.
        assert_eq!(function.invoke(&assemble("absent", "1")).unwrap_err().error_type, "RepositoryNotFound");
    }
    let mut weather = Weather::over(&ecr, random);
    let lost = weather.rage(&functions, storm.pushes(), |push| storm.carry_out(&registry, push));

    ecr.faults().clear();
    let wrong = storm.all_wrong(&registry);
    if lost == 0 || wrong.is_empty() {
        return wrong;
    }
    let sweep = json!({"action": "sweep", "repositories": [REPOSITORY], "deep": true});
    let swept = functions[0].invoke(&sweep);
    let wrong = storm.all_wrong(&registry);
    if wrong.is_empty() {
        wrong
    } else {
        [wrong, vec![format!("{lost} events were lost, and the sweep said {swept:?}")]].concat()
    }
}

#[test]
fn after_a_storm_every_tag_names_the_list_of_its_images_and_never_named_less() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seeds = match number("STORM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STORMS").unwrap_or(FEW),
    };
    let next = AtomicU64::new(seeds.start);
    let failed = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME)
            .map(|_| {
                scope.spawn(|| {
                    let mut failed = Vec::new();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if !seeds.contains(&seed) {
                            return failed;
                        }
                        let wrong = run(seed);
                        if !wrong.is_empty() {
                            failed.push(format!("STORM_SEED={seed}: {}", wrong.join("; ")));
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
