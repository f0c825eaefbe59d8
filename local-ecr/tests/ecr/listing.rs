//! Pages and filters: `DescribeImages` and `ListImages`.

use crate::client::{call, error_code, pages, start};
use local_ecr::image::{Entry, Image, Index};
use local_ecr::media_type::OCI_INDEX;
use local_ecr::{LocalEcr, Options};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

const OPERATIONS: [(&str, &str); 2] = [("DescribeImages", "imageDetails"), ("ListImages", "imageIds")];

/// A server with 250 images.
fn filled() -> LocalEcr {
    let ecr = start();
    ecr.home().fill("app", 125, &["linux/amd64", "linux/arm64/v8"]).unwrap();
    ecr
}

#[test]
fn fill_tags_the_image_of_each_platform() {
    let ecr = filled();
    assert_eq!(ecr.home().tags("app").first().map(String::as_str), Some("1.0.0-amd64"));
    assert!(ecr.home().tag("app", "1.0.124-arm64v8").is_some());
}

#[test]
fn last_page_has_no_token_even_if_it_is_full() {
    let ecr = filled();
    for (operation, rows) in OPERATIONS {
        let full = pages(&ecr, operation, rows, json!({"repositoryName": "app", "maxResults": 250}));
        assert_eq!(full.len(), 1, "{operation}");
    }
}

#[test]
fn archived_image_is_listed_only_on_demand() {
    let ecr = start();
    ecr.home().push("app", Some("1.0"), &Image::oci("linux/amd64"));
    assert!(ecr.home().archive("app", "1.0"));
    for (operation, rows) in OPERATIONS {
        for (filter, expected) in [
            (json!({}), 0),
            (json!({"imageStatus": "ACTIVE"}), 0),
            (json!({"imageStatus": "ARCHIVED"}), 1),
            (json!({"imageStatus": "ANY", "tagStatus": "TAGGED"}), 1),
        ] {
            let found = pages(&ecr, operation, rows, json!({"repositoryName": "app", "filter": filter}));
            assert_eq!(found.iter().flatten().count(), expected, "{operation} {filter}");
        }
    }
}

#[test]
fn image_id_finds_only_an_image_of_the_filtered_status() {
    let ecr = start();
    let digest = ecr.home().push("app", Some("archived"), &Image::oci("linux/amd64"));
    ecr.home().push("app", Some("active"), &Image::oci("linux/arm64"));
    assert!(ecr.home().archive("app", "archived"));
    let (archived, active) = (json!({"imageDigest": digest}), json!({"imageTag": "active"}));
    for (filter, finds_archived, finds_active) in [
        (Value::Null, false, true),
        (json!({"tagStatus": "ANY"}), false, true),
        (json!({"imageStatus": "ACTIVE"}), false, true),
        (json!({"imageStatus": "ARCHIVED"}), true, false),
        (json!({"imageStatus": "ANY"}), true, true),
    ] {
        for (id, is_found) in [(&archived, finds_archived), (&active, finds_active)] {
            let request = json!({"repositoryName": "app", "imageIds": [id], "filter": filter});
            if is_found {
                let answer = call(&ecr, "DescribeImages", &request);
                assert_eq!(answer["imageDetails"].as_array().map(Vec::len), Some(1), "{request}");
            } else {
                assert_eq!(error_code(&ecr, "DescribeImages", &request), "ImageNotFoundException", "{request}");
            }
        }
    }
}

#[test]
fn filter_beside_image_ids_is_refused_on_request() {
    let options = Options { refuses_filter_with_image_ids: true, ..Options::default() };
    let ecr = LocalEcr::start(options).unwrap();
    ecr.home().push("app", Some("1"), &Image::oci("linux/amd64"));
    let (ids, filter) = (json!([{"imageTag": "1"}]), json!({"imageStatus": "ANY"}));
    let both = json!({"repositoryName": "app", "imageIds": ids, "filter": filter});
    assert_eq!(error_code(&ecr, "DescribeImages", &both), "InvalidParameterException");
    for one in [json!({"repositoryName": "app", "imageIds": ids}), json!({"repositoryName": "app", "filter": filter})] {
        call(&ecr, "DescribeImages", &one);
    }
}

/// A server with an image of five tags and one without any.
fn with_tags() -> LocalEcr {
    let ecr = start();
    for tag in ["a", "b", "c", "d", "e"] {
        ecr.home().push("app", Some(tag), &Image::oci("linux/amd64"));
    }
    ecr.home().push("app", None, &Image::oci("linux/arm64"));
    ecr
}

#[test]
fn image_is_listed_once_for_each_tag_across_pages() {
    let ecr = with_tags();
    let found = pages(&ecr, "ListImages", "imageIds", json!({"repositoryName": "app", "maxResults": 2}));
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2]);
    let tags: BTreeSet<Option<&str>> = found.iter().flatten().map(|row| row["imageTag"].as_str()).collect();
    assert_eq!(tags.len(), 6);
}

/// A server with a list of one image, tagged a minute after its push, at a time with a fraction of a second.
fn with_list() -> LocalEcr {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.clock().set(UNIX_EPOCH + Duration::from_millis(1_700_000_000_500));
    ecr.home().push("app", Some("1"), &Index::oci([Entry::new(&image)]));
    ecr.clock().advance(Duration::from_mins(1));
    ecr.home().push("app", Some("1-amd64"), &image);
    ecr
}

fn row(ecr: &LocalEcr, tag: &str) -> Value {
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": tag}]});
    call(ecr, "DescribeImages", &request)["imageDetails"][0].clone()
}

#[test]
fn row_has_the_times_of_the_first_push_and_the_last_pull() {
    let ecr = with_list();
    assert_eq!(row(&ecr, "1-amd64")["imagePushedAt"], json!(1_700_000_000.5));
    assert_eq!(row(&ecr, "1-amd64")["lastRecordedPullTime"], Value::Null);
    let read = json!({"repositoryName": "app", "imageIds": [{"imageTag": "1-amd64"}]});
    call(&ecr, "BatchGetImage", &read);
    assert_eq!(row(&ecr, "1-amd64")["lastRecordedPullTime"], json!(1_700_000_060.5));
}

#[test]
fn row_of_a_list_has_the_size_of_its_largest_image() {
    let ecr = with_list();
    let list = row(&ecr, "1");
    assert_eq!(list["imageManifestMediaType"], OCI_INDEX);
    assert_eq!(list["artifactMediaType"], Value::Null);
    assert_eq!(list["imageSizeInBytes"], row(&ecr, "1-amd64")["imageSizeInBytes"]);
}
