//! Pages, filters and repositories.

use crate::client::{call, refusal};
use local_ecr::image::{Entry, Image, Index};
use local_ecr::media_type::{OCI_CONFIG, OCI_INDEX};
use local_ecr::{LocalEcr, Options};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

fn pages(ecr: &LocalEcr, operation: &str, rows: &str, mut request: Value) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    loop {
        let answer = call(ecr, operation, &request);
        pages.push(answer[rows].as_array().unwrap().clone());
        match answer.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => return pages,
        }
    }
}

#[test]
fn pages_hold_every_image_once() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    ecr.home().fill("app", 125, &["linux/amd64", "linux/arm64/v8"]).unwrap();
    for (operation, rows) in [("DescribeImages", "imageDetails"), ("ListImages", "imageIds")] {
        let found = pages(&ecr, operation, rows, json!({"repositoryName": "app"}));
        let sizes: Vec<usize> = found.iter().map(Vec::len).collect();
        assert_eq!(sizes, [100, 100, 50], "{operation}");
        let digests: BTreeSet<&str> = found.iter().flatten().map(|row| row["imageDigest"].as_str().unwrap()).collect();
        assert_eq!(digests.len(), 250);
        let full = pages(&ecr, operation, rows, json!({"repositoryName": "app", "maxResults": 250}));
        assert_eq!(full.len(), 1);
    }
    assert_eq!(ecr.home().tags("app").first().map(String::as_str), Some("1.0.0-amd64"));
    assert!(ecr.home().tag("app", "1.0.124-arm64v8").is_some());
}

#[test]
fn an_image_with_many_tags_is_listed_once_a_tag_across_pages() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    for tag in ["a", "b", "c", "d", "e"] {
        ecr.home().push("app", Some(tag), &Image::oci("linux/amd64"));
    }
    ecr.home().push("app", None, &Image::oci("linux/arm64"));
    let request = json!({"repositoryName": "app", "maxResults": 2});
    let found = pages(&ecr, "ListImages", "imageIds", request.clone());
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2]);
    let tags: BTreeSet<Option<&str>> = found.iter().flatten().map(|row| row["imageTag"].as_str()).collect();
    assert_eq!(tags.len(), 6);
    let with = |status: &str| {
        let mut request = request.clone();
        request["filter"] = json!({"tagStatus": status});
        pages(&ecr, "DescribeImages", "imageDetails", request).concat().len()
    };
    assert_eq!([with("TAGGED"), with("UNTAGGED"), with("ANY")], [1, 1, 2]);
}

#[test]
fn a_row_says_when_the_image_was_first_pushed_and_last_pulled() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    let image = Image::oci("linux/amd64");
    ecr.clock().set(UNIX_EPOCH + Duration::from_millis(1_700_000_000_500));
    ecr.home().push("app", Some("1"), &Index::oci([Entry::new(&image)]));
    ecr.clock().advance(Duration::from_mins(1));
    ecr.home().push("app", Some("1-amd64"), &image);
    let row = |tag: &str| {
        let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": tag}]});
        call(&ecr, "DescribeImages", &request)["imageDetails"][0].clone()
    };
    let child = row("1-amd64");
    assert_eq!(child["imagePushedAt"], json!(1_700_000_000.5));
    assert_eq!(child["artifactMediaType"], OCI_CONFIG);
    assert_eq!(child["lastRecordedPullTime"], Value::Null);
    assert_eq!(row("1")["imageManifestMediaType"], OCI_INDEX);
    assert_eq!(row("1")["artifactMediaType"], Value::Null);
    assert_eq!(row("1")["imageSizeInBytes"], child["imageSizeInBytes"]);
    let read = json!({"repositoryName": "app", "imageIds": [{"imageTag": "1-amd64"}]});
    call(&ecr, "BatchGetImage", &read);
    assert_eq!(row("1-amd64")["lastRecordedPullTime"], json!(1_700_000_060.5));
    let missing = json!({"repositoryName": "app", "imageIds": [{"imageTag": "1"}, {"imageTag": "2"}]});
    assert_eq!(refusal(&ecr, "DescribeImages", &missing), "ImageNotFoundException");
}

#[test]
fn repositories_are_created_once_and_described_in_pages() {
    let ecr = LocalEcr::start(Options::default()).unwrap();
    for name in ["ab", "cd", "team/ef"] {
        call(&ecr, "CreateRepository", &json!({"repositoryName": name}));
    }
    let again = json!({"repositoryName": "ab"});
    assert_eq!(refusal(&ecr, "CreateRepository", &again), "RepositoryAlreadyExistsException");
    let found = pages(&ecr, "DescribeRepositories", "repositories", json!({"maxResults": 2}));
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(found[1][0]["repositoryArn"], "arn:aws:ecr:eu-central-1:123456789012:repository/team/ef");
    let unknown = json!({"repositoryNames": ["ab", "zz"]});
    assert_eq!(refusal(&ecr, "DescribeRepositories", &unknown), "RepositoryNotFoundException");
    let excluded = json!({
        "repositoryName": "ab",
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "latest*"}],
    });
    call(&ecr, "PutImageTagMutability", &excluded);
    let described = call(&ecr, "DescribeRepositories", &json!({"repositoryNames": ["ab"]}));
    assert_eq!(described["repositories"][0]["imageTagMutability"], "IMMUTABLE_WITH_EXCLUSION");
    assert_eq!(
        described["repositories"][0]["imageTagMutabilityExclusionFilters"],
        excluded["imageTagMutabilityExclusionFilters"]
    );
}
