//! The kinds of reconciliation, each with the state before it and the outcome without a fault.

use local_ecr::image::Artifact;
use local_ecr::{LocalEcr, Mutability, RegistryHandle};
use serde_json::{Value, json};

use crate::support::expected_list::{ImageKind, PLATFORMS, digest_of_list, publish};
use crate::support::input::{assemble_request, push_event, sweep_request, with_fields};

/// The version that every scenario reconciles.
pub const VERSION: &str = "1.2.3";

/// The repository of one case, with images that no other case has.
pub struct Fixture<'a> {
    pub registry: &'a RegistryHandle,
    pub repository: &'a str,
}

/// The digests that the version's tag may name.
#[derive(Debug, Clone, Default)]
pub struct ExpectedDigests {
    /// Before the function writes.
    pub before: Option<String>,
    /// Temporarily, where images are pushed after the first write.
    pub temporary: Vec<String>,
    /// After the reconciliation.
    pub after: Option<String>,
}

/// A kind of reconciliation.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Fills the repository.
    pub prepare: fn(&Fixture<'_>) -> ExpectedDigests,
    /// The function's input for a repository.
    pub input: fn(&str) -> Value,
    /// The outcome or error type without a fault.
    pub expected_outcome: &'static str,
    /// Whether the input is a sweep, whose answer covers several versions.
    pub is_sweep: bool,
}

impl Fixture<'_> {
    fn push(&self, kind: ImageKind, platform: &str, build: &str) -> Artifact {
        let image = kind.image(platform, &format!("{} {build}", self.repository));
        self.registry.push(self.repository, Some(&format!("{VERSION}-{platform}")), &image);
        image
    }

    fn push_all(&self, kind: ImageKind, build: &str) -> [Artifact; 2] {
        PLATFORMS.map(|platform| self.push(kind, platform, build))
    }

    fn publish(&self, kind: ImageKind, images: &[Artifact; 2]) -> String {
        publish(self.registry, self.repository, VERSION, kind, images)
    }
}

/// The event of the last push.
fn push(repository: &str) -> Value {
    push_event(repository, &format!("{VERSION}-arm64"))
}

/// A sweep of the one repository.
fn sweep(repository: &str) -> Value {
    sweep_request(&json!({"repositories": [repository]}))
}

/// Pushes images whose list is not published yet.
fn new_list(fixture: &Fixture<'_>, kind: ImageKind) -> ExpectedDigests {
    let images = fixture.push_all(kind, "first");
    ExpectedDigests { after: Some(digest_of_list(kind, &images)), ..ExpectedDigests::default() }
}

/// Pushes images whose list is published, and then a newer image of one platform.
fn next_list(fixture: &Fixture<'_>, kind: ImageKind) -> ExpectedDigests {
    let [amd64, arm64] = fixture.push_all(kind, "first");
    let before = fixture.publish(kind, &[amd64.clone(), arm64]);
    let arm64 = fixture.push(kind, "arm64", "second");
    let after = digest_of_list(kind, &[amd64, arm64]);
    ExpectedDigests { before: Some(before), after: Some(after), temporary: Vec::new() }
}

/// The push of one platform while the other is missing.
pub const WAITING: Scenario = Scenario {
    prepare: |fixture| {
        fixture.push(ImageKind::Docker, "arm64", "first");
        ExpectedDigests::default()
    },
    input: push,
    expected_outcome: "waiting",
    is_sweep: false,
};

/// The first list of a version.
pub const FIRST: Scenario = Scenario {
    prepare: |fixture| new_list(fixture, ImageKind::Docker),
    input: push,
    expected_outcome: "published",
    is_sweep: false,
};

/// The first list of a version whose images have attestations.
pub const ATTESTED: Scenario = Scenario {
    prepare: |fixture| new_list(fixture, ImageKind::Attested),
    input: push,
    expected_outcome: "published",
    is_sweep: false,
};

/// The event of a version whose list is up to date.
pub const UNCHANGED: Scenario = Scenario {
    prepare: |fixture| {
        let images = fixture.push_all(ImageKind::Attested, "first");
        let list = Some(fixture.publish(ImageKind::Attested, &images));
        ExpectedDigests { before: list.clone(), after: list, temporary: Vec::new() }
    },
    input: push,
    expected_outcome: "unchanged",
    is_sweep: false,
};

/// A request for a version whose list is out of date.
pub const OUT_OF_DATE: Scenario = Scenario {
    prepare: |fixture| next_list(fixture, ImageKind::Attested),
    input: |repository| assemble_request(repository, VERSION),
    expected_outcome: "published",
    is_sweep: false,
};

/// A platform pushed again between the write and the confirming read.
pub const OUTRUN: Scenario = Scenario {
    prepare: |fixture| {
        let [amd64, arm64] = fixture.push_all(ImageKind::Docker, "first");
        let late = ImageKind::Docker.image("arm64", &format!("{} late", fixture.repository));
        ExpectedDigests {
            before: None,
            temporary: vec![digest_of_list(ImageKind::Docker, &[amd64.clone(), arm64])],
            after: Some(digest_of_list(ImageKind::Docker, &[amd64, late])),
        }
    },
    input: push,
    expected_outcome: "published",
    is_sweep: false,
};

/// A dry run.
pub const DRY_RUN: Scenario = Scenario {
    prepare: |fixture| ExpectedDigests { after: None, ..new_list(fixture, ImageKind::Docker) },
    input: |repository| with_fields(assemble_request(repository, VERSION), &json!({"dry_run": true})),
    expected_outcome: "would_publish",
    is_sweep: false,
};

/// The first list under an immutable tag.
pub const IMMUTABLE: Scenario = Scenario {
    prepare: |fixture| {
        fixture.registry.set_mutability(fixture.repository, Mutability::Immutable);
        new_list(fixture, ImageKind::Docker)
    },
    input: push,
    expected_outcome: "published",
    is_sweep: false,
};

/// A platform pushed again after the immutable tag of the version was written.
pub const IMMUTABLE_OUT_OF_DATE: Scenario = Scenario {
    prepare: |fixture| {
        let filter = format!("{VERSION}-*");
        fixture.registry.set_mutability(fixture.repository, Mutability::ImmutableWithExclusion(vec![filter]));
        let expected = next_list(fixture, ImageKind::Docker);
        ExpectedDigests { after: expected.before.clone(), ..expected }
    },
    input: push,
    expected_outcome: "TagConflict",
    is_sweep: false,
};

/// The sweep of one repository.
pub const SWEEP: Scenario = Scenario {
    prepare: |fixture| new_list(fixture, ImageKind::Attested),
    input: sweep,
    expected_outcome: "swept",
    is_sweep: true,
};

/// The deep sweep of the repositories that a glob matches.
pub const DEEP_SWEEP: Scenario = Scenario {
    prepare: |fixture| next_list(fixture, ImageKind::Docker),
    input: |repository| sweep_request(&json!({"repositories": [format!("{repository}*")], "deep": true})),
    expected_outcome: "swept",
    is_sweep: true,
};

/// The sweep of a repository, and of another one whose version is young and up to date.
pub const SWEEP_OF_TWO: Scenario = Scenario {
    prepare: |fixture| {
        let neighbour = Fixture { repository: &neighbour(fixture.repository), ..*fixture };
        let images = neighbour.push_all(ImageKind::Attested, "first");
        neighbour.publish(ImageKind::Attested, &images);
        next_list(fixture, ImageKind::Attested)
    },
    input: |repository| sweep_request(&json!({"repositories": [repository, neighbour(repository)]})),
    expected_outcome: "swept",
    is_sweep: true,
};

fn neighbour(repository: &str) -> String {
    format!("{repository}-neighbour")
}

/// Pushes the late image of [`OUTRUN`] right after each write.
pub fn push_late_images(ecr: &LocalEcr) {
    ecr.after_call(|call, ecr| {
        let Some(repository) = call.repository.as_deref().filter(|name| name.contains("outrun")) else { return };
        if call.operation == "PutImage" {
            let late = ImageKind::Docker.image("arm64", &format!("{repository} late"));
            ecr.home().push(repository, Some(&format!("{VERSION}-arm64")), &late);
        }
    });
}
