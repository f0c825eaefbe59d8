//! The kinds of reconciliation that there are, each from its first call to its last.

use local_ecr::{LocalEcr, Mutability, Registry};
use serde_json::{Value, json};

use super::version::{PLATFORMS, Style, digest_of_list, publish};
use crate::function::push_event;

/// The version that every kind is about.
pub const VERSION: &str = "1.2.3";

/// A repository of a case, with builds that no other case has.
pub struct Scene<'a> {
    pub registry: &'a Registry,
    pub repository: &'a str,
}

/// What may stand under the version's tag.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Before, and for as long as it did not come to the write.
    pub before: Option<String>,
    /// For a moment in between, where images are pushed meanwhile.
    pub between: Vec<String>,
    /// In the end.
    pub after: Option<String>,
}

/// A kind of reconciliation.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Fills the repository.
    pub prepare: fn(&Scene<'_>) -> Expected,
    /// What the function is told.
    pub input: fn(&str) -> Value,
    /// How it ends where nothing goes wrong: an outcome or an error.
    pub ends: &'static str,
    /// Whether it is a sweep, whose answer tells of several versions.
    pub is_sweep: bool,
}

impl Scene<'_> {
    fn push(&self, style: Style, platform: &str, build: &str) -> local_ecr::image::Artifact {
        let image = style.image(platform, &format!("{} {build}", self.repository));
        self.registry.push(self.repository, Some(&format!("{VERSION}-{platform}")), &image);
        image
    }

    fn push_all(&self, style: Style, build: &str) -> [local_ecr::image::Artifact; 2] {
        PLATFORMS.map(|platform| self.push(style, platform, build))
    }

    fn publish(&self, style: Style, images: &[local_ecr::image::Artifact; 2]) -> String {
        publish(self.registry, self.repository, VERSION, style, images)
    }
}

fn pushed(repository: &str) -> Value {
    push_event(repository, &format!("{VERSION}-arm64"))
}

fn swept(repository: &str) -> Value {
    json!({"action": "sweep", "repositories": [repository]})
}

fn new_list(scene: &Scene<'_>, style: Style) -> Expected {
    let images = scene.push_all(style, "first");
    Expected { after: Some(digest_of_list(style, &images)), ..Expected::default() }
}

fn next_list(scene: &Scene<'_>, style: Style) -> Expected {
    let [amd64, arm64] = scene.push_all(style, "first");
    let before = scene.publish(style, &[amd64.clone(), arm64]);
    let arm64 = scene.push(style, "arm64", "second");
    let after = digest_of_list(style, &[amd64, arm64]);
    Expected { before: Some(before), after: Some(after), between: Vec::new() }
}

/// The push of one platform, while the other is not there.
pub const WAITING: Kind = Kind {
    prepare: |scene| {
        scene.push(Style::Plain, "arm64", "first");
        Expected::default()
    },
    input: pushed,
    ends: "waiting",
    is_sweep: false,
};

/// The first list of a version.
pub const PLAIN: Kind =
    Kind { prepare: |scene| new_list(scene, Style::Plain), input: pushed, ends: "published", is_sweep: false };

/// The first list of a version whose images come with attestations.
pub const ATTESTED: Kind =
    Kind { prepare: |scene| new_list(scene, Style::Attested), input: pushed, ends: "published", is_sweep: false };

/// The event of a version whose list is there.
pub const UNCHANGED: Kind = Kind {
    prepare: |scene| {
        let images = scene.push_all(Style::Attested, "first");
        let list = Some(scene.publish(Style::Attested, &images));
        Expected { before: list.clone(), after: list, between: Vec::new() }
    },
    input: pushed,
    ends: "unchanged",
    is_sweep: false,
};

/// A list on request, in place of one that a platform's new image has made old.
pub const REPUBLISHED: Kind = Kind {
    prepare: |scene| next_list(scene, Style::Attested),
    input: |repository| json!({"action": "assemble", "repository": repository, "version": VERSION}),
    ends: "published",
    is_sweep: false,
};

/// A platform pushed again between the write and the read that confirms it.
pub const RACED: Kind = Kind {
    prepare: |scene| {
        let [amd64, arm64] = scene.push_all(Style::Plain, "first");
        let late = Style::Plain.image("arm64", &format!("{} late", scene.repository));
        Expected {
            before: None,
            between: vec![digest_of_list(Style::Plain, &[amd64.clone(), arm64])],
            after: Some(digest_of_list(Style::Plain, &[amd64, late])),
        }
    },
    input: pushed,
    ends: "published",
    is_sweep: false,
};

/// A dry run.
pub const DRY_RUN: Kind = Kind {
    prepare: |scene| Expected { after: None, ..new_list(scene, Style::Plain) },
    input: |repository| json!({"action": "assemble", "repository": repository, "version": VERSION, "dry_run": true}),
    ends: "would_publish",
    is_sweep: false,
};

/// A list whose tag can never be moved again.
pub const IMMUTABLE: Kind = Kind {
    prepare: |scene| {
        scene.registry.set_mutability(scene.repository, Mutability::Immutable);
        new_list(scene, Style::Plain)
    },
    input: pushed,
    ends: "published",
    is_sweep: false,
};

/// A platform pushed again, while the version's tag cannot be moved.
pub const TAKEN: Kind = Kind {
    prepare: |scene| {
        let filter = format!("{VERSION}-*");
        scene.registry.set_mutability(scene.repository, Mutability::ImmutableWithExclusion(vec![filter]));
        let expected = next_list(scene, Style::Plain);
        Expected { after: expected.before.clone(), ..expected }
    },
    input: pushed,
    ends: "TagConflict",
    is_sweep: false,
};

/// The sweep of one repository.
pub const SWEPT: Kind =
    Kind { prepare: |scene| new_list(scene, Style::Attested), input: swept, ends: "swept", is_sweep: true };

/// The sweep of all repositories that a glob finds, each version read.
pub const SWEPT_DEEP: Kind = Kind {
    prepare: |scene| next_list(scene, Style::Plain),
    input: |repository| json!({"action": "sweep", "repositories": [format!("{repository}*")], "deep": true}),
    ends: "swept",
    is_sweep: true,
};

/// Pushes the late image of [`RACED`], right after the first list was written.
pub fn push_late_images(ecr: &LocalEcr) {
    ecr.after_call(|call, ecr| {
        let Some(repository) = call.repository.as_deref().filter(|name| name.contains("raced")) else { return };
        if call.operation == "PutImage" {
            let late = Style::Plain.image("arm64", &format!("{repository} late"));
            ecr.home().push(repository, Some(&format!("{VERSION}-arm64")), &late);
        }
    });
}
