//! The kinds of reconciliation that write aliases, each with the state before it and the outcome without a fault.

use local_ecr::image::{Entry, Image, Index};

use super::scenario::{EVENT, ExpectedTag, Fixture, SWEEP_OF_ONE, Scenario, VERSION, new_list, next_list, sweep};
use crate::support::expected_list::{ImageKind, PLATFORMS, publish};
use crate::support::input::{push_event, yank_request};

/// A published release that is lower than [`VERSION`].
const LOWER: &str = "1.2.2";
const MARKER: &str = "yanked-1.2.3";
/// The aliases of both releases.
const ALIASES: [&str; 2] = ["1.2", "latest"];

const EVENT_WITH_ALIASES: Scenario = Scenario { aliases: "{major}.{minor},latest", ..EVENT };
const SWEEP_WITH_ALIASES: Scenario = Scenario { aliases: EVENT_WITH_ALIASES.aliases, ..SWEEP_OF_ONE };

/// Publishes a release, and returns the digest of its list.
fn publish_release(fixture: &Fixture<'_>, version: &str) -> String {
    let Fixture { registry, repository } = fixture;
    let images = PLATFORMS.map(|platform| {
        let image = ImageKind::Docker.image(platform, &format!("{repository} {version}"));
        registry.push(repository, Some(&format!("{version}-{platform}")), &image);
        image
    });
    publish(registry, repository, version, ImageKind::Docker, &images)
}

/// A tag that names this digest from now on, and another one after the reconciliation.
fn moves(fixture: &Fixture<'_>, tag: &'static str, before: &str, after: &str) -> ExpectedTag {
    assert!(fixture.registry.retag(fixture.repository, tag, before));
    ExpectedTag { tag, before: Some(before.to_owned()), temporary: Vec::new(), after: Some(after.to_owned()) }
}

/// A tag that names nothing, and a digest after the reconciliation.
fn appears(tag: &'static str, after: &str) -> ExpectedTag {
    ExpectedTag { tag, before: None, temporary: Vec::new(), after: Some(after.to_owned()) }
}

/// The aliases of the lower release, and a higher one that is not published.
fn new_release(fixture: &Fixture<'_>) -> Vec<ExpectedTag> {
    let lower = publish_release(fixture, LOWER);
    let version = new_list(fixture, ImageKind::Docker);
    let list = version.after.clone().unwrap();
    let aliases = ALIASES.map(|alias| moves(fixture, alias, &lower, &list));
    aliases.into_iter().chain([version]).collect()
}

/// Two published releases, and the aliases of the higher one, which are to step back to the lower one.
fn step_back(fixture: &Fixture<'_>) -> (String, Vec<ExpectedTag>) {
    let [lower, list] = [LOWER, VERSION].map(|version| publish_release(fixture, version));
    let aliases = ALIASES.map(|alias| moves(fixture, alias, &list, &lower));
    let version = moves(fixture, VERSION, &list, &list);
    (list, aliases.into_iter().chain([version]).collect())
}

/// The same, with the yank marker of the higher one.
fn marked(fixture: &Fixture<'_>) -> Vec<ExpectedTag> {
    let (list, mut tags) = step_back(fixture);
    tags.push(moves(fixture, MARKER, &list, &list));
    tags
}

/// The first list of a release that is the highest one.
pub const RELEASE: Scenario = Scenario { prepare: new_release, ..EVENT_WITH_ALIASES };

/// The same, where no event repeats what failed.
pub const UNREPEATED_RELEASE: Scenario = Scenario { repair: Some(sweep), ..RELEASE };

/// A platform pushed again: the aliases name a list that no version tag names any more.
pub const REBUILT_RELEASE: Scenario = Scenario {
    prepare: |fixture| {
        let version = next_list(fixture, ImageKind::Docker);
        let (before, after) = (version.before.clone().unwrap(), version.after.clone().unwrap());
        let aliases = ALIASES.map(|alias| moves(fixture, alias, &before, &after));
        aliases.into_iter().chain([version]).collect()
    },
    ..EVENT_WITH_ALIASES
};

/// A published release that has lost an alias.
pub const LOST_ALIAS: Scenario = Scenario {
    prepare: |fixture| {
        let list = publish_release(fixture, VERSION);
        let [line, latest] = ALIASES;
        vec![moves(fixture, VERSION, &list, &list), moves(fixture, line, &list, &list), appears(latest, &list)]
    },
    expected_outcome: "unchanged",
    ..EVENT_WITH_ALIASES
};

/// A release, and an alias that names a list with a platform that is not configured.
pub const FOREIGN_ALIAS: Scenario = Scenario {
    prepare: |fixture| {
        let version = new_list(fixture, ImageKind::Docker);
        let [line, latest] = ALIASES;
        let image = Image::oci("linux/s390x").content(fixture.repository);
        let list = Index::oci([Entry::new(&image).platform("linux/s390x")]);
        let foreign = fixture.registry.push(fixture.repository, Some(latest), &list);
        let line = appears(line, version.after.as_ref().unwrap());
        vec![version, line, moves(fixture, latest, &foreign, &foreign)]
    },
    expected_outcome: "conflict",
    ..EVENT_WITH_ALIASES
};

/// A request to yank the highest release.
pub const YANK: Scenario = Scenario {
    prepare: |fixture| {
        let (list, mut tags) = step_back(fixture);
        tags.push(appears(MARKER, &list));
        tags
    },
    input: |repository| yank_request(repository, VERSION),
    expected_outcome: "yanked",
    ..EVENT_WITH_ALIASES
};

/// The push of the yank marker of the highest release.
pub const PUSHED_MARKER: Scenario = Scenario {
    prepare: marked,
    input: |repository| push_event(repository, MARKER),
    expected_outcome: "unchanged",
    ..EVENT_WITH_ALIASES
};

/// The sweep of a release that is not published, and of the aliases of a lower one.
pub const SWEEP_OF_RELEASE: Scenario = Scenario { prepare: new_release, ..SWEEP_WITH_ALIASES };

/// The sweep that finds the yank marker of the highest release.
pub const SWEEP_OF_MARKER: Scenario = Scenario { prepare: marked, ..SWEEP_WITH_ALIASES };
