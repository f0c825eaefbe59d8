//! Where nobody knows what ECR answers, or where it may answer differently, the result is the same.
//!
//! Each of these is a probe of `ecr-multiarch conformance` whose other answer is harmless or costs calls.

use std::collections::BTreeMap;

use local_ecr::image::Image;
use local_ecr::{ArchivedAnswer, Options, RepushError, Rule};
use serde_json::json;

use crate::support::test_bed::TestBed;

/// What the tags of a repository name after releases, a repeated event, a platform that is pushed again, and sweeps.
fn tags_with(options: Options) -> BTreeMap<String, String> {
    let bed = TestBed::start(options, |function| {
        function
            .env("ALIASES", "{major}.{minor},latest")
            .env("IMAGE_TAGS", "{version}_{platform}")
            .env("SWEEP_PUTS_PER_SECOND", "1000")
    });
    for version in ["1.0.0", "1.1.0"] {
        bed.store_images(version);
        bed.deliver_event(&format!("{version}-arm64")).unwrap();
        bed.deliver_event(&format!("{version}-amd64")).unwrap();
    }
    bed.push("1.1.0-arm64", &Image::oci("linux/arm64").content("again")).unwrap();
    // One whose events were lost, and one that lacks a platform.
    bed.store_images("1.1.1");
    bed.registry.push("app", Some("1.2.0-amd64"), &Image::oci("linux/amd64").content("1.2.0"));
    for _ in 0..2 {
        bed.sweep(&json!({"deep": true}));
    }
    let tags = bed.registry.tags("app").into_iter();
    tags.map(|tag| (tag.clone(), bed.digest(&tag).unwrap())).collect()
}

#[test]
fn result_does_not_depend_on_what_is_unknown_of_ecr() {
    let expected = tags_with(Options::default());
    assert_eq!(expected["latest"], expected["1.1.1"]);
    assert_eq!(expected["1.0"], expected["1.0.0"]);
    assert!(expected.contains_key("1.1.1_arm64") && !expected.contains_key("1.2.0"));
    let with = Options::default;
    let others = [
        Options { merge_tags_of_an_image: true, ..with() },
        Options { refuses_filter_with_image_ids: true, ..with() },
        Options { repush_error: RepushError::ImageTagAlreadyExists, ..with() },
        Options { archived: ArchivedAnswer::NotFound, ..with() },
        Options { archived: ArchivedAnswer::AlreadyExists, ..with() },
        Options { broken: Some(Rule::PushTimesStay), ..with() },
        Options { broken: Some(Rule::DigestsMatch), ..with() },
        Options { broken: Some(Rule::ImagesOfAListStay), ..with() },
    ];
    for options in others {
        assert_eq!(tags_with(options.clone()), expected, "{options:?}");
    }
}
