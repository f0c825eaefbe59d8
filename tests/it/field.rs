//! Troubles that people reported in public, each with the images of its true shape. `docs/field-cases.md` lists them
//! with their sources; the numbers are those of its rows.

// The indexes and manifests that tools push under platform tags. If a tool makes another shape, test it here.
mod indexes;
// What a version, a tag or a release is called. If you find a name that misleads, test it here.
mod names;
// What pipelines do one after the other: retag, delete, promote, race. If you find an order that hurts, test it here.
mod pipelines;
// The platforms that images state. If you find another spelling, or a lie, test it here.
mod platforms;
// The revisions that images state, and inherit. If you find another spelling of a commit, test it here.
mod revisions;

use local_ecr::image::{Artifact, ToArtifact};
use serde_json::Value;

use crate::support::function::Failure;
use crate::support::test_bed::TestBed;

/// A sweep's entry of a version.
#[track_caller]
fn entry<'a>(swept: &'a Value, list: &str, version: &str) -> &'a Value {
    let entries = swept[list].as_array().unwrap();
    entries.iter().find(|entry| entry["version"] == version).unwrap_or_else(|| panic!("{version} is not in {swept:#}"))
}

/// A test bed whose function serves these platforms.
fn bed_for(platforms: &str) -> TestBed {
    TestBed::with(|function| function.env("PLATFORMS", platforms))
}

/// The same content with another manifest.
fn edited(content: &impl ToArtifact, edit: impl FnOnce(&mut Value)) -> Artifact {
    let mut artifact = content.to_artifact();
    let mut manifest = serde_json::from_slice(&artifact.manifest).unwrap();
    edit(&mut manifest);
    artifact.manifest = manifest.to_string().into();
    artifact
}

/// Pushes to a repository, and delivers ECR's own event of what was pushed last, with its media types.
fn push_announced(
    bed: &TestBed,
    repository: &str,
    tag: Option<&str>,
    content: &impl ToArtifact,
) -> Result<Value, Failure> {
    let mut events = bed.ecr.events();
    bed.registry.push(repository, tag, content);
    bed.function.invoke(&std::iter::from_fn(|| events.try_recv().ok()).last().unwrap())
}

/// Pushes both images of version `1` to `app`, without their events.
fn push_both(bed: &TestBed, amd64: &impl ToArtifact, arm64: &impl ToArtifact) {
    bed.registry.push("app", Some("1-amd64"), amd64);
    bed.registry.push("app", Some("1-arm64"), arm64);
}
