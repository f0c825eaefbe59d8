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

/// The digests that a tag may name.
#[derive(Debug, Clone)]
pub struct ExpectedTag {
    pub tag: &'static str,
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
    /// The alias templates of the function; empty for none.
    pub aliases: &'static str,
    /// The template of its image tags; empty for none.
    pub image_tags: &'static str,
    /// Fills the repository.
    pub prepare: fn(&Fixture<'_>) -> Vec<ExpectedTag>,
    /// The function's input for a repository.
    pub input: fn(&str) -> Value,
    /// The input that repairs what a fault left behind. `None`: the same again, as Lambda repeats it.
    pub repair: Option<fn(&str) -> Value>,
    /// The outcome or error type without a fault.
    pub expected_outcome: &'static str,
    /// Whether the input is a sweep, whose answer covers several versions.
    pub is_sweep: bool,
}

impl ExpectedTag {
    /// The version's tag, which names nothing in the end.
    pub fn unwritten() -> Self {
        Self { tag: VERSION, before: None, temporary: Vec::new(), after: None }
    }
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
pub fn sweep(repository: &str) -> Value {
    sweep_request(&json!({"repositories": [repository]}))
}

/// Pushes images whose list is not published yet.
pub fn new_list(fixture: &Fixture<'_>, kind: ImageKind) -> ExpectedTag {
    let images = fixture.push_all(kind, "first");
    ExpectedTag { after: Some(digest_of_list(kind, &images)), ..ExpectedTag::unwritten() }
}

/// Pushes images whose list is published, and then a newer image of one platform.
pub fn next_list(fixture: &Fixture<'_>, kind: ImageKind) -> ExpectedTag {
    let [amd64, arm64] = fixture.push_all(kind, "first");
    let before = fixture.publish(kind, &[amd64.clone(), arm64]);
    let arm64 = fixture.push(kind, "arm64", "second");
    let after = digest_of_list(kind, &[amd64, arm64]);
    ExpectedTag { before: Some(before), after: Some(after), ..ExpectedTag::unwritten() }
}

/// The event of the last push of a version, in an empty repository.
pub const EVENT: Scenario = Scenario {
    aliases: "",
    image_tags: "",
    prepare: |_| Vec::new(),
    input: push,
    repair: None,
    expected_outcome: "published",
    is_sweep: false,
};

/// The sweep of one empty repository.
pub const SWEEP_OF_ONE: Scenario = Scenario { input: sweep, expected_outcome: "swept", is_sweep: true, ..EVENT };

/// The push of one platform while the other is missing.
pub const WAITING: Scenario = Scenario {
    prepare: |fixture| {
        fixture.push(ImageKind::Docker, "arm64", "first");
        vec![ExpectedTag::unwritten()]
    },
    expected_outcome: "waiting",
    ..EVENT
};

/// The first list of a version.
pub const FIRST: Scenario = Scenario { prepare: |fixture| vec![new_list(fixture, ImageKind::Docker)], ..EVENT };

/// The first list of a version whose images have attestations.
pub const ATTESTED: Scenario = Scenario { prepare: |fixture| vec![new_list(fixture, ImageKind::Attested)], ..EVENT };

/// The event of a version whose list is up to date.
pub const UNCHANGED: Scenario = Scenario {
    prepare: |fixture| {
        let images = fixture.push_all(ImageKind::Attested, "first");
        let list = Some(fixture.publish(ImageKind::Attested, &images));
        vec![ExpectedTag { before: list.clone(), after: list, ..ExpectedTag::unwritten() }]
    },
    expected_outcome: "unchanged",
    ..EVENT
};

/// A request for a version whose list is out of date.
pub const OUT_OF_DATE: Scenario = Scenario {
    prepare: |fixture| vec![next_list(fixture, ImageKind::Attested)],
    input: |repository| assemble_request(repository, VERSION),
    ..EVENT
};

/// A platform pushed again between the write and the confirming read.
pub const OUTRUN: Scenario = Scenario {
    prepare: |fixture| {
        let [amd64, arm64] = fixture.push_all(ImageKind::Docker, "first");
        let late = ImageKind::Docker.image("arm64", &format!("{} late", fixture.repository));
        vec![ExpectedTag {
            temporary: vec![digest_of_list(ImageKind::Docker, &[amd64.clone(), arm64])],
            after: Some(digest_of_list(ImageKind::Docker, &[amd64, late])),
            ..ExpectedTag::unwritten()
        }]
    },
    ..EVENT
};

/// A dry run.
pub const DRY_RUN: Scenario = Scenario {
    prepare: |fixture| vec![ExpectedTag { after: None, ..new_list(fixture, ImageKind::Docker) }],
    input: |repository| with_fields(assemble_request(repository, VERSION), &json!({"dry_run": true})),
    expected_outcome: "would_publish",
    ..EVENT
};

/// The first list under an immutable tag.
pub const IMMUTABLE: Scenario = Scenario {
    prepare: |fixture| {
        fixture.registry.set_mutability(fixture.repository, Mutability::Immutable);
        vec![new_list(fixture, ImageKind::Docker)]
    },
    ..EVENT
};

/// A platform pushed again after the immutable tag of the version was written.
pub const IMMUTABLE_OUT_OF_DATE: Scenario = Scenario {
    prepare: |fixture| {
        let filter = format!("{VERSION}-*");
        fixture.registry.set_mutability(fixture.repository, Mutability::ImmutableWithExclusion(vec![filter]));
        let expected = next_list(fixture, ImageKind::Docker);
        vec![ExpectedTag { after: expected.before.clone(), ..expected }]
    },
    expected_outcome: "TagConflict",
    ..EVENT
};

/// The sweep of one repository.
pub const SWEEP: Scenario =
    Scenario { prepare: |fixture| vec![new_list(fixture, ImageKind::Attested)], ..SWEEP_OF_ONE };

/// The deep sweep of the repositories that a glob matches.
pub const DEEP_SWEEP: Scenario = Scenario {
    prepare: |fixture| vec![next_list(fixture, ImageKind::Docker)],
    input: |repository| sweep_request(&json!({"repositories": [format!("{repository}*")], "deep": true})),
    ..SWEEP_OF_ONE
};

/// The sweep of a repository, and of another one whose version is young and up to date.
pub const SWEEP_OF_TWO: Scenario = Scenario {
    prepare: |fixture| {
        let neighbour = Fixture { repository: &neighbour(fixture.repository), ..*fixture };
        let images = neighbour.push_all(ImageKind::Attested, "first");
        neighbour.publish(ImageKind::Attested, &images);
        vec![next_list(fixture, ImageKind::Attested)]
    },
    input: |repository| sweep_request(&json!({"repositories": [repository, neighbour(repository)]})),
    ..SWEEP_OF_ONE
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
