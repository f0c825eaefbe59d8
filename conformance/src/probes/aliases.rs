//! Tags of one image, on which aliases and image tags rest.

use std::time::Duration;

use tokio::time::sleep;

use crate::assumption::{Assumption, Severity};
use crate::bench::Bench;
use crate::outcome::{NotTried, must};
use crate::probe::{Probe, Seen, refused};

/// Longer than the resolution of the times that ECR states.
const A_WHILE: Duration = Duration::from_millis(1_100);

pub(super) const PROBES: [Probe; 6] = [
    Probe::new(
        Assumption {
            id: "equal-bytes-add-a-tag",
            statement: "PutImage of the bytes of an image under another tag adds the tag",
            relied_on_by: "engine/src/ecr/put.rs",
            severity: Severity::Wrong,
            consequence: "Aliases, image tags and yank markers are not written.",
        },
        |bench| Box::pin(equal_bytes_add_a_tag(bench)),
    ),
    Probe::new(
        Assumption {
            id: "tag-moves",
            statement: "PutImage under the tag of another image moves the tag",
            relied_on_by: "engine/src/ecr/put.rs",
            severity: Severity::Wrong,
            consequence: "Aliases do not follow the highest release, and lists are not replaced.",
        },
        |bench| Box::pin(tag_moves(bench)),
    ),
    Probe::new(
        Assumption {
            id: "same-tag-again",
            statement: "PutImage of an image under a tag that names it already fails with ImageAlreadyExistsException",
            relied_on_by: "engine/src/ecr/put.rs",
            severity: Severity::Harmless,
            consequence: "Success and this exception count alike; with another one, writes fail that were not needed.",
        },
        |bench| Box::pin(same_tag_again(bench)),
    ),
    Probe::new(
        Assumption {
            id: "tags-of-one-image",
            statement: "BatchGetImage answers two tags of one image with two entries",
            relied_on_by: "engine/src/ecr.rs",
            severity: Severity::Slower,
            consequence: "The tags that an answer leaves out are read again, one by one.",
        },
        |bench| Box::pin(tags_of_one_image(bench)),
    ),
    Probe::new(
        Assumption {
            id: "new-tag-keeps-push-time",
            statement: "A new tag does not change the push time of an image",
            relied_on_by: "core/src/inventory.rs",
            severity: Severity::Slower,
            consequence: "A list that is older than its images looks newer, and is compared by deep sweeps only.",
        },
        |bench| Box::pin(new_tag_keeps_push_time(bench)),
    ),
    Probe::new(
        Assumption {
            id: "repeated-push-keeps-push-time",
            statement: "A repeated push does not change the push time of an image",
            relied_on_by: "core/src/inventory.rs",
            severity: Severity::Slower,
            consequence: "A version whose platform is pushed again is compared by each sweep.",
        },
        |bench| Box::pin(repeated_push_keeps_push_time(bench)),
    ),
];

async fn equal_bytes_add_a_tag(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("equal-1", "linux/amd64").await?;
    if let Err(exception) = bench.put(&bench.repository, &image, Some("equal-2")).await? {
        return Ok(Seen::new(false, exception.code));
    }
    let (one, other) = (bench.named("equal-1").await?, bench.named("equal-2").await?);
    let digest = Some(image.digest());
    Ok(match (one == digest, other == digest) {
        (true, true) => Seen::new(true, "both tags name the image"),
        (true, false) => Seen::new(false, "accepted, and the new tag does not name the image"),
        (false, _) => Seen::new(false, "the new tag took the place of the old one"),
    })
}

async fn tag_moves(bench: &Bench) -> Result<Seen, NotTried> {
    let old = bench.pushed("moving", "linux/amd64").await?;
    let new = bench.image(&bench.repository, "moved", "linux/amd64").await?;
    if let Err(exception) = bench.put(&bench.repository, &new, Some("moving")).await? {
        return Ok(Seen::new(false, exception.code));
    }
    if bench.named("moving").await? != Some(new.digest()) {
        return Ok(Seen::new(false, "accepted, and the tag names the old image"));
    }
    Ok(match bench.named(&old.digest()).await? {
        Some(_) => Seen::new(true, "the tag names the new image, and the old one is there by digest"),
        None => Seen::new(false, "the old image is gone"),
    })
}

async fn same_tag_again(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("again", "linux/amd64").await?;
    Ok(refused(&bench.put(&bench.repository, &image, Some("again")).await?, &["ImageAlreadyExistsException"]))
}

async fn tags_of_one_image(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("one-of-two", "linux/amd64").await?;
    bench.push(&image, "two-of-two").await?;
    let read = must(bench.get(&["one-of-two", "two-of-two"]).await?)?;
    let mut tags: Vec<_> = read.images().iter().filter_map(|image| image.image_id()?.image_tag()).collect();
    tags.sort_unstable();
    let failures = read.failures().len();
    let text = format!("{} entries, with the tags {}; {failures} failures", read.images().len(), tags.join(" and "));
    Ok(Seen::new(tags == ["one-of-two", "two-of-two"] && failures == 0, text))
}

async fn new_tag_keeps_push_time(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("dated-1", "linux/amd64").await?;
    push_time_after(bench, &image.digest(), async || bench.push(&image, "dated-2").await).await
}

async fn repeated_push_keeps_push_time(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("repeated", "linux/amd64").await?;
    push_time_after(bench, &image.digest(), async || {
        bench.put(&bench.repository, &image, Some("repeated")).await.map(drop)
    })
    .await
}

/// Compares the push time of an image before and after a step.
async fn push_time_after(
    bench: &Bench,
    digest: &str,
    step: impl AsyncFnOnce() -> Result<(), NotTried>,
) -> Result<Seen, NotTried> {
    let before = bench.described(digest).await?.image_pushed_at;
    sleep(A_WHILE).await;
    step().await?;
    let after = bench.described(digest).await?.image_pushed_at;
    Ok(Seen::new(before == after, if before == after { "unchanged" } else { "later than before" }))
}
