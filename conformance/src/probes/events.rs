//! The events of pushes, by a rule and a queue.

use serde_json::{Value, json};

use crate::assumption::{Assumption, Severity};
use crate::bench::{Bench, Manifest};
use crate::opt_in::OptIn;
use crate::outcome::NotTried;
use crate::probe::{Probe, Seen};
use local_ecr::media_type::OCI_INDEX;

/// How many pushes are tried before one counts as not announced: a rule that was just made takes some time to work.
const PUSHES: usize = 4;

pub(super) const PROBES: [Probe; 3] = [
    Probe::new(
        Assumption {
            id: "image-is-announced",
            statement: "The push of an image under a tag is announced, with repository, tag, digest and media type",
            relied_on_by: "core/src/input.rs",
            severity: Severity::Wrong,
            consequence: "Versions are published by sweeps alone.",
        },
        |bench| Box::pin(image(bench)),
    )
    .with(OptIn::Events),
    Probe::new(
        Assumption {
            id: "added-tag-is-announced",
            statement: "PutImage of the bytes of an image under another tag is announced with that tag",
            relied_on_by: "core/src/plan.rs",
            severity: Severity::Slower,
            consequence: "Versions whose platform tags are added to images are published by sweeps alone.",
        },
        |bench| Box::pin(added_tag(bench)),
    )
    .with(OptIn::Events),
    Probe::new(
        Assumption {
            id: "list-is-announced",
            statement: "The push of a list is announced like that of an image, with its media type",
            relied_on_by: "docs/gitops.yaml",
            severity: Severity::Slower,
            consequence: "Image tags of lists that others push wait for a sweep, and GitOps controllers for their \
                          poll.",
        },
        |bench| Box::pin(list(bench)),
    )
    .with(OptIn::Events),
];

async fn image(bench: &Bench) -> Result<Seen, NotTried> {
    for index in 0..PUSHES {
        let tag = format!("announced-{index}");
        let image = bench.pushed(&tag, "linux/amd64").await?;
        if let Some(seen) = seen(bench, &tag, &image).await? {
            return Ok(seen);
        }
    }
    Ok(Seen::new(false, format!("none of {PUSHES} pushes was announced")))
}

async fn added_tag(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("announced-first", "linux/amd64").await?;
    bench.push(&image, "announced-added").await?;
    Ok(seen(bench, "announced-added", &image).await?.unwrap_or_else(|| Seen::new(false, "not announced")))
}

async fn list(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("announced-of-list", "linux/amd64").await?;
    let entry = image.entry(&json!({"os": "linux", "architecture": "amd64"}));
    let list = Manifest::list(OCI_INDEX, &[entry], &json!({}));
    bench.push(&list, "announced-list").await?;
    Ok(seen(bench, "announced-list", &list).await?.unwrap_or_else(|| Seen::new(false, "not announced")))
}

/// Compares the event of a push with what is expected, if it came in time.
async fn seen(bench: &Bench, tag: &str, manifest: &Manifest) -> Result<Option<Seen>, NotTried> {
    let Some(event) = bench.events.event_of(tag).await? else { return Ok(None) };
    let expected = json!({
        "result": "SUCCESS",
        "action-type": "PUSH",
        "repository-name": bench.repository,
        "image-tag": tag,
        "image-digest": manifest.digest(),
        "manifest-media-type": manifest.media_type,
    });
    let differing: Vec<_> = expected
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(field, value)| {
            let stated = &event["detail"][field];
            (stated != value).then(|| format!("{field} is {stated}"))
        })
        .collect();
    let text = if differing.is_empty() { stated_fields(&event) } else { differing.join(", ") };
    Ok(Some(Seen::new(differing.is_empty(), text)))
}

/// The names of the fields that the detail of an event has.
fn stated_fields(event: &Value) -> String {
    let names: Vec<_> = event["detail"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    format!("announced with {}", names.join(", "))
}
