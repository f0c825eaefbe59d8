//! Configs, which the product reads to learn the platform of an image.

use local_ecr::digest_of;
use local_ecr::image::Image;

use crate::assumption::{Assumption, Severity};
use crate::bench::Bench;
use crate::outcome::{NotTried, must, outcome};
use crate::probe::{Probe, Seen, refused};

/// More than any config here has.
const MAX_CONFIG: u64 = 65_536;

pub(super) const PROBES: [Probe; 2] = [
    Probe::new(
        Assumption {
            id: "url-of-a-config",
            statement: "GetDownloadUrlForLayer gives the URL of a config, which answers without credentials",
            relied_on_by: "engine/src/blob.rs",
            severity: Severity::Wrong,
            consequence: "Nothing is published.",
        },
        |bench| Box::pin(url_of_a_config(bench)),
    ),
    Probe::new(
        Assumption {
            id: "url-of-an-absent-blob",
            statement: "GetDownloadUrlForLayer of an absent blob fails with LayersNotFoundException",
            relied_on_by: "engine/src/ecr/error.rs",
            severity: Severity::Harmless,
            consequence: "The error of an image without its config has another type.",
        },
        |bench| Box::pin(url_of_an_absent_blob(bench)),
    ),
];

async fn url_of_a_config(bench: &Bench) -> Result<Seen, NotTried> {
    bench.pushed("with-config", "linux/arm64").await?;
    let config = Image::oci("linux/arm64").content("with-config").config();
    let call =
        bench.client.get_download_url_for_layer().repository_name(&bench.repository).layer_digest(digest_of(&config));
    let url = match outcome(call.send().await)? {
        Ok(output) => output.download_url.unwrap_or_default(),
        Err(exception) => return Ok(Seen::new(false, exception.code)),
    };
    Ok(match bench.blobs.get(&url, MAX_CONFIG).await {
        Ok(bytes) if bytes == config => Seen::new(true, "the bytes of the config"),
        Ok(bytes) => Seen::new(false, format!("{} other bytes", bytes.len())),
        Err(error) => Seen::new(false, error.to_string()),
    })
}

async fn url_of_an_absent_blob(bench: &Bench) -> Result<Seen, NotTried> {
    // The repository must have an image, so that the blob is all that is absent.
    let image = bench.pushed("without-blob", "linux/amd64").await?;
    must(bench.get(&[&image.digest()]).await?)?;
    let call = bench
        .client
        .get_download_url_for_layer()
        .repository_name(&bench.repository)
        .layer_digest(digest_of(b"absent blob"));
    Ok(refused(&outcome(call.send().await)?, &["LayersNotFoundException"]))
}
