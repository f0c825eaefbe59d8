//! Repositories.

use crate::client::{call, error_code, pages, start};
use local_ecr::LocalEcr;
use serde_json::json;

/// A server with three repositories.
fn with_repositories() -> LocalEcr {
    let ecr = start();
    for name in ["ab", "cd", "team/ef"] {
        call(&ecr, "CreateRepository", &json!({"repositoryName": name}));
    }
    ecr
}

#[test]
fn repository_that_exists_is_not_created_again() {
    let request = json!({"repositoryName": "ab"});
    assert_eq!(error_code(&with_repositories(), "CreateRepository", &request), "RepositoryAlreadyExistsException");
}

#[test]
fn repositories_are_described_in_pages() {
    let ecr = with_repositories();
    let found = pages(&ecr, "DescribeRepositories", "repositories", json!({"maxResults": 2}));
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(found[1][0]["repositoryArn"], "arn:aws:ecr:eu-central-1:123456789012:repository/team/ef");
}

#[test]
fn unknown_repository_fails_the_description() {
    let request = json!({"repositoryNames": ["ab", "zz"]});
    assert_eq!(error_code(&with_repositories(), "DescribeRepositories", &request), "RepositoryNotFoundException");
}

#[test]
fn mutability_is_described_with_its_filters() {
    let ecr = with_repositories();
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
