//! Images that a list names.

use local_ecr::media_type::OCI_INDEX;
use serde_json::json;

use crate::assumption::{Assumption, Severity};
use crate::bench::{Bench, Manifest, image_id};
use crate::outcome::{NotTried, must, outcome};
use crate::probe::{Probe, Seen};

pub(super) const PROBES: [Probe; 2] = [
    Probe::new(
        Assumption {
            id: "child-is-kept",
            statement: "BatchDeleteImage of an image that a list names fails with ImageReferencedByManifestList",
            relied_on_by: "docs/integrations.md",
            severity: Severity::Wrong,
            consequence: "Whoever cleans up can break published versions.",
        },
        |bench| Box::pin(child_is_kept(bench)),
    ),
    Probe::new(
        Assumption {
            id: "last-tag-is-kept",
            statement: "The last tag of an image that a list names cannot be deleted either",
            relied_on_by: "docs/integrations.md",
            severity: Severity::Harmless,
            consequence: "Platform tags can be removed, and sweeps do not see these versions any more.",
        },
        |bench| Box::pin(last_tag_is_kept(bench)),
    ),
];

/// An image of this tag, which a list names.
async fn child(bench: &Bench, tag: &str) -> Result<Manifest, NotTried> {
    let image = bench.pushed(tag, "linux/amd64").await?;
    let entry = image.entry(&json!({"os": "linux", "architecture": "amd64"}));
    bench.push(&Manifest::list(OCI_INDEX, &[entry], &json!({})), &format!("{tag}-list")).await?;
    Ok(image)
}

async fn deleted(bench: &Bench, reference: &str) -> Result<Seen, NotTried> {
    let call = bench.client.batch_delete_image().repository_name(&bench.repository).image_ids(image_id(reference));
    let output = must(outcome(call.send().await)?)?;
    let code = output.failures().first().and_then(|failure| failure.failure_code());
    let code = code.map_or("deleted", |code| code.as_str());
    Ok(Seen::new(code == "ImageReferencedByManifestList", code))
}

async fn child_is_kept(bench: &Bench) -> Result<Seen, NotTried> {
    let image = child(bench, "child").await?;
    deleted(bench, &image.digest()).await
}

async fn last_tag_is_kept(bench: &Bench) -> Result<Seen, NotTried> {
    child(bench, "last-tag").await?;
    deleted(bench, "last-tag").await
}
