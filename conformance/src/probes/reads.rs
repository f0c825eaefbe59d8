//! Reads of manifests.

use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

use crate::assumption::{Assumption, Severity};
use crate::bench::{Bench, Manifest, image_id};
use crate::outcome::{NotTried, must, outcome};
use crate::probe::{Probe, Seen, refused};

pub(super) const PROBES: [Probe; 5] = [
    Probe::new(
        Assumption {
            id: "stored-bytes",
            statement: "BatchGetImage that accepts all four media types returns the bytes that were pushed",
            relied_on_by: "core/src/reconcile/observation.rs",
            severity: Severity::Wrong,
            consequence: "Versions fail with CorruptImage.",
        },
        |bench| Box::pin(stored_bytes(bench)),
    ),
    Probe::new(
        Assumption {
            id: "manifest-without-media-type",
            statement: "A manifest without mediaType is stored as it is, under the media type of the call",
            relied_on_by: "core/src/reconcile/observation.rs",
            severity: Severity::Wrong,
            consequence: "Versions with such images are not published.",
        },
        |bench| Box::pin(manifest_without_media_type(bench)),
    ),
    Probe::new(
        Assumption {
            id: "absent-tag",
            statement: "BatchGetImage of an absent tag succeeds, with the failure code ImageNotFound",
            relied_on_by: "engine/src/ecr.rs",
            severity: Severity::Wrong,
            consequence: "Versions that lack a platform fail instead of waiting.",
        },
        |bench| Box::pin(absent_tag(bench)),
    ),
    Probe::new(
        Assumption {
            id: "absent-repository",
            statement: "A read of an absent repository fails with RepositoryNotFoundException",
            relied_on_by: "engine/src/ecr/error.rs",
            severity: Severity::Harmless,
            consequence: "The error of a request for an absent repository has another type.",
        },
        |bench| Box::pin(absent_repository(bench)),
    ),
    Probe::new(
        Assumption {
            id: "hundred-references",
            statement: "BatchGetImage takes a hundred references and refuses more",
            relied_on_by: "engine/src/ecr.rs",
            severity: Severity::Slower,
            consequence: "Reads could be larger, or have to be smaller.",
        },
        |bench| Box::pin(hundred_references(bench)),
    ),
];

async fn stored_bytes(bench: &Bench) -> Result<Seen, NotTried> {
    let platform = json!({"os": "linux", "architecture": "amd64"});
    let oci = bench.pushed("oci-image", "linux/amd64").await?;
    let docker = bench.docker_image(&bench.repository, "docker-image", "linux/amd64").await?;
    bench.push(&docker, "docker-image").await?;
    let index = Manifest::list(OCI_INDEX, &[oci.entry(&platform)], &json!({}));
    bench.push(&index, "oci-index").await?;
    let list = Manifest::list(DOCKER_LIST, &[docker.entry(&platform)], &json!({}));
    bench.push(&list, "docker-list").await?;
    let mut differing = Vec::new();
    for (tag, pushed) in [("oci-image", oci), ("docker-image", docker), ("oci-index", index), ("docker-list", list)] {
        let read = must(bench.get(&[tag]).await?)?;
        let image = read.images().first();
        let is_same = image.is_some_and(|image| {
            image.image_manifest() == Some(&pushed.text) && image.image_manifest_media_type() == Some(pushed.media_type)
        });
        if !is_same {
            differing.push(tag);
        }
    }
    let text = if differing.is_empty() { "the same bytes".to_owned() } else { differing.join(", ") + " differ" };
    Ok(Seen::new(differing.is_empty(), text))
}

async fn manifest_without_media_type(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.image(&bench.repository, "untyped", "linux/amd64").await?;
    let mut fields: Value = serde_json::from_str(&image.text).map_err(|error| NotTried(error.to_string()))?;
    fields.as_object_mut().map(|fields| fields.remove("mediaType"));
    let untyped = Manifest { text: fields.to_string(), media_type: OCI_MANIFEST };
    if let Err(exception) = bench.put(&bench.repository, &untyped, Some("untyped")).await? {
        return Ok(Seen::new(false, exception.code));
    }
    let read = must(bench.get(&["untyped"]).await?)?;
    let image = read.images().first();
    let media_type = image.and_then(|image| image.image_manifest_media_type()).unwrap_or("no media type");
    let is_same = image.and_then(|image| image.image_manifest()) == Some(&untyped.text);
    let bytes = if is_same { "the same bytes" } else { "other bytes" };
    Ok(Seen::new(is_same && media_type == OCI_MANIFEST, format!("{bytes}, {media_type}")))
}

async fn absent_tag(bench: &Bench) -> Result<Seen, NotTried> {
    Ok(match bench.get(&["absent"]).await? {
        Err(exception) => Seen::new(false, format!("HTTP {} {}", exception.status, exception.code)),
        Ok(read) => {
            let code = read.failures().first().and_then(|failure| failure.failure_code());
            let code = code.map_or("no failure", |code| code.as_str());
            Seen::new(code == "ImageNotFound", code)
        }
    })
}

async fn absent_repository(bench: &Bench) -> Result<Seen, NotTried> {
    let name = format!("{}-absent", bench.repository);
    let call = bench.client.batch_get_image().repository_name(name).image_ids(image_id("1"));
    Ok(refused(&outcome(call.send().await)?, &["RepositoryNotFoundException"]))
}

async fn hundred_references(bench: &Bench) -> Result<Seen, NotTried> {
    let tags: Vec<_> = (0..101).map(|index| format!("absent-{index}")).collect();
    let references: Vec<_> = tags.iter().map(String::as_str).collect();
    if let Err(exception) = bench.get(&references[..100]).await? {
        return Ok(Seen::new(false, format!("{} for 100", exception.code)));
    }
    Ok(refused(&bench.get(&references).await?, &["InvalidParameterException"]))
}
