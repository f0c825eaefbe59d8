//! The peak memory while the images inside lists get tags.

use local_ecr::image::{Image, ToArtifact};
use local_ecr::media_type::{OCI_INDEX, OCI_MANIFEST};
use serde_json::{Value, json};

use super::{MAX_SWEEPER_MEMORY, assert_peak_memory, assert_peak_memory_below, comma, fill, store_maximal_images};
use crate::support::assertions::assert_outcome;
use crate::support::test_bed::TestBed;

/// How many bytes an answer may have. (AWS Lambda developer guide, "Quotas".)
const MAX_ANSWER: usize = 6 << 20;

fn image_tag_bed() -> TestBed {
    TestBed::with(|function| function.env("IMAGE_TAGS", "{version}_{platform}").env("SWEEP_PUTS_PER_SECOND", "1000"))
}

#[test]
fn pushed_list_of_maximal_size_fits() {
    let bed = image_tag_bed();
    let image = Image::oci("linux/amd64").to_artifact();
    bed.registry.push("app", None, &image);
    let entry = |index: usize| {
        format!(
            r#"{}{{"mediaType":"{OCI_MANIFEST}","size":{},"digest":"{}","platform":{{"os":"linux","architecture":"a{index:x}"}}}}"#,
            comma(index),
            image.manifest.len(),
            image.digest()
        )
    };
    let list = fill(r#"{"schemaVersion":2,"manifests":["#, entry, "]}");
    bed.registry.store_raw("app", Some("1"), OCI_INDEX, list, None);
    let answer = bed.deliver_event("1").unwrap();
    assert_eq!(answer["outcome"], "unchanged");
    let rows = answer["image_tags"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["outcome"] == "conflict") && rows.len() == 1_000, "{}", rows.len());
    assert!(Value::to_string(&answer).len() < MAX_ANSWER);
    assert_peak_memory(&bed);
    assert_eq!(bed.sweep(&json!({}))["image_tag_conflicts_total"], 1_000);
    assert_peak_memory_below(&bed, MAX_SWEEPER_MEMORY);
}

#[test]
fn images_of_maximal_size_fit() {
    let bed = image_tag_bed();
    store_maximal_images(&bed.registry, "app", "1");
    for outcome in ["published", "unchanged"] {
        assert_outcome(&bed.deliver_event("1-arm64"), outcome);
        assert_eq!(bed.digest("1_arm64"), bed.digest("1-arm64"));
    }
    assert_outcome(&bed.deliver_event("1"), "unchanged");
    assert_peak_memory(&bed);
}
