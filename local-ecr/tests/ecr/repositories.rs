//! Repositories.

use crate::client::{call, error_code, start};
use local_ecr::image::Image;
use serde_json::json;

#[test]
fn repository_with_images_is_deleted_by_force_alone() {
    let ecr = start();
    ecr.home().push("ab", Some("1"), &Image::oci("linux/amd64"));
    ecr.home().create("other");
    let name = json!({"repositoryName": "ab"});
    assert_eq!(error_code(&ecr, "DeleteRepository", &name), "RepositoryNotEmptyException");
    let deleted = call(&ecr, "DeleteRepository", &json!({"repositoryName": "ab", "force": true}));
    assert_eq!(deleted["repository"]["repositoryName"], "ab");
    assert_eq!(error_code(&ecr, "DeleteRepository", &name), "RepositoryNotFoundException");
    call(&ecr, "DeleteRepository", &json!({"repositoryName": "other"}));
    assert_eq!(call(&ecr, "DescribeRepositories", &json!({}))["repositories"], json!([]));
}

#[test]
fn mutability_is_described_with_its_filters() {
    let ecr = start();
    ecr.home().create("ab");
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
