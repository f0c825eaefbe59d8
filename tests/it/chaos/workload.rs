//! The images that a run pushes, and the lists that its tags may name.

use std::collections::BTreeSet;

use fastrand::Rng;
use local_ecr::RegistryHandle;
use local_ecr::image::Artifact;

use super::REPOSITORY;
use crate::support::expected_list::{ImageKind, PLATFORMS, digest_of_list, publish};

/// A push of the schedule.
#[derive(Debug, Clone, Copy)]
pub struct Push {
    pub version: usize,
    pub platform: usize,
    pub build: usize,
}

/// The images that a run pushes.
pub struct Workload {
    pub versions: &'static [&'static str],
    kinds: Vec<ImageKind>,
    /// The number of builds of each platform of each version.
    builds: Vec<[usize; 2]>,
    pub is_immutable: bool,
}

impl Workload {
    /// Up to three builds of each platform of these versions. With this probability, a version has one of each.
    pub fn random(versions: &'static [&'static str], built_once: f64, rng: &mut Rng) -> Self {
        let kinds = versions.iter().map(|_| if rng.bool() { ImageKind::Docker } else { ImageKind::Attested }).collect();
        let builds = versions.iter().map(|_| {
            let most = if rng.f64() < built_once { 1 } else { 3 };
            [(); 2].map(|()| rng.usize(1..=most))
        });
        let builds = builds.collect();
        Self { versions, kinds, builds, is_immutable: rng.f64() < 0.2 }
    }

    pub fn pushes(&self) -> impl Iterator<Item = Push> {
        (0..self.versions.len() * PLATFORMS.len()).flat_map(|index| {
            let (version, platform) = (index / PLATFORMS.len(), index % PLATFORMS.len());
            (0..self.builds[version][platform]).map(move |build| Push { version, platform, build })
        })
    }

    pub fn push(&self, registry: &RegistryHandle, push: Push) {
        let Push { version, platform, build } = push;
        let tag = format!("{}-{}", self.versions[version], PLATFORMS[platform]);
        registry.push(REPOSITORY, Some(&tag), &self.image(version, platform, build));
    }

    /// Publishes the first builds of a version, and returns the digest of their list.
    pub fn publish(&self, registry: &RegistryHandle, version: usize) -> String {
        let images = [0, 1].map(|platform| {
            self.push(registry, Push { version, platform, build: 0 });
            self.image(version, platform, 0)
        });
        publish(registry, REPOSITORY, self.versions[version], self.kinds[version], &images)
    }

    fn image(&self, version: usize, platform: usize, build: usize) -> Artifact {
        self.kinds[version].image(PLATFORMS[platform], &format!("{} {build}", self.versions[version]))
    }

    /// The digest of the list of these builds.
    fn list(&self, version: usize, builds: [usize; 2]) -> String {
        digest_of_list(self.kinds[version], &[0, 1].map(|platform| self.image(version, platform, builds[platform])))
    }

    /// The digests of all lists of one image per platform.
    pub fn complete_lists(&self, version: usize) -> BTreeSet<String> {
        let [amd64, arm64] = self.builds[version];
        let pairs = (0..amd64).flat_map(|amd64| (0..arm64).map(move |arm64| [amd64, arm64]));
        pairs.map(|builds| self.list(version, builds)).collect()
    }

    /// Checks a version after the run: the tag names the list of the newest images, and never named a partial list.
    pub fn violation(&self, registry: &RegistryHandle, version: usize) -> Option<String> {
        let name = self.versions[version];
        let history = registry.history(REPOSITORY, name);
        let complete = self.complete_lists(version);
        if let Some(list) = history.iter().find(|list| !complete.contains(*list)) {
            return Some(format!("{name} named {list}, which is not a complete list"));
        }
        let expected = self.list(version, self.builds[version].map(|builds| builds - 1));
        let actual = registry.tag(REPOSITORY, name);
        let is_correct = if self.is_immutable { history.len() == 1 } else { actual.as_ref() == Some(&expected) };
        (!is_correct).then(|| format!("{name} names {actual:?}, not {expected}; it named {history:?}"))
    }
}
