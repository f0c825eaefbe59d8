//! The kinds of reconciliation that write image tags, each with the state before it and the outcome without a fault.

use local_ecr::image::{Entry, Image, Index, ToArtifact};

use super::scenario::{EVENT, ExpectedTag, Fixture, SWEEP_OF_ONE, Scenario, VERSION, new_list};
use crate::support::expected_list::{ImageKind, PLATFORMS};
use crate::support::input::push_event;

const IMAGE_TAGS: [&str; 2] = ["1.2.3_amd64", "1.2.3_arm64"];
const EVENT_WITH_IMAGE_TAGS: Scenario = Scenario { image_tags: "{version}_{platform}", ..EVENT };

fn images(fixture: &Fixture<'_>, build: &str) -> [Image; 2] {
    let content = format!("{} {build}", fixture.repository);
    PLATFORMS.map(|part| Image::oci(&format!("linux/{part}")).content(&content))
}

/// Pushes a list of attested images as buildx does, and returns its tags: the images have theirs after the reconciliation.
fn pushed_list(fixture: &Fixture<'_>) -> Vec<ExpectedTag> {
    let images = images(fixture, "first");
    let entries = images.iter().map(Entry::new).chain(images.iter().map(Image::attestation));
    let list = Some(fixture.registry.push(fixture.repository, Some(VERSION), &Index::oci(entries)));
    let version = ExpectedTag { before: list.clone(), after: list, ..ExpectedTag::unwritten() };
    let tags = IMAGE_TAGS.into_iter().zip(&images).map(|(tag, image)| ExpectedTag {
        tag,
        after: Some(image.digest()),
        ..ExpectedTag::unwritten()
    });
    tags.chain([version]).collect()
}

/// The push of somebody's list.
pub const PUSHED_LIST: Scenario = Scenario {
    prepare: pushed_list,
    input: |repository| push_event(repository, VERSION),
    expected_outcome: "tagged",
    ..EVENT_WITH_IMAGE_TAGS
};

/// The push of somebody's list whose images' tags name those of an earlier one.
pub const MOVED_LIST: Scenario = Scenario {
    prepare: |fixture| {
        let earlier = IMAGE_TAGS.into_iter().zip(images(fixture, "earlier"));
        let earlier = earlier.map(|(tag, image)| fixture.registry.push(fixture.repository, Some(tag), &image));
        let earlier: Vec<_> = earlier.map(Some).chain([None]).collect();
        let tags = pushed_list(fixture).into_iter().zip(earlier);
        tags.map(|(tag, before)| ExpectedTag { before: before.or(tag.before.clone()), ..tag }).collect()
    },
    ..PUSHED_LIST
};

/// The first list of a version of attested images.
pub const PUBLISHED_LIST: Scenario = Scenario {
    prepare: |fixture| {
        let version = new_list(fixture, ImageKind::Attested);
        let tags = IMAGE_TAGS.into_iter().zip(PLATFORMS).map(|(tag, part)| {
            let index = ImageKind::Attested.image(part, &format!("{} first", fixture.repository));
            ExpectedTag { tag, after: Some(index.children[0].digest()), ..ExpectedTag::unwritten() }
        });
        tags.chain([version]).collect()
    },
    ..EVENT_WITH_IMAGE_TAGS
};

/// The sweep that finds somebody's list.
pub const SWEEP_OF_PUSHED_LIST: Scenario =
    Scenario { prepare: pushed_list, image_tags: EVENT_WITH_IMAGE_TAGS.image_tags, ..SWEEP_OF_ONE };
