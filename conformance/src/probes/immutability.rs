//! Immutable tags.

use aws_sdk_ecr::types::{
    ImageTagMutability, ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType,
};

use crate::assumption::{Assumption, Severity};
use crate::bench::{Bench, Manifest};
use crate::outcome::{NotTried, must, outcome};
use crate::probe::{Probe, Seen, refused};

pub(super) const PROBES: [Probe; 3] = [
    Probe::new(
        Assumption {
            id: "immutable-other-image",
            statement: "PutImage of another image under an immutable tag fails with ImageTagAlreadyExistsException",
            relied_on_by: "engine/src/ecr/put.rs",
            severity: Severity::Wrong,
            consequence: "A published list could be replaced, or the error is not a TagConflict.",
        },
        |bench| Box::pin(immutable_other_image(bench)),
    ),
    Probe::new(
        Assumption {
            id: "immutable-same-image",
            statement: "PutImage of the same image under its immutable tag fails with ImageTagAlreadyExistsException or ImageAlreadyExistsException",
            relied_on_by: "engine/src/ecr/put.rs",
            severity: Severity::Harmless,
            consequence: "Both lead to a read of the tag; so does success.",
        },
        |bench| Box::pin(immutable_same_image(bench)),
    ),
    Probe::new(
        Assumption {
            id: "excluded-tag-moves",
            statement: "With IMMUTABLE_WITH_EXCLUSION, a tag that a filter matches moves, and no other",
            relied_on_by: "docs/aliases.md",
            severity: Severity::Wrong,
            consequence: "Aliases in immutable repositories do not move, or releases can be overwritten.",
        },
        |bench| Box::pin(excluded_tag_moves(bench)),
    ),
];

/// Two images in the immutable repository, of which the first has this tag.
async fn two_images(bench: &Bench, tag: &str) -> Result<[Manifest; 2], NotTried> {
    let repository = &bench.immutable;
    let one = bench.image(repository, tag, "linux/amd64").await?;
    let other = bench.image(repository, &format!("other {tag}"), "linux/amd64").await?;
    must(bench.put(repository, &one, Some(tag)).await?)?;
    Ok([one, other])
}

async fn immutable_other_image(bench: &Bench) -> Result<Seen, NotTried> {
    let [_, other] = two_images(bench, "fixed").await?;
    Ok(refused(&bench.put(&bench.immutable, &other, Some("fixed")).await?, &["ImageTagAlreadyExistsException"]))
}

async fn immutable_same_image(bench: &Bench) -> Result<Seen, NotTried> {
    let [one, _] = two_images(bench, "repeated").await?;
    let put = bench.put(&bench.immutable, &one, Some("repeated")).await?;
    Ok(refused(&put, &["ImageAlreadyExistsException", "ImageTagAlreadyExistsException"]))
}

async fn excluded_tag_moves(bench: &Bench) -> Result<Seen, NotTried> {
    let filter = ImageTagMutabilityExclusionFilter::builder()
        .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
        .filter("latest*")
        .build()
        .map_err(|error| NotTried(error.to_string()))?;
    let call = bench
        .client
        .put_image_tag_mutability()
        .repository_name(&bench.immutable)
        .image_tag_mutability(ImageTagMutability::ImmutableWithExclusion)
        .image_tag_mutability_exclusion_filters(filter);
    must(outcome(call.send().await)?)?;
    let mut seen = Vec::new();
    for tag in ["latest-1", "release-1"] {
        let [_, other] = two_images(bench, tag).await?;
        let put = bench.put(&bench.immutable, &other, Some(tag)).await?;
        seen.push(put.map_or_else(|exception| exception.code, |_| "moves".to_owned()));
    }
    let is_expected = seen == ["moves", "ImageTagAlreadyExistsException"];
    Ok(Seen::new(is_expected, format!("latest-1: {}, release-1: {}", seen[0], seen[1])))
}
