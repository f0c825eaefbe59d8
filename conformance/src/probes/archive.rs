//! Archived images. Nothing public says how ECR reads and pushes them, and the product works with several answers.

use aws_sdk_ecr::types::{DescribeImagesFilter, ImageStatusFilter, TargetStorageClass};
use local_ecr::media_type::OCI_INDEX;
use serde_json::json;

use crate::assumption::{Assumption, Severity};
use crate::bench::{Bench, Manifest, image_id};
use crate::outcome::{NotTried, must, outcome};
use crate::probe::{Probe, Seen, accepted};

pub(super) const PROBES: [Probe; 5] = [
    Probe::new(
        Assumption {
            id: "archived-is-not-read",
            statement: "BatchGetImage of an archived image fails with ImageInaccessible or ImageNotFound",
            relied_on_by: "engine/src/ecr.rs",
            severity: Severity::Wrong,
            consequence: "Versions whose images are archived fail in each sweep, or are published with images that cannot be pulled.",
        },
        |bench| Box::pin(archived_is_not_read(bench)),
    ),
    Probe::new(
        Assumption {
            id: "archived-is-scanned",
            statement: "DescribeImages with the status ANY lists archived images, and says that they are",
            relied_on_by: "engine/src/ecr/scan.rs",
            severity: Severity::Wrong,
            consequence: "Sweeps take archived images for absent ones, and publish their lists again.",
        },
        |bench| Box::pin(archived_is_scanned(bench)),
    ),
    Probe::new(
        Assumption {
            id: "status-beside-image-ids",
            statement: "DescribeImages takes a filter of the status beside identifiers",
            relied_on_by: "engine/src/ecr/scan.rs",
            severity: Severity::Slower,
            consequence: "A version that lacks images costs a call that is refused, and only sweeps tell archived images from absent ones.",
        },
        |bench| Box::pin(status_beside_image_ids(bench)),
    ),
    Probe::new(
        Assumption {
            id: "archived-is-pushed-again",
            statement: "PutImage of an archived image under its tag restores it, or fails with ImageAlreadyExistsException",
            relied_on_by: "engine/src/ecr/put.rs",
            severity: Severity::Slower,
            consequence: "The push is not confirmed, and its event is delivered again.",
        },
        |bench| Box::pin(archived_is_pushed_again(bench)),
    ),
    Probe::new(
        Assumption {
            id: "archived-child",
            statement: "A list may name an archived image",
            relied_on_by: "core/src/reconcile/machine.rs",
            severity: Severity::Harmless,
            consequence: "The product does not publish versions with archived images; who does by hand is refused.",
        },
        |bench| Box::pin(archived_child(bench)),
    ),
];

/// An image that is archived.
async fn archived(bench: &Bench, tag: &str) -> Result<Manifest, NotTried> {
    let image = bench.pushed(tag, "linux/arm64").await?;
    let call = bench
        .client
        .update_image_storage_class()
        .repository_name(&bench.repository)
        .image_id(image_id(tag))
        .target_storage_class(TargetStorageClass::Archive);
    must(outcome(call.send().await)?)?;
    Ok(image)
}

async fn archived_is_not_read(bench: &Bench) -> Result<Seen, NotTried> {
    let image = archived(bench, "archived-read").await?;
    let mut codes = Vec::new();
    for reference in ["archived-read", &image.digest()] {
        let read = must(bench.get(&[reference]).await?)?;
        let code = read.failures().first().and_then(|failure| failure.failure_code());
        codes.push(code.map_or("the image", |code| code.as_str()).to_owned());
    }
    let is_expected = codes.iter().all(|code| matches!(code.as_str(), "ImageInaccessible" | "ImageNotFound"));
    Ok(Seen::new(is_expected, format!("{} by tag, {} by digest", codes[0], codes[1])))
}

async fn archived_is_scanned(bench: &Bench) -> Result<Seen, NotTried> {
    let image = archived(bench, "archived-scan").await?;
    let filter = DescribeImagesFilter::builder().image_status(ImageStatusFilter::Any).build();
    let call = bench.client.describe_images().repository_name(&bench.repository).filter(filter).max_results(1_000);
    let any = must(outcome(call.send().await)?)?;
    let of_image = |digest: Option<&str>| digest == Some(image.digest().as_str());
    let row = any.image_details().iter().find(|row| of_image(row.image_digest()));
    let default = bench.scan().await?.iter().any(|row| of_image(row.image_digest()));
    let status = row.and_then(|row| row.image_status()).map(|status| status.as_str().to_owned());
    let described = status.as_deref().unwrap_or("absent");
    let by_default = if default { "listed" } else { "not listed" };
    Ok(Seen::new(described == "ARCHIVED" && !default, format!("{described} with ANY, {by_default} without")))
}

async fn status_beside_image_ids(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("with-status", "linux/amd64").await?;
    let filter = DescribeImagesFilter::builder().image_status(ImageStatusFilter::Any).build();
    let call = bench
        .client
        .describe_images()
        .repository_name(&bench.repository)
        .image_ids(image_id(&image.digest()))
        .filter(filter);
    Ok(accepted(&outcome(call.send().await)?))
}

async fn archived_is_pushed_again(bench: &Bench) -> Result<Seen, NotTried> {
    let image = archived(bench, "archived-push").await?;
    let put = bench.put(&bench.repository, &image, Some("archived-push")).await?;
    let is_restored = bench.named("archived-push").await?.is_some();
    Ok(match put {
        Ok(_) if is_restored => Seen::new(true, "restored"),
        Ok(_) => Seen::new(false, "accepted, and the image cannot be read"),
        Err(exception) => {
            let state = if is_restored { "the image can be read" } else { "the image cannot be read" };
            let text = format!("{}; {state}", exception.code);
            Seen::new(exception.code == "ImageAlreadyExistsException", text)
        }
    })
}

async fn archived_child(bench: &Bench) -> Result<Seen, NotTried> {
    let image = archived(bench, "archived-child").await?;
    let entry = image.entry(&json!({"os": "linux", "architecture": "arm64"}));
    let list = Manifest::list(OCI_INDEX, &[entry], &json!({}));
    Ok(accepted(&bench.put(&bench.repository, &list, Some("archived-list")).await?))
}
