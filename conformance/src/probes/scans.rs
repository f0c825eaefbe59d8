//! Scans, and how soon they and reads show a write.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ecr::types::{DescribeImagesFilter, TagStatus};
use tokio::time::{Instant, sleep};

use crate::assumption::{Assumption, Severity};
use crate::bench::Bench;
use crate::outcome::{NotTried, must, outcome};
use crate::probe::{Probe, Seen};

/// How long the product waits until it sees a write.
const PATIENCE: Duration = Duration::from_secs(3);
/// The pause between two reads: far below what matters.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a tag is moved while pages are scanned.
const MOVES: usize = 20;

pub(super) const PROBES: [Probe; 5] = [
    Probe::new(
        Assumption {
            id: "scan-lists-all-tags",
            statement: "DescribeImages lists all tags of an image",
            relied_on_by: "core/src/inventory.rs",
            severity: Severity::Wrong,
            consequence: "Sweeps take tags for absent, and publish again what is there.",
        },
        |bench| Box::pin(scan_lists_all_tags(bench)),
    ),
    Probe::new(
        Assumption {
            id: "pages-have-all-images",
            statement: "The pages of DescribeImages have each tagged image once, where nobody writes",
            relied_on_by: "engine/src/ecr/scan.rs",
            severity: Severity::Wrong,
            consequence: "Sweeps miss versions.",
        },
        |bench| Box::pin(pages_have_all_images(bench)),
    ),
    Probe::new(
        Assumption {
            id: "read-after-write",
            statement: "BatchGetImage shows a write within three seconds",
            relied_on_by: "core/src/reconcile/machine.rs",
            severity: Severity::Slower,
            consequence: "Writes are not confirmed, and their events are delivered again.",
        },
        |bench| Box::pin(read_after_write(bench)),
    ),
    Probe::new(
        Assumption {
            id: "scan-after-write",
            statement: "DescribeImages shows a write within three seconds",
            relied_on_by: "core/src/alias/machine.rs",
            severity: Severity::Slower,
            consequence: "An alias is looked at again by the next sweep.",
        },
        |bench| Box::pin(scan_after_write(bench)),
    ),
    Probe::new(
        Assumption {
            id: "page-is-one-read",
            statement: "A page of DescribeImages has a tag that is being moved exactly once",
            relied_on_by: "core/src/alias/machine.rs",
            severity: Severity::Wrong,
            consequence: "An alias can be moved to an older release until the next sweep.",
        },
        |bench| Box::pin(page_is_one_read(bench)),
    ),
];

async fn scan_lists_all_tags(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("listed-1", "linux/amd64").await?;
    for tag in ["listed-2", "listed-3"] {
        bench.push(&image, tag).await?;
    }
    let rows = bench.scan().await?;
    let row = rows.iter().find(|row| row.image_digest() == Some(image.digest().as_str()));
    let mut tags: Vec<_> = row.map(|row| row.image_tags().iter().map(String::as_str).collect()).unwrap_or_default();
    tags.sort_unstable();
    Ok(Seen::new(tags == ["listed-1", "listed-2", "listed-3"], format!("{} of 3 tags", tags.len())))
}

async fn pages_have_all_images(bench: &Bench) -> Result<Seen, NotTried> {
    let mut pushed = BTreeSet::new();
    for index in 0..3 {
        pushed.insert(bench.pushed(&format!("paged-{index}"), "linux/amd64").await?.digest());
    }
    let filter = DescribeImagesFilter::builder().tag_status(TagStatus::Tagged).build();
    let (mut listed, mut pages, mut next) = (Vec::new(), 0, None);
    loop {
        let call = bench.client.describe_images().repository_name(&bench.repository).filter(filter.clone());
        let page = must(outcome(call.max_results(2).set_next_token(next).send().await)?)?;
        pages += 1;
        listed.extend(page.image_details().iter().filter_map(|row| row.image_digest().map(str::to_owned)));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    let distinct: BTreeSet<_> = listed.iter().cloned().collect();
    let text = format!("{} images; pages: {pages}", listed.len());
    Ok(Seen::new(distinct.len() == listed.len() && pushed.is_subset(&distinct) && pages > 1, text))
}

async fn read_after_write(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("read-at-once", "linux/amd64").await?;
    shown_within(async || Ok(bench.named("read-at-once").await? == Some(image.digest()))).await
}

async fn scan_after_write(bench: &Bench) -> Result<Seen, NotTried> {
    bench.pushed("scanned-at-once", "linux/amd64").await?;
    let tag = "scanned-at-once".to_owned();
    shown_within(async || Ok(bench.scan().await?.iter().any(|row| row.image_tags().contains(&tag)))).await
}

/// Looks until something is shown, and says how long that took.
async fn shown_within(look: impl AsyncFn() -> Result<bool, NotTried>) -> Result<Seen, NotTried> {
    let written_at = Instant::now();
    for looks in 1.. {
        if look().await? {
            let text = format!("shown after {} ms, at look {looks}", written_at.elapsed().as_millis());
            return Ok(Seen::new(true, text));
        }
        if written_at.elapsed() > PATIENCE {
            break;
        }
        sleep(PAUSE).await;
    }
    Ok(Seen::new(false, format!("not shown after {} s", PATIENCE.as_secs())))
}

async fn page_is_one_read(bench: &Bench) -> Result<Seen, NotTried> {
    let images = [bench.pushed("page-1", "linux/amd64").await?, bench.pushed("page-2", "linux/amd64").await?];
    bench.push(&images[0], "page-moving").await?;
    let move_tag = async {
        for round in 1..=MOVES {
            bench.push(&images[round % 2], "page-moving").await?;
        }
        Ok::<_, NotTried>(())
    };
    let scan = async {
        let (mut pages, mut wrong) = (0, Vec::new());
        for _ in 0..MOVES {
            let rows = bench.scan().await?;
            let tags = rows.iter().flat_map(aws_sdk_ecr::types::ImageDetail::image_tags);
            let count = tags.filter(|tag| *tag == "page-moving").count();
            pages += 1;
            if count != 1 {
                wrong.push(count);
            }
        }
        Ok::<_, NotTried>((pages, wrong))
    };
    let ((), (pages, wrong)) = futures_util::future::try_join(move_tag, scan).await?;
    Ok(Seen::new(wrong.is_empty(), format!("{} of {pages} pages during {MOVES} moves", pages - wrong.len())))
}
