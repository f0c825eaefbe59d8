//! What `PutImage` takes and refuses.

use local_ecr::digest_of;
use local_ecr::media_type::{DOCKER_LIST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST};
use serde_json::json;

use crate::assumption::{Assumption, Severity};
use crate::bench::{Bench, Manifest, put_call};
use crate::outcome::{NotTried, outcome};
use crate::probe::{Probe, Seen, refused};

/// ECR's limit of a manifest. (Amazon ECR API reference, `PutImage`.)
const MAX_MANIFEST: usize = 4_194_304;

pub(super) const PROBES: [Probe; 7] = [
    Probe::new(
        Assumption {
            id: "mixed-lists",
            statement: "A Docker list may name OCI images, and an OCI index Docker images",
            relied_on_by: "core/src/reconcile/manifest_list.rs",
            severity: Severity::Wrong,
            consequence: "Versions whose platforms were built by different tools are not published, nor lists of Docker images with annotations.",
        },
        |bench| Box::pin(mixed_lists(bench)),
    ),
    Probe::new(
        Assumption {
            id: "fields-of-entries",
            statement: "An index and its entries may have annotations, and entries variant and os.version",
            relied_on_by: "core/src/reconcile/manifest_list.rs",
            severity: Severity::Wrong,
            consequence: "Versions with such images are not published.",
        },
        |bench| Box::pin(fields_of_entries(bench)),
    ),
    Probe::new(
        Assumption {
            id: "os-features-are-refused",
            statement: "An index with os.features in an entry fails with InvalidParameterException",
            relied_on_by: "core/src/oci/platform.rs",
            severity: Severity::Harmless,
            consequence: "The product leaves os.features out, which would not be necessary.",
        },
        |bench| Box::pin(os_features_are_refused(bench)),
    ),
    Probe::new(
        Assumption {
            id: "missing-child",
            statement: "A list that names an image that is not in the repository fails with ReferencedImagesNotFoundException",
            relied_on_by: "engine/src/ecr/put.rs",
            severity: Severity::Wrong,
            consequence: "A list could name an image that was deleted meanwhile.",
        },
        |bench| Box::pin(missing_child(bench)),
    ),
    Probe::new(
        Assumption {
            id: "missing-layer",
            statement: "An image that names a blob that is not in the repository fails with LayersNotFoundException",
            relied_on_by: "local-ecr/src/push.rs",
            severity: Severity::Harmless,
            consequence: "The product pushes no images; those that others push may lack their configs.",
        },
        |bench| Box::pin(missing_layer(bench)),
    ),
    Probe::new(
        Assumption {
            id: "wrong-digest",
            statement: "PutImage with another digest than that of the manifest fails with ImageDigestDoesNotMatchException",
            relied_on_by: "engine/src/ecr/put.rs",
            severity: Severity::Harmless,
            consequence: "The product computes the digest of the bytes that it sends.",
        },
        |bench| Box::pin(wrong_digest(bench)),
    ),
    Probe::new(
        Assumption {
            id: "largest-manifest",
            statement: "A manifest of more than 4 MiB is refused",
            relied_on_by: "core/src/reconcile/manifest_list.rs",
            severity: Severity::Harmless,
            consequence: "Lists that ECR would take are refused as too large.",
        },
        |bench| Box::pin(largest_manifest(bench)),
    ),
];

async fn mixed_lists(bench: &Bench) -> Result<Seen, NotTried> {
    let oci = bench.pushed("mixed-oci", "linux/amd64").await?;
    let docker = bench.docker_image(&bench.repository, "mixed-docker", "linux/arm64").await?;
    bench.push(&docker, "mixed-docker").await?;
    let entries = [
        oci.entry(&json!({"os": "linux", "architecture": "amd64"})),
        docker.entry(&json!({"os": "linux", "architecture": "arm64"})),
    ];
    let mut refusals = Vec::new();
    for (tag, media_type) in [("mixed-docker-list", DOCKER_LIST), ("mixed-oci-index", OCI_INDEX)] {
        let list = Manifest::list(media_type, &entries, &json!({}));
        if let Err(exception) = bench.put(&bench.repository, &list, Some(tag)).await? {
            refusals.push(format!("{tag}: {}", exception.code));
        }
    }
    let text = if refusals.is_empty() { "both are accepted".to_owned() } else { refusals.join(", ") };
    Ok(Seen::new(refusals.is_empty(), text))
}

async fn fields_of_entries(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("fields", "linux/arm64").await?;
    let linux = json!({"os": "linux", "architecture": "arm64"});
    let with = |name: &str, value| {
        let mut platform = linux.clone();
        platform[name] = value;
        image.entry(&platform)
    };
    let mut annotated = image.entry(&linux);
    annotated["annotations"] = json!({"com.example.key": "value"});
    let entries = [
        ("annotations", annotated),
        ("variant", with("variant", json!("v8"))),
        ("os.version", with("os.version", json!("10.0.20348.2700"))),
    ];
    let mut refusals = Vec::new();
    for (name, entry) in entries {
        let list = Manifest::list(OCI_INDEX, &[entry], &json!({"annotations": {"com.example.field": name}}));
        if let Err(exception) = bench.put(&bench.repository, &list, Some(&format!("fields-{name}"))).await? {
            refusals.push(format!("{name}: {}: {}", exception.code, exception.message));
        }
    }
    let text = if refusals.is_empty() { "all are accepted".to_owned() } else { refusals.join(", ") };
    Ok(Seen::new(refusals.is_empty(), text))
}

async fn os_features_are_refused(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("features", "windows/amd64").await?;
    let platform = json!({"os": "windows", "architecture": "amd64", "os.features": ["win32k"]});
    let list = Manifest::list(OCI_INDEX, &[image.entry(&platform)], &json!({}));
    let put = bench.put(&bench.repository, &list, Some("features-list")).await?;
    Ok(refused(&put, &["InvalidParameterException"]))
}

async fn missing_child(bench: &Bench) -> Result<Seen, NotTried> {
    let entry = json!({"mediaType": OCI_MANIFEST, "size": 7, "digest": digest_of(b"absent"),
                       "platform": {"os": "linux", "architecture": "amd64"}});
    let list = Manifest::list(OCI_INDEX, &[entry], &json!({}));
    let put = bench.put(&bench.repository, &list, Some("missing-child")).await?;
    Ok(refused(&put, &["ReferencedImagesNotFoundException"]))
}

async fn missing_layer(bench: &Bench) -> Result<Seen, NotTried> {
    let blob =
        |media_type, name: &[u8]| json!({"mediaType": media_type, "size": name.len(), "digest": digest_of(name)});
    let text = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": blob(OCI_CONFIG, b"absent config"),
        "layers": [blob(OCI_LAYER, b"absent layer")],
    });
    let image = Manifest { text: text.to_string(), media_type: OCI_MANIFEST };
    let put = bench.put(&bench.repository, &image, Some("missing-layer")).await?;
    Ok(refused(&put, &["LayersNotFoundException"]))
}

async fn wrong_digest(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.image(&bench.repository, "wrong-digest", "linux/amd64").await?;
    let call = put_call(&bench.client, &bench.repository, &image)
        .image_digest(digest_of(b"another"))
        .image_tag("wrong-digest");
    Ok(refused(&outcome(call.send().await)?, &["ImageDigestDoesNotMatchException"]))
}

async fn largest_manifest(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("large", "linux/amd64").await?;
    let entry = image.entry(&json!({"os": "linux", "architecture": "amd64"}));
    let list =
        Manifest::list(OCI_INDEX, &[entry], &json!({"annotations": {"com.example.large": "x".repeat(MAX_MANIFEST)}}));
    let put = bench.put(&bench.repository, &list, Some("large-list")).await?;
    Ok(Seen::new(put.is_err(), put.map_or_else(|exception| exception.code, |_| "accepted".to_owned())))
}
