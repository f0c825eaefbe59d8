//! How many tags an image can have.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::retry::RetryConfig;

use crate::assumption::{Assumption, Severity};
use crate::bench::{Bench, put_call};
use crate::opt_in::OptIn;
use crate::outcome::{NotTried, must, outcome};
use crate::probe::{Probe, Seen, refused};

/// The quota *Tags per image* (Amazon ECR user guide, *Service quotas*), which cannot be raised.
const TAGS_PER_IMAGE: usize = 1_000;
/// How often a write is tried that is throttled: all of them take as long as the account's rate demands.
const ATTEMPTS: u32 = 10;

pub(super) const PROBES: [Probe; 1] = [Probe::new(
    Assumption {
        id: "thousand-tags",
        statement: "An image has up to 1,000 tags, all of which DescribeImages lists; one more fails with \
                    LimitExceededException",
        relied_on_by: "local-ecr/src/push.rs",
        severity: Severity::Slower,
        consequence: "Aliases and image tags of an image with many tags fail with another error, or sweeps write them \
                      again.",
    },
    |bench| Box::pin(thousand_tags(bench)),
)
.with(OptIn::ManyTags)];

async fn thousand_tags(bench: &Bench) -> Result<Seen, NotTried> {
    let image = bench.pushed("tags-0", "linux/amd64").await?;
    let put = async |client: &Client, index| {
        outcome(put_call(client, &bench.repository, &image).image_tag(format!("tags-{index}")).send().await)
    };
    let patient = bench.client_with(RetryConfig::standard().with_max_attempts(ATTEMPTS));
    for index in 1..TAGS_PER_IMAGE {
        must(put(&patient, index).await?)?;
    }
    let listed = bench.described(&image.digest()).await?.image_tags.unwrap_or_default().len();
    // To the SDK this exception is one of rates, which it would repeat.
    let impatient = bench.client_with(RetryConfig::disabled());
    let one_more = refused(&put(&impatient, TAGS_PER_IMAGE).await?, &["LimitExceededException"]);
    let is_expected = listed == TAGS_PER_IMAGE && one_more.is_expected;
    Ok(Seen::new(is_expected, format!("{listed} tags listed; one more: {}", one_more.text)))
}
